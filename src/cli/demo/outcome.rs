//! The outcome of the demo, and the expected one.

use std::collections::{BTreeMap, BTreeSet};

use localaws::ec2::{Image, ImageState, Snapshot};
use mail_parser::MessageParser;

use super::examples::{BUNDLE, CANCELLED, MANIFESTS, MISTAKES, Manifest, REGION, SUCCESSFUL};
use super::state;
use crate::cli::error::Error;
use crate::cli::local_stack::{LocalStack, SNAPSHOT};
use crate::image::Status;
use crate::image::observed::{ATTEMPT_TAG, DIGEST_TAG, MANIFEST_TAG};
use crate::image::words::{State, counted};
use crate::keys;
use crate::manifest::bundle::default_image_name;
use crate::manifest::location::s3_uri;
use crate::manifest::{image, sha256_hex};

/// The number of problems in the manifest that has some.
const EXPECTED_PROBLEMS: usize = 3;

/// What exists after the demo.
#[derive(Debug)]
pub(super) struct Outcome {
    bucket: String,
    /// The AMIs, in the order of their registration.
    pub(super) images: Vec<Image>,
    /// The emails, in the order of their arrival.
    pub(super) emails: Vec<Email>,
    snapshots: Vec<Snapshot>,
    statuses: BTreeMap<&'static str, Option<Status>>,
    open: Vec<String>,
    dead_letters: Vec<String>,
    failures: Vec<String>,
}

/// An email as it was received.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Email {
    /// Header `From`.
    pub(super) from: String,
    /// Header `To`.
    pub(super) to: String,
    /// Header `Subject`, decoded.
    pub(super) subject: String,
    /// The text, decoded.
    pub(super) text: String,
}

/// An AMI that should exist.
struct Expected {
    name: String,
    tags: BTreeMap<String, String>,
}

impl Outcome {
    /// Reads everything.
    pub(super) async fn gather(stack: &LocalStack) -> Result<Self, Error> {
        let world = &stack.world;
        let mut statuses = BTreeMap::new();
        for manifest in MANIFESTS {
            statuses.insert(manifest.key, state::status(stack, manifest.key).await?);
        }
        let open = world
            .s3()
            .keys(&stack.state_bucket, keys::OPEN_MARKERS)
            .await;
        let emails = world
            .mailbox()
            .map_err(|error| Error::from_source("cannot read the emails", error))?;
        Ok(Self {
            bucket: stack.bucket.clone(),
            images: world.ec2().images(world.region()),
            snapshots: world.ec2().snapshots(world.region()),
            emails: emails
                .iter()
                .map(|(_, content)| Email::read(content))
                .collect(),
            statuses,
            open: open
                .map_err(|error| Error::from_source("cannot list the open markers", error))?,
            dead_letters: world
                .dead_letters()
                .iter()
                .map(|letter| format!("{}: {}", letter.function, letter.record))
                .collect(),
            failures: world
                .invocations()
                .iter()
                .filter_map(|record| {
                    Some(format!(
                        "{}: {}",
                        record.function,
                        record.outcome.as_ref().err()?
                    ))
                })
                .collect(),
        })
    }

    /// The differences from the expected outcome.
    pub(super) fn differences(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let expected = self.expected(&mut wrong);
        self.compare_images(&expected, &mut wrong);
        self.compare_emails(&expected, &mut wrong);
        self.find_orphans(&mut wrong);
        let problems = self
            .statuses
            .get(MISTAKES.key)
            .and_then(Option::as_ref)
            .map_or(0, |status| status.problems.len());
        if problems != EXPECTED_PROBLEMS {
            wrong.push(format!(
                "{} has {}, not {EXPECTED_PROBLEMS}",
                MISTAKES.key,
                counted(problems, "problem")
            ));
        }
        wrong.extend(self.open.iter().map(|key| format!("still open: {key}")));
        wrong.extend(
            self.dead_letters
                .iter()
                .map(|letter| format!("an event failed for good: {letter}")),
        );
        wrong.extend(
            self.failures
                .iter()
                .map(|failure| format!("an invocation failed: {failure}")),
        );
        wrong
    }

    /// The differences from an earlier outcome.
    pub(super) fn changes_since(&self, before: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        if self.images != before.images {
            changes.push("the second upload changed the AMIs".to_owned());
        }
        if self.snapshots != before.snapshots {
            changes.push("the second upload changed the snapshots".to_owned());
        }
        let more = self.emails.len().saturating_sub(before.emails.len());
        if more > 0 {
            changes.push(format!("the second upload sent {}", counted(more, "email")));
        }
        if self.open != before.open {
            changes.push(format!(
                "after the second upload there is still open: {}",
                self.open.join(", ")
            ));
        }
        if self.dead_letters != before.dead_letters || self.failures != before.failures {
            changes.push("after the second upload invocations failed".to_owned());
        }
        changes
    }

    /// The AMIs that the examples describe, derived from the examples themselves.
    fn expected(&self, wrong: &mut Vec<String>) -> Vec<Expected> {
        let mut expected = Vec::new();
        for manifest in &SUCCESSFUL {
            match self.expected_of(manifest) {
                Ok(image) => expected.push(image),
                Err(why) => wrong.push(why),
            }
        }
        let digest = sha256_hex(BUNDLE.content);
        let (name, tags) = (
            default_image_name(BUNDLE.key, &digest),
            self.ownership(BUNDLE.key, &digest),
        );
        expected.push(Expected { name, tags });
        expected
    }

    /// The AMI that an image manifest describes, with the date of its upload.
    fn expected_of(&self, manifest: &Manifest) -> Result<Expected, String> {
        let Manifest { key, content } = manifest;
        let read = image::parse(key, content, jiff::Timestamp::UNIX_EPOCH)
            .map_err(|problems| format!("{key} has {}", counted(problems.len(), "problem")))?;
        let status = self.statuses.get(key).and_then(Option::as_ref);
        let status = status.ok_or_else(|| format!("{key} has no status"))?;
        // What the manifest asks to be built, and the version of the object that it is made from.
        let object = status.build.object.as_ref();
        let source_version = object.map_or("", |object| &*object.etag);
        let digest = format!("{}\n{source_version}\n", read.build.digest());
        let digest = sha256_hex(digest.as_bytes());
        let mut tags = self.ownership(key, &digest);
        tags.extend(read.publish.tags.clone());
        let name = read.build.name.expand(status.manifest.uploaded_at, &digest);
        Ok(Expected { name, tags })
    }

    /// A cancelled image leaves nothing: every snapshot belongs to an AMI, or existed from the start.
    fn find_orphans(&self, wrong: &mut Vec<String>) {
        let used: BTreeSet<&str> = self
            .images
            .iter()
            .flat_map(|image| &image.block_device_mappings)
            .filter_map(|mapping| mapping.ebs.as_ref()?.snapshot_id.as_deref())
            .chain([SNAPSHOT])
            .collect();
        let left = self.snapshots.iter().map(|snapshot| snapshot.id.as_str());
        wrong.extend(
            left.filter(|id| !used.contains(id))
                .map(|id| format!("the snapshot {id} is left over")),
        );
        let status = self.statuses.get(CANCELLED.key).and_then(Option::as_ref);
        let state = status.map(|status| status.state);
        if state != Some(State::Cancelled) {
            let state =
                state.map_or_else(|| "without a status".to_owned(), |state| state.to_string());
            wrong.push(format!("{} is {state}, not cancelled", CANCELLED.key));
        }
    }

    fn ownership(&self, key: &str, digest: &str) -> BTreeMap<String, String> {
        BTreeMap::from([
            (MANIFEST_TAG.to_owned(), s3_uri(&self.bucket, key)),
            (DIGEST_TAG.to_owned(), digest.to_owned()),
        ])
    }

    fn compare_images(&self, expected: &[Expected], wrong: &mut Vec<String>) {
        if self.images.len() != expected.len() {
            wrong.push(format!(
                "there are {} instead of {}",
                counted(self.images.len(), "AMI"),
                expected.len()
            ));
        }
        for Expected { name, tags } in expected {
            let Some(image) = self.images.iter().find(|image| image.name == *name) else {
                wrong.push(format!("missing AMI: {name}"));
                continue;
            };
            if image.state != ImageState::Available {
                wrong.push(format!("{name} is {}, not available", image.state));
            }
            let mut others = image.tags.clone();
            if others.remove(ATTEMPT_TAG).is_none() || others != *tags {
                wrong.push(format!(
                    "{name} has the tags {:?}, not {tags:?} and {ATTEMPT_TAG}",
                    image.tags
                ));
            }
        }
    }

    fn compare_emails(&self, expected: &[Expected], wrong: &mut Vec<String>) {
        let mut subjects: BTreeSet<String> = expected
            .iter()
            .map(|image| format!("Available: {} ({REGION})", image.name))
            .collect();
        let cancelled = self.statuses.get(CANCELLED.key).and_then(Option::as_ref);
        let name = cancelled.and_then(|status| status.build.name.as_deref());
        subjects.insert(format!("Cancelled: {} ({REGION})", name.unwrap_or("?")));
        subjects.insert(format!(
            "Rejected: {} ({REGION}): {}",
            MISTAKES.key,
            counted(EXPECTED_PROBLEMS, "problem")
        ));
        if self.emails.len() != subjects.len() {
            wrong.push(format!(
                "there are {} instead of {}",
                counted(self.emails.len(), "email"),
                subjects.len()
            ));
        }
        let received: BTreeSet<String> = self
            .emails
            .iter()
            .map(|email| email.subject.clone())
            .collect();
        wrong.extend(
            subjects
                .difference(&received)
                .map(|subject| format!("missing email: \"{subject}\"")),
        );
        wrong.extend(
            received
                .difference(&subjects)
                .map(|subject| format!("unexpected email: \"{subject}\"")),
        );
    }
}

impl Email {
    fn read(content: &[u8]) -> Self {
        let Some(message) = MessageParser::default().parse(content) else {
            let text = String::from_utf8_lossy(content).into_owned();
            return Self {
                from: String::new(),
                to: String::new(),
                subject: "(not an email)".to_owned(),
                text,
            };
        };
        let address = |address: Option<&mail_parser::Address<'_>>| {
            let first = address.and_then(|address| address.first());
            let mailbox = first.and_then(|first| first.address()).unwrap_or_default();
            match first.and_then(|first| first.name()) {
                Some(name) => format!("{name} <{mailbox}>"),
                None => mailbox.to_owned(),
            }
        };
        Self {
            from: address(message.from()),
            to: address(message.to()),
            subject: message.subject().unwrap_or_default().to_owned(),
            text: message
                .body_text(0)
                .unwrap_or_default()
                .replace("\r\n", "\n"),
        }
    }
}
