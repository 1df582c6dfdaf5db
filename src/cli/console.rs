//! `amiwright console`: the images in a browser, on this machine alone.
//!
//! What the pages show is found by the functions behind the other commands; nothing is asked of AWS in another way. Whoever
//! may open a connection to this machine's own address is not trusted for that: see [`guard`].

mod app;
mod assets;
mod drop;
mod failed;
mod guard;
mod health;
mod image;
mod images;
mod known;
mod links;
mod logs;
mod mailbox;
mod page;
mod server;
mod service;
mod session;

use std::io::{self, Write};
use std::process::ExitCode;

use jiff::Timestamp;

use super::connection::Aside;
use super::options::Options;
use super::signals;
use super::target::Target;
use crate::cli::error::Error;
use crate::cli::json;
use crate::manifest::guardrails::Guardrails;
pub use app::Setup;
use serde_json::json;
pub use server::Server;
pub use service::Console;

/// Arguments of `amiwright console`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Port on 127.0.0.1; 0 for any free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// Name of the CloudFormation stack, whose health and logs are shown
    #[arg(long, env = "AMIWRIGHT_STACK", default_value = super::doctor::STACK)]
    stack: String,
    #[command(flatten)]
    target: Target,
}

/// Serves the console until Ctrl-C or SIGTERM.
///
/// # Errors
/// If no bucket or Region is given, the port is in use, or the output cannot be written.
pub(super) async fn run(
    args: &Args,
    options: &Options,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    let ended = signals::end()?;
    let mut config = args.target.config().await?;
    // What the stack allows is the functions' to know.
    config.guardrails = Guardrails {
        bucket: Some(config.bucket.clone()),
        region: Some(config.region.clone()),
        ..Guardrails::open()
    };
    // What goes wrong is said by the pages.
    let aws = args.target.connect(&config, Aside::silent()).await;
    let setup = Setup {
        aws,
        config,
        stack: args.stack.clone(),
        mailbox: None,
        now,
    };
    let server = Server::start(setup, args.port).await?;
    let address = server.address();
    if options.is_json() {
        json::write("console", json!({"address": address}), Vec::new(), out)?;
    } else {
        writeln!(out, "{address}")?;
        if !options.is_quiet() {
            writeln!(
                io::stderr(),
                "Open this address in a browser on this machine. Whoever knows it can do what your credentials allow. \
                 Ctrl-C ends the console."
            )?;
        }
    }
    out.flush()?;
    ended.await;
    server.close().await;
    Ok(ExitCode::SUCCESS)
}
