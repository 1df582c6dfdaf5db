//! `amiwright status [KEY]`: what the statuses in the bucket say.

mod details;
mod table;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::target::{self, Target, cannot_read};
use crate::cli::error::Error;
use crate::manifest::location::s3_uri;
use crate::reconcile::Context;
use crate::status_store::{self, Listed};

/// Arguments of `amiwright status`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Key of a manifest, or s3://BUCKET/KEY; all are listed by default
    key: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// Shows one status or all.
///
/// # Errors
/// If no bucket or Region is given, the bucket cannot be read, or there is no such status.
pub(super) async fn run(
    args: &Args,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    let (config, key) = match &args.key {
        Some(key) => {
            let (config, key) = args.target.config_for(key).await?;
            (config, Some(key))
        }
        None => (args.target.config().await?, None),
    };
    let aws = args.target.connect(&config).await;
    show(Context::new(&aws, &config, now), key, args.json, out).await?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the status of one manifest, or of all.
///
/// # Errors
/// If the bucket cannot be read, or there is no such status.
pub async fn show(
    context: Context<'_>,
    key: Option<&str>,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Error> {
    if let Some(key) = key {
        let status = target::load(context, key).await?.status;
        if json {
            // `{:#}` indents.
            writeln!(out, "{:#}", json!(status))?;
        } else {
            details::write(&status, context.now, out)?;
        }
        return Ok(());
    }
    let listed = status_store::list_statuses(context.aws, context.config)
        .await
        .map_err(|error| cannot_read(context.config, &error))?;
    if json {
        let listed: Value = listed.iter().map(to_json).collect();
        writeln!(out, "{listed:#}")?;
    } else if listed.is_empty() {
        let bucket = s3_uri(&context.config.bucket, "");
        writeln!(
            out,
            "No images yet. Upload a manifest to {bucket} to create one."
        )?;
    } else {
        writeln!(out, "{}", table::render(&listed, context.now))?;
    }
    Ok(())
}

/// A listed status for machines; one that cannot be read has `error` instead of `status`.
fn to_json(listed: &Listed) -> Value {
    let (field, value) = match &listed.status {
        Ok(loaded) => ("status", json!(loaded.status)),
        Err(error) => ("error", json!(error.to_string())),
    };
    json!({ "key": listed.manifest_key, "changedAt": listed.modified_at, field: value })
}
