//! The stack: whether it is there and whole.

use super::finding::Check;
use crate::aws::{Aws, DeployedStack};

/// CloudFormation's words for a stack that is as its template says ("Understand stack creation events", CloudFormation
/// User Guide). After `UPDATE_ROLLBACK_COMPLETE` it is as the template before.
const COMPLETE: [&str; 4] = [
    "CREATE_COMPLETE",
    "IMPORT_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
];

pub(super) async fn check(aws: &Aws, name: &str) -> (Vec<Check>, Option<DeployedStack>) {
    let subject = format!("stack {name}");
    let stack = match aws.deployed_stack(name).await {
        Ok(Some(stack)) => stack,
        Ok(None) => {
            let what = format!("there is no stack of this name in {}", aws.region());
            let next = "deploy it (sam deploy --guided), or name it with --stack and its Region with --region";
            return (vec![Check::todo(subject, what, next)], None);
        }
        Err(error) => {
            let permission =
                "cloudformation:DescribeStacks and cloudformation:DescribeStackResources on it";
            return (vec![Check::not_seen(subject, permission, &error)], None);
        }
    };
    let status = &stack.status;
    let check = if COMPLETE.contains(&status.as_str()) {
        Check::ok(subject, status.as_str())
    } else if status.ends_with("_IN_PROGRESS") {
        Check::unknown(
            subject,
            format!("it is being changed ({status}); run amiwright doctor again when it is done"),
        )
    } else {
        let next = "see its events in the CloudFormation console, and deploy it again";
        Check::todo(subject, status.as_str(), next)
    };
    let mut checks = vec![check];
    // A template that is not amiwright's has none of them.
    for output in ["BucketName", "StateBucketName", "TopicArn"] {
        if !stack.outputs.contains_key(output) {
            let subject = format!("output {output}");
            let next = "check that --stack names the stack of amiwright, and deploy it again";
            checks.push(Check::todo(subject, "the stack does not have it", next));
        }
    }
    (checks, Some(stack))
}
