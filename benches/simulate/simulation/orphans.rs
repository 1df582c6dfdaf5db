//! Whether what was left, as statuses have said, can have been left for the reason that they gave.

use serde_json::Value;

use super::manifest::key as manifest_key;
use super::play::Played;
use super::script::Event;
use super::text;
use crate::support::REGION;

/// Reasons that nothing in the script can have caused.
pub(super) fn check(played: &Played, wrong: &mut Vec<String>) {
    for (key, orphan) in played.monitor.orphans() {
        if !may_be(played, &key, &orphan) {
            wrong.push(format!(
                "{key}: nothing keeps this from being deleted: {orphan}"
            ));
        }
    }
}

fn may_be(played: &Played, key: &str, orphan: &Value) -> bool {
    let is_its = |at: usize| manifest_key(at) == key;
    let mut events = played.script.moves.iter().map(|it| &it.event);
    match text(orphan, "/reason") {
        // EC2's list is the only proof of what an import has made.
        "unproven" => {
            let what = text(orphan, "/what").to_owned();
            played.monitor.is_disowned(REGION, &what)
                || played.is_deregistered_by_hand(REGION, what)
                || events.any(|it| match it {
                    Event::HideTask { key } | Event::ShowTask { key, .. } => is_its(*key),
                    _ => false,
                })
        }
        // Its deletion was refused, or all that might have found it was.
        "refused" => {
            let what = text(orphan, "/what");
            match what.strip_prefix("s3://") {
                Some(objects) => played.monitor.was_refused_objects(objects),
                None => played.monitor.was_refused_deletion(what),
            }
        }
        // What it is made of stays with an AMI that cannot be deregistered.
        "needed-by" => played.monitor.was_refused_deletion(text(orphan, "/by")),
        // How long an AMI was there is known when the status is written (`monitor/claims.rs`).
        "available-for-long" => true,
        // There are never two of one version.
        _ => false,
    }
}
