//! Signals that end a running command.

use crate::cli::error::Error;

/// Resolves on Ctrl-C or SIGTERM. Listens from this call on, so that an early Ctrl-C leaves nothing behind.
#[cfg(all(unix, any(feature = "local", feature = "console")))]
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

/// Resolves on Ctrl-C.
#[cfg(all(not(unix), any(feature = "local", feature = "console")))]
pub(super) fn end() -> Result<impl Future<Output = ()>, Error> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

/// Never resolves: the functions are built without signal handling, and without `local` and `console` there is nothing to
/// clean up.
#[cfg(not(any(feature = "local", feature = "console")))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "the same signature as with the features"
)]
pub(super) fn end() -> Result<impl Future<Output = ()>, Error> {
    Ok(std::future::pending())
}
