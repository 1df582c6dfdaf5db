//! Requests that are made through the status: what `cancel` and `retry` share. Nothing is done to EC2 here; the next
//! tick of `advance-tasks` does it.

use std::io::Write;
use std::process::ExitCode;

use jiff::{Timestamp, Unit};

use super::target::{self, Target, cannot_load, cannot_write};
use super::text::plain;
use crate::aws::Saved;
use crate::cli::error::Error;
use crate::config::Config;
use crate::image::Status;
use crate::keys;
use crate::reconcile::{self, Context};
use crate::status_store::{self, OpenMarker};

/// Arguments of a command that makes a request for each image.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Keys of manifests, or s3://BUCKET/KEY
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<String>,
    #[command(flatten)]
    target: Target,
}

impl Args {
    /// Makes the request for each key and prints the answers. One refusal does not keep the others from being made.
    ///
    /// # Errors
    /// If no bucket or Region is given, or the output cannot be written. Refusals are printed, with exit code 1.
    pub(super) async fn run(
        &self,
        now: Timestamp,
        out: &mut dyn Write,
        request: impl AsyncFn(Context<'_>, &str) -> Result<String, Error>,
    ) -> Result<ExitCode, Error> {
        let targets: Vec<(Config, &str)> = self
            .keys
            .iter()
            .map(|key| self.target.config_for(key))
            .collect::<Result<_, _>>()?;
        let mut code = ExitCode::SUCCESS;
        for (config, key) in &targets {
            let aws = self.target.connect(config).await;
            // People read the status: whole seconds are enough.
            let now = now.round(Unit::Second).unwrap_or(now);
            match request(Context::new(&aws, config, now), key).await {
                Ok(answer) => writeln!(out, "{}", plain(&format!("{key}: {answer}")))?,
                Err(error) => {
                    code = ExitCode::FAILURE;
                    write!(std::io::stderr(), "{}", error.report())?;
                }
            }
        }
        Ok(code)
    }
}

/// Records a request in the status of a manifest. `change` says whether it is new, or why it is refused. Returns the
/// status after it, and whether it is new.
///
/// # Errors
/// If there is no such status, if S3 fails, or with what `refusal` makes of a refusal.
pub(super) async fn record<R>(
    context: Context<'_>,
    key: &str,
    change: impl Fn(&mut Status) -> Result<bool, R>,
    refusal: impl Fn(&Status, R) -> Error,
) -> Result<(Status, bool), Error> {
    let loaded = target::load(context, key).await?;
    match change(&mut loaded.status.clone()) {
        Err(reason) => return Err(refusal(&loaded.status, reason)),
        Ok(false) => return Ok((loaded.status, false)),
        Ok(true) => {}
    }
    let marker = renew_marker(context, &loaded.status).await?;
    let mut answer = Ok(false);
    let after = reconcile::change(context, loaded, |status| {
        answer = change(status);
        let is_new = matches!(answer, Ok(true));
        if is_new && marker.is_some() {
            status.open_marker.clone_from(&marker);
        }
        is_new
    })
    .await
    .map_err(|error| cannot_change(context.config, error))?;
    match answer {
        Ok(is_new) => Ok((after.status, is_new)),
        Err(reason) => Err(refusal(&after.status, reason)),
    }
}

/// Ticks read only what is marked as open, and what waits only if its marker is new: so the marker is written again,
/// before the status. One too many is removed by a tick, a missing one is not replaced. None if another writer has just
/// written it.
async fn renew_marker(context: Context<'_>, status: &Status) -> Result<Option<String>, Error> {
    let Context {
        aws, config, now, ..
    } = context;
    let failed = |error| cannot_write(config, &error);
    let key = keys::open_key(&status.manifest.key);
    let existing = aws.head_object(&config.state_bucket, &key).await;
    let existing = existing.map_err(failed)?;
    let known = existing.as_ref().map(|marker| marker.etag.clone());
    if let Some(existing) = existing
        && known != status.open_marker
    {
        let manifest_key = status.manifest.key.clone();
        let marker = OpenMarker {
            manifest_key,
            etag: existing.etag,
            opened_at: existing.modified_at,
        };
        // What a dead invocation may have made is found by the draft in its marker.
        let draft = status_store::load_draft(aws, config, &marker).await;
        if draft
            .map_err(|error| cannot_load(config, &error))?
            .is_some()
        {
            return Ok(None);
        }
    }
    let marked =
        status_store::mark_open(aws, config, &status.manifest, known.as_deref(), now).await;
    Ok(match marked.map_err(failed)? {
        Saved::Yes(etag) => Some(etag),
        Saved::Conflict => None,
    })
}

fn cannot_change(config: &Config, error: reconcile::Error) -> Error {
    match error {
        reconcile::Error::Aws(error) => cannot_write(config, &error),
        reconcile::Error::Store(status_store::StoreError::Aws(error)) => {
            cannot_write(config, &error)
        }
        reconcile::Error::Store(error) => cannot_load(config, &error),
        error => Error::from_source("cannot change the status", error)
            .with_hint("nothing was requested; try again"),
    }
}
