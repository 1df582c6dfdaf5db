//! Ownership tags: by them is known what is ours, and what is there already.

use std::collections::BTreeMap;
use std::fmt;

use jiff::{SignedDuration, Timestamp};

use super::observed::{ATTEMPT_TAG, DIGEST_TAG, MANIFEST_TAG, OWN_TAGS, ObservedImage};
use super::status::Status;
use crate::manifest::sha256_hex;

/// Longest value of a tag, in characters ("Tag restrictions", EC2 User Guide).
pub const TAG_VALUE_MAX: usize = 256;

/// The most tags of a resource ("Tag restrictions", EC2 User Guide).
pub const TAGS_MAX: usize = 50;

/// How far the clocks of the functions and of EC2 may be apart.
pub const CLOCKS: SignedDuration = SignedDuration::from_mins(2);

/// What EC2 says about the AMI that a status is to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lookup {
    /// The name is free; it may be created.
    Absent,
    /// It is there and it is ours: made for this version of this manifest.
    Ours(ObservedImage),
    /// Its name belongs to an AMI that is not this version's.
    NameTaken(ObservedImage),
    /// More than one AMI claims to be this version's. That must not be; a person has to check.
    Several(Vec<String>),
}

/// The tags that make an AMI ours: this manifest, this version.
#[must_use]
pub fn ownership_tags(status: &Status) -> BTreeMap<String, String> {
    let digest = status.build.digest.as_ref();
    let digest = digest.unwrap_or(&status.manifest.sha256).clone();
    BTreeMap::from([
        (MANIFEST_TAG.to_owned(), status.manifest.uri()),
        (DIGEST_TAG.to_owned(), digest),
    ])
}

/// The tags of everything that is made: the ownership tags, and the attempt's.
#[must_use]
pub fn creation_tags(status: &Status) -> BTreeMap<String, String> {
    let mut tags = ownership_tags(status);
    tags.insert(ATTEMPT_TAG.to_owned(), Attempt::of(status).to_string());
    tags
}

/// The tags of another AMI that its copy takes over: not AWS's own, which only AWS sets, and not amiwright's, by which the
/// copy would pass for what another manifest has made.
///
/// EC2 can copy tags itself (CopyImage, CopyImageTags). Which tag of a key wins then, that of the AMI or that of the
/// request, or whether EC2 refuses both, is not documented; so it is never asked to.
#[must_use]
pub fn copied_tags(tags: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let is_taken = |key: &str| !["aws:", OWN_TAGS].iter().any(|its| key.starts_with(its));
    let taken = tags.iter().filter(|(key, _)| is_taken(key));
    taken
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// What distinguishes an attempt from others to make the same, in their order; as text, the value of its tag. A status that
/// was removed and written again for the same upload is of the same attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attempt {
    /// When its manifest was uploaded.
    pub uploaded_at: Timestamp,
    /// How often this manifest was started before.
    pub number: u32,
}

impl Attempt {
    /// That of a status.
    #[must_use]
    pub fn of(status: &Status) -> Self {
        Self {
            uploaded_at: status.manifest.uploaded_at,
            number: status.build.attempt,
        }
    }

    /// That of what has these tags; none if they name none.
    fn of_tags(tags: &BTreeMap<String, String>) -> Option<Self> {
        let (uploaded_at, number) = tags.get(ATTEMPT_TAG)?.rsplit_once(' ')?;
        Some(Self {
            uploaded_at: uploaded_at.parse().ok()?,
            number: number.parse().ok()?,
        })
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.uploaded_at, self.number)
    }
}

/// Whether these tags say that something was made for this manifest, whatever version of it.
#[must_use]
pub fn is_of_manifest(status: &Status, tags: &BTreeMap<String, String>) -> bool {
    tags.get(MANIFEST_TAG) == Some(&status.manifest.uri())
}

/// Whether these tags are of an attempt that came after this one of the same manifest. An attempt that is being cleaned
/// up is the last: the next begins when it has ended.
#[must_use]
pub fn is_later_attempt(status: &Status, tags: &BTreeMap<String, String>) -> bool {
    let theirs = Attempt::of_tags(tags);
    is_of_manifest(status, tags) && theirs.is_some_and(|theirs| theirs > Attempt::of(status))
}

/// The attempt, this one or another, to make this version of the manifest that these tags are of; none if they are of
/// something else. They are just those that this attempt gives to what it makes.
#[must_use]
pub fn attempt_of_version(status: &Status, tags: &BTreeMap<String, String>) -> Option<Attempt> {
    let theirs = Attempt::of_tags(tags).filter(|_| has_tags(tags, &ownership_tags(status)))?;
    (tags.get(ATTEMPT_TAG) == Some(&theirs.to_string())).then_some(theirs)
}

/// Whether another attempt than this one has made an AMI: its tags say so, or that it is older. A status that was lost and
/// is written anew for the same upload is of the attempt that the tags name.
#[must_use]
pub fn is_of_other_attempt(status: &Status, image: &ObservedImage) -> bool {
    let since = status.build.started_at.checked_sub(CLOCKS).ok();
    let is_older = matches!((image.created_at, since), (Some(at), Some(since)) if at < since);
    let theirs = image.tags.get(ATTEMPT_TAG);
    is_older || theirs.is_some_and(|it| *it != Attempt::of(status).to_string())
}

/// Whether these tags are of the version with this digest. An older amiwright did not write down which that was: then they have
/// to be of another version than the current one, and of no later attempt.
#[must_use]
pub fn is_of_version(
    status: &Status,
    digest: Option<&String>,
    tags: &BTreeMap<String, String>,
) -> bool {
    let theirs = tags.get(DIGEST_TAG);
    let is_version = match digest {
        Some(_) => theirs == digest,
        None => {
            let current = ownership_tags(status);
            theirs.is_some_and(|it| current.get(DIGEST_TAG) != Some(it))
                && !is_later_attempt(status, tags)
        }
    };
    is_version && is_of_manifest(status, tags)
}

/// Whether an AMI, a snapshot or a bundle (by its key) is an earlier version's, which is kept.
#[must_use]
pub fn is_previous(status: &Status, what: &str) -> bool {
    status.previous.iter().any(|version| {
        let mut regions = version.regions.values();
        let is_bundle = version.bundle.as_ref().is_some_and(|it| it.key == what);
        is_bundle || regions.any(|it| it.image == what || it.snapshots.iter().any(|id| id == what))
    })
}

/// Whether something with this id and these tags was left by this very attempt, and may be deleted: neither what an
/// earlier version keeps nor what was kept of an AMI that was retired.
#[must_use]
pub fn is_left_by_attempt(status: &Status, id: &str, tags: &BTreeMap<String, String>) -> bool {
    has_tags(tags, &creation_tags(status)) && !is_kept(status, id)
}

/// Whether something with this id and these tags was left by an attempt of this version, this one or an earlier one, and may
/// be deleted if nothing uses it.
#[must_use]
pub fn is_left_by_version(status: &Status, id: &str, tags: &BTreeMap<String, String>) -> bool {
    has_tags(tags, &ownership_tags(status)) && !is_kept(status, id)
}

/// Whether an earlier version keeps this, or it was kept of an AMI that was retired.
fn is_kept(status: &Status, id: &str) -> bool {
    let kept = status.retired.iter().flat_map(|it| &it.kept);
    is_previous(status, id) || kept.map(|it| &it.snapshot).any(|it| it == id)
}

/// What every request of this attempt to start a task calls itself ("Ensuring idempotency in Amazon EC2 API requests":
/// at most 64 ASCII characters). What was cancelled and is wanted again is another attempt.
#[must_use]
pub fn client_token(status: &Status) -> String {
    let manifest = &status.manifest;
    let (uri, attempt) = (manifest.uri(), Attempt::of(status));
    let digest = status.build.digest.as_ref().unwrap_or(&manifest.sha256);
    sha256_hex(format!("{uri}\n{digest}\n{attempt}\n").as_bytes())
}

/// What every request for this copy of the AMI calls itself: in this Region, and after so many copies that failed. EC2
/// answers the token of a failed copy with that copy.
#[must_use]
pub fn copy_token(status: &Status, region: &str, attempt: u32) -> String {
    let version = client_token(status);
    sha256_hex(format!("{version}\n{region}\n{attempt}\n").as_bytes())
}

/// The description of a parameter that points to this AMI. It proves that the parameter's value was written for this
/// manifest: whoever writes another value keeps the description or writes their own (PutParameter), and neither names both.
#[must_use]
pub fn parameter_description(status: &Status, image: &str) -> String {
    format!("amiwright: {image} of {}", status.manifest.uri())
}

/// The manifest that a parameter was written for which has this description and holds this AMI; none if it was written by
/// somebody else.
#[must_use]
pub fn parameter_owner<'a>(description: &'a str, image: &str) -> Option<&'a str> {
    let named = description.strip_prefix("amiwright: ")?;
    named.strip_prefix(image)?.strip_prefix(" of ")
}

/// Whether something has all of these tags.
#[must_use]
pub fn has_tags(tags: &BTreeMap<String, String>, expected: &BTreeMap<String, String>) -> bool {
    expected
        .iter()
        .all(|(key, value)| tags.get(key) == Some(value))
}

/// Judges the AMIs that have our manifest's ownership tag or the name. One that EC2 may only still show (`is_going`) counts
/// where there is no other.
#[must_use]
pub fn judge(status: &Status, found: &[ObservedImage], is_going: impl Fn(&str) -> bool) -> Lookup {
    let ownership = ownership_tags(status);
    let is_ours = |image: &&ObservedImage| has_tags(&image.tags, &ownership);
    let mut ours: Vec<&ObservedImage> = found
        .iter()
        .filter(is_ours)
        .filter(|image| exists(image))
        .collect();
    ours.sort_by(|one, other| one.id.cmp(&other.id));
    ours.dedup_by(|one, other| one.id == other.id);
    match ours.iter().all(|image| is_going(&image.id)) {
        true => ours.truncate(1),
        false => ours.retain(|image| !is_going(&image.id)),
    }
    match ours.as_slice() {
        [only] => return Lookup::Ours((*only).clone()),
        [] => {}
        several => return Lookup::Several(several.iter().map(|image| image.id.clone()).collect()),
    }
    found
        .iter()
        .filter(|image| status.build.name.as_deref() == Some(&image.name) && exists(image))
        .min_by_key(|image| is_going(&image.id))
        .map_or(Lookup::Absent, |image| Lookup::NameTaken(image.clone()))
}

/// A deregistered AMI may still be listed; it no longer stands for anything.
fn exists(image: &ObservedImage) -> bool {
    image.state != "deregistered"
}
