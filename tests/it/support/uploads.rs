//! When somebody asked for something else, and for what.

use amiwright::manifest::image::{PublishSpec, parse};
use jiff::{SignedDuration, Timestamp};
use localaws::faults::Call;

use super::stack::TestStack;

/// For how long an invocation may still do what a manifest said when it began (Lambda's limit).
const INVOCATION: SignedDuration = SignedDuration::from_mins(15);

/// An upload or a removal, or another moment from which on something else may be done.
#[derive(Debug, Clone)]
pub(super) struct Upload {
    /// How many calls came before it.
    pub(super) number: u64,
    pub(super) at: Timestamp,
    /// The object in the manifest bucket, and its content; none if it was removed.
    pub(super) object: Option<(String, Option<Vec<u8>>)>,
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
        let upload = Upload {
            number: self.world.faults().count(),
            at: self.world.clock().now(),
            object,
        };
        self.uploads.lock().unwrap().push(upload);
    }
}

/// What a manifest, of which its AMIs have the address, may have said to the invocation that made a call: what it said last,
/// and what it said a moment before. None where it was not there, or could not be read.
pub(super) fn said(uploads: &[Upload], manifest: &str, call: &Call) -> Vec<Option<PublishSpec>> {
    let mut specs = Vec::new();
    for upload in uploads.iter().rev() {
        let Some((key, content)) = upload
            .object
            .as_ref()
            .filter(|_| upload.number < call.number)
        else {
            continue;
        };
        if !is_of(manifest, key) {
            continue;
        }
        let read = content
            .as_ref()
            .and_then(|it| parse(key, it, upload.at).ok());
        specs.push(read.map(|it| it.publish));
        if call.at.duration_since(upload.at) > INVOCATION {
            break;
        }
    }
    specs
}

fn is_of(manifest: &str, key: &str) -> bool {
    let path = manifest.strip_prefix("s3://");
    let own = path.and_then(|path| path.split_once('/'));
    own.is_some_and(|(_, own)| own == key)
}
