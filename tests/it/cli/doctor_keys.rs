//! `amiwright doctor`: what it says of the KMS keys that a manifest names.

use http::StatusCode;
use localaws::faults::Fault;

use super::doctor::{doctor, found, opened, with};
use crate::support::TestStack;

/// The key that AWS manages for EBS, by its id: the manifest's rules know it by its alias only.
const OF_AWS: &str = "arn:aws:kms:eu-west-1:000000000000:key/c7f105db-67a1-24c2-36b3-625030593118";
const OWN: &str = "arn:aws:kms:eu-west-1:000000000000:key/0a1b2c3d-0000-1111-2222-0123456789ab";

async fn stack() -> TestStack {
    let keys = format!("{OF_AWS},{OWN}");
    TestStack::built(|builder| opened(builder).parameter("KmsKeys", &keys)).await
}

fn copied(stack: &TestStack, key: &str, access: &str) -> String {
    let regions = format!("regions: {{eu-west-1: {{kmsKeyId: '{key}'}}}}\n{access}");
    with(stack, &regions)
}

#[tokio::test(start_paused = true)]
async fn a_key_that_aws_manages_is_told_where_the_ami_is_shared() {
    let stack = stack().await;
    let access = "access: {accounts: ['111122223333']}\n";
    let (code, shared) = found(&stack, Some(&copied(&stack, OF_AWS, access))).await;
    insta::assert_snapshot!(shared, @r"
    todo     KMS key arn:aws:kms:eu-west-1:000000000000:key/c7f105db-67a1-24c2-36b3-625030593118 in eu-west-1: AWS manages it: the AMI cannot be shared; name a key of your own in the manifest
    ");
    assert_eq!(code, 3);
    // Nobody else needs the key of an AMI that is not shared.
    let (code, alone) = doctor(&stack, Some(&copied(&stack, OF_AWS, ""))).await;
    let about = alone.lines().filter(|line| line.contains("KMS key "));
    insta::assert_snapshot!(about.collect::<Vec<_>>().join("\n"), @r"
    ok       KMS key arn:aws:kms:eu-west-1:000000000000:key/c7f105db-67a1-24c2-36b3-625030593118 in eu-west-1: enabled, managed by AWS
    ");
    assert_eq!(code, 0);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_does_not_exist_is_told() {
    let stack = stack().await;
    let gone = Fault::Refuse {
        status: StatusCode::BAD_REQUEST,
        code: "NotFoundException".to_owned(),
        message: format!("Key '{OWN}' does not exist"),
    };
    stack.world.faults().always("kms", "DescribeKey", gone);
    let (code, found) = found(&stack, Some(&copied(&stack, OWN, ""))).await;
    insta::assert_snapshot!(found, @r"
    todo     KMS key arn:aws:kms:eu-west-1:000000000000:key/0a1b2c3d-0000-1111-2222-0123456789ab in eu-west-1: it does not exist; name a key of this Region in the manifest
    ");
    assert_eq!(code, 3);
}
