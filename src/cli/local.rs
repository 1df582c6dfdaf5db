//! `amiwright local`: the whole stack on this machine, until Ctrl-C.

mod activity;
#[cfg(feature = "console")]
mod console;
mod greeting;
mod printer;

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::json;
use tokio::sync::mpsc::UnboundedReceiver;
use tracing_subscriber::filter::LevelFilter;

use self::activity::{Activity, Seen};
use self::printer::Printer;
use super::local_stack::{self, LocalStack, Setup, TEMPLATE};
use super::options::{Format, Options};
use super::signals;
use crate::cli::error::Error;

/// Arguments of `amiwright local`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Port on 127.0.0.1 for all services; 0 for any free one
    #[arg(long, default_value_t = 4566)]
    port: u16,
    /// Port on 127.0.0.1 for the console; 0 for any free one
    #[cfg(feature = "console")]
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    console_port: u16,
    /// Directory for buckets, emails, logs and state; a later start continues with them
    #[arg(long, default_value = ".amiwright")]
    dir: PathBuf,
    /// How fast time passes for EC2 and the schedules; the clocks of the functions stay real
    #[arg(long, default_value_t = 1.0, value_parser = speed)]
    speed: f64,
    /// Template to run [default: the one that this program was built with]
    #[arg(long)]
    template: Option<PathBuf>,
    /// A parameter of the stack, checked as CloudFormation checks it; may be repeated. Emails are only written to DIR/mail
    /// [default: NotificationEmail=you@example.com, with `--era classic` BundleKeyParameter=/amiwright/bundle-key, and the template's own]
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
    /// Region of the stack
    #[arg(long, default_value = "us-east-1")]
    region: String,
    /// What EC2 supports: instances can be bundled in the classic era only
    #[arg(long, value_enum, default_value_t = Era::Today)]
    era: Era,
}

/// What EC2 supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Era {
    /// AWS as it is today: BundleInstance is no longer supported
    Today,
    /// AWS as it was, and EC2-compatible clouds: with an instance to bundle and a key to sign its upload policy
    Classic,
}

impl From<Era> for localaws::ec2::Era {
    fn from(era: Era) -> Self {
        match era {
            Era::Today => Self::Today,
            Era::Classic => Self::Classic,
        }
    }
}

/// A speed below a tenth looks like a standstill, and above a thousand the processes of the functions cannot keep up.
fn speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if (0.1..=1000.0).contains(&speed) => Ok(speed),
        _ => Err("not a number from 0.1 to 1000".to_owned()),
    }
}

/// Everything after the first `=` is the value, which may be empty.
fn parameter(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE; NAME= for an empty value".to_owned()),
    }
}

/// Runs the stack until Ctrl-C or SIGTERM.
///
/// # Errors
/// If the stack does not start.
pub(super) async fn run(
    args: &Args,
    options: &Options,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::WARN)
        .with_ansi(false)
        .with_writer(io::stderr)
        .init();
    let parameters = local_stack::parameters(&args.parameters)?;
    let ended = signals::end()?;
    check_port(args.port)?;
    let _lock = lock(&args.dir)?;
    let template = match &args.template {
        None => TEMPLATE.to_owned(),
        Some(path) => {
            let unreadable = |error| {
                Error::from_source(
                    format!("cannot read the template {}", path.display()),
                    error,
                )
            };
            fs::read_to_string(path).map_err(unreadable)?
        }
    };
    let (watchers, seen) = activity::watchers();
    let setup = Setup {
        template: &template,
        directory: Some(&args.dir),
        port: args.port,
        speed: args.speed,
        parameters: &parameters,
        region: &args.region,
        era: args.era.into(),
        now,
        // Without them nothing is told, and what is seen ends at once.
        watchers: (!options.is_quiet()).then_some(watchers),
    };
    let stack = LocalStack::start(setup).await?;
    #[cfg(feature = "console")]
    let console = match console::start(&stack, args.console_port, now).await {
        Ok(console) => console,
        Err(error) => {
            stack.close().await;
            return Err(error);
        }
    };
    #[cfg(feature = "console")]
    let address = Some(console.address());
    #[cfg(not(feature = "console"))]
    let address: Option<String> = None;
    let is_classic = args.era == Era::Classic;
    let greeted = greeting::write(&stack, address.as_deref(), is_classic, options, out);
    if greeted.is_ok() {
        let printer = Printer::new();
        tokio::select! {
            () = ended => {}
            () = follow(&stack, seen, args.speed, options, &printer, now) => {}
        }
        printer.close();
    }
    #[cfg(feature = "console")]
    console.close().await;
    let is_saved = stack.close().await;
    greeted?;
    end(&args.dir, is_saved, options, out)
}

/// What is said at the end.
fn end(
    directory: &Path,
    is_saved: bool,
    options: &Options,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    if !is_saved {
        return Err(local_stack::not_saved(directory));
    }
    let directory = directory.display();
    match options.format() {
        Format::Json => writeln!(out, "{}", json!({"event": "stopped"}))?,
        _ if options.is_quiet() => {}
        Format::Text | Format::Wide => {
            writeln!(out, "Stopped. Everything is kept in {directory}.")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints what happens, for ever.
async fn follow(
    stack: &LocalStack,
    mut seen: UnboundedReceiver<Seen>,
    speed: f64,
    options: &Options,
    printer: &Printer,
    now: Timestamp,
) {
    let mut activity = Activity::new(stack, speed, now);
    if !options.is_quiet() && !options.is_json() {
        printer.print("What happens:\n".to_owned());
    }
    // The world holds the other end: it is closed after this.
    while let Some(seen) = seen.recv().await {
        for line in activity.lines(&seen).await {
            let at = activity.now();
            printer.print(match options.is_json() {
                true => line.json(at).to_string(),
                false => line.text(at),
            });
        }
    }
    std::future::pending::<()>().await;
}

/// Fails before anything is made where the port is taken. Whoever takes it in the meantime is told of when the server
/// starts.
fn check_port(port: u16) -> Result<(), Error> {
    match TcpListener::bind(("127.0.0.1", port)) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Err(Error::new(format!(
            "cannot start: port {port} is in use"
        ))
        .with_hint("is another `amiwright local` running? Use it, or --port 0 for any free port")),
        _ => Ok(()),
    }
}

/// Two stacks on one directory would overwrite each other's state.
fn lock(directory: &Path) -> Result<File, Error> {
    let cannot = |error: io::Error| {
        Error::from_source(
            format!("cannot use the directory {}", directory.display()),
            error,
        )
    };
    fs::create_dir_all(directory).map_err(cannot)?;
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(directory.join("lock"))
        .map_err(cannot)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::new(format!(
            "another `amiwright local` uses {}",
            directory.display()
        ))
        .with_hint("use that one, or start this one with another --dir and --port")),
        Err(TryLockError::Error(error)) => Err(cannot(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_have_limits() {
        assert_eq!(speed("30"), Ok(30.0));
        for invalid in ["0", "-1", "NaN", "inf", "fast", "1e9"] {
            assert!(speed(invalid).is_err(), "{invalid}");
        }
    }

    #[test]
    fn a_parameter_is_a_name_and_a_value() {
        let of = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(parameter("LogLevel=WARN"), of("LogLevel", "WARN"));
        assert_eq!(parameter("NotificationEmail="), of("NotificationEmail", ""));
        assert_eq!(parameter("A=b=c, d"), of("A", "b=c, d"));
        for invalid in ["LogLevel", "=WARN", ""] {
            let error = parameter(invalid).unwrap_err();
            assert!(error.contains("NAME=VALUE"), "{invalid}: {error}");
        }
    }

    #[test]
    fn the_end_says_whether_everything_is_kept() {
        let directory = Path::new("world");
        let mut said = Vec::new();
        end(directory, true, &Options::default(), &mut said).unwrap();
        assert_eq!(said, b"Stopped. Everything is kept in world.\n");
        let error = end(directory, false, &Options::default(), &mut Vec::new()).unwrap_err();
        let report = error.report();
        assert!(
            report.starts_with("error: not everything could be kept in world\n"),
            "{report}"
        );
    }

    #[test]
    fn a_port_in_use_is_named() {
        let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let report = check_port(port).unwrap_err().report();
        assert!(
            report.contains(&format!("port {port} is in use")),
            "{report}"
        );
        drop(taken);
        check_port(0).unwrap();
    }

    #[test]
    fn a_directory_is_for_one_stack() {
        let directory = tempfile::tempdir().unwrap();
        let first = lock(directory.path()).unwrap();
        let error = lock(directory.path()).unwrap_err();
        assert!(error.report().contains("--dir"), "{}", error.report());
        drop(first);
        lock(directory.path()).unwrap();
    }
}
