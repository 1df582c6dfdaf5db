//! Failures of our own, and what a person can do about those of AWS.

use crate::aws::AwsError;
use crate::image::observed::{MANIFEST_TAG, ObservedImage};
use crate::image::status::{Failure, Status};
use crate::image::task::TaskKind;
use crate::store::StoreError;

/// How to try again: the same content is the same version, so it has to differ.
const AGAIN: &str = "then change the manifest (a comment will do) and upload it again";

/// What failed where the manifest, or its bundle, was gone.
const READING_MANIFEST: &str = "reading the manifest";

/// The status of an image would be larger than any that is kept.
pub(super) fn status_too_large(error: &StoreError) -> Failure {
    Failure {
        doing: "saving the status".to_owned(),
        code: None,
        message: error.to_string(),
        request_id: None,
        hint: "report what the status holds so much of: amiwright status shows it".to_owned(),
    }
}

/// The manifest, or the bundle, is not there any more. Uploaded again, it starts anew.
pub(super) fn manifest_gone() -> Failure {
    Failure {
        doing: READING_MANIFEST.to_owned(),
        code: None,
        message:
            "the manifest, or its bundle, was removed or replaced before the AMI was registered"
                .to_owned(),
        request_id: None,
        hint:
            "nothing was registered for it; upload the manifest again if the image is still wanted"
                .to_owned(),
    }
}

/// Whether an image failed by [`manifest_gone`].
pub(super) fn is_manifest_gone(status: &Status) -> bool {
    status
        .failure
        .as_ref()
        .is_some_and(|failure| failure.doing == READING_MANIFEST)
}

/// What a person can do where the object that the image is made from cannot be read: a `bundle`, a `disk`.
pub(super) fn for_unreadable(what: &str, error: &AwsError) -> String {
    let says = |texts: [&str; 2]| {
        texts
            .iter()
            .any(|text| error.has_code(text) || error.message.contains(text))
    };
    let advice = if says(["PermanentRedirect", "HTTP status 301"]) {
        format!(
            "the {what}'s bucket is in another Region than the AMI: upload the {what} to a bucket in this one"
        )
    } else if error.has_code("NoSuchBucket")
        || error.doing.starts_with("looking at the bucket") && error.has_code("NotFound")
    {
        let field = if what == "bundle" {
            "manifest"
        } else {
            "object"
        };
        format!("there is no such bucket: correct source.{what}.{field}")
    } else if error.has_code("InvalidObjectState") {
        format!("the {what} is archived: restore it first (aws s3api restore-object)")
    } else if says(["AccessDenied", "HTTP status 403"]) {
        format!(
            "name the {what}'s bucket in the stack's parameter OtherBuckets, so that the function's role has s3:GetObject and \
             s3:ListBucket on it (the bucket's own policy counts, too), or upload the {what} beside its manifest"
        )
    } else {
        "mend what the message names".to_owned()
    };
    format!("{advice}; {AGAIN}")
}

pub(super) fn name_taken(status: &Status, image: &ObservedImage) -> Failure {
    let name = &image.name;
    let is_older_version = image.tags.get(MANIFEST_TAG) == Some(&status.manifest.uri());
    let hint = if is_older_version {
        "that AMI is an earlier version of this manifest: put {digest} or {date} and {time} into the name, \
         so that every version has a name of its own"
            .to_owned()
    } else {
        format!(
            "choose another name, or deregister {} if nobody needs it; {AGAIN}",
            image.id
        )
    };
    Failure {
        doing: format!("looking for the image {name}"),
        code: Some("InvalidAMIName.Duplicate".to_owned()),
        message: format!("AMI name {name} is already in use by AMI {}", image.id),
        request_id: None,
        hint,
    }
}

pub(super) fn several(ids: &[String]) -> Failure {
    Failure {
        doing: "looking for the AMI of this manifest version".to_owned(),
        code: None,
        message: format!(
            "{} AMIs have its ownership tags: {}",
            ids.len(),
            ids.join(", ")
        ),
        request_id: None,
        hint: format!(
            "there must be one at most: find out where the others come from, deregister them, {AGAIN}"
        ),
    }
}

/// What a person can do about a refusal of RegisterImage (FACTS: RegisterImage, errors).
pub(super) fn for_refusal(error: &AwsError) -> String {
    let code = error.code.as_deref().unwrap_or_default();
    let advice = match code {
        "InvalidSnapshot.NotFound" => {
            "check that the snapshot exists in this Region and account, or is shared with it"
        }
        "InvalidAMIName.Duplicate" => {
            "the name is in use by an AMI that this account cannot see; choose another name"
        }
        "InvalidManifest" => {
            "check that the bundle is complete and in this Region, and that EC2 may read it \
             (canned ACL aws-exec-read on the manifest and every part)"
        }
        "AccessControlListNotSupported" => {
            "EC2 reads bundles through the aws-exec-read ACL: set the bucket's Object Ownership to \"bucket owner preferred\""
        }
        "UnauthorizedOperation" | "AccessDenied" | "AuthFailure" => {
            "allow the function's role what the message names (service control policies count, too), or, if it is not for this \
             account (billing product codes), leave it out of the manifest"
        }
        "OptInRequired" | "PendingVerification" => {
            "the account has to be subscribed to or verified for this first"
        }
        code if code.starts_with("Invalid")
            || code.starts_with("Missing")
            || code.starts_with("Unsupported") =>
        {
            "mend what the message names in the manifest"
        }
        _ => "mend what the message names",
    };
    if code.starts_with("Invalid") || code.starts_with("Missing") {
        format!("{advice}; {AGAIN}")
    } else {
        format!("{advice}, {AGAIN}")
    }
}

/// There is no key to let EC2 write a bundle with.
pub(super) fn no_bundle_key(message: String) -> Failure {
    Failure {
        doing: "reading the key that signs a bundle's upload policy".to_owned(),
        code: None,
        message,
        request_id: None,
        hint: format!(
            "AWS itself bundles instances no longer: use CreateImage, or the source `disk`. For an EC2-compatible cloud that does, keep a long-lived key of a user who may only put objects under amiwright's bundles/ prefix as an SSM SecureString \
             ({{\"accessKeyId\": …, \"secretAccessKey\": …}}), and name it in the stack's parameter BundleKeyParameter; {AGAIN}"
        ),
    }
}

/// What a person can do about a refusal to start a task.
pub(super) fn for_refused_task(kind: TaskKind, error: &AwsError) -> String {
    let says = |text: &str| error.message.to_lowercase().contains(text);
    let advice = match kind {
        TaskKind::BundleInstance
            if says("no longer supported") || error.has_code("UnsupportedOperation") =>
        {
            "AWS bundles instances no longer: make an AMI of an EBS-backed instance with CreateImage, or bring its disk and \
             use the source `disk`. An EC2-compatible cloud that still bundles is reached through AWS_ENDPOINT_URL_EC2"
        }
        TaskKind::BundleInstance if error.has_code("AuthFailure") => {
            "look whether the key in the parameter that BundleKeyParameter names is EC2's, is active, and may put objects under \
             amiwright's bundles/ prefix"
        }
        TaskKind::BundleInstance if error.has_code("InvalidInstanceType") => {
            "only Windows instances with an instance-store root can be bundled: use CreateImage for others"
        }
        TaskKind::BundleInstance if error.has_code("IncorrectInstanceState") => {
            "start the instance"
        }
        TaskKind::ImportSnapshot | TaskKind::ImportImage if says("service role") => {
            "create the role vmimport, or name yours in the stack's parameter VmImportRole, and let it read the object's \
             bucket (VM Import/Export User Guide, \"Required service role\")"
        }
        TaskKind::ImportSnapshot | TaskKind::ImportImage if says("not local") => {
            "upload the object to a bucket in the Region of the AMI"
        }
        TaskKind::CopyImage
            if error.has_code("InvalidAMIID.NotFound")
                || error.has_code("InvalidAMIID.Unavailable") =>
        {
            "check that the AMI exists in that Region, is available, and is this account's or shared with it"
        }
        _ => return for_refusal(error),
    };
    format!("{advice}; {AGAIN}")
}
