//! The life of one image, as values.

mod look;
mod message;
mod notice;
mod plan;
mod transition;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::observed::{DIGEST_TAG, MANIFEST_TAG, ObservedImage};
use super::status::{BundleVersion, Image, ManifestVersion, Status, Step, Waiting};
use super::transition::{self as becomes, Accepted, Identity};

const REGION: &str = "us-east-1";

/// So many minutes after the upload.
fn after(minutes: i64) -> Timestamp {
    let uploaded: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
    uploaded + SignedDuration::from_mins(minutes)
}

fn manifest(sha256: &str) -> ManifestVersion {
    ManifestVersion {
        bucket: "images".to_owned(),
        key: "golden/web.image.yaml".to_owned(),
        etag: "\"0123\"".to_owned(),
        version_id: None,
        sha256: sha256.to_owned(),
        uploaded_at: after(0),
        repeated_at: None,
    }
}

/// Just uploaded.
fn opened() -> Status {
    becomes::open(None, manifest("aaaa0000aaaa"), after(0))
}

/// Checked, and about to be registered as `web`.
fn accepted() -> Status {
    let mut status = opened();
    let identity = Identity {
        name: "web".to_owned(),
        digest: status.manifest.sha256.clone(),
    };
    let accepted = Accepted {
        source: "snapshot".to_owned(),
        identity: Some(identity),
        store: None,
        first: Step::RegisterImage,
    };
    becomes::accept(&mut status, accepted, false, after(0));
    status
}

/// Checked, and waiting for its bundle.
fn awaiting_bundle() -> Status {
    let mut status = opened();
    let accepted = Accepted {
        source: "bundle".to_owned(),
        identity: None,
        store: None,
        first: Step::CheckBundle,
    };
    becomes::accept(&mut status, accepted, false, after(0));
    status
}

/// Registered as `ami-1`.
fn registered() -> Status {
    let mut status = accepted();
    let image = Image {
        id: "ami-1".to_owned(),
        state: "pending".to_owned(),
        unseen_since: None,
        snapshots: Vec::new(),
    };
    becomes::registered(&mut status, REGION, image, "registered", after(0));
    status
}

/// Available after one minute.
fn available() -> Status {
    let mut status = registered();
    assert!(becomes::image_seen(
        &mut status,
        REGION,
        Some(&seen("available")),
        after(1)
    ));
    status
}

/// `ami-1` with its ownership tags, in this state.
fn seen(state: &str) -> ObservedImage {
    ObservedImage {
        id: "ami-1".to_owned(),
        name: "web".to_owned(),
        state: state.to_owned(),
        reason: None,
        tags: BTreeMap::from([
            (
                MANIFEST_TAG.to_owned(),
                "s3://images/golden/web.image.yaml".to_owned(),
            ),
            (DIGEST_TAG.to_owned(), "aaaa0000aaaa".to_owned()),
        ]),
        snapshots: vec!["snap-1".to_owned()],
    }
}

fn bundle(sha256: &str) -> BundleVersion {
    BundleVersion {
        bucket: "images".to_owned(),
        key: "golden/web.manifest.xml".to_owned(),
        etag: "\"4567\"".to_owned(),
        sha256: sha256.to_owned(),
        virtualization_type: "hvm".to_owned(),
    }
}

fn waiting(message: &str) -> Waiting {
    Waiting::new(message)
}
