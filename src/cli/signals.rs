//! Whoever wants a running command to end.

use super::Error;

/// Waits for whoever wants this to end. Listens from now on, so that nothing is left behind by an early Ctrl-C.
#[cfg(all(unix, feature = "local"))]
pub(super) fn end() -> Result<impl Future<Output = ()>, Error> {
    use tokio::signal::unix::{SignalKind, signal};

    let listen =
        |kind| signal(kind).map_err(|error| Error::from_source("cannot listen for Ctrl-C", error));
    let (mut interrupt, mut terminate) = (
        listen(SignalKind::interrupt())?,
        listen(SignalKind::terminate())?,
    );
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Waits for Ctrl-C.
#[cfg(all(not(unix), feature = "local"))]
pub(super) fn end() -> Result<impl Future<Output = ()>, Error> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

/// Without the embedded world there is nothing to clean up, and the functions are built without signals: the process
/// just ends.
#[cfg(not(feature = "local"))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "the same signature as with the feature"
)]
pub(super) fn end() -> Result<impl Future<Output = ()>, Error> {
    Ok(std::future::pending())
}
