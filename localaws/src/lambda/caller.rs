//! Which function makes an AWS call, and how a fault makes that very invocation die.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::lock::lock;

tokio::task_local! {
    static CURRENT: Caller;
}

/// A running invocation (in process) or a running process of a function.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    function: String,
    revision: u64,
    crash: Arc<Notify>,
}

impl Caller {
    /// A caller that has not crashed; `function` is the logical id, and `revision` how often the stack had been updated when
    /// it began.
    pub(crate) fn new(function: &str, revision: u64) -> Self {
        Self {
            function: function.to_owned(),
            revision,
            crash: Arc::default(),
        }
    }

    /// The invocation that the current task is. Tasks that a handler spawns itself are not known.
    pub(crate) fn current() -> Option<Self> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Runs `future` as this caller.
    pub(crate) async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }

    /// Logical id of the function.
    pub(crate) fn function(&self) -> &str {
        &self.function
    }

    /// How often the stack had been updated when it began.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Makes it die: who runs it waits for `crashed`.
    pub(crate) fn crash(&self) {
        self.crash.notify_one();
    }

    /// Waits until it is to die.
    pub(crate) async fn crashed(&self) {
        self.crash.notified().await;
    }
}

/// Access keys of functions, and the processes that have them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Callers {
    by_access_key: Arc<Mutex<BTreeMap<String, Caller>>>,
    functions: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Callers {
    /// Makes the caller known until the guard goes.
    pub(crate) fn register(&self, access_key: &str, caller: Caller) -> Registered {
        self.issue(access_key, caller.function());
        self.lock().insert(access_key.to_owned(), caller);
        Registered {
            callers: self.clone(),
            access_key: access_key.to_owned(),
        }
    }

    /// Makes this a key of the function. It stays one: what is left of a process that has ended must not come to be
    /// somebody else.
    pub(crate) fn issue(&self, access_key: &str, function: &str) {
        lock(&self.functions).insert(access_key.to_owned(), function.to_owned());
    }

    /// The function whose key this is.
    pub(crate) fn function(&self, access_key: &str) -> Option<String> {
        lock(&self.functions).get(access_key).cloned()
    }

    /// The process that has this access key.
    pub(crate) fn find(&self, access_key: &str) -> Option<Caller> {
        self.lock().get(access_key).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Caller>> {
        lock(&self.by_access_key)
    }
}

/// Keeps a caller known.
#[derive(Debug)]
pub(crate) struct Registered {
    callers: Callers,
    access_key: String,
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.callers.lock().remove(&self.access_key);
    }
}
