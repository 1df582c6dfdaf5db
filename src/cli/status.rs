//! `amiwright status [KEY]`: what the statuses in the bucket say.

mod details;
mod table;

use std::io::Write;
use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::json;

use super::Error;
use super::target::{self, Target, cannot_read};
use crate::aws::Aws;
use crate::config::Config;
use crate::store::{self, Listed};

/// Arguments of `amiwright status`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Key of a manifest, or s3://BUCKET/KEY; without it all are listed.
    key: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: Target,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<'a> {
    /// One manifest; none for all.
    pub manifest_key: Option<&'a str>,
    /// JSON in place of text.
    pub json: bool,
}

/// Shows one status or all.
///
/// # Errors
/// If nobody says which bucket, or it cannot be read, or there is no such status.
pub async fn run(args: Args, now: Timestamp, out: &mut dyn Write) -> Result<ExitCode, Error> {
    let (config, key) = match &args.key {
        Some(key) => {
            let (config, key) = args.target.config_for(key)?;
            (config, Some(key))
        }
        None => (args.target.config()?, None),
    };
    let aws = args.target.connect(&config).await;
    show(
        &aws,
        &config,
        Query {
            manifest_key: key,
            json: args.json,
        },
        now,
        out,
    )
    .await?;
    Ok(ExitCode::SUCCESS)
}

/// Writes out what is asked for.
///
/// # Errors
/// If the bucket cannot be read, or there is no such status.
pub async fn show(
    aws: &Aws,
    config: &Config,
    query: Query<'_>,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<(), Error> {
    match query.manifest_key {
        Some(key) => show_one(aws, config, key, query.json, now, out).await,
        None => show_all(aws, config, query.json, now, out).await,
    }
}

async fn show_all(
    aws: &Aws,
    config: &Config,
    json: bool,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let listed = store::list_statuses(aws, config)
        .await
        .map_err(|error| cannot_read(config, &error))?;
    if json {
        let entries: Vec<_> = listed.iter().map(entry).collect();
        return print_json(&json!(entries), out);
    }
    if listed.is_empty() {
        writeln!(
            out,
            "No image yet. Drop a manifest into s3://{}/ to make one.",
            config.bucket
        )?;
        return Ok(());
    }
    writeln!(out, "{}", table::render(&listed, now))?;
    Ok(())
}

/// One status of the list, for machines.
fn entry(listed: &Listed) -> serde_json::Value {
    match &listed.status {
        Ok(loaded) => {
            json!({ "key": listed.manifest_key, "changedAt": listed.modified_at, "status": loaded.status })
        }
        Err(error) => {
            json!({ "key": listed.manifest_key, "changedAt": listed.modified_at, "error": error.to_string() })
        }
    }
}

async fn show_one(
    aws: &Aws,
    config: &Config,
    key: &str,
    json: bool,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let loaded = target::load(aws, config, key).await?;
    if json {
        return print_json(&json!(loaded.status), out);
    }
    details::write(&loaded.status, now, out)?;
    Ok(())
}

fn print_json(value: &serde_json::Value, out: &mut dyn Write) -> Result<(), Error> {
    // `{:#}` of a JSON value is its text over several lines.
    writeln!(out, "{value:#}")?;
    Ok(())
}
