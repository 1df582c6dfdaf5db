//! `register-image`: reconciles the manifests that were uploaded, and records the requests of operators.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::Failures;
use crate::aws::Aws;
use crate::config::Config;
use crate::events::{self, ObjectRef};
use crate::keys;
use crate::manifest::key::{self, Kind};
use crate::metrics::Meter;
use crate::reconcile::{self, Answer, Context, Error, Outcome};
use crate::status_store;

/// Handles an event about manifest objects: EventBridge's, S3's own, either in SQS. `meter` measures it.
/// For SQS, returns the messages that failed (`batchItemFailures`); for the others, a count.
///
/// # Errors
/// If a manifest could not be reconciled: Lambda tries the event again.
pub async fn handle(
    aws: &Aws,
    config: &Config,
    event: Value,
    now: Timestamp,
    meter: &Meter,
) -> Result<Value, Failures> {
    let triggers = events::objects(event);
    let context = Context::new(aws, config, now).measured_by(meter);
    let mut failures = Failures::default();
    let mut failed_messages = BTreeSet::new();
    // A failure that no SQS message can be returned for has to reach Lambda's own retry.
    let mut only_messages = true;
    for problem in &triggers.problems {
        failures.add("an event record", problem);
        only_messages &= problem.message_id.is_some();
        failed_messages.extend(problem.message_id.clone());
    }
    let (mut reconciled, mut ignored) = (0, triggers.ignored);
    for object in &triggers.objects {
        match reconcile_object(context, object).await {
            Ok(Done::Images(images)) => reconciled += images,
            Ok(Done::Ignored) => ignored += 1,
            Err(error) => {
                failures.add(&object.key, &error);
                only_messages &= !object.message_ids.is_empty();
                failed_messages.extend(object.message_ids.iter().cloned());
            }
        }
    }
    context.measure_limited();
    tracing::info!(
        reconciled,
        ignored,
        failed = failures.count(),
        "reconciled manifests"
    );
    if only_messages && !failed_messages.is_empty() {
        let failed: Vec<Value> = failed_messages
            .iter()
            .map(|id| json!({ "itemIdentifier": id }))
            .collect();
        return Ok(json!({ "batchItemFailures": failed }));
    }
    failures.or(json!({ "reconciled": reconciled, "ignored": ignored }))
}

/// What became of an object.
enum Done {
    /// So many images were reconciled.
    Images(usize),
    /// Its key is too long for a manifest.
    Ignored,
}

/// Reconciles the manifest that an object is, or that describes it.
async fn reconcile_object(context: Context<'_>, object: &ObjectRef) -> Result<Done, Error> {
    // EventBridge does not say whether its keys are encoded; where both readings name an object, it is the literal one.
    let readings = [Some(&object.key), object.alternative_key.as_ref()];
    let readings = readings.into_iter().flatten();
    if object.bucket == context.config.state_bucket {
        if object.key.starts_with(keys::REQUESTS) {
            return answer(context, readings).await.map(Done::Images);
        }
        let mut bundles = readings.filter_map(|key| keys::manifest_of_bundle(key));
        return match bundles.next() {
            Some(manifest_key) => requeue(context, manifest_key).await.map(Done::Images),
            None => Ok(Done::Images(0)),
        };
    }
    if object.bucket != context.config.bucket {
        tracing::info!(bucket = object.bucket, key = object.key, "not our bucket");
        return Ok(Done::Images(0));
    }
    let mut is_too_long = false;
    for key in readings {
        for manifest_key in responsible(context, key).await? {
            if !keys::can_have_status(&manifest_key) {
                is_too_long = true;
                continue;
            }
            let outcome = reconcile::reconcile(context, &manifest_key, None).await?;
            if outcome == Outcome::StartedElsewhere {
                tracing::info!(manifest = manifest_key, "another invocation has started it");
                return Ok(Done::Images(1));
            }
            if let Outcome::Status {
                loaded, advanced, ..
            } = outcome
            {
                let status = &loaded.status;
                tracing::info!(
                    manifest = manifest_key,
                    place = status.place(),
                    advanced,
                    "reconciled a manifest"
                );
                return Ok(Done::Images(1));
            }
        }
    }
    if is_too_long {
        let (key, longest) = (&object.key, keys::MANIFEST_KEY_MAX);
        tracing::warn!(key, longest, "the key is too long for a manifest; ignored");
        return Ok(Done::Ignored);
    }
    tracing::info!(key = object.key, "no manifest there");
    Ok(Done::Images(0))
}

/// Somebody asks for an image to be cancelled or retried: that is recorded, and the next tick does it.
async fn answer(
    context: Context<'_>,
    readings: impl Iterator<Item = &String>,
) -> Result<usize, Error> {
    for key in readings {
        match reconcile::answer_request(context, key).await? {
            Answer::Absent => {}
            Answer::Recorded => return Ok(1),
            Answer::Ignored => return Ok(0),
        }
    }
    Ok(0)
}

/// EC2 has written the manifest of a bundle, which it does last: its image need not wait for the next tick.
async fn requeue(context: Context<'_>, manifest_key: &str) -> Result<usize, Error> {
    let Some(loaded) = status_store::load(context.aws, context.config, manifest_key).await? else {
        return Ok(0);
    };
    let advanced = reconcile::poll_task(context, loaded).await?.has_advanced();
    tracing::info!(manifest = manifest_key, advanced, "a bundle is there");
    Ok(usize::from(advanced))
}

/// The manifests that may describe the object at this key, the first that exists does:
/// for a bundle an image manifest beside it, then the bundle's own.
async fn responsible(context: Context<'_>, object_key: &str) -> Result<Vec<String>, Error> {
    match key::kind(object_key) {
        None => Ok(Vec::new()),
        Some(Kind::Image) => Ok(vec![object_key.to_owned()]),
        Some(Kind::Bundle) => {
            let sibling = reconcile::build::image_manifest_beside(context, object_key).await?;
            Ok(sibling.into_iter().chain([object_key.to_owned()]).collect())
        }
    }
}
