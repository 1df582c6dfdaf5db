//! `amiwright plan FILE`: what uploading a manifest would change, looked up in AWS, without changing anything.
//!
//! It is decided by the functions that decide for an upload, and compared by the plan that they execute.

mod calls;
pub(super) mod document;
pub(super) mod lines;
mod reasons;
mod replacing;
pub(super) mod screen;

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::json;

use super::check::{account, read_file, with_parameters, write_problems};
use super::connection::Aside;
use super::hints::{cannot_load, cannot_plan, cannot_read};
use super::json as output;
use super::options::Options;
use super::target::{self, Target};
use super::terminal::Terminal;
use crate::cli::error::Error;
use crate::cli::exit_code::Exit;
use crate::manifest::guardrails::Guardrails;
use crate::manifest::{Problem, bundle, image, key};
use crate::reconcile::{self, Context, Error as ReconcileError, Meaning, preview};
use crate::status_store;
use document::{Document, Manifest};

/// Arguments of `amiwright plan`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Image manifest (NAME.image.yaml, .yml, .json) or bundle manifest (NAME.manifest.xml)
    file: PathBuf,
    /// Key that the manifest would have in the bucket, or s3://BUCKET/KEY [default: the file's name]
    #[arg(long)]
    key: Option<String>,
    /// Exit with 2 if uploading the manifest would change something, or should and cannot
    #[arg(long)]
    exit_code: bool,
    /// A guardrail of the stack to hold the manifest to, such as ShareWith=111122223333; may be repeated. Of those that
    /// are not given, the plan says what they have to allow
    #[arg(long = "parameter", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    /// Account of the stack, which owns the AMIs
    #[arg(long, value_name = "ID", env = "AMIWRIGHT_ACCOUNT_ID", value_parser = account)]
    account: Option<String>,
    #[command(flatten)]
    target: Target,
}

/// A manifest that could be uploaded.
#[derive(Debug)]
pub struct Upload<'a> {
    /// The file's name, for people.
    pub file: &'a str,
    /// The key that it would have.
    pub key: &'a str,
    /// Its content.
    pub content: &'a [u8],
    /// The guardrails as far as they are known, with all others closed: what they do not let through and the configuration
    /// does, the stack has to allow.
    pub known: &'a Guardrails,
}

/// What a plan came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Planned {
    /// Nothing would change.
    Nothing,
    /// Something would change, or should and cannot.
    Changes,
    /// The manifest would be rejected.
    Rejected,
}

/// Shows what uploading a file would change. The exit code is 1 for a manifest that would be rejected, as that of `check`.
///
/// # Errors
/// If no bucket or Region is given, the file or the bucket cannot be read, or EC2 cannot be asked.
pub(super) async fn run(
    args: &Args,
    options: &Options,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    let file = args.file.display().to_string();
    let content = read_file(&args.file)?;
    let name = args.file.file_name().and_then(|name| name.to_str());
    let name = args.key.as_deref().or(name).unwrap_or_default();
    let (mut config, key) = args.target.config_for(name).await?;
    target::check_key(key)?;
    config.account_id.clone_from(&args.account);
    let base = |guardrails| Guardrails {
        bucket: Some(config.bucket.clone()),
        region: Some(config.region.clone()),
        account: args.account.clone(),
        ..guardrails
    };
    let known = with_parameters(base(Guardrails::default()), &args.parameters)?;
    config.guardrails = with_parameters(base(Guardrails::open()), &args.parameters)?;
    let aws = args.target.connect(&config, Aside::new(options)).await;
    let upload = Upload {
        file: &file,
        key,
        content: &content,
        known: &known,
    };
    let context = Context::new(&aws, &config, now);
    let terminal = options.terminal();
    let mut plan = Vec::new();
    let planned = show(context, &upload, terminal, options.is_json(), &mut plan).await?;
    if !options.is_quiet() || options.is_json() || planned != Planned::Nothing {
        out.write_all(&plan)?;
    }
    Ok(match planned {
        Planned::Rejected => ExitCode::FAILURE,
        Planned::Changes if args.exit_code => Exit::Changes.into(),
        Planned::Changes | Planned::Nothing => ExitCode::SUCCESS,
    })
}

/// Writes what uploading this would change.
///
/// # Errors
/// If the buckets cannot be read, or EC2 cannot be asked.
pub async fn show(
    context: Context<'_>,
    upload: &Upload<'_>,
    terminal: Terminal,
    json: bool,
    out: &mut dyn Write,
) -> Result<Planned, Error> {
    let document = planned(context, upload).await?;
    let planned = match document.outcome {
        Meaning::Rejected => Planned::Rejected,
        _ if document.has_changes() => Planned::Changes,
        _ => Planned::Nothing,
    };
    write(&document, upload, terminal, json, out)?;
    Ok(planned)
}

/// What uploading this would change.
///
/// # Errors
/// If the buckets cannot be read, or EC2 cannot be asked.
pub(super) async fn planned(context: Context<'_>, upload: &Upload<'_>) -> Result<Document, Error> {
    let content = upload.content.to_vec();
    let preview = Box::pin(preview(context, upload.key, content)).await;
    let preview = preview.map_err(|error| cannot_preview(context, error))?;
    let is_new = preview.before.is_none();
    let manifest = Manifest {
        file: upload.file.to_owned(),
        bucket: context.config.bucket.clone(),
        key: upload.key.to_owned(),
        region: context.config.region.clone(),
    };
    let mut document = Document::of(manifest, preview);
    if document.problems.is_empty() {
        document.needs = problems(upload, context.now);
    }
    if is_new {
        document.notes.extend(similar(context, upload.key).await?);
    }
    Ok(document)
}

fn write(
    document: &Document,
    upload: &Upload<'_>,
    terminal: Terminal,
    json: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    if json {
        return output::write("plan", json!({}), vec![json!(document)], out);
    }
    let renderer = terminal.renderer();
    let text = String::from_utf8_lossy(upload.content);
    write_problems(upload.file, &text, &document.problems, &renderer, out)?;
    screen::write(document, terminal.color, out)
}

/// What the guardrails that are known do not let through, all others being closed.
fn problems(upload: &Upload<'_>, now: Timestamp) -> Vec<Problem> {
    let parsed = match key::kind(upload.key) {
        Some(key::Kind::Bundle) => bundle::parse(upload.content).map(drop),
        _ => image::parse_within(upload.key, upload.content, now, upload.known).map(drop),
    };
    parsed.err().unwrap_or_default()
}

/// Says that there is a manifest of the same file name under another key.
async fn similar(context: Context<'_>, key: &str) -> Result<Option<String>, Error> {
    let config = context.config;
    let existing = status_store::list_status_keys(context.aws, config)
        .await
        .map_err(|error| cannot_read(config, &error))?;
    let end = format!("/{key}");
    let other = existing.into_iter().find(|other| other.ends_with(&end));
    Ok(other.map(|other| {
        format!("{key} would be another image than {other}: use --key {other} for that one")
    }))
}

fn cannot_preview(context: Context<'_>, error: ReconcileError) -> Error {
    match error {
        reconcile::Error::Aws(error) => cannot_plan(context.config, &error),
        reconcile::Error::Store(error) => cannot_load(context.config, &error),
        error => Error::new(error.to_string()),
    }
}
