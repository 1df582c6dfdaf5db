//! `amiwright cancel KEY…`: asks, through the status, that an image be given up. Nothing is done to EC2 here: the next
//! tick of `advance-tasks` does it, as it does everything else.

use std::io::Write;
use std::process::ExitCode;

use jiff::{Timestamp, Unit};

use super::Error;
use super::place::{self, Place, cannot_load, cannot_write};
use super::text::plain;
use crate::aws::Aws;
use crate::config::Config;
use crate::image::Status;
use crate::image::status::{CancelBy, State, Step};
use crate::image::transition::{self, NotCancellable};
use crate::reconcile::{self, Context};
use crate::store;

/// Arguments of `amiwright cancel`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Keys of manifests, or s3://BUCKET/KEY.
    #[arg(required = true, value_name = "KEY")]
    keys: Vec<String>,
    #[command(flatten)]
    place: Place,
}

/// Asks for each; one that cannot be cancelled does not keep the others from it.
///
/// # Errors
/// If nobody says which bucket, or the output cannot be written. Refusals are told, with exit code 1.
pub(super) async fn run(
    args: Args,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    let wanted: Vec<(Config, &str)> = args
        .keys
        .iter()
        .map(|key| args.place.config_for(key))
        .collect::<Result<_, _>>()?;
    let mut code = ExitCode::SUCCESS;
    for (config, key) in &wanted {
        let aws = args.place.connect(config).await;
        match ask(&aws, config, key, now).await {
            Ok(answer) => writeln!(out, "{answer}")?,
            Err(error) => {
                code = ExitCode::FAILURE;
                write!(std::io::stderr(), "{}", error.report())?;
            }
        }
    }
    Ok(code)
}

/// Asks for one image to be cancelled, and says what happens now.
///
/// # Errors
/// If there is no such status, if it is too late to cancel, or if S3 does not answer.
pub async fn ask(aws: &Aws, config: &Config, key: &str, now: Timestamp) -> Result<String, Error> {
    // What is recorded is read by people.
    let now = now.round(Unit::Second).unwrap_or(now);
    let context = Context::new(aws, config, now);
    let loaded = place::load(aws, config, key).await?;
    let mut answer = transition::ask_cancel(&mut loaded.status.clone(), CancelBy::Command, now);
    if let Err(why) = answer {
        return Err(refused(&loaded.status, why));
    }
    let marker = mark_open(context, &loaded.status).await?;
    let after = reconcile::change(context, loaded, |status| {
        answer = transition::ask_cancel(status, CancelBy::Command, now);
        status.open_marker = Some(marker.clone());
        answer == Ok(true)
    })
    .await
    .map_err(|error| cannot_change(config, error))?;
    let status = &after.status;
    match answer {
        Ok(true) => Ok(plain(&format!(
            "{key}: asked; the next tick of advance-tasks {} and tells you by mail",
            what_happens(status)
        ))),
        Ok(false) => Ok(plain(&format!(
            "{key}: asked before, {}; advance-tasks {} and tells you by mail",
            asked(status),
            what_happens(status)
        ))),
        Err(why) => Err(refused(status, why)),
    }
}

/// Only what is marked as open is looked at by the ticks, and by the next one only if its marker is new. Done before the
/// status is written: a marker too many goes by itself, one that is missing stays so.
async fn mark_open(context: Context<'_>, status: &Status) -> Result<String, Error> {
    let Context {
        aws, config, now, ..
    } = context;
    let marked = store::mark_open(aws, config, &status.manifest, now).await;
    marked.map_err(|error| cannot_write(config, &error))
}

fn cannot_change(config: &Config, error: reconcile::Error) -> Error {
    match error {
        reconcile::Error::Aws(error) => cannot_write(config, &error),
        reconcile::Error::Store(store::StoreError::Aws(error)) => cannot_write(config, &error),
        reconcile::Error::Store(error) => cannot_load(config, &error),
        error => Error::from_source("the status cannot be changed", error)
            .with_hint("nothing was asked; try again"),
    }
}

fn refused(status: &Status, why: NotCancellable) -> Error {
    let error = Error::new(format!("{} is not cancelled: {why}", status.manifest.key));
    match (why, status.images.values().next()) {
        (NotCancellable::Settled(State::Available) | NotCancellable::Stored, Some(image)) => error
            .with_hint(format!(
                "the AMI is yours: aws ec2 deregister-image --image-id {}",
                image.id
            )),
        _ => error,
    }
}

fn asked(status: &Status) -> String {
    status.cancel.map_or_else(String::new, |cancel| {
        let how = match cancel.by {
            CancelBy::Command => "by amiwright cancel",
            CancelBy::ManifestRemoved => "by removing the manifest",
        };
        format!("{how} at {}", cancel.asked_at)
    })
}

/// What the ticks do about it.
fn what_happens(status: &Status) -> String {
    let image = status.images.values().next();
    match (status.step, status.tasks.last(), image) {
        (Step::CleanUp, _, _) => "removes what was made for it".to_owned(),
        (Step::AwaitTask, Some(task), _) if task.cancel_sent_at.is_some() => {
            format!("follows {} {} to its end", task.kind, task.id)
        }
        (Step::AwaitTask, Some(task), _) => format!("cancels {} {}", task.kind, task.id),
        (_, _, Some(image)) => format!("deregisters {}", image.id),
        (_, Some(task), None) => {
            format!("removes what {} {} made", task.kind, task.id)
        }
        (Step::StartTask | Step::RegisterImage, None, None) => {
            "looks whether anything was started for it, ends that".to_owned()
        }
        (_, None, None) => "ends it, as nothing was started for it yet,".to_owned(),
    }
}
