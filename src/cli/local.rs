//! `amiwright local`: the whole stack on this machine, until Ctrl-C.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use jiff::Timestamp;
use tracing_subscriber::filter::LevelFilter;

use super::local_stack::{
    self, BUNDLE_KEY, IMAGE, INSTANCE, LocalStack, SNAPSHOT, Setup, TEMPLATE,
};
use super::signals;
use crate::cli::error::Error;
use crate::manifest::location::s3_uri;

/// Arguments of `amiwright local`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Port on 127.0.0.1 for all services; 0 for any free one
    #[arg(long, default_value_t = 4566)]
    port: u16,
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
    let setup = Setup {
        template: &template,
        directory: Some(&args.dir),
        port: args.port,
        speed: args.speed,
        parameters: &parameters,
        region: &args.region,
        era: args.era.into(),
        now,
    };
    let stack = LocalStack::start(setup).await?;
    let greeted = greet(&stack, args.era, out);
    if greeted.is_ok() {
        ended.await;
    }
    stack.close().await;
    greeted?;
    writeln!(
        out,
        "Stopped. Everything is kept in {}.",
        args.dir.display()
    )?;
    Ok(ExitCode::SUCCESS)
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

fn greet(stack: &LocalStack, era: Era, out: &mut dyn Write) -> io::Result<()> {
    let (url, bucket, world) = (stack.url(), &stack.bucket, &stack.world);
    let directory = world.directory();
    let topic = world
        .stack()
        .topics
        .first()
        .map_or("none", |topic| topic.arn.as_str());
    let functions: Vec<&str> = world
        .stack()
        .functions
        .iter()
        .map(|function| function.name.as_str())
        .collect();
    writeln!(out, "amiwright runs until Ctrl-C.\n")?;
    let facts = [
        ("Endpoint", url.clone()),
        ("Health", format!("{url}/_local/health")),
        ("Region", world.region().to_owned()),
        ("Bucket", bucket.clone()),
        (
            "  directory",
            stack.directory_of(bucket).display().to_string(),
        ),
        ("State bucket", stack.state_bucket.clone()),
        (
            "  directory",
            stack
                .directory_of(&stack.state_bucket)
                .display()
                .to_string(),
        ),
        ("Snapshot", format!("{SNAPSHOT} (a source for images)")),
        (
            "AMI",
            format!("{IMAGE} in {} (to copy)", local_stack::other_region(world)),
        ),
        ("Topic", topic.to_owned()),
        ("Emails", directory.join("mail").display().to_string()),
        ("Functions", functions.join(", ")),
        ("  logs", directory.join("logs").display().to_string()),
    ];
    for (name, value) in facts {
        writeln!(out, "  {name:<12} {value}")?;
    }
    for (user, keys) in world.iam().users() {
        let (id, secret) = (keys.access_key_id, keys.secret_access_key);
        writeln!(
            out,
            "  {:<12} access key {id}, secret {secret} (has the stack's {user} policy alone)",
            "Credentials"
        )?;
    }
    if era == Era::Classic {
        writeln!(
            out,
            "  {:<12} {INSTANCE} (to bundle; the key is in the parameter {BUNDLE_KEY})",
            "Instance"
        )?;
    }
    write_commands(stack, era, out)
}

/// Commands that try the files of `examples/`.
fn write_commands(stack: &LocalStack, era: Era, out: &mut dyn Write) -> io::Result<()> {
    let (url, bucket) = (stack.url(), &stack.bucket);
    let (region, address) = (stack.world.region(), s3_uri(bucket, ""));
    writeln!(out, "\nUpload a manifest (with any credentials):\n")?;
    writeln!(
        out,
        "  export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_REGION={region} AWS_DEFAULT_REGION={region}"
    )?;
    writeln!(
        out,
        "  aws --endpoint-url {url} s3 cp examples/web.image.yaml {address}"
    )?;
    writeln!(
        out,
        "\nor copy it into the directory of the manifest bucket. To import a disk, upload it first:\n"
    )?;
    writeln!(
        out,
        "  truncate -s 1M disk.raw && aws --endpoint-url {url} s3 cp disk.raw {address}"
    )?;
    let others = match era {
        Era::Today => "disk copy",
        Era::Classic => "disk copy instance",
    };
    writeln!(
        out,
        "  for what in {others}; do aws --endpoint-url {url} s3 cp examples/$what.image.yaml {address}; done"
    )?;
    writeln!(out, "\nThen see the results:\n")?;
    writeln!(
        out,
        "  aws --endpoint-url {url} ec2 describe-images --owners self"
    )?;
    writeln!(
        out,
        "  AWS_ENDPOINT_URL={url} AWS_REGION={region} AMIWRIGHT_BUCKET={bucket} AMIWRIGHT_STATE_BUCKET={} amiwright watch   # or status, cancel KEY\n",
        stack.state_bucket
    )?;
    out.flush()
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
