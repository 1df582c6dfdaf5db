//! What is waited for, in words.

use jiff::Timestamp;

use super::quoting::{quoted, word};
use super::release;
use crate::image::status::OrphanReason;
use crate::image::words::{WaitReason, counted};
use crate::manifest::location::s3_uri;

/// What is waited for, in one line.
#[must_use]
pub fn wait_text(reason: &WaitReason) -> String {
    match reason {
        WaitReason::ObjectMissing { bucket, key } => {
            format!("{} is not uploaded yet", address(bucket, key))
        }
        WaitReason::ObjectEmpty { bucket, key } => {
            let object = address(bucket, key);
            format!("{object} is empty: its content is not uploaded yet")
        }
        WaitReason::BundleManifestMissing { bucket, key } => {
            let manifest = address(bucket, key);
            format!("the bundle's manifest {manifest} is not uploaded yet")
        }
        WaitReason::PartsMissing { missing, of, first } => parts_missing(*missing, *of, first),
        WaitReason::PartsSizeMismatch { size, expected } => {
            format!("the bundle's parts add up to {size} bytes, its manifest says {expected}")
        }
        WaitReason::ManifestGone => {
            "the manifest, or what it names, was removed or replaced; checking whether anything was started for it"
                .to_owned()
        }
        WaitReason::RateLimited { action } => {
            format!("{} is rate limited; retrying on the next tick", word(action))
        }
        WaitReason::Retrying { code, message } => {
            format!("retrying: {}", with_code(code.as_deref(), message))
        }
        WaitReason::InstanceBusy { instance, task } => {
            let by = task.as_deref().map_or_else(|| "a task".to_owned(), word);
            let instance = word(instance);
            format!(
                "{instance} is being bundled by {by}, which is not this attempt's; waiting for its end"
            )
        }
        WaitReason::StoreUnanswered { image, asked_at } => format!(
            "EC2 was asked at {asked_at} to store {} and did not answer; checking whether it does",
            word(image)
        ),
        WaitReason::CancelUnanswered => {
            "to be cancelled; checking whether anything was started for it".to_owned()
        }
        WaitReason::CancelRefused { code, message } => format!(
            "EC2 does not cancel it ({}); waiting for its end, and what it makes will be deleted",
            with_code(code.as_deref(), message)
        ),
        WaitReason::Unproven { what } => {
            format!("waiting until EC2 shows by its tags that {} was made for this image", word(what))
        }
        WaitReason::ImageNotVisible { image } => not_visible(image),
        WaitReason::SettingsNotVisible { region } => {
            format!("waiting until EC2 shows in {} what was changed", word(region))
        }
        WaitReason::ProtectionCooldown { image, until } => format!(
            "{} is protected against deregistration until {until}: it is deregistered then",
            word(image)
        ),
        WaitReason::ImagePending { region, image } => format!(
            "{} in {} is still pending: EC2 has not finished making it",
            word(image),
            word(region)
        ),
        WaitReason::NoSuccessor { region, image } => no_successor(region, image),
        WaitReason::CopyPending { region } => {
            format!("waiting until the copy in {} is available", word(region))
        }
        WaitReason::ParameterNotConfirmed { region, name } => release::not_confirmed(region, name),
        WaitReason::DeletionNotVisible => {
            "waiting until what was deleted is no longer shown".to_owned()
        }
    }
}

fn parts_missing(missing: usize, of: usize, first: &str) -> String {
    let others = match missing {
        0 | 1 => String::new(),
        more => format!(" and {} more", more - 1),
    };
    format!(
        "{missing} of {} not uploaded yet: {}{others}",
        counted(of, "part"),
        word(first)
    )
}

fn no_successor(region: &str, image: &str) -> String {
    let (region, image) = (word(region), word(image));
    format!(
        "nothing replaces the previous AMIs in {region}: EC2 does not show that {image} is available and has its tags"
    )
}

fn not_visible(what: &str) -> String {
    format!("waiting until EC2 shows {}", word(what))
}

/// Why something was not deleted, in one line.
#[must_use]
pub fn orphan_text(reason: &OrphanReason) -> String {
    match reason {
        OrphanReason::Unproven => {
            "neither its tags nor an import task that EC2 lists prove that it is this image's"
                .to_owned()
        }
        OrphanReason::Refused { code, message, .. } => with_code(code.as_deref(), message),
        OrphanReason::NeededBy { by } => {
            format!(
                "kept, because {} could not be deleted and may need it",
                word(by)
            )
        }
        OrphanReason::Ambiguous => {
            "several AMIs have the tags of this version: a person has to check".to_owned()
        }
        OrphanReason::AvailableForLong => {
            "it was made more than a day ago, so it may be in use".to_owned()
        }
    }
}

fn address(bucket: &str, key: &str) -> String {
    word(&s3_uri(bucket, key))
}

/// `Code: "message"`.
fn with_code(code: Option<&str>, message: &str) -> String {
    let message = quoted(message);
    match code {
        Some(code) => format!("{}: {message}", word(code)),
        None => message,
    }
}

/// Since when EC2 does not list something.
pub(super) fn not_listed(since: Timestamp) -> String {
    format!("not listed since {since}")
}
