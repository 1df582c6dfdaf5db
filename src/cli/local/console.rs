//! The console of the stack on this machine.

use jiff::Timestamp;

use crate::cli::console::{Server, Setup};
use crate::cli::error::Error;
use crate::cli::local_stack::{LocalStack, STACK};

/// Starts it.
///
/// # Errors
/// If its port is in use, or the template lacks variables of a function.
pub(super) async fn start(stack: &LocalStack, port: u16, now: Timestamp) -> Result<Server, Error> {
    let (aws, config) = stack.connect().await?;
    let setup = Setup {
        aws,
        config,
        stack: STACK.to_owned(),
        mailbox: Some(stack.world.directory().join("mail")),
        now,
    };
    Server::start(setup, port).await
}
