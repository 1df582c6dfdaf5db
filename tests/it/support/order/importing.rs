//! EC2 imports what is at a key, for hours, and is told no version: an AMI has the disk that its version names, if that was there
//! when the import began and when a function looked last before it took over what was made. Else people were told, by a notice of
//! that version that says so of this object.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use localaws::ec2::{Image, ImageState};
use localaws::faults::Call;
use serde_json::Value;

use super::{DIGEST_TAG, MANIFEST_TAG, Recorded, Told};
use crate::support::uploads::{etag_before, versions_of};

const ATTEMPT_TAG: &str = "amiwright:attempt";
/// For how long what was made is taken over again while the record of that is lost.
const TAKEN_AGAIN_MAX: SignedDuration = SignedDuration::from_mins(5);
/// How long EC2 takes to register an AMI.
const REGISTERING_MAX: SignedDuration = SignedDuration::from_secs(30);
/// How an email says that a disk was replaced.
const TOLD: &str = "Replaced since its import began";

/// The tags that a call sets, of those that say whose something is.
fn own_tags<'a>(call: &'a Call, start: &'a str) -> BTreeMap<&'a str, &'a str> {
    let tags = call.values(start, ".Key").zip(call.values(start, ".Value"));
    tags.filter(|(key, _)| [MANIFEST_TAG, DIGEST_TAG, ATTEMPT_TAG].contains(key))
        .collect()
}

/// The key of the only disk or machine that a call imports, if it is in the bucket of its manifest: what is uploaded to others
/// is not recorded.
fn object<'a>(call: &'a Call, manifest: &str) -> Option<&'a str> {
    let mut keys = call.values("DiskContainer.", "UserBucket.S3Key");
    let mut buckets = call.values("DiskContainer.", "UserBucket.S3Bucket");
    let bucket = buckets.next()?;
    let is_own = manifest.starts_with(&format!("s3://{bucket}/"));
    keys.next().filter(|_| is_own && keys.next().is_none())
}

impl Told {
    /// Whether this says that an AMI can be used.
    fn offers(&self, image: &str) -> bool {
        let is_offer = ["completed", "incomplete"]
            .iter()
            .any(|it| self.notice["event"] == *it);
        let regions = self.notice["regions"].as_object().into_iter().flatten();
        is_offer && regions.into_iter().any(|(_, it)| it["image"] == image)
    }

    /// Whether this says, to people and to machines, that the object of this version was replaced while it was imported.
    fn says_replaced(&self, (manifest, digest): (&str, &str), object: &str) -> bool {
        let text = |at: &str| self.notice.pointer(at).and_then(Value::as_str);
        let about = text("/manifest/bucket").zip(text("/manifest/key"));
        let is_of_version = text("/digest") == Some(digest)
            && about.is_some_and(|(bucket, key)| manifest == format!("s3://{bucket}/{key}"));
        let known = &self.notice["object"];
        let further = known["further"].as_array().into_iter().flatten();
        let mut replaced = further
            .chain([known])
            .filter(|it| it["isReplaced"] == true && it["key"] == object);
        let mut lines = self.email.lines();
        is_of_version
            && replaced.next().is_some()
            && lines.any(|it| it.starts_with(TOLD) && it.contains(object))
    }
}

impl Recorded {
    pub(super) fn importing(&self, wrong: &mut Vec<String>) {
        let is_import = |it: &&Call| {
            ["ImportImage", "ImportSnapshot"].contains(&it.action.as_str()) && it.function.is_some()
        };
        for import in self.calls.iter().filter(is_import) {
            let tags = own_tags(import, "TagSpecification.1.Tag.");
            let (Some(manifest), Some(digest)) = (tags.get(MANIFEST_TAG), tags.get(DIGEST_TAG))
            else {
                continue;
            };
            let Some(object) = object(import, manifest) else {
                continue;
            };
            let Some(taken) = self.taken_over(import, &tags) else {
                continue;
            };
            let versions = versions_of(&self.uploads, (manifest, digest), object);
            let is_other = |number: u64| {
                let version = etag_before(&self.uploads, object, number);
                version.is_some_and(|it| !versions.contains(&it))
            };
            let mut looks = self.looks.iter().rev();
            let looked = looks.find(|it| {
                it.key.as_deref() == Some(object)
                    && (import.number..taken.number).contains(&it.number)
            });
            let looked = looked.map_or(taken.number, |it| it.number);
            let is_told =
                |it: &Told| it.at >= taken.at && it.says_replaced((manifest, digest), object);
            let is_wrong = is_other(import.number) || is_other(looked);
            if !versions.is_empty() && is_wrong && !self.told.iter().any(is_told) {
                wrong.push(format!(
                    "{object} was imported for {digest} of {manifest}, which is made from another version of it"
                ));
            }
        }
    }

    /// The call with which a function took over what an import has made, as there is an AMI of it.
    fn taken_over(&self, import: &Call, tags: &BTreeMap<&str, &str>) -> Option<&Call> {
        let after = self.calls.iter().filter(|it| it.number > import.number);
        let tagged = after.filter(|it| it.action == "CreateTags");
        let mut tagged = tagged.filter(|it| own_tags(it, "Tag.") == *tags);
        let first = tagged.next()?;
        // Where its record was lost, another invocation looks and takes it over once more.
        let mut again = tagged.filter(|it| it.at.duration_since(first.at) < TAKEN_AGAIN_MAX);
        let taken = again.next_back().unwrap_or(first);
        let is_there = || {
            let has = |image: &&Image| {
                let mut tags = tags.iter();
                tags.all(|(key, value)| image.tags.get(*key).is_some_and(|it| it == value))
            };
            let mut images = self.images.values().flatten().filter(is_usable);
            images.any(|it| has(&it))
        };
        let is_made = match import.action.as_str() {
            "ImportSnapshot" => self.is_registered(import, tags),
            _ => is_there(),
        };
        is_made.then_some(taken)
    }

    /// Whether an AMI was registered of what an import has made, and could be used. It may be gone, or have other tags, since; and
    /// others may have had its name before.
    fn is_registered(&self, import: &Call, tags: &BTreeMap<&str, &str>) -> bool {
        let after = self.calls.iter().filter(|it| it.number > import.number);
        let mut registered = after.filter(|it| {
            it.action == "RegisterImage" && own_tags(it, "TagSpecification.1.Tag.") == *tags
        });
        // What was cleaned up before anybody heard of it, nobody has used.
        let gone = self.gone.values().flatten();
        let gone = gone.filter(|it| {
            let mut calls = self.calls.iter();
            self.told.iter().any(|told| told.offers(&it.id))
                || calls.any(|call| offers(call, &it.id))
        });
        let images = self.images.values().flatten().chain(gone);
        let usable: Vec<&Image> = images.filter(is_usable).collect();
        registered.any(|call| {
            let mut of_name = usable
                .iter()
                .filter(|it| call.field("Name") == Some(&*it.name));
            of_name.any(|it| it.created_at.duration_since(call.at).abs() < REGISTERING_MAX)
        })
    }
}

/// Whether this lets somebody use an AMI.
fn offers(call: &Call, image: &str) -> bool {
    let readers = [
        ".UserId",
        ".Group",
        ".OrganizationArn",
        ".OrganizationalUnitArn",
    ];
    let is_shared = readers
        .iter()
        .any(|it| call.values("LaunchPermission.Add.", it).next().is_some());
    match call.action.as_str() {
        "PutParameter" => call.field("Value") == Some(image),
        "ModifyImageAttribute" => is_shared && call.field("ImageId") == Some(image),
        _ => false,
    }
}

/// Whether an AMI can be used, or could until it went.
fn is_usable(image: &&Image) -> bool {
    ![ImageState::Pending, ImageState::Failed].contains(&image.state)
}
