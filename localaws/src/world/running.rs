//! A world that runs.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_smithy_async::rt::sleep::SharedAsyncSleep;
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;

use super::deployment::Deployment;
use super::directory::Directory;
use crate::client;
use crate::clock::Clock;
use crate::deliveries::Deliveries;
use crate::ec2::Ec2;
use crate::faults::{Call, Faults};
use crate::iam::Iam;
use crate::lambda::{Caller, DeadLetter, FunctionError, InvocationRecord, Lambda};
use crate::lock::lock;
use crate::logs::Logs;
use crate::s3::S3;
use crate::schedule_runner::Barrier;
use crate::services::Services;
use crate::sns::Sns;
use crate::ssm::Ssm;
use crate::template::stack::Stack;
use crate::wire::AnswerLost;
use crate::wire::{Request, Response};

/// A running world. Cheap to clone; it ends with its last clone, or by [`World::close`].
#[derive(Clone)]
pub struct World {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) services: Arc<Services>,
    pub(super) lambda: Lambda,
    pub(super) deployment: Mutex<Deployment>,
    pub(super) stack: Arc<Stack>,
    pub(super) http_client: SharedHttpClient,
    pub(super) barriers: mpsc::UnboundedSender<Barrier>,
    pub(super) endpoint: watch::Sender<Option<String>>,
    pub(super) tasks: Mutex<Option<JoinSet<()>>>,
    pub(super) directory: Directory,
    /// The world beside which it is: its directory has the account's buckets, and goes with it.
    pub(super) _beside: Option<World>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.lambda.abort();
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("directory", &self.directory())
            .finish_non_exhaustive()
    }
}

impl World {
    /// The world's clock.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.inner.services.clock
    }

    /// The stack that runs in it, as it was deployed.
    #[must_use]
    pub fn stack(&self) -> &Stack {
        &self.inner.stack
    }

    /// The region of the stack.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.inner.services.region
    }

    /// Where it is kept: `s3/<bucket>/`, `mail/`, `logs/`, `state/`.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.inner.directory.path()
    }

    /// S3, past the front doors: nothing is recorded, nothing fails on purpose.
    #[must_use]
    pub fn s3(&self) -> &S3 {
        &self.inner.services.s3
    }

    /// EC2, past the front doors.
    #[must_use]
    pub fn ec2(&self) -> &Ec2 {
        &self.inner.services.ec2
    }

    /// SNS, past the front doors.
    #[must_use]
    pub fn sns(&self) -> &Sns {
        &self.inner.services.sns
    }

    /// The functions' logs, past the front doors.
    #[must_use]
    pub fn logs(&self) -> &Logs {
        &self.inner.services.logs
    }

    /// SSM, past the front doors.
    #[must_use]
    pub fn ssm(&self) -> &Ssm {
        &self.inner.services.ssm
    }

    /// IAM: users' keys, what is granted and used, and what was refused.
    #[must_use]
    pub fn iam(&self) -> &Iam {
        &self.inner.services.iam
    }

    /// Switches a rule of the stack off or on, as somebody could in the console: by its logical id, which is its
    /// function's followed by its event's (`RegisterImageManifest`). Whether there is one.
    pub fn set_rule_enabled(&self, logical_id: &str, enabled: bool) -> bool {
        let management = &self.inner.services.management;
        management.set_rule_enabled(logical_id, enabled)
    }

    /// The faults to inject.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.inner.services.faults
    }

    /// What becomes of events and ticks on their way to functions.
    #[must_use]
    pub fn deliveries(&self) -> &Deliveries {
        &self.inner.services.deliveries
    }

    /// The calls that came through the front doors; of very many the last 100,000.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.faults().calls()
    }

    /// The invocations' attempts that have ended; of very many the last 10,000.
    #[must_use]
    pub fn invocations(&self) -> Vec<InvocationRecord> {
        self.inner.lambda.invocations()
    }

    /// What functions' on-failure destinations got.
    #[must_use]
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.inner.lambda.dead_letters()
    }

    /// The emails that were delivered, by file name: path and bytes (RFC 5322).
    ///
    /// # Errors
    /// The mailbox folder cannot be read.
    pub fn mailbox(&self) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(self.directory().join("mail"))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "eml") {
                paths.push(path);
            }
        }
        paths.sort();
        paths
            .into_iter()
            .map(|path| Ok((path.clone(), std::fs::read(path)?)))
            .collect()
    }

    /// The front door in process, for an SDK's `http_client(…)`.
    #[must_use]
    pub fn http_client(&self) -> SharedHttpClient {
        self.inner.http_client.clone()
    }

    /// The same for a program on this instance: it finds the instance's metadata service, too.
    #[must_use]
    pub fn http_client_on(&self, instance: &str) -> SharedHttpClient {
        client::http_client(&self.inner.services, Some(instance))
    }

    /// What the metadata service of an instance answers to a request for this path.
    pub(crate) fn metadata(&self, instance: &str, path: &str, request: &Request) -> Response {
        let services = &self.inner.services;
        services.metadata(instance, path, request)
    }

    /// The world's time, for an SDK's `time_source(…)`.
    #[must_use]
    pub fn time_source(&self) -> SharedTimeSource {
        client::time_source(self.clock())
    }

    /// The world's time, for an SDK's `sleep_impl(…)`.
    #[must_use]
    pub fn sleep(&self) -> SharedAsyncSleep {
        client::sleep(self.clock())
    }

    /// The front door for a whole HTTP request.
    ///
    /// # Errors
    /// A fault that was planned takes the answer away.
    pub async fn dispatch(&self, request: Request) -> Result<Response, AnswerLost> {
        Arc::clone(&self.inner.services)
            .call(request, Caller::current())
            .await
    }

    /// Runs a function once and waits for it, without retries: Lambda's `RequestResponse` invocation type.
    ///
    /// # Errors
    /// The function's own error, its time-out or crash, or that there is no such function.
    pub async fn invoke(
        &self,
        function_logical_id: &str,
        payload: Value,
    ) -> Result<Value, FunctionError> {
        self.inner.lambda.invoke(function_logical_id, payload).await
    }

    /// Queues an event for a function: Lambda's `Event` invocation type, with retries and on-failure destination.
    pub fn invoke_later(&self, function_logical_id: &str, payload: Value) {
        self.inner.lambda.enqueue(function_logical_id, payload);
    }

    /// Lets this much of the world's time pass.
    pub async fn run_for(&self, duration: Duration) {
        self.clock().sleep(duration).await;
    }

    /// Waits until no event is on the bus, no invocation is queued or runs and no call is in flight. What is due only
    /// later (schedules, retries that wait, EC2's own work) is not waited for: [`World::run_for`] does that.
    pub async fn settle(&self) {
        loop {
            self.inner.services.activity.idle().await;
            let (barrier, passed) = oneshot::channel();
            // In a closed world nothing is left to settle.
            if self.inner.barriers.send(barrier).is_err() || passed.await.is_err() {
                return;
            }
            if self.inner.services.activity.is_idle() {
                return;
            }
        }
    }

    /// Ends all that runs, and waits until it is gone. What is kept on disk stays. Whether all that is to be kept was
    /// saved; what was not is logged.
    pub async fn close(&self) -> bool {
        let tasks = lock(&self.inner.tasks).take();
        if let Some(mut tasks) = tasks {
            tasks.shutdown().await;
        }
        self.inner.lambda.shutdown().await;
        let services = &self.inner.services;
        let saved = ["ec2", "sns", "ssm"].map(|service| services.save(service));
        saved.into_iter().all(|is_saved| is_saved)
    }

    /// What is behind the front doors.
    #[cfg(test)]
    pub(crate) fn services(&self) -> &Arc<Services> {
        &self.inner.services
    }

    /// Passes functions' processes the address to send their calls to.
    pub(crate) fn announce(&self, endpoint: &str) {
        self.inner.endpoint.send_replace(Some(endpoint.to_owned()));
    }
}
