//! The command line: one file per subcommand.
//!
//! Results go to standard output, errors to standard error with exit code 1 (2 for invalid arguments; other codes are a
//! command's own). Whatever comes
//! from a manifest or from AWS passes through [`text::plain`], so that it cannot control the terminal.

pub mod cancel;
mod check;
pub mod confirm_product;
mod connection;
#[cfg(feature = "doctor")]
pub mod doctor;
mod error;
mod function;
pub mod plan;
pub mod product_codes;
mod progress;
mod progress_text;
pub mod push;
mod regions;
mod request;
pub mod retry;
mod schema;
mod signals;
pub mod status;
mod target;
mod text;
#[cfg(any(not(feature = "local"), not(feature = "doctor")))]
mod unavailable;
pub mod watch;

#[cfg(feature = "local")]
mod demo;
#[cfg(feature = "local")]
mod local;
#[cfg(feature = "local")]
mod local_stack;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use jiff::Timestamp;

pub use error::Error;

use crate::version::VERSION;

/// What a shell reports for a process that a closed pipe ended: 128 and the number of SIGPIPE.
const CLOSED_PIPE: u8 = 141;

/// Drop an image manifest into an S3 bucket; get a registered AMI and an email.
#[derive(Debug, Parser)]
#[command(name = "amiwright", version = VERSION, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check manifests without access to AWS
    Check(check::Args),
    /// Show what uploading a manifest would change, without changing anything
    Plan(plan::Args),
    /// Upload manifests and, before them, the disks and bundles that they name
    Push(push::Args),
    /// Print the JSON Schema of image manifests
    Schema,
    /// Show the status of images
    Status(status::Args),
    /// Watch images until they finish; exit code 0 if all are available
    Watch(watch::Args),
    /// Cancel images in progress and delete what was created for them
    Cancel(request::Args),
    /// Try images again that failed, were lost or cancelled, are incomplete, or have drifted
    Retry(request::Args),
    /// Ask EC2 whether an instance has a product code of yours; exit code 0 if so, 3 if not
    ConfirmProduct(confirm_product::Args),
    /// Print the product codes of the EC2 instance that this runs on, one a line
    ProductCodes(product_codes::Args),
    /// Find out what is in the way of images, one line each; changes nothing
    ///
    /// Exit code 0 if all is ok, 3 if there is something to do, 4 if something could not be looked at.
    #[cfg(feature = "doctor")]
    Doctor(doctor::Args),
    /// Find out what is in the way of images (not in this build)
    #[cfg(not(feature = "doctor"))]
    Doctor(unavailable::Args),
    /// Run the whole stack on this machine, without an AWS account
    #[cfg(feature = "local")]
    Local(local::Args),
    /// Demonstrate the whole workflow on this machine in under half a minute
    #[cfg(feature = "local")]
    Demo(demo::Args),
    /// Run the whole stack on this machine (not in this build)
    #[cfg(not(feature = "local"))]
    Local(unavailable::Args),
    /// Demonstrate the whole workflow on this machine (not in this build)
    #[cfg(not(feature = "local"))]
    Demo(unavailable::Args),
    /// Run one of the functions, as Lambda would start it
    #[command(hide = true)]
    Function(function::Args),
}

/// Runs the command line of this process.
pub async fn main() -> ExitCode {
    let cli = Cli::parse();
    match run(cli.command, &mut std::io::stdout()).await {
        Ok(code) => code,
        // `amiwright status | head` is not worth a message.
        Err(Error::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::from(CLOSED_PIPE)
        }
        Err(error) => {
            // If standard error is closed too, the exit code is all that is left.
            let _ = write!(std::io::stderr(), "{}", error.report());
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command, out: &mut dyn Write) -> Result<ExitCode, Error> {
    match command {
        Command::Check(args) => check::run(&args, now(), out),
        Command::Plan(args) => plan::run(&args, now(), out).await,
        Command::Push(args) => push::run(&args, now(), out).await,
        Command::Schema => schema::run(out),
        Command::Status(args) => status::run(&args, now(), out).await,
        Command::Watch(args) => watch::run(&args, now(), out).await,
        Command::Cancel(args) => cancel::run(&args, now(), out).await,
        Command::Retry(args) => retry::run(&args, now(), out).await,
        Command::ConfirmProduct(args) => confirm_product::run(&args, out).await,
        Command::ProductCodes(args) => product_codes::run(&args, out).await,
        #[cfg(feature = "doctor")]
        Command::Doctor(args) => doctor::run(&args, now(), out).await,
        #[cfg(not(feature = "doctor"))]
        Command::Doctor(_) => Err(unavailable::error("doctor", "doctor")),
        #[cfg(feature = "local")]
        Command::Local(args) => local::run(&args, now(), out).await,
        #[cfg(feature = "local")]
        Command::Demo(args) => demo::run(&args, now(), out).await,
        #[cfg(not(feature = "local"))]
        Command::Local(_) => Err(unavailable::error("local", "local")),
        #[cfg(not(feature = "local"))]
        Command::Demo(_) => Err(unavailable::error("demo", "local")),
        Command::Function(args) => Ok(function::run(&args).await),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one clock of the command line: everything below gets `now`"
)]
fn now() -> Timestamp {
    Timestamp::now()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn functions_are_started_by_the_names_of_their_binaries() {
        for name in function::NAMES {
            assert!(
                Cli::try_parse_from(["amiwright", "function", name]).is_ok(),
                "{name}"
            );
        }
        assert!(Cli::try_parse_from(["amiwright", "function", "other"]).is_err());
    }
}
