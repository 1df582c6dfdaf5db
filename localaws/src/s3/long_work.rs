//! Work that takes long (large files are hashed, copied or joined) is done on threads of its own, a few at a time, so
//! that all else is answered meanwhile.

use std::num::NonZero;
use std::sync::Arc;

use s3s::{S3Result, s3_error};
use tokio::sync::Semaphore;

/// Cheap to clone; clones share the threads.
#[derive(Debug, Clone)]
pub(super) struct LongWork(Arc<Semaphore>);

impl Default for LongWork {
    /// As much at once as the machine has processors.
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
        Self(Arc::new(Semaphore::new(processors)))
    }
}

impl LongWork {
    /// Does this work.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> S3Result<T> + Send + 'static,
    ) -> S3Result<T> {
        let permit = Arc::clone(&self.0).acquire_owned().await;
        let permit = permit.map_err(|error| s3_error!(error, InternalError))?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        done.await
            .map_err(|error| s3_error!(error, InternalError, "localaws broke down over this"))?
    }
}
