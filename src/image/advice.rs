//! What a person can do about a task that failed (FACTS section 5; "Troubleshooting VM Import/Export").

use super::task::{Task, TaskKind};

/// How to try again: the same content is the same version, so it has to differ.
const AGAIN: &str = "then change the manifest (a comment will do) and upload it again";

/// What a person can do about a task that failed with this message.
pub(super) fn for_failed_task(task: &Task, message: &str) -> String {
    let says = |text: &str| message.to_lowercase().contains(text);
    let advice = match task.kind {
        TaskKind::StoreImage => {
            return format!(
                "the AMI {} is available and was kept; store it by hand (aws ec2 create-store-image-task) or mend what the \
                 message names, {AGAIN}",
                task.id
            );
        }
        TaskKind::BundleInstance if says("cancel") => "somebody cancelled the bundle task",
        TaskKind::BundleInstance => {
            "look whether the key in Systems Manager may still put objects under amiwright's bundles/ prefix, and whether \
             the instance still runs"
        }
        _ if says("service role") => {
            "create the role vmimport, or name yours in the stack's parameter VmImportRole, and let it read the object's \
             bucket (VM Import/Export User Guide, \"Required service role\")"
        }
        _ if says("not local to the region") => {
            "upload the object to a bucket in the Region of the AMI"
        }
        _ if says("s3 source location") || says("access denied") || says("not found") => {
            "look whether the object is still there, and whether the role vmimport may read it"
        }
        _ if says("kms") || says("encrypt") => {
            "let the role vmimport use the KMS key (kms:CreateGrant among others)"
        }
        _ if says("validation failed") || says("unsupported") || says("format") => {
            "look whether the object is what `format` says, and whether EC2 can import it (VM Import/Export User Guide, \
             \"Requirements\")"
        }
        _ if says("cancel") => "somebody cancelled the task",
        _ => "mend what the message names",
    };
    format!("{advice}; {AGAIN}")
}
