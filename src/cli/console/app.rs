//! What the pages are made of: the way to AWS, the stack, the time, and what was read before.

use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{Mutex, OnceCell, Semaphore};
use tokio::time::Instant;

use super::known::KnownStatuses;
use super::session::Session;
use crate::aws::{Aws, Caller};
use crate::cli::connection::{self, Aside};
use crate::cli::error::Error;
use crate::cli::hints::cannot_read;
use crate::cli::logs::{FunctionLog, logs_of};
use crate::config::Config;
use crate::reconcile::Context;

/// How old what was read may be: several windows, and a person who goes to and fro, cost no more than one.
const FRESH: Duration = Duration::from_secs(1);

/// Files that are sent at once: each takes the memory of two parts.
const UPLOADS_AT_ONCE: usize = 3;

/// What a console shows.
#[derive(Debug)]
pub struct Setup {
    /// The way to AWS.
    pub aws: Aws,
    /// The buckets and their Region; and what manifests are held to.
    pub config: Config,
    /// The CloudFormation stack, for its health and its logs.
    pub stack: String,
    /// The folder that emails are put into, if this is a local world.
    pub mailbox: Option<PathBuf>,
    /// The time now; from then on it passes as the clock of this machine does.
    pub now: Timestamp,
}

/// What the pages share.
#[derive(Debug)]
pub(super) struct App {
    /// For what a person asks for: it is tried again.
    pub(super) aws: Aws,
    /// For what is asked again anyway: each call is tried once, so that a page says soon what is wrong.
    pub(super) polled: Aws,
    pub(super) config: Config,
    pub(super) stack: String,
    pub(super) mailbox: Option<PathBuf>,
    pub(super) session: Session,
    pub(super) uploads: Semaphore,
    began: (Timestamp, Instant),
    statuses: Mutex<(Option<Instant>, KnownStatuses)>,
    caller: OnceCell<Caller>,
    logs: OnceCell<Vec<FunctionLog>>,
    /// What is to be said on the next page of an image.
    said: std::sync::Mutex<Option<(String, String)>>,
}

impl App {
    /// What the pages of a console at this port of 127.0.0.1 share.
    ///
    /// # Errors
    /// If no token can be made.
    pub(super) fn new(setup: Setup, port: u16) -> Result<Self, Error> {
        Ok(Self {
            polled: connection::polled(setup.aws.clone()),
            // With a listener, errors name what was not reached; the pages show them.
            aws: connection::told(setup.aws, Aside::silent()),
            config: setup.config,
            stack: setup.stack,
            mailbox: setup.mailbox,
            session: Session::new(port)?,
            uploads: Semaphore::new(UPLOADS_AT_ONCE),
            began: (setup.now, Instant::now()),
            statuses: Mutex::default(),
            caller: OnceCell::new(),
            logs: OnceCell::new(),
            said: std::sync::Mutex::default(),
        })
    }

    /// The time now.
    pub(super) fn now(&self) -> Timestamp {
        let (at, began) = self.began;
        at.saturating_add(began.elapsed()).unwrap_or(at)
    }

    /// For the functions of commands.
    pub(super) fn context(&self) -> Context<'_> {
        Context::new(&self.aws, &self.config, self.now())
    }

    /// The same, with each call tried once.
    pub(super) fn polled(&self) -> Context<'_> {
        Context::new(&self.polled, &self.config, self.now())
    }

    /// Whose credentials these are, as far as AWS says.
    pub(super) async fn caller(&self) -> Option<&Caller> {
        let asked = self.caller.get_or_try_init(|| self.polled.caller());
        asked.await.ok()
    }

    /// The logs of the stack's functions, which are looked for once.
    ///
    /// # Errors
    /// As [`logs_of`].
    pub(super) async fn logs(&self) -> Result<&[FunctionLog], Error> {
        let found = self
            .logs
            .get_or_try_init(|| logs_of(&self.polled, &self.stack));
        found.await.map(Vec::as_slice)
    }

    /// Says this on the next page of an image.
    pub(super) fn say(&self, key: &str, text: String) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        *said = Some((key.to_owned(), text));
    }

    /// What is to be said on the page of an image, once.
    pub(super) fn take_said(&self, key: &str) -> Option<String> {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.take_if(|(about, _)| about == key)
            .map(|(_, text)| text)
    }

    /// What is made of all statuses, which are read again where they have changed.
    ///
    /// # Errors
    /// If the state bucket cannot be listed.
    pub(super) async fn with_statuses<T>(
        &self,
        make: impl FnOnce(&KnownStatuses) -> T,
    ) -> Result<T, Error> {
        let mut guard = self.statuses.lock().await;
        let (read_at, known) = &mut *guard;
        if read_at.is_none_or(|at| at.elapsed() >= FRESH) {
            let read = known.refresh(&self.polled, &self.config).await;
            read.map_err(|error| cannot_read(&self.config, &error))?;
            *read_at = Some(Instant::now());
        }
        Ok(make(known))
    }
}
