//! The policies of the stack for people, and what a principal with one of them and nothing else can do.

use amiwright::aws::Aws;
use amiwright::cli::{cancel, retry, status};
use amiwright::keys;
use amiwright::reconcile::Context;
use localaws::template::stack::Stack;
use serde_json::{Value, json};

use super::deployed;
use super::grants::{actions, resources};
use crate::support::TestStack;

const KEY: &str = "golden/web.image.yaml";
const UPLOADER: &str = "uploader";
const OPERATOR: &str = "operator";

fn policy<'a>(stack: &'a Stack, id: &str) -> &'a [Value] {
    let mut all = stack.managed_policies.iter();
    let found = all.find(|policy| policy.logical_id == id);
    found.map_or(&[], |policy| &policy.statements)
}

/// Every action with the place that it is allowed at.
fn allowed(statements: &[Value]) -> Vec<(&str, &str)> {
    let pairs = statements.iter().flat_map(|statement| {
        actions(statement)
            .flat_map(move |action| resources(statement).map(move |place| (action, place)))
    });
    pairs.collect()
}

#[test]
fn an_uploader_writes_manifests_and_reads_statuses() {
    let stack = deployed(&[("ExistingBucketName", "mine")]);
    let (manifests, state) = ("arn:aws:s3:::mine", "arn:aws:s3:::amiwright-statebucket");
    assert_eq!(
        allowed(policy(&stack, "UploaderPolicy")),
        [
            ("s3:AbortMultipartUpload", "arn:aws:s3:::mine/*"),
            ("s3:ListMultipartUploadParts", "arn:aws:s3:::mine/*"),
            ("s3:PutObject", "arn:aws:s3:::mine/*"),
            ("s3:ListBucket", manifests),
            ("s3:ListBucketMultipartUploads", manifests),
            (
                "s3:GetObject",
                "arn:aws:s3:::amiwright-statebucket/status/*"
            ),
            ("s3:ListBucket", state),
        ]
    );
}

#[test]
fn an_operator_may_do_what_an_uploader_may_and_request_changes() {
    let stack = deployed(&[]);
    let uploader = allowed(policy(&stack, "UploaderPolicy"));
    let operator = allowed(policy(&stack, "OperatorPolicy"));
    for one in &uploader {
        assert!(operator.contains(one), "{one:?}");
    }
    let state = "arn:aws:s3:::amiwright-statebucket/";
    let written: Vec<_> = operator
        .iter()
        .filter(|(action, _)| ["s3:PutObject", "s3:DeleteObject"].contains(action))
        .filter_map(|(_, place)| place.strip_prefix(state))
        .collect();
    assert_eq!(written, ["status/*", "open/*", "open/*"]);
}

#[test]
fn the_user_of_the_bundle_key_only_writes_bundles() {
    assert!(policy(&deployed(&[]), "BundleUploaderPolicy").is_empty());
    let stack = deployed(&[("BundleKeyParameter", "/amiwright/bundle-key")]);
    let bundles = "arn:aws:s3:::amiwright-statebucket/bundles/*";
    assert_eq!(
        allowed(policy(&stack, "BundleUploaderPolicy")),
        [("s3:PutObject", bundles), ("s3:PutObjectAcl", bundles)]
    );
}

#[test]
fn the_outputs_name_policies_and_roles() {
    let outputs = deployed(&[("BundleKeyParameter", "/amiwright/bundle-key")]).outputs;
    for (output, name) in [
        ("UploaderPolicyArn", "policy/amiwright-UploaderPolicy"),
        ("OperatorPolicyArn", "policy/amiwright-OperatorPolicy"),
        (
            "BundleUploaderPolicyArn",
            "policy/amiwright-BundleUploaderPolicy",
        ),
        ("RegisterImageRoleArn", "role/amiwright-RegisterImageRole"),
        ("AdvanceTasksRoleArn", "role/amiwright-AdvanceTasksRole"),
        ("NotifyRoleArn", "role/amiwright-NotifyRole"),
    ] {
        assert_eq!(outputs[output], format!("arn:aws:iam::000000000000:{name}"));
    }
    assert!(
        !deployed(&[])
            .outputs
            .contains_key("BundleUploaderPolicyArn")
    );
}

/// A stack with a user for each of the two policies.
async fn with_people() -> TestStack {
    TestStack::built(|builder| {
        builder
            .user(UPLOADER, "UploaderPolicy")
            .user(OPERATOR, "OperatorPolicy")
    })
    .await
}

/// Whether S3 allowed this.
fn is_refused<T: std::fmt::Debug>(answer: Result<T, amiwright::aws::AwsError>) -> bool {
    match answer {
        Ok(_) => false,
        Err(error) => {
            assert!(
                error.has_code("AccessDenied") || error.has_status(403),
                "{error}"
            );
            true
        }
    }
}

async fn put(aws: &Aws, bucket: &str, key: &str, content: &str) -> bool {
    !is_refused(aws.put_object(bucket, key, content).await)
}

#[tokio::test(start_paused = true)]
async fn an_uploader_gets_an_ami_and_can_neither_cancel_nor_forge() {
    let stack = with_people().await;
    stack.expect_refusals();
    let (aws, config) = (stack.aws_of(UPLOADER), stack.config());
    let (manifests, state) = (&stack.bucket, &stack.state_bucket);
    assert!(put(&aws, manifests, KEY, &stack.manifest("web")).await);
    stack.rest().await;
    let context = Context::new(&aws, &config, stack.world.clock().now());
    for key in [None, Some(KEY)] {
        let mut out = Vec::new();
        status::show(context, key, false, &mut out).await.unwrap();
        let shown = String::from_utf8(out).unwrap();
        assert!(shown.contains("available"), "{shown}");
    }

    let mut forged = stack.status(KEY).await;
    forged["state"] = json!("working");
    let forged = forged.to_string();
    for key in [
        "status/evil.image.yaml.json",
        "open/evil.image.yaml.open",
        "due/x.due",
        "resume",
    ] {
        assert!(!put(&aws, state, key, &forged).await, "{key}");
    }
    let status_key = keys::status_key(KEY);
    let etag = aws
        .head_object(state, &status_key)
        .await
        .unwrap()
        .unwrap()
        .etag;
    let content = forged.clone().into_bytes();
    assert!(is_refused(
        aws.put_if(state, &status_key, content, Some(&etag)).await
    ));
    assert!(is_refused(aws.delete_object(state, &status_key).await));
    assert!(
        is_refused(aws.delete_object(manifests, KEY).await),
        "that would cancel"
    );
    assert!(is_refused(aws.head_object(manifests, KEY).await));
    assert!(cancel::cancel(context, KEY).await.is_err());
    assert!(retry::retry(context, KEY).await.is_err());
    stack.rest().await;
    assert_eq!(stack.images().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_denied_cancel_or_retry_names_the_policy_that_allows_it() {
    let stack = with_people().await;
    stack.expect_refusals();
    let (aws, config) = (stack.aws_of(UPLOADER), stack.config());
    let waiting = "name: web\nsource:\n  disk: {object: missing.raw, format: raw}\n";
    assert!(put(&aws, &stack.bucket, KEY, waiting).await);
    stack.minute().await;
    let context = Context::new(&aws, &config, stack.world.clock().now());
    let cancelled = cancel::cancel(context, KEY).await.unwrap_err().report();
    let retried = retry::retry(context, KEY).await.unwrap_err().report();
    for report in [&cancelled, &retried] {
        assert!(report.contains("OperatorPolicyArn"), "{report}");
        assert!(!report.contains("network"), "{report}");
    }
    let manifest = format!("s3:GetObject on the manifest bucket {}", stack.bucket);
    assert!(retried.contains(&manifest), "{retried}");
    assert!(cancelled.contains("s3:PutObject"), "{cancelled}");
}

#[tokio::test(start_paused = true)]
async fn an_operator_cancels_and_retries_and_cannot_make_a_status_up() {
    let stack = with_people().await;
    stack.expect_refusals();
    let (aws, config) = (stack.aws_of(OPERATOR), stack.config());
    let state = &stack.state_bucket;
    let waiting = "name: web\nsource:\n  disk: {object: missing.raw, format: raw}\n";
    assert!(put(&aws, &stack.bucket, KEY, waiting).await);
    stack.minute().await;
    let context = Context::new(&aws, &config, stack.world.clock().now());
    cancel::cancel(context, KEY).await.unwrap();
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "cancelled");
    retry::retry(context, KEY).await.unwrap();
    stack.minute().await;
    assert_eq!(stack.status(KEY).await["state"], "working");
    // Removing its manifest cancels it, too.
    aws.delete_object(&stack.bucket, KEY).await.unwrap();
    stack.rest().await;
    assert_eq!(stack.status(KEY).await["state"], "cancelled");

    let forged = stack.status(KEY).await.to_string();
    let evil = keys::status_key("evil.image.yaml");
    for etag in [None, Some("\"0\"")] {
        let made_up = aws
            .put_if(state, &evil, forged.clone().into_bytes(), etag)
            .await;
        assert!(
            !matches!(made_up, Ok(amiwright::aws::Saved::Yes(_))),
            "{made_up:?}"
        );
    }
    assert!(!put(&aws, state, &evil, &forged).await);
    assert!(
        !put(&aws, state, &keys::status_key(KEY), &forged).await,
        "only with If-Match"
    );
    assert!(!put(&aws, state, &keys::due_key(KEY), "").await);
    assert!(is_refused(
        aws.delete_object(state, &keys::status_key(KEY)).await
    ));
    assert!(is_refused(
        aws.delete_object(&stack.bucket, "disk.raw").await
    ));
}
