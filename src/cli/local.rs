//! `amiwright local`: the whole stack on this machine, until it is told to end.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::ValueEnum;
use jiff::Timestamp;
use tracing_subscriber::filter::LevelFilter;

use super::desk::{self, BUNDLE_KEY, Desk, IMAGE, INSTANCE, SNAPSHOT, Setup, TEMPLATE};
use super::{Error, signals};

/// Arguments of `amiwright local`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Port of 127.0.0.1 that every service answers at; 0 for any free one.
    #[arg(long, default_value_t = 4566)]
    port: u16,
    /// Where buckets, mails, logs and state are kept. They are there again at the next start.
    #[arg(long, default_value = ".amiwright")]
    dir: PathBuf,
    /// How many seconds pass for EC2 and the schedules in one second. The functions' own clocks stay real.
    #[arg(long, default_value_t = 1.0, value_parser = speed)]
    speed: f64,
    /// A template in place of the one that this program was built with.
    #[arg(long)]
    template: Option<PathBuf>,
    /// Who gets the mails; they go nowhere but into DIR/mail.
    #[arg(long, default_value = "you@example.com")]
    email: String,
    /// The stack's Region.
    #[arg(long, default_value = "us-east-1")]
    region: String,
    /// What EC2 still supports: instances are bundled in the classic era only.
    #[arg(long, value_enum, default_value_t = Era::Today)]
    era: Era,
}

/// What EC2 still supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Era {
    /// As AWS is: BundleInstance is no longer supported.
    Today,
    /// As AWS was, and as EC2-compatible clouds are: there is an instance to bundle, and a key to do it with.
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

/// The speeds that make sense: slower than a tenth looks like a stop; faster than a thousand, the processes of the
/// functions could not follow.
fn speed(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(speed) if (0.1..=1000.0).contains(&speed) => Ok(speed),
        _ => Err("a number from 0.1 to 1000".to_owned()),
    }
}

/// Runs the stack until Ctrl-C or SIGTERM.
///
/// # Errors
/// If it does not start.
pub(super) async fn run(
    args: Args,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    tracing_subscriber::fmt()
        .with_max_level(LevelFilter::WARN)
        .with_ansi(false)
        .with_writer(io::stderr)
        .init();
    let ended = signals::end()?;
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
        email: &args.email,
        region: &args.region,
        era: args.era.into(),
        now,
    };
    let desk = Desk::start(setup).await?;
    let introduced = introduce(&desk, args.era, out);
    if introduced.is_ok() {
        ended.await;
    }
    desk.close().await;
    introduced?;
    writeln!(out, "Ended. Everything is kept in {}.", args.dir.display())?;
    Ok(ExitCode::SUCCESS)
}

/// Two worlds on one directory would write over each other's state.
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
            "another `amiwright local` runs on {}",
            directory.display()
        ))
        .with_hint("use that one, or give this one another --dir and --port")),
        Err(TryLockError::Error(error)) => Err(cannot(error)),
    }
}

fn introduce(desk: &Desk, era: Era, out: &mut dyn Write) -> io::Result<()> {
    let (url, bucket, world) = (desk.url(), &desk.bucket, &desk.world);
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
    writeln!(out, "amiwright runs here until Ctrl-C.\n")?;
    let facts = [
        ("Endpoint", url.clone()),
        ("Health", format!("{url}/_local/health")),
        ("Region", world.region().to_owned()),
        ("Bucket", bucket.clone()),
        ("  folder", desk.bucket_folder().display().to_string()),
        ("Snapshot", format!("{SNAPSHOT} (to make images from)")),
        (
            "AMI",
            format!("{IMAGE} in {} (to copy)", desk::other_region(world)),
        ),
        ("Topic", topic.to_owned()),
        ("Mails", directory.join("email").display().to_string()),
        ("Functions", functions.join(", ")),
        ("  logs", directory.join("logs").display().to_string()),
    ];
    for (name, value) in facts {
        writeln!(out, "  {name:<10} {value}")?;
    }
    if era == Era::Classic {
        writeln!(
            out,
            "  {:<10} {INSTANCE} (to bundle; the key is in the parameter {BUNDLE_KEY})",
            "Instance"
        )?;
    }
    how_to_try(desk, era, out)
}

/// What to type, for each thing that can be tried with the files of `examples/`.
fn how_to_try(desk: &Desk, era: Era, out: &mut dyn Write) -> io::Result<()> {
    let (url, bucket) = (desk.url(), &desk.bucket);
    let region = desk.world.region();
    writeln!(out, "\nDrop a manifest (any credentials do):\n")?;
    writeln!(
        out,
        "  export AWS_ACCESS_KEY_ID=local AWS_SECRET_ACCESS_KEY=local AWS_REGION={region} AWS_DEFAULT_REGION={region}"
    )?;
    writeln!(
        out,
        "  aws --endpoint-url {url} s3 cp examples/web.image.yaml s3://{bucket}/"
    )?;
    writeln!(
        out,
        "\nor copy it into the bucket's folder. A disk is imported after it was uploaded:\n"
    )?;
    writeln!(
        out,
        "  truncate -s 1M disk.raw && aws --endpoint-url {url} s3 cp disk.raw s3://{bucket}/"
    )?;
    let others = match era {
        Era::Today => "disk copy",
        Era::Classic => "disk copy instance",
    };
    writeln!(
        out,
        "  for what in {others}; do aws --endpoint-url {url} s3 cp examples/$what.image.yaml s3://{bucket}/; done"
    )?;
    writeln!(out, "\nThen look:\n")?;
    writeln!(
        out,
        "  aws --endpoint-url {url} ec2 describe-images --owners self"
    )?;
    writeln!(
        out,
        "  AWS_ENDPOINT_URL={url} AWS_REGION={region} AMIWRIGHT_BUCKET={bucket} amiwright watch   # or status, cancel KEY\n"
    )?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_is_a_number_that_makes_sense() {
        assert_eq!(speed("30"), Ok(30.0));
        for wrong in ["0", "-1", "NaN", "inf", "fast", "1e9"] {
            assert!(speed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_directory_is_for_one_world() {
        let directory = tempfile::tempdir().unwrap();
        let first = lock(directory.path()).unwrap();
        let error = lock(directory.path()).unwrap_err();
        assert!(error.report().contains("--dir"), "{}", error.report());
        drop(first);
        lock(directory.path()).unwrap();
    }
}
