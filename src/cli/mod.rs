//! The command line, for a person: one file per subcommand.
//!
//! What a command finds goes to its writer, standard output; why it failed goes to standard error, and the exit code
//! is 1 (2 for a command line that makes no sense). Whatever comes from a manifest or from AWS goes through
//! [`text::plain`], so that it cannot write to the terminal on its own account.

pub mod cancel;
mod check;
mod error;
mod function;
mod progress;
mod progress_text;
mod schema;
mod signals;
pub mod status;
mod target;
mod text;
#[cfg(not(feature = "local"))]
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

/// Drop an image manifest into an S3 bucket; get a registered AMI and an e-mail.
#[derive(Debug, Parser)]
#[command(name = "amiwright", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check manifests without AWS.
    Check(check::Args),
    /// Print the JSON Schema of image manifests.
    Schema,
    /// Show how far the images are.
    Status(status::Args),
    /// Follow images to their end; exit code 0 if all became available.
    Watch(watch::Args),
    /// Give up images that are under way; what was made for them is removed.
    Cancel(cancel::Args),
    /// Run the whole stack on this machine, with no AWS account.
    #[cfg(feature = "local")]
    Local(local::Args),
    /// Show the whole path on this machine, in less than half a minute.
    #[cfg(feature = "local")]
    Demo(demo::Args),
    /// Run the whole stack on this machine (not in this build).
    #[cfg(not(feature = "local"))]
    Local(unavailable::Args),
    /// Show the whole path on this machine (not in this build).
    #[cfg(not(feature = "local"))]
    Demo(unavailable::Args),
    /// Run one of the functions, as Lambda would start it.
    #[command(hide = true)]
    Function(function::Args),
}

/// Runs the command that the process was started with.
pub async fn main() -> ExitCode {
    let cli = Cli::parse();
    let mut out = std::io::stdout();
    match run(cli.command, &mut out).await {
        Ok(code) => code,
        // `amiwright status | head`: nobody reads on, and that is fine.
        Err(Error::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(error) => {
            // Where standard error is closed, too, there is nobody left to tell.
            let _ = write!(std::io::stderr(), "{}", error.report());
            ExitCode::FAILURE
        }
    }
}

async fn run(command: Command, out: &mut dyn Write) -> Result<ExitCode, Error> {
    match command {
        Command::Check(args) => check::run(&args, now(), out),
        Command::Schema => schema::run(out),
        Command::Status(args) => status::run(args, now(), out).await,
        Command::Watch(args) => watch::run(args, now(), out).await,
        Command::Cancel(args) => cancel::run(args, now(), out).await,
        #[cfg(feature = "local")]
        Command::Local(args) => local::run(args, now(), out).await,
        #[cfg(feature = "local")]
        Command::Demo(args) => demo::run(args, now(), out).await,
        #[cfg(not(feature = "local"))]
        Command::Local(_) => Err(unavailable::error("local")),
        #[cfg(not(feature = "local"))]
        Command::Demo(_) => Err(unavailable::error("demo")),
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
    fn functions_are_started_by_their_binarys_name() {
        for name in function::NAMES {
            assert!(
                Cli::try_parse_from(["amiwright", "function", name]).is_ok(),
                "{name}"
            );
        }
        assert!(Cli::try_parse_from(["amiwright", "function", "other"]).is_err());
    }
}
