//! Failures that no request was answered with, in words.

use jiff::Timestamp;

use super::retiring::kept_text;
use super::settings::change_line;
use super::waiting::wait_text;
use crate::image::observed::{MANIFEST_TAG, ObservedImage};
use crate::image::publish::CopyFault;
use crate::image::status::{Action, Failure, KeptReason, RegionAction, Status};
use crate::image::task::Task;
use crate::image::words::{Blocker, FailureKind, UnshareableReason, WaitReason};
use crate::manifest::image::INSTANCE_STORE_COPY;

/// The manifest, or what it names, is gone.
#[must_use]
pub fn manifest_gone() -> Failure {
    Failure::new(
        FailureKind::ManifestGone,
        "reading the manifest",
        "the manifest, or its bundle, was removed or replaced before the AMI was made, or stored",
    )
}

/// Another AMI has the name.
#[must_use]
pub fn name_taken(status: &Status, image: &ObservedImage) -> Failure {
    let (name, id) = (&image.name, &image.id);
    let kind = FailureKind::NameTaken {
        image: id.clone(),
        earlier_version: image.tags.get(MANIFEST_TAG) == Some(&status.manifest.uri()),
    };
    Failure {
        code: Some("InvalidAMIName.Duplicate".to_owned()),
        ..Failure::new(
            kind,
            format!("looking for the image {name}"),
            format!("AMI name {name} is already in use by AMI {id}"),
        )
    }
}

/// An AMI of an earlier version has the name and cannot be deregistered for the new one.
#[must_use]
pub fn name_kept(status: &Status, image: &str, why: &KeptReason) -> Failure {
    let name = status.build.name.as_deref().unwrap_or_default();
    let kind = FailureKind::NameTaken {
        image: image.to_owned(),
        earlier_version: true,
    };
    let why = kept_text(why);
    Failure::new(
        kind,
        format!("making room for the image {name}"),
        format!("AMI name {name} is in use by AMI {image}, which is not deregistered: {why}"),
    )
}

/// More than one AMI has the ownership tags.
#[must_use]
pub fn several_images(images: Vec<String>) -> Failure {
    let message = format!(
        "{} AMIs have its ownership tags: {}",
        images.len(),
        images.join(", ")
    );
    Failure::new(
        FailureKind::SeveralImages { images },
        "looking for the AMI of this manifest version",
        message,
    )
}

/// There is no usable key to let EC2 write a bundle with.
#[must_use]
pub fn bundle_key(message: String) -> Failure {
    let doing = "reading the key that signs a bundle's upload policy";
    Failure::new(FailureKind::BundleKeyUnusable, doing, message)
}

/// What a task made does not pass the checks.
#[must_use]
pub fn bundle_invalid(task: &Task, message: String) -> Failure {
    let doing = format!("checking what {} {} made", task.kind, task.id);
    Failure::new(FailureKind::BundleInvalid, doing, message)
}

/// The manifest no longer passes the checks that it has passed before the first task: the stack allows less.
#[must_use]
pub fn manifest_not_allowed(message: String) -> Failure {
    let doing = "checking the manifest again";
    Failure::new(FailureKind::ManifestNotAllowed, doing, message)
}

/// A task failed.
#[must_use]
pub fn task_failed(task: &Task) -> Failure {
    let message = task
        .message
        .clone()
        .unwrap_or_else(|| format!("EC2 says that it is {} and gives no reason", task.state));
    Failure {
        code: task.code.clone(),
        ..Failure::new(FailureKind::TaskFailed, polling(task), message)
    }
}

/// A task is complete and names nothing.
#[must_use]
pub fn made_nothing(task: &Task, what: &str) -> Failure {
    let message = format!("EC2 says that it is {} but names no {what}", task.state);
    Failure::new(FailureKind::TaskMadeNothing, polling(task), message)
}

/// EC2 no longer lists a task, and what it would have made is not there.
#[must_use]
pub fn task_lost(task: &Task) -> Failure {
    let progress = task
        .progress
        .map(|progress| format!(" at {progress} %"))
        .unwrap_or_default();
    let since = task
        .unseen_since
        .map(|since| format!(" since {since}"))
        .unwrap_or_default();
    let message = format!(
        "EC2 has not listed the task{since}; it was {}{progress} when it was last seen, and what it would have made is \
         not there",
        task.state
    );
    Failure::new(FailureKind::TaskLost, polling(task), message)
}

fn polling(task: &Task) -> String {
    format!("waiting for {} {}", task.kind, task.id)
}

/// The status names what its manifest does not ask for.
#[must_use]
pub fn not_in_manifest(field: &str, what: &str) -> Failure {
    let message =
        format!("the status has {what} as {field}, which is not what the manifest asks for");
    let kind = FailureKind::NotInManifest {
        what: what.to_owned(),
    };
    Failure::new(kind, "comparing the status with its manifest", message)
}

/// AWS answered with what no status can hold: written down, it could not be read again, nor be asked for.
#[must_use]
pub fn answer_unusable(problem: &str) -> Failure {
    let message = format!("AWS answered with what a status cannot hold: {problem}");
    Failure::new(
        FailureKind::AnswerUnusable,
        "recording AWS's answer",
        message,
    )
}

/// Nothing in EC2 proves that this was made for the image.
#[must_use]
pub fn unproven(what: &str) -> Failure {
    let message = format!(
        "neither the tags of {what} nor an import task that EC2 lists show that it was made for this image"
    );
    let kind = FailureKind::Unproven {
        what: what.to_owned(),
    };
    Failure::new(kind, format!("checking whose {what} is"), message)
}

/// An AMI failed, or was deregistered.
#[must_use]
pub fn image_failed(seen: &ObservedImage) -> Failure {
    let image = seen.id.clone();
    let (code, message) = match &seen.reason {
        Some((code, message)) => (Some(code.clone()), message.clone()),
        None => (
            None,
            format!(
                "EC2 says that {image} is {} and gives no reason",
                seen.state
            ),
        ),
    };
    let doing = format!("waiting for {image} to become available");
    let kind = if seen.state == "deregistered" {
        FailureKind::ImageDeregistered { image }
    } else {
        FailureKind::ImageFailed { image }
    };
    Failure {
        code,
        ..Failure::new(kind, doing, message)
    }
}

/// Somebody has disabled the AMI: it does not become available by waiting.
#[must_use]
pub fn image_disabled(region: &str, image: &str, doing: String) -> Failure {
    let (region, image) = (region.to_owned(), image.to_owned());
    let message = format!(
        "{image} in {region} is disabled: nobody can launch it, and it has lost its launch permissions"
    );
    Failure::new(FailureKind::ImageDisabled { region, image }, doing, message)
}

/// EC2 gave the AMI's id and does not list it.
#[must_use]
pub fn image_lost(image: &str, region: &str, since: Timestamp) -> Failure {
    let kind = FailureKind::ImageLost {
        image: image.to_owned(),
    };
    Failure {
        code: Some("InvalidAMIID.NotFound".to_owned()),
        ..Failure::new(
            kind,
            format!("waiting for {image} in {region}"),
            format!(
                "EC2 gave the id {image} but has not listed an AMI of this id with our tags since {since}"
            ),
        )
    }
}

/// The status would be larger than may be written.
#[must_use]
pub fn status_too_large(size: usize, limit: usize) -> Failure {
    Failure::new(
        FailureKind::StatusTooLarge,
        "writing the status",
        format!("the status would have {size} bytes; at most {limit} are written"),
    )
}

/// The manifest of an AMI that exists is gone, or is another one, before its settings were applied.
#[must_use]
pub fn settings_gone() -> Failure {
    Failure::new(
        FailureKind::SettingsGone,
        "reading the manifest",
        "the manifest was removed or replaced before all its settings were applied to the AMI",
    )
}

/// EC2 would not make this change now.
#[must_use]
pub fn blocked(what: &RegionAction, blocker: Blocker) -> Failure {
    let doing = match what.action {
        Action::CopyImage { .. } => format!("copying the AMI to {}", what.region),
        _ => change_line(what),
    };
    match blocker {
        Blocker::Public => Failure::new(
            FailureKind::Blocked,
            doing,
            "the AMI is public: EC2 then takes only an earlier time of deprecation than the one it has",
        ),
        Blocker::ProductCode => Failure::new(
            FailureKind::Blocked,
            doing,
            "the AMI has a product code already, which EC2 neither changes nor removes. Only a new AMI can have another one: \
             for that, change `name` in the manifest, or upload another bundle",
        ),
        Blocker::NotShareable(why) => {
            let message = format!("{}; nothing was changed in this Region", unshareable(why));
            Failure::new(FailureKind::NotShareable { why }, doing, message)
        }
        Blocker::DeprecatedTooLate { latest } => Failure::new(
            FailureKind::Blocked,
            doing,
            format!(
                "a public AMI is deprecated two years after it was made at the latest, this one at {latest}; nothing was \
                 changed in this Region. Give an earlier time in `deprecate`, or leave `public` out"
            ),
        ),
    }
}

/// EC2 would not let the AMI be shared, which is still to be made.
#[must_use]
pub fn not_shareable(why: UnshareableReason) -> Failure {
    let doing = "checking whether the AMI could be shared";
    Failure::new(FailureKind::NotShareable { why }, doing, unshareable(why))
}

fn unshareable(why: UnshareableReason) -> &'static str {
    match why {
        UnshareableReason::Encrypted => "an AMI with an encrypted volume cannot be public",
        UnshareableReason::ProductCode => "an AMI with a product code cannot be public",
        UnshareableReason::PublicBlocked => {
            "block public access for AMIs is on for the account in this Region"
        }
        UnshareableReason::PublicBlockedByPolicy => {
            "block public access for AMIs is on in this Region, by a declarative policy of the account's organization"
        }
        UnshareableReason::ManagedKey => {
            "it would be encrypted with the key that AWS manages for EBS, and what is encrypted with that key cannot be \
             shared"
        }
    }
}

/// A Region did not become as the manifest says.
#[must_use]
pub fn not_published(region: &str, reason: &WaitReason) -> Failure {
    let doing = format!("publishing the AMI in {region}");
    let message = format!("this did not change for too long: {}", wait_text(reason));
    Failure::new(FailureKind::NotPublished, doing, message)
}

/// The copy of a Region failed.
#[must_use]
pub fn copy_failed(region: &str, image: &str, kms_key_id: Option<&str>, reason: &str) -> Failure {
    let kind = FailureKind::CopyFailed {
        image: image.to_owned(),
        kms_key_id: kms_key_id.map(str::to_owned),
    };
    Failure::new(kind, format!("copying the AMI to {region}"), reason)
}

/// EC2 does not list a finished AMI any more.
#[must_use]
pub fn deregistered(region: &str, image: &str) -> Failure {
    let kind = FailureKind::ImageDeregistered {
        image: image.to_owned(),
    };
    let message = format!("EC2 does not show {image} any more: it was deregistered");
    Failure::new(kind, format!("publishing {image} in {region}"), message)
}

/// There will be no copy in a Region, or not as it is asked for.
#[must_use]
pub fn not_copied(region: &str, fault: &CopyFault) -> Failure {
    let doing = format!("copying the AMI to {region}");
    match fault {
        CopyFault::InstanceStore => Failure::new(
            FailureKind::NotCopyable,
            doing,
            format!("the AMI is an instance-store one: {INSTANCE_STORE_COPY}"),
        ),
        CopyFault::Deregistered(image) => {
            let kind = FailureKind::ImageDeregistered {
                image: image.clone(),
            };
            let message = format!("EC2 does not show {image} any more: it was deregistered");
            Failure::new(kind, doing, message)
        }
        CopyFault::Disabled(image) => {
            image_disabled(region, image, format!("publishing {image} in {region}"))
        }
        CopyFault::Broken {
            image,
            state,
            reason,
        } => {
            let kind = FailureKind::CopyUnusable {
                image: image.clone(),
            };
            let reason = reason.as_deref().unwrap_or("EC2 gives no reason");
            let message =
                format!("{image} was finished, and EC2 shows it as {state} now: {reason}");
            Failure::new(kind, doing, message)
        }
        CopyFault::OtherKey { image, key, asked } => {
            let named =
                |key: &Option<String>| key.clone().unwrap_or_else(|| "none that is named".into());
            let (key, asked) = (named(key), named(asked));
            let message = format!(
                "{image} was copied with another KMS key, {key}, than the manifest asks for, {asked}; the key of an AMI \
                 cannot be changed"
            );
            let kind = FailureKind::CopyUnusable {
                image: image.clone(),
            };
            Failure::new(kind, doing, message)
        }
    }
}

/// The account cannot use a Region, in which there may be an AMI already.
#[must_use]
pub fn region_disabled(region: &str, image: Option<&str>) -> Failure {
    let doing = match image {
        Some(image) => format!("publishing {image} in {region}"),
        None => format!("copying the AMI to {region}"),
    };
    let message = format!(
        "the account has not enabled {region}, or there is no such Region in its partition"
    );
    Failure::new(FailureKind::RegionDisabled, doing, message)
}
