//! Whoever wants to know at once what happens in a world.

use std::fmt;
use std::sync::Arc;

/// Is shown each thing of a kind that happens. It must not wait: the world does.
pub struct Watcher<T>(Arc<dyn Fn(&T) + Send + Sync>);

impl<T> Watcher<T> {
    /// A watcher that is called with each.
    pub fn new(seen: impl Fn(&T) + Send + Sync + 'static) -> Self {
        Self(Arc::new(seen))
    }

    pub(crate) fn show(&self, what: &T) {
        (self.0)(what);
    }
}

impl<T> Clone for Watcher<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> fmt::Debug for Watcher<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watcher")
    }
}
