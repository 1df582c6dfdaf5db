//! Whether what people have set by hand stays as they have set it, where no version of a manifest says anything about it.

use std::collections::BTreeMap;

use localaws::ec2::{DeregistrationProtection, Image, ImageState};
use serde_json::Value;

use super::play::Played;
use super::script::{KEYS, Manifest};
use super::told::Told;

/// What people had set is not so any more.
pub(super) fn check(played: &Played, statuses: &BTreeMap<String, Value>, wrong: &mut Vec<String>) {
    for ((region, id), edits) in &played.edited {
        let mut images = played.stack.world.ec2().images(region).into_iter();
        let image = images.find(|it| it.id == *id);
        let (Some(versions), Some(since)) = (
            versions(played, region, id),
            played.monitor.versions_since_edit(region, id),
        ) else {
            continue;
        };
        // Nobody else writes what is written by hand here, except a protection.
        let is_free = |says: fn(&Manifest) -> bool| !since.iter().any(says);
        let never = |says: fn(&Manifest) -> bool| !versions.iter().any(says);
        // Two edits of one thing come in any order.
        let is_set = |by: &str, but: &str| edits.contains(by) && !edits.contains(but);
        let has = |is: &dyn Fn(&Image) -> bool| image.as_ref().is_none_or(is);
        let mut say = |what: &str| {
            let what = format!("{what} of {id} in {region} that somebody has set is gone");
            wrong.push(format!("{what}: {image:#?}"));
        };
        if is_set("Describe", "") && is_free(|it| it.description.is_some()) {
            let is_theirs = |it: &Image| it.description.as_deref() == Some("Mine");
            if !has(&is_theirs) {
                say("the description");
            }
        }
        if is_set("Tag", "Untag") && is_free(|it| it.team.is_some()) {
            let is_theirs = |it: &Image| it.tags.get("team").is_some_and(|team| team == "sales");
            if !has(&is_theirs) {
                say("the tag");
            }
        }
        // It also keeps it from being deregistered.
        let is_kept = is_set("Protect", "Unprotect") && !edits.contains("Deregister");
        if is_kept && never(|it| it.protect.is_some()) {
            let on = DeregistrationProtection::EnabledWithoutCooldown;
            if image
                .as_ref()
                .is_none_or(|it| it.deregistration_protection != on)
            {
                say("the protection");
            }
        }
    }
    check_protected_again(played, statuses, wrong);
}

/// The versions of the manifest that an AMI was made for.
fn versions(played: &Played, region: &str, id: &str) -> Option<Vec<Manifest>> {
    let manifest = played.monitor.made_for(region, id)?;
    let key = KEYS
        .iter()
        .find(|key| manifest.ends_with(&format!("/{key}")))?;
    Some(played.monitor.versions(&played.stack, key))
}

/// Whether this is an AMI of a status that was seen to be as its manifest says.
fn is_published(status: &Value, id: &str) -> bool {
    let mut regions = status["regions"].as_object().into_iter().flatten();
    regions.any(|(_, known)| known["image"] == id && known["verifiedAt"].is_string())
}

/// An AMI whose protection was switched off so that it can go, and that stays, is protected again, or somebody was told.
fn check_protected_again(
    played: &Played,
    statuses: &BTreeMap<String, Value>,
    wrong: &mut Vec<String>,
) {
    let told = Told::by(played);
    // What is wanted again has the protection that its manifest asks for, once it was seen to be as that says.
    let is_wanted = |id: &String| statuses.values().any(|it| is_published(it, id));
    for (region, id) in played.monitor.unprotected() {
        let mut images = played.stack.world.ec2().images(&region).into_iter();
        let Some(image) = images.find(|it| it.id == id) else {
            continue;
        };
        let mut edited = played
            .edited
            .iter()
            .filter(|((_, edited), _)| *edited == id);
        let is_edited = edited.any(|(_, edits)| edits.contains("Unprotect"));
        let is_off = matches!(
            image.deregistration_protection,
            DeregistrationProtection::Disabled | DeregistrationProtection::CoolingDown(_)
        );
        if is_off
            && image.state == ImageState::Available
            && !is_edited
            && !is_wanted(&id)
            && !told.may_be_unprotected(&id)
        {
            let what = format!("{id} in {region} stays, and its protection was switched off");
            wrong.push(format!("{what}: {image:#?}"));
        }
    }
}
