//! `check-manifest`: does the manifest pass the checks?

use crate::image::message::failures;
use crate::image::outcome::{Evidence, StepOutcome};
use crate::image::ownership::{self, TAG_VALUE_MAX};
use crate::image::status::Status;
use crate::image::words::WaitReason;
use crate::limits::MANIFEST_BYTES;
use crate::manifest::Problem;
use crate::manifest::characters::Text;
use crate::manifest::key;
use crate::manifest::text;
use crate::reconcile::manifest_reader::ManifestRead;
use crate::reconcile::step_context::StepContext;

pub(super) fn run(step: StepContext<'_>) -> StepOutcome {
    let version = &step.status.manifest;
    // Nobody but the sweep comes with such a key, to tell of it.
    if key::kind(&version.key).is_none() {
        return StepOutcome::Reject(vec![misnamed(&version.key)]);
    }
    if !version.was_read() {
        return StepOutcome::Reject(vec![too_large()]);
    }
    // Whatever is there by now is another version.
    if version.is_empty() {
        let (bucket, key) = (version.bucket.clone(), version.key.clone());
        return StepOutcome::Wait(WaitReason::ObjectEmpty { bucket, key });
    }
    match step.manifest {
        ManifestRead::Spec(spec) => match tag_problem(step.status) {
            Some(problem) => StepOutcome::Reject(vec![problem]),
            None => {
                let accepted = spec.accepted(version, step.config().notify_started);
                StepOutcome::Advance(Evidence::ManifestAccepted(accepted))
            }
        },
        ManifestRead::Invalid(problems) => StepOutcome::Reject(problems.clone()),
        ManifestRead::Gone | ManifestRead::Unread => StepOutcome::Fail(failures::manifest_gone()),
    }
}

/// The ownership tag has to hold the manifest's address: without it there is no proof whose the AMI is.
fn tag_problem(status: &Status) -> Option<Problem> {
    if let Some(c) = status.manifest.key.chars().find(|c| !is_taken(*c)) {
        let (what, code) = (
            if c.is_control() {
                "control"
            } else {
                "invisible"
            },
            u32::from(c),
        );
        let problem = Problem::new(format!(
            "the manifest's key has the {what} character U+{code:04X}, which a tag cannot have"
        ));
        return Some(problem.with_hint("name it with letters, digits and usual punctuation"));
    }
    let longest = ownership::creation_tags(status)
        .values()
        .map(|value| value.chars().count())
        .max()
        .unwrap_or(0);
    (longest > TAG_VALUE_MAX).then(|| {
        Problem::new(format!(
            "the manifest's address has {longest} characters; a tag of the AMI has to hold it"
        ))
        .with_hint(format!(
            "give the manifest a shorter key: at most {TAG_VALUE_MAX} characters with the name of its bucket"
        ))
        .with_rule("EC2 User Guide, \"Tag restrictions\"")
    })
}

/// Whether a character of a key may be in a tag, and in a filter for it. EC2 answers no request with what XML cannot hold, so
/// that not even a lookup of the tag would be answered.
/// Invisible characters are refused as well: two keys that look the same are not.
fn is_taken(c: char) -> bool {
    text::is_printable(c) && Text::Tag.takes(c)
}

/// An object that is not a manifest by its name.
fn misnamed(key: &str) -> Problem {
    let problem = Problem::new("the name has to end in .image.yaml, .image.yml or .image.json");
    match key::meant(key) {
        Some(meant) => problem.with_hint(format!("upload it as {meant}")),
        None => problem,
    }
}

/// A manifest, or a bundle's, that is too large to be read.
pub(super) fn too_large() -> Problem {
    Problem::new(format!(
        "the manifest is too large: at most {MANIFEST_BYTES} bytes are read"
    ))
    .with_hint("a manifest is a short text: is this the image itself?")
}
