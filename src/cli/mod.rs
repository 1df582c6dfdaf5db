//! The command line: one file per subcommand.
//!
//! Results go to standard output, errors to standard error; [`Exit`] has the exit codes. Whatever comes from a manifest or
//! from AWS passes through [`text::plain`], so that it cannot control the terminal.

pub mod cancel;
mod check;
pub mod confirm_product;
mod connection;
#[cfg(feature = "console")]
pub mod console;
#[cfg(feature = "doctor")]
pub mod doctor;
#[cfg(test)]
mod documents;
mod error;
mod exit_code;
mod function;
mod help;
mod hints;
mod init;
mod json;
mod list;
#[cfg(feature = "doctor")]
pub mod logs;
#[cfg(feature = "manual")]
mod manual;
mod options;
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
mod terminal;
mod text;
#[cfg(any(
    not(feature = "local"),
    not(feature = "console"),
    not(feature = "doctor"),
    not(feature = "manual")
))]
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

#[cfg(feature = "manual")]
use clap::CommandFactory;
use clap::{Parser, Subcommand};
use jiff::Timestamp;
use tracing_subscriber::filter::LevelFilter;

pub use error::Error;
pub use exit_code::Exit;
use options::Options;
pub use terminal::Terminal;

use crate::version::VERSION;

/// Drop an image manifest into an S3 bucket; get a registered AMI and an email.
#[derive(Debug, Parser)]
#[command(
    name = "amiwright",
    version = VERSION,
    arg_required_else_help = true,
    after_help = help::ALL,
    after_long_help = format!("{}\n\n{}", help::ALL, Exit::table())
)]
struct Cli {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check manifests without access to AWS
    #[command(after_help = help::CHECK)]
    Check(check::Args),
    /// Show what uploading a manifest would change, without changing anything
    #[command(after_help = help::PLAN)]
    Plan(plan::Args),
    /// Write a first manifest to begin from
    #[command(after_help = help::INIT)]
    Init(init::Args),
    /// Upload manifests and, before them, the disks and bundles that they name
    #[command(after_help = help::PUSH)]
    Push(push::Args),
    /// Print the JSON Schema of manifests, notices or statuses
    #[command(after_help = help::SCHEMA)]
    Schema(schema::Args),
    /// Show the status of images
    #[command(after_help = help::STATUS)]
    Status(status::Args),
    /// Watch images until they finish; exit code 0 if all are available
    #[command(after_help = help::WATCH)]
    Watch(watch::Args),
    /// Cancel images in progress and delete what was created for them
    #[command(after_help = help::CANCEL)]
    Cancel(request::Args),
    /// Try images again that failed, were lost or cancelled, are incomplete, or have drifted
    #[command(after_help = help::RETRY)]
    Retry(request::Args),
    /// Ask EC2 whether an instance has a product code of yours; exit code 0 if so, 3 if not
    #[command(after_help = help::CONFIRM)]
    ConfirmProduct(confirm_product::Args),
    /// Print the product codes of the EC2 instance that this runs on, one a line
    #[command(after_help = help::PRODUCT_CODES)]
    ProductCodes(product_codes::Args),
    /// Find out what is in the way of images, one line each; changes nothing
    ///
    /// Exit code 0 if all is ok, 3 if there is something to do, 4 if something could not be looked at.
    #[cfg(feature = "doctor")]
    #[command(after_help = help::DOCTOR)]
    Doctor(doctor::Args),
    /// Find out what is in the way of images (not in this build)
    #[cfg(not(feature = "doctor"))]
    Doctor(unavailable::Args),
    /// Print what the functions said of an image, or of all
    #[cfg(feature = "doctor")]
    #[command(after_help = help::LOGS)]
    Logs(logs::Args),
    /// Print what the functions said of an image (not in this build)
    #[cfg(not(feature = "doctor"))]
    Logs(unavailable::Args),
    /// Show the images in a browser on this machine, and let them be uploaded, cancelled and retried there
    #[cfg(feature = "console")]
    #[command(after_help = help::CONSOLE)]
    Console(console::Args),
    /// Show the images in a browser (not in this build)
    #[cfg(not(feature = "console"))]
    Console(unavailable::Args),
    /// Run the whole stack on this machine, without an AWS account
    #[cfg(feature = "local")]
    #[command(after_help = help::LOCAL)]
    Local(local::Args),
    /// Demonstrate the whole workflow on this machine in under half a minute
    #[cfg(feature = "local")]
    #[command(after_help = help::DEMO)]
    Demo(demo::Args),
    /// Run the whole stack on this machine (not in this build)
    #[cfg(not(feature = "local"))]
    Local(unavailable::Args),
    /// Demonstrate the whole workflow on this machine (not in this build)
    #[cfg(not(feature = "local"))]
    Demo(unavailable::Args),
    /// Print a script that completes commands and options in a shell
    #[cfg(feature = "manual")]
    #[command(after_help = help::COMPLETIONS)]
    Completions(manual::Completions),
    /// Print the man page, or that of a command
    #[cfg(feature = "manual")]
    #[command(after_help = help::MAN)]
    Man(manual::Man),
    /// Print a script that completes commands and options in a shell (not in this build)
    #[cfg(not(feature = "manual"))]
    Completions(unavailable::Args),
    /// Print the man page (not in this build)
    #[cfg(not(feature = "manual"))]
    Man(unavailable::Args),
    /// Run one of the functions, as Lambda would start it
    #[command(hide = true)]
    Function(function::Args),
}

impl Command {
    /// The name of a command that is for people, or prints what is no JSON.
    fn without_json(&self) -> Option<&'static str> {
        match self {
            Self::Init(_) => Some("init"),
            Self::Demo(_) => Some("demo"),
            Self::Completions(_) => Some("completions"),
            Self::Man(_) => Some("man"),
            Self::Function(_) => Some("function"),
            Self::Check(_)
            | Self::Plan(_)
            | Self::Push(_)
            | Self::Logs(_)
            | Self::Schema(_)
            | Self::Status(_)
            | Self::Watch(_)
            | Self::Cancel(_)
            | Self::Retry(_)
            | Self::ConfirmProduct(_)
            | Self::ProductCodes(_)
            | Self::Doctor(_)
            | Self::Console(_)
            | Self::Local(_) => None,
        }
    }
}

/// Runs the command line of this process.
pub async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // `--help` and `--version` are answers, the rest are mistakes.
        Err(refused) => {
            let printed = refused.print();
            let is_unseen = |error: std::io::Error| error.kind() != std::io::ErrorKind::BrokenPipe;
            return match refused.use_stderr() {
                true => Exit::Usage,
                false if printed.is_err_and(is_unseen) => Exit::Failed,
                false => Exit::Done,
            }
            .into();
        }
    };
    // `local` and the functions have logs of their own.
    if cli.options.verbosity() > 0
        && !matches!(cli.command, Command::Local(_) | Command::Function(_))
    {
        log_to_stderr(cli.options.verbosity());
    }
    match run(cli, &mut std::io::stdout()).await {
        Ok(code) => code,
        // `amiwright status | head` is not worth a message.
        Err(Error::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            Exit::ClosedPipe.into()
        }
        Err(error) => {
            // If standard error is closed too, the exit code is all that is left.
            let _ = write!(std::io::stderr(), "{}", error.report());
            error.exit().into()
        }
    }
}

/// Logs what is done, and what the SDK does: once with `-v`, more with `-vv` (which a release build has compiled out).
fn log_to_stderr(verbosity: u8) {
    let level = match verbosity {
        1 => LevelFilter::INFO,
        _ => LevelFilter::DEBUG,
    };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .with_target(false)
        .with_writer(std::io::stderr)
        .init();
}

async fn run(cli: Cli, out: &mut dyn Write) -> Result<ExitCode, Error> {
    let options = &cli.options;
    if let Some(name) = cli.command.without_json().filter(|_| options.is_json()) {
        let message = format!("amiwright {name} has nothing to print as JSON");
        return Err(Error::new(message).with_exit(Exit::Usage));
    }
    match cli.command {
        Command::Check(args) => check::run(&args, options, now(), out),
        Command::Plan(args) => plan::run(&args, options, now(), out).await,
        Command::Init(args) => init::run(&args, options, out),
        Command::Push(args) => push::run(&args, options, now(), out).await,
        Command::Schema(args) => schema::run(&args, out),
        Command::Status(args) => status::run(&args, options, now(), out).await,
        Command::Watch(args) => watch::run(&args, options, now(), out).await,
        Command::Cancel(args) => cancel::run(&args, options, now(), out).await,
        Command::Retry(args) => retry::run(&args, options, now(), out).await,
        Command::ConfirmProduct(args) => confirm_product::run(&args, options, out).await,
        Command::ProductCodes(args) => product_codes::run(&args, options, out).await,
        #[cfg(feature = "doctor")]
        Command::Doctor(args) => doctor::run(&args, options, now(), out).await,
        #[cfg(not(feature = "doctor"))]
        Command::Doctor(_) => Err(unavailable::error("doctor", "doctor")),
        #[cfg(feature = "doctor")]
        Command::Logs(args) => logs::run(&args, options, now(), out).await,
        #[cfg(not(feature = "doctor"))]
        Command::Logs(_) => Err(unavailable::error("logs", "doctor")),
        #[cfg(feature = "console")]
        Command::Console(args) => console::run(&args, options, now(), out).await,
        #[cfg(not(feature = "console"))]
        Command::Console(_) => Err(unavailable::error("console", "console")),
        #[cfg(feature = "local")]
        Command::Local(args) => local::run(&args, options, now(), out).await,
        #[cfg(feature = "local")]
        Command::Demo(args) => demo::run(&args, options, now(), out).await,
        #[cfg(not(feature = "local"))]
        Command::Local(_) => Err(unavailable::error("local", "local")),
        #[cfg(not(feature = "local"))]
        Command::Demo(_) => Err(unavailable::error("demo", "local")),
        #[cfg(feature = "manual")]
        Command::Completions(args) => {
            manual::completions(&args, <Cli as CommandFactory>::command(), out)
        }
        #[cfg(feature = "manual")]
        Command::Man(args) => manual::man(&args, <Cli as CommandFactory>::command(), out),
        #[cfg(not(feature = "manual"))]
        Command::Completions(_) => Err(unavailable::error("completions", "manual")),
        #[cfg(not(feature = "manual"))]
        Command::Man(_) => Err(unavailable::error("man", "manual")),
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
    fn examples_are_valid() {
        let mut checked = 0;
        let mut command = Cli::command();
        command.build();
        let subcommands = command.get_subcommands().filter(|it| !it.is_hide_set());
        let shown = subcommands.map(|it| (it.get_name().to_owned(), it.get_after_help().cloned()));
        for (name, help) in shown {
            if name == "help" {
                continue;
            }
            let help = help.unwrap_or_default().to_string();
            assert!(help.starts_with("Examples:\n"), "{name}: {help}");
            let help = help + help::ALL;
            let lines = help
                .lines()
                .filter_map(|line| line.trim().strip_prefix("amiwright "));
            for line in lines {
                let end = line.find(['|', '>', '#', '&']).unwrap_or(line.len());
                let words = line[..end].split_whitespace();
                let words = words.map(|word| word.trim_matches('\''));
                let parsed = Cli::try_parse_from(std::iter::once("amiwright").chain(words));
                assert!(parsed.is_ok(), "{name}: {line}: {:?}", parsed.err());
                checked += 1;
            }
        }
        assert!(checked > 20, "{checked}");
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
