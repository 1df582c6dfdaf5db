//! What is waited for, in words.

use crate::image::words::{WaitReason, counted};
use crate::manifest::location::s3_uri;

/// What is waited for, in one line.
#[must_use]
pub fn wait_text(reason: &WaitReason) -> String {
    match reason {
        WaitReason::ObjectMissing { bucket, key } => {
            format!("{} is not uploaded yet", s3_uri(bucket, key))
        }
        WaitReason::BundleManifestMissing { bucket, key } => {
            format!("the bundle's manifest {} is not uploaded yet", s3_uri(bucket, key))
        }
        WaitReason::PartsMissing { missing, of, first } => {
            let others = match missing {
                0 | 1 => String::new(),
                more => format!(" and {} more", more - 1),
            };
            format!(
                "{missing} of {} not uploaded yet: {first}{others}",
                counted(*of, "part")
            )
        }
        WaitReason::PartsSizeMismatch { size, expected } => {
            format!("the bundle's parts add up to {size} bytes, its manifest says {expected}")
        }
        WaitReason::ManifestGone => {
            "the manifest, or what it names, was removed or replaced; checking whether anything was started for it"
                .to_owned()
        }
        WaitReason::RateLimited { action } => {
            format!("{action} is rate limited; retrying on the next tick")
        }
        WaitReason::Retrying { code, message } => {
            format!("retrying: {}", with_code(code.as_deref(), message))
        }
        WaitReason::InstanceBusy { instance, task } => {
            let by = task.as_deref().unwrap_or("a task");
            format!(
                "{instance} is being bundled by {by}, which is not this manifest's; waiting for its end"
            )
        }
        WaitReason::StoreUnanswered { image, asked_at } => format!(
            "EC2 was asked at {asked_at} to store {image} and did not answer; checking whether it does"
        ),
        WaitReason::CancelUnanswered => {
            "to be cancelled; checking whether anything was started for it".to_owned()
        }
        WaitReason::CancelRefused { code, message } => format!(
            "EC2 does not cancel it ({}); waiting for its end, and what it makes will be deleted",
            with_code(code.as_deref(), message)
        ),
        WaitReason::ImageNotVisible { image } => {
            format!("waiting until EC2 shows {image}, to deregister it")
        }
        WaitReason::DeletionNotVisible => {
            "waiting until what was deleted is no longer shown".to_owned()
        }
    }
}

/// `Code: message`.
pub(super) fn with_code(code: Option<&str>, message: &str) -> String {
    match code {
        Some(code) => format!("{code}: {message}"),
        None => message.to_owned(),
    }
}
