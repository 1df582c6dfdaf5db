//! When somebody asked for something else, and for what.

use std::collections::BTreeSet;

use amiwright::manifest::image::{ImageManifest, PublishSpec, Source, parse, parse_within};
use amiwright::manifest::location::{Location, s3_uri};
use amiwright::manifest::sha256_hex;
use jiff::{SignedDuration, Timestamp};
use localaws::ec2::Image;
use localaws::faults::Call;
use md5::{Digest as _, Md5};

use super::order::{DIGEST_TAG, MANIFEST_TAG};
use super::stack::TestStack;

/// For how long an invocation may still do what a manifest said when it began (Lambda's limit). If the event of an upload is lost,
/// nobody may have read it for as long: the next sweep does.
const INVOCATION: SignedDuration = SignedDuration::from_mins(15);

/// An upload or a removal, or another moment from which on something else may be done.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    /// How many calls came before it.
    pub(super) number: u64,
    pub(super) at: Timestamp,
    /// The object in the manifest bucket, and its content; none if it was removed.
    pub(super) object: Option<(String, Option<Vec<u8>>)>,
    /// Whether it is a manifest that is rejected: a version that was begun before goes on.
    pub(super) is_rejected: bool,
}

impl TestStack {
    /// From now on something else may be asked for, or be done.
    pub(crate) fn note_upload(&self) {
        self.note(None);
    }

    /// An object was uploaded or removed.
    pub(super) fn note_object(&self, bucket: &str, key: &str, content: Option<&[u8]>) {
        let content = content.map(<[u8]>::to_vec);
        let object = (bucket == self.bucket).then(|| (key.to_owned(), content));
        self.note(object);
    }

    fn note(&self, object: Option<(String, Option<Vec<u8>>)>) {
        let at = self.world.clock().now();
        let guardrails = || self.config().guardrails;
        let is_rejected = object.as_ref().is_some_and(|(key, content)| {
            let content = content.as_ref();
            content.is_some_and(|it| parse_within(key, it, at, &guardrails()).is_err())
        });
        let upload = Upload {
            number: self.world.faults().count(),
            at,
            object,
            is_rejected,
        };
        self.uploads.lock().unwrap().push(upload);
    }
}

/// What the manifest of an AMI may have said to the invocation that made a call: what it said last, what it said a moment
/// before, and all since the version that the AMI is of, for a version that was begun is finished. None where it was not
/// there, or could not be read.
pub(super) fn said(uploads: &[Upload], image: &Image, call: &Call) -> Vec<Option<PublishSpec>> {
    let manifest = image.tags.get(MANIFEST_TAG).map_or("", String::as_str);
    let earlier = || uploads.iter().filter(|it| it.number < call.number);
    let objects = earlier().filter_map(|it| it.object.as_ref());
    let mut source_versions: Vec<String> = objects
        .filter_map(|(_, content)| content.as_ref())
        .map(|content| etag(content))
        .collect();
    source_versions.push(String::new());
    let is_own = |read: &ImageManifest| {
        let mut digests = source_versions.iter().map(|it| digest(read, it));
        digests.any(|it| image.tags.get(DIGEST_TAG) == Some(&it))
    };
    let (mut specs, mut lately, mut own, mut unknown) = (Vec::new(), None, None, None);
    let (mut is_read, mut ended, mut until) = (false, None, call.at);
    for upload in uploads.iter().rev() {
        let of_manifest = upload
            .object
            .as_ref()
            .filter(|(key, _)| is_of(manifest, key));
        let Some((key, content)) = of_manifest.filter(|_| upload.number < call.number) else {
            continue;
        };
        let read = content
            .as_ref()
            .and_then(|it| parse(key, it, upload.at).ok());
        let is_own = read.as_ref().is_some_and(is_own);
        let source = read.as_ref().map(|it| &it.build.source);
        let is_unknown = source.is_some_and(|it| is_not_uploaded(it, manifest));
        specs.push(read.map(|it| it.publish));
        if call.at.duration_since(upload.at) > INVOCATION {
            lately = lately.or(Some(specs.len()));
        }
        if is_own && !upload.is_rejected && !is_read {
            own = Some(specs.len());
            let ended = *ended.get_or_insert(until);
            is_read = ended.duration_since(upload.at) > INVOCATION;
        }
        until = upload.at;
        // Which of these versions the AMI is of is not known here.
        if is_unknown && !upload.is_rejected {
            unknown = Some(specs.len());
        }
    }
    let lately = lately.unwrap_or(specs.len());
    specs.truncate(lately.max(own.or(unknown).unwrap_or(0)));
    specs
}

/// Whether it is made from an object that nobody uploaded to the manifest's bucket: one in which EC2 has stored an AMI, or one in
/// another bucket.
fn is_not_uploaded(source: &Source, manifest: &str) -> bool {
    let is_elsewhere = |object: &Location| match object {
        Location::S3(address) => !manifest.starts_with(&s3_uri(&address.bucket, "")),
        Location::Relative(_) => false,
    };
    matches!(source, Source::Stored(_)) || source.objects().into_iter().any(is_elsewhere)
}

/// The digest of a version of a manifest, made from an object with this ETag.
fn digest(read: &ImageManifest, source_version: &str) -> String {
    let build = read.build.digest();
    sha256_hex(format!("{build}\n{source_version}\n").as_bytes())
}

/// The ETags of an object's contents with which a version of a manifest has a digest. None if it is not known which that are, as
/// it is of a version that is made from several.
pub(super) fn versions_of(
    uploads: &[Upload],
    (manifest, digest_tag): (&str, &str),
    object: &str,
) -> BTreeSet<String> {
    let of = |key: &str| {
        let objects = uploads
            .iter()
            .filter_map(|it| Some((it.at, it.object.as_ref()?)));
        let of_key: Vec<_> = objects
            .filter(|(_, (at, _))| at == key)
            .filter_map(|(at, (_, content))| Some((at, content.as_ref()?)))
            .collect();
        of_key
    };
    let etags: BTreeSet<String> = of(object).iter().map(|(_, it)| etag(it)).collect();
    let Some((_, key)) = manifest
        .strip_prefix("s3://")
        .and_then(|it| it.split_once('/'))
    else {
        return BTreeSet::new();
    };
    let read = of(key)
        .into_iter()
        .filter_map(|(at, it)| parse(key, it, at).ok());
    read.flat_map(|read| {
        let is_meant = |it: &&String| digest(&read, it) == digest_tag;
        etags.iter().filter(is_meant).cloned().collect::<Vec<_>>()
    })
    .collect()
}

/// The ETag of an object before a call; none if it was not there.
pub(super) fn etag_before(uploads: &[Upload], object: &str, number: u64) -> Option<String> {
    let earlier = uploads.iter().filter(|it| it.number < number);
    let mut of_object = earlier.filter_map(|it| it.object.as_ref().filter(|it| it.0 == object));
    of_object.next_back()?.1.as_deref().map(etag)
}

/// What S3 calls an object of this content that came in one piece.
pub(crate) fn etag(content: &[u8]) -> String {
    let digest = Md5::digest(content);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{hex}\"")
}

fn is_of(manifest: &str, key: &str) -> bool {
    let path = manifest.strip_prefix("s3://");
    let own = path.and_then(|path| path.split_once('/'));
    own.is_some_and(|(_, own)| own == key)
}
