//! What a person can do about a failure. What VM Import says is in one table, [`vm_import`].

pub(in crate::image) mod vm_import;

use std::borrow::Cow;

use super::facts::manifest_word;
use super::publishing_advice::{REGION_DISABLED, for_disabled, for_failed_copy, for_unshareable};
use super::quoting::word;
use super::release;
use crate::image::status::{Failure, Status};
use crate::image::task::{Task, TaskKind};
use crate::image::words::{FailureKind, SourceKind, UnreadableReason};

const FIX: &str = "fix the problem reported above";

/// Each notice that cannot be sent makes a status larger.
const TOO_LARGE: &str =
    "where emails wait to be sent, which amiwright status shows, see why SNS does not take them";

/// What a person can do about a failure, in one line.
#[must_use]
pub fn hint(status: &Status, failure: &Failure) -> String {
    if status.only_storing() {
        // A new attempt is refused: there is an AMI.
        return store_by_hand(status.home_image().map(|it| it.image.as_str()));
    }
    match &failure.kind {
        FailureKind::ManifestGone => {
            "nothing was registered for it; upload the manifest again if the image is still wanted".to_owned()
        }
        FailureKind::NameTaken {
            earlier_version: true,
            ..
        } => "that AMI is an earlier version of this manifest: put {digest} or {date} and {time} into the name, so that \
              every version has a name of its own, and upload the manifest again"
            .to_owned(),
        FailureKind::NameTaken { image, .. } => and_retry(status, &for_taken_name(image)),
        FailureKind::BundleInvalid => {
            format!("to have EC2 bundle the instance again, run: {}", retry(status))
        }
        FailureKind::ManifestNotAllowed => and_again(
            status,
            "the stack was changed while the image was made: have the stack's owner open what the reason names, or leave it \
             out of the manifest",
        ),
        FailureKind::SourceUnreadable { why } => for_unreadable(status, *why),
        FailureKind::RequestRefused { .. } if failure.code.as_deref() == Some("InvalidAMIName.Duplicate") => {
            "the name is in use by an AMI that this account cannot see: choose another name and upload the manifest again"
                .to_owned()
        }
        FailureKind::StatusTooLarge => and_retry(status, TOO_LARGE),
        FailureKind::TaskFailed => match status.build.tasks.last() {
            Some(task) => and_again(status, &for_failed_task(task, &failure.message)),
            None => and_again(status, FIX),
        },
        FailureKind::RequestRefused { action } => and_again(status, &for_refusal(action, failure)),
        FailureKind::Other => and_again(status, FIX),
        FailureKind::SettingsGone => {
            "the AMI is kept as it is; upload the manifest again if it is to be changed".to_owned()
        }
        FailureKind::Blocked => and_again(status, "change the setting"),
        FailureKind::NotShareable { why } => and_again(status, for_unshareable(*why)),
        FailureKind::CopyFailed { kms_key_id, .. } => {
            and_again(status, &for_failed_copy(kms_key_id.as_deref()))
        }
        FailureKind::CopyUnusable { image } => and_again(
            status,
            &format!("deregister {} if nothing uses it, so that the AMI is copied again", word(image)),
        ),
        FailureKind::ImageDisabled { region, image } => and_retry(status, &for_disabled(region, image)),
        FailureKind::RegionDisabled => and_again(status, REGION_DISABLED),
        FailureKind::NotCopyable => {
            "leave out `regions`, and upload the bundle to a bucket of a stack in each Region".to_owned()
        }
        FailureKind::NotPublished => and_retry(status, FIX),
        FailureKind::ParameterConflict {
            can_take_over,
            is_contested,
        } => release::for_conflict(*can_take_over, *is_contested, &retry(status)),
        FailureKind::ParameterNotValidated => and_retry(status, release::NOT_VALIDATED),
        FailureKind::SeveralImages { .. }
        | FailureKind::Unproven { .. }
        | FailureKind::NotInManifest { .. }
        | FailureKind::AnswerUnusable
        | FailureKind::BundleKeyUnusable
        | FailureKind::TaskMadeNothing
        | FailureKind::TaskLost
        | FailureKind::ImageFailed { .. }
        | FailureKind::ImageDeregistered { .. }
        | FailureKind::ImageLost { .. } => and_retry(status, advice(failure)),
    }
}

fn for_taken_name(image: &str) -> String {
    format!(
        "choose another name and upload the manifest again; or deregister {} if it is no longer needed",
        word(image)
    )
}

/// `ADVICE, then run: amiwright retry s3://bucket/key`.
fn and_retry(status: &Status, advice: &str) -> String {
    format!("{advice}, then run: {}", retry(status))
}

/// The same where the manifest may have to be changed: uploading it is a new version, and nothing is left to retry.
fn and_again(status: &Status, advice: &str) -> String {
    format!(
        "{advice}, then upload the manifest if it had to be changed; if not, run: {}",
        retry(status)
    )
}

fn retry(status: &Status) -> String {
    format!("amiwright retry {}", manifest_word(status))
}

fn store_by_hand(image: Option<&str>) -> String {
    let image = image
        .map(|image| format!(" {}", word(image)))
        .unwrap_or_default();
    format!(
        "the AMI{image} is available and was kept; {FIX} and store it manually (aws ec2 create-store-image-task)"
    )
}

fn advice(failure: &Failure) -> &'static str {
    match &failure.kind {
        FailureKind::SeveralImages { .. } => {
            "there must be one at most: find out where the others come from and deregister them"
        }
        FailureKind::BundleKeyUnusable => {
            "AWS itself no longer bundles instances: use CreateImage, or the source `disk`. For an EC2-compatible cloud \
             that does, keep a long-lived key of a user who may only put objects under amiwright's bundles/ prefix as an \
             SSM SecureString ({\"accessKeyId\": …, \"secretAccessKey\": …}), and name it in the stack's parameter \
             BundleKeyParameter"
        }
        FailureKind::TaskMadeNothing => "check the task in the EC2 console",
        FailureKind::Unproven { .. } => {
            "it was left untouched: find out whose it is, and who wrote its id into the status"
        }
        FailureKind::NotInManifest { .. } => {
            "find out who wrote that into the status, and upload the manifest again"
        }
        FailureKind::AnswerUnusable => {
            "look for what was made by its tags (amiwright:manifest) and delete it; amiwright knows the ids of EC2's own form \
             only"
        }
        FailureKind::TaskLost => {
            "look for the task in the EC2 console and in CloudTrail: if it still runs, cancel it, since what it makes is not \
             deleted"
        }
        FailureKind::ImageDeregistered { .. } | FailureKind::ImageLost { .. } => {
            "check who deregistered it (DeregisterImage in CloudTrail)"
        }
        FailureKind::ImageFailed { .. }
        | FailureKind::ManifestGone
        | FailureKind::BundleInvalid
        | FailureKind::ManifestNotAllowed
        | FailureKind::SourceUnreadable { .. }
        | FailureKind::NameTaken { .. }
        | FailureKind::RequestRefused { .. }
        | FailureKind::TaskFailed
        | FailureKind::StatusTooLarge
        | FailureKind::SettingsGone
        | FailureKind::Blocked
        | FailureKind::NotShareable { .. }
        | FailureKind::CopyFailed { .. }
        | FailureKind::CopyUnusable { .. }
        | FailureKind::RegionDisabled
        | FailureKind::ImageDisabled { .. }
        | FailureKind::NotCopyable
        | FailureKind::NotPublished
        | FailureKind::ParameterConflict { .. }
        | FailureKind::ParameterNotValidated
        | FailureKind::Other => FIX,
    }
}

/// What a person can do where the object that the image is made from cannot be read.
fn for_unreadable(status: &Status, why: UnreadableReason) -> String {
    let what = status.build.source.unwrap_or(SourceKind::Bundle);
    match why {
        UnreadableReason::OtherRegion => format!(
            "the {what}'s bucket is in another Region than the AMI: upload the {what} to a bucket in this one, name that in \
             the manifest and upload the manifest again"
        ),
        UnreadableReason::NoSuchBucket => {
            let field = if what == SourceKind::Bundle {
                "manifest"
            } else {
                "object"
            };
            format!(
                "there is no such bucket: correct source.{what}.{field} and upload the manifest again"
            )
        }
        UnreadableReason::Archived => {
            let advice = format!("the {what} is archived: restore it (aws s3api restore-object)");
            and_retry(status, &advice)
        }
        UnreadableReason::AccessDenied => {
            let advice = format!(
                "upload the {what} beside its manifest, name it there and upload the manifest again; or name its bucket in \
                 the stack's parameter SourceBuckets, so that the function's role has s3:GetObject and s3:ListBucket on it \
                 (the bucket's own policy counts, too)"
            );
            and_retry(status, &advice)
        }
        UnreadableReason::Other => and_retry(status, FIX),
    }
}

/// What a person can do about a task that failed with this message.
fn for_failed_task(task: &Task, message: &str) -> Cow<'static, str> {
    match task.kind {
        TaskKind::BundleInstance if message.to_lowercase().contains("cancel") => {
            "the bundle task was cancelled outside amiwright".into()
        }
        TaskKind::BundleInstance => {
            "check that the key in Systems Manager may still put objects under amiwright's bundles/ prefix, and that the \
             instance still runs"
                .into()
        }
        TaskKind::ImportSnapshot | TaskKind::ImportImage => {
            vm_import::advice(message, task.kind == TaskKind::ImportImage).into()
        }
        TaskKind::CopyImage | TaskKind::RestoreImage | TaskKind::StoreImage => FIX.into(),
    }
}

/// What a person can do about a request that EC2 refused ("Error codes for the Amazon EC2 API").
fn for_refusal(action: &str, failure: &Failure) -> Cow<'static, str> {
    let is_import = matches!(action, "ImportSnapshot" | "ImportImage");
    // What an import says at its start it may say later, too.
    if is_import && vm_import::row(&failure.message).is_some() {
        return vm_import::advice(&failure.message, action == "ImportImage").into();
    }
    for_refused(action, failure).into()
}

fn for_refused(action: &str, failure: &Failure) -> &'static str {
    let code = failure.code.as_deref().unwrap_or_default();
    let says = |text: &str| failure.message.to_lowercase().contains(text);
    match action {
        "BundleInstance" if says("no longer supported") || code == "UnsupportedOperation" => {
            "AWS no longer bundles instances: make an AMI of an EBS-backed instance with CreateImage, or bring its disk \
             and use the source `disk`; or use an EC2-compatible cloud that still bundles (AWS_ENDPOINT_URL_EC2)"
        }
        "BundleInstance" if code == "AuthFailure" => {
            "check that the key in the parameter that BundleKeyParameter names is EC2's, is active, and may put objects \
             under amiwright's bundles/ prefix"
        }
        "BundleInstance" if code == "InvalidInstanceType" => {
            "only Windows instances with an instance-store root can be bundled: use CreateImage for others"
        }
        "BundleInstance" if code == "IncorrectInstanceState" => "start the instance",
        "ModifyImageAttribute" if code == "ResourceLimitExceeded" => {
            "make other AMIs of that Region private, or share with fewer, or request a higher quota (Service Quotas, Amazon \
             EC2: \"Public AMIs\", 5 in each Region by default, or \"AMI sharing\", 1000)"
        }
        "ModifyImageAttribute" | "ModifySnapshotAttribute"
            if matches!(code, "InvalidParameter" | "OperationNotPermitted")
                && says("encrypted") =>
        {
            "what is encrypted with the key that AWS manages for EBS cannot be shared: make the AMI of snapshots that are \
             encrypted with a key of your own"
        }
        // Only product codes are refused by these words: "Not supported." (ModifyImageAttribute, ProductCodes).
        "ModifyImageAttribute" if code == "UnsupportedOperation" && says("not supported") => {
            "AWS sets no product codes on request any more: sell the AMI in AWS Marketplace, which gives it its code, or \
             put the code into the bundle (`product_codes` in its manifest; --productcodes of the AMI tools), from where \
             RegisterImage takes it; EC2-compatible clouds may still set it (AWS_ENDPOINT_URL_EC2)"
        }
        "ModifyImageAttribute" if code == "OperationNotPermitted" && says("product code") => {
            "an AMI with a product code cannot be public in AWS today: share it with accounts, organizations or units, and \
             leave `access.public` out"
        }
        "CopyImage" if says("permission to access the storage") => {
            "the AMI's owner has to share its snapshots with this account, not the AMI alone, and the KMS key of those that \
             are encrypted (EC2 User Guide, \"Copy an AMI\")"
        }
        "CopyImage" if code == "InvalidAMIID.NotFound" || code == "InvalidAMIID.Unavailable" => {
            "check that the AMI exists in that Region, is available, and is this account's or shared with it"
        }
        "RegisterImage" if code == "IncorrectState" => {
            "a snapshot has to be completed before it is registered: wait until it is completed, then retry (`aws ec2 wait \
             snapshot-completed`); one that failed has to be made again"
        }
        "PutParameter" => release::for_put(code).unwrap_or_else(|| for_code(code)),
        _ if code == "InvalidManifest" => for_bundle(&failure.message),
        _ if says("kms") && says("key") => {
            "let the function's role use the KMS key: its ARN belongs in the stack's parameter KmsKeys, and its policy has to \
             allow kms:DescribeKey, CreateGrant, Decrypt, ReEncrypt*, GenerateDataKeyWithoutPlaintext; and check that the key \
             is enabled and in this Region"
        }
        _ => for_code(code),
    }
}

/// EC2 has one code for every fault of a bundle; its words distinguish them.
fn for_bundle(message: &str) -> &'static str {
    let says = |text: &str| message.to_lowercase().contains(text);
    if says("http 403") || says("http 404") {
        "check that the bundle is complete and in this Region, and that EC2 may read it (canned ACL aws-exec-read on the \
         manifest and every part)"
    } else if says("http 301") || says("correct region") {
        "upload the bundle to a bucket in the Region of the AMI"
    } else if says("device") || says("block device mapping") {
        "correct the device names in `block_device_mapping` of the bundle's manifest, as `/dev/sda1` or `sdb`, or bundle the \
         image again with other --block-device-mapping"
    } else {
        "the bundle's manifest has what EC2 does not take: correct what the message names, or bundle the image again with the \
         AMI tools"
    }
}

fn for_code(code: &str) -> &'static str {
    match code {
        "InvalidSnapshot.NotFound" => {
            "check that the snapshot exists in this Region and account, or is shared with it"
        }
        "AccessControlListNotSupported" => {
            "EC2 reads bundles through the aws-exec-read ACL: set the bucket's Object Ownership to \"bucket owner \
             preferred\""
        }
        "UnauthorizedOperation" | "AccessDenied" | "AuthFailure" => {
            "allow the function's role what the message names (service control policies count, too), or, if it is not for \
             this account (billing product codes), leave it out of the manifest"
        }
        "OptInRequired" | "PendingVerification" => {
            "the account has to be subscribed to or verified for this first"
        }
        code if code.starts_with("Invalid")
            || code.starts_with("Missing")
            || code.starts_with("Unsupported") =>
        {
            "fix what the message names, in the manifest or in AWS"
        }
        _ => FIX,
    }
}
