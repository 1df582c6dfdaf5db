//! Whether an AMI is what its manifest lets be made: its name, what it is copied from and made of, and what is made with it.

use std::collections::{BTreeMap, BTreeSet};

use amiwright::image::observed::ObservedImage;
use amiwright::manifest::sha256_hex;
use localaws::ec2::Image;
use serde_json::Value;

use super::manifest::{beside, key as manifest_key, kms_key, short};
use super::play::Played;
use super::script::{Event, Manifest, Meant, ORIGIN, Object, Source, Wrong};
use super::text;
use crate::support::{REGION, etag};

/// What begins the keys of amiwright's own tags.
const OWN_TAGS: &str = "amiwright:";

/// An AMI that is looked at, where it is, and what is known of it.
#[derive(Clone, Copy)]
pub(super) struct Made<'a> {
    pub(super) region: &'static str,
    pub(super) image: &'a ObservedImage,
    pub(super) status: &'a Value,
    /// What was done to it by hand.
    pub(super) edits: &'a BTreeSet<String>,
}

/// What was made otherwise than a manifest says, in words.
pub(super) async fn differences(
    played: &Played,
    (key, manifest): (&str, &Manifest),
    made: Made<'_>,
) -> Vec<String> {
    let mut images = played.stack.world.ec2().images(made.region).into_iter();
    let Some(found) = images.find(|it| it.id == made.image.id) else {
        return vec!["it is not there".to_owned()];
    };
    let mut differs = Vec::new();
    let name = name(manifest, key, &found);
    // EC2 names what it imports after its task.
    let is_imported = manifest.source == Source::Vm && made.region == REGION;
    let shown = match is_imported {
        true => found.tags.get("Name"),
        false => Some(&found.name),
    };
    if shown != Some(&name) {
        differs.push(format!("name is {shown:?} and not {name}"));
    }
    if made.region != REGION && !is_copy(played, &found, made.status) {
        let source = &found.source_image_id;
        differs.push(format!(
            "copied from {source:?}, which is not the AMI in {REGION}"
        ));
    }
    differs.extend(snapshots(played, (key, manifest), made));
    if made.region == REGION {
        differs.extend(newest(played, (key, manifest), made.status).await);
    }
    differs
}

/// Whether an AMI was copied from the one in the stack's Region, or from one of the same version that is gone: what was copied
/// before that is not copied again.
fn is_copy(played: &Played, copy: &Image, status: &Value) -> bool {
    let Some(source) = copy.source_image_id.as_deref() else {
        return false;
    };
    let version = |it: &Image| {
        let tags = ["amiwright:manifest", "amiwright:digest"];
        tags.map(|tag| it.tags.get(tag).cloned())
    };
    let mut living = played.stack.world.ec2().images(REGION).into_iter();
    let mut was = played.monitor.images(REGION).into_iter();
    let is_same = |it: Image| it.id == source && version(&it) == version(copy);
    // One that has lost its tags is not taken for it any more, and may have another in its place.
    source == text(status, "/regions/us-east-1/image")
        || played.monitor.is_disowned(REGION, source)
        || (!living.any(|it| it.id == source) && was.any(is_same))
}

/// The name that a manifest gives the AMI of a version.
fn name(manifest: &Manifest, key: &str, image: &Image) -> String {
    let digest = image.tags.get("amiwright:digest");
    let digest = digest.and_then(|it| it.get(..8)).unwrap_or_default();
    match (manifest.shared_name, manifest.fixed_name) {
        (true, _) => "shared".to_owned(),
        (false, true) => short(key).to_owned(),
        (false, false) => format!("{}-{digest}", short(key)),
    }
}

/// The snapshots that were made with an AMI have its tags, so that they are found and can be deleted, and the key it asks for.
fn snapshots(played: &Played, (key, manifest): (&str, &Manifest), made: Made<'_>) -> Vec<String> {
    let Made {
        region,
        image,
        edits,
        status,
    } = made;
    let mut own = played.stack.world.ec2().snapshots(region);
    own.retain(|it| image.snapshots.contains(&it.id) && !played.snapshots_before.contains(&it.id));
    // A tag that somebody has changed on the AMI is not looked for on its snapshots.
    let is_edited = edits.contains("Tag") || edits.contains("Untag");
    let meant = |tags: &BTreeMap<String, String>| {
        let mut tags = tags.clone();
        tags.retain(|key, _| key.starts_with(OWN_TAGS) || (key == "team" && !is_edited));
        tags
    };
    let mut expected = meant(&image.tags);
    if let Some(team) = manifest.team.clone().filter(|_| !is_edited) {
        expected.insert("team".to_owned(), team);
    }
    // Then EC2 takes the key that AWS manages where no other is asked for.
    let is_default = |it: &Event| matches!(it, Event::Encrypts { on: true, .. });
    let mut moves = played.script.moves.iter();
    let is_encrypted_by_default = moves.any(|it| is_default(&it.event));
    // EC2 cannot take a key away that a version before has named for the same AMI.
    let versions = played.monitor.versions(&played.stack, key);
    let has_had = |key: &Option<String>| versions.iter().any(|it| it.kms_key(region) == *key);
    let mut differs = Vec::new();
    for snapshot in own {
        let (id, tags) = (&snapshot.id, meant(&snapshot.tags));
        if tags != expected {
            differs.push(format!("{id} has the tags {tags:?} and not {expected:?}"));
        }
        let (has, asked) = (&snapshot.kms_key_id, manifest.kms_key(region));
        let is_so = match &asked {
            Some(asked) => has.as_ref() == Some(asked) && snapshot.encrypted,
            None => {
                let is_default = is_encrypted_by_default && *has != Some(kms_key(region));
                // Who remembers to have copied it so has to say that it is so.
                let known = &status["copies"][region]["kmsKeyId"];
                let is_forgotten = known.as_str() != has.as_deref();
                has.is_none() || is_default || (has_had(has) && is_forgotten)
            }
        };
        if !is_so {
            differs.push(format!("{id} has the key {has:?} and not {asked:?}"));
        }
    }
    differs
}

/// What an image is made from as it was when its manifest was uploaded last, if it was replaced since; by that upload it was asked
/// for the object of then. Nobody replaces what is in another bucket.
async fn newest(
    played: &Played,
    (key, manifest): (&str, &Manifest),
    status: &Value,
) -> Option<String> {
    let (what, name, pointer) = match manifest.source {
        Source::Disk => (
            Object::Disk,
            format!("{}.vmdk", short(key)),
            "/build/object/etag",
        ),
        Source::Vm => (
            Object::Machine,
            format!("{}.ova", short(key)),
            "/build/object/etag",
        ),
        Source::Bundle => {
            let name = "image.manifest.xml".to_owned();
            (Object::BundleManifest, name, "/build/bundle/sha256")
        }
        _ => return None,
    };
    // The same manifest once more, which is not allowed by then, asks for nothing.
    let (since_upload, _) = played.monitor.given_since(&played.stack, key);
    let was_refused = since_upload.iter().any(|given| manifest.is_refused(given));
    if manifest.elsewhere || was_refused || !is_settled(played, key, what) {
        return None;
    }
    let s3 = played.stack.world.s3();
    let found = s3.get(&played.stack.bucket, &beside(key, &name)).await;
    let content = found.unwrap()?;
    let version = match what {
        Object::BundleManifest => sha256_hex(&content),
        _ => etag(&content),
    };
    let known = text(status, pointer);
    (known != version).then(|| format!("made from {known}, and {name} is {version}"))
}

/// Whether an object was there when its manifest was uploaded last, could be read, and has not changed since.
fn is_settled(played: &Played, key: &str, what: Object) -> bool {
    let moves = &played.script.moves;
    let is_its = |at: usize| manifest_key(at) == key;
    let is_manifest = |event: &Event| matches!(event, Event::Drop { key: at, .. } if is_its(*at));
    let is_object = |event: &Event| matches!(event, Event::DropObject { key: at, what: it, .. } if is_its(*at) && *it == what);
    // What may not be read counts as what it was.
    let is_denied = |event: &Event| match event {
        Event::Storm { what, fault, .. } => {
            let is_of_objects = match what {
                Meant::Action(service, _) | Meant::Service(service) => service == "s3",
                Meant::Region(_) => false,
            };
            is_of_objects && *fault == Wrong::Denied
        }
        _ => false,
    };
    let Some(last) = moves.iter().rposition(|it| is_manifest(&it.event)) else {
        return false;
    };
    let (before, after) = moves.split_at(last);
    before.iter().any(|it| is_object(&it.event))
        && !after.iter().any(|it| is_object(&it.event))
        && !moves.iter().any(|it| is_denied(&it.event))
}

/// Whether it is made of the snapshot that its manifest names, or has the tags of the AMI that is named, if it is to have them.
pub(super) fn is_of_source(
    played: &Played,
    manifest: &Manifest,
    region: &str,
    image: &ObservedImage,
) -> bool {
    match manifest.source {
        Source::Theirs if region == REGION => image.snapshots.contains(&played.sources.theirs),
        // What it is copied from is tagged.
        Source::Image if region == REGION => {
            let (tag, value) = ORIGIN;
            let asked = manifest.copy_tags.then(|| value.to_owned());
            image.tags.get(tag) == asked.as_ref()
        }
        Source::Snapshot(at) if region == REGION => {
            let sources = &played.sources.snapshots;
            image.snapshots.contains(&sources[at % sources.len()])
        }
        _ => true,
    }
}

/// Whether it was registered with what its manifest says.
pub(super) fn is_registered_as_asked(
    played: &Played,
    manifest: &Manifest,
    region: &str,
    image: &ObservedImage,
) -> bool {
    let mut images = played.stack.world.ec2().images(region).into_iter();
    let Some(found) = images.find(|it| it.id == image.id) else {
        return false;
    };
    let has_volume = |size: u32| {
        let mut mappings = found.block_device_mappings.iter();
        let second = mappings.find(|it| it.device_name == "/dev/sdb");
        second
            .and_then(|it| it.ebs.as_ref())
            .is_some_and(|it| it.volume_size == size)
    };
    (!manifest.imds || found.imds_support.as_deref() == Some("v2.0"))
        && manifest.volume.is_none_or(has_volume)
}
