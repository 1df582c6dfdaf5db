//! Whether what was left, as statuses have said, can have been left for the reason that they gave.

use serde_json::Value;

use super::manifest::key as manifest_key;
use super::play::Played;
use super::script::{Event, Meant, Wrong};
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
            played.is_deregistered_by_hand(REGION, what)
                || events.any(|it| match it {
                    Event::HideTask { key } | Event::ShowTask { key, .. } => is_its(*key),
                    _ => false,
                })
        }
        "refused" | "needed-by" => {
            let ids = ["/what", "/by"].map(|it| text(orphan, it).to_owned());
            let is_protected = ids.iter().any(|id| {
                let edits = played.edited.get(&(REGION, id.clone()));
                edits.is_some_and(|it| it.contains("Protect"))
            });
            is_protected || events.any(|it| is_denied(it, ids[0].starts_with("s3://")))
        }
        // How long an AMI was there is known when the status is written (`monitor/claims.rs`).
        "available-for-long" => true,
        // There are never two of one version.
        _ => false,
    }
}

/// Whether a storm denies what is done about objects, or else what is done in EC2.
fn is_denied(event: &Event, is_object: bool) -> bool {
    let service = if is_object { "s3" } else { "ec2" };
    match event {
        Event::Storm { what, fault, .. } => {
            let is_meant = match what {
                Meant::Action(of, _) | Meant::Service(of) => of == service,
                // What an attempt leaves is in the stack's Region.
                Meant::Region(_) => false,
            };
            *fault == Wrong::Denied && is_meant
        }
        _ => false,
    }
}
