//! The policies of the stack for people, and what a principal with one of them and nothing else can do.

use amiwright::aws::Aws;
use amiwright::cli::Terminal;
use amiwright::cli::plan::{Planned, Upload, show};
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
    assert_eq!(written, ["open-requests/*"]);
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
    for keys in [&[][..], &[KEY]] {
        let mut out = Vec::new();
        let view = status::View::of(keys);
        status::show(context, &view, &mut out).await.unwrap();
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
async fn an_operator_cancels_and_retries_and_can_write_no_status() {
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

    let before = stack.status(KEY).await;
    let forged = before.to_string();
    let status_key = keys::status_key(KEY);
    let known = aws.head_object(state, &status_key).await.unwrap().unwrap();
    for key in [&status_key, &keys::status_key("evil.image.yaml")] {
        for etag in [None, Some(known.etag.as_str())] {
            let content = forged.clone().into_bytes();
            assert!(is_refused(aws.put_if(state, key, content, etag).await));
        }
        assert!(!put(&aws, state, key, &forged).await);
    }
    let own = [
        keys::open_key(KEY),
        keys::due_key(KEY),
        keys::RESUME_POINT.to_owned(),
    ];
    for key in &own {
        assert!(!put(&aws, state, key, "").await, "{key}");
    }
    let requested = keys::request_key(KEY);
    for key in own.iter().chain([&status_key, &requested]) {
        assert!(is_refused(aws.delete_object(state, key).await), "{key}");
    }
    assert!(is_refused(aws.head_object(state, &requested).await));

    // What may be written can be copied from, and is still not a status.
    assert!(put(&aws, &stack.bucket, "forged.json", &forged).await);
    let s3 = aws_sdk_s3::Client::new(&stack.sdk_of(OPERATOR));
    for source in [
        format!("{}/{KEY}", stack.bucket),
        format!("{}/forged.json", stack.bucket),
        format!("{state}/{status_key}"),
    ] {
        let copy = s3.copy_object().copy_source(source);
        let copied = copy.bucket(state).key(&status_key).send().await;
        let error = copied.unwrap_err().into_service_error();
        assert_eq!(error.meta().code(), Some("AccessDenied"), "{error:?}");
    }
    assert_eq!(stack.status(KEY).await, before);

    // A copy of a status is not a request either.
    let copy = s3
        .copy_object()
        .copy_source(format!("{state}/{status_key}"));
    let copied = copy.bucket(state).key(&requested).send().await;
    copied.unwrap();
    stack.minute().await;
    assert_eq!(stack.state_keys(keys::REQUESTS).await, [""; 0]);
    let mut after = stack.status(KEY).await;
    let history = std::mem::replace(&mut after["history"], before["history"].clone());
    after["answered"] = before["answered"].clone();
    assert_eq!(after, before);
    let why = history[history.as_array().unwrap().len() - 1]["why"].to_string();
    assert!(why.starts_with("\"a request was ignored: it "), "{why}");
    assert!(is_refused(
        aws.delete_object(&stack.bucket, "disk.raw").await
    ));
}

/// Whatever a manifest asks for, an operator can see what it would come to.
#[tokio::test(start_paused = true)]
async fn an_operator_plans_without_reading_disks() {
    let stack = TestStack::built(|builder| {
        builder
            .user(OPERATOR, "OperatorPolicy")
            .parameter("ShareWith", "*")
            .parameter("CopyRegions", "us-west-2")
            .parameter("AllowRetire", "true")
    })
    .await;
    let manifest = |name: &str, settings: &str| {
        let access = "access: {accounts: ['111122223333'], copy: true}\nregions: {us-west-2: {}}\n";
        format!("{}{access}{settings}", stack.manifest(name))
    };
    stack.drop_and_rest(KEY, manifest("web-1", "")).await;
    let (aws, config) = (stack.aws_of(OPERATOR), stack.config());
    let context = Context::new(&aws, &config, stack.world.clock().now());
    let plan = async |content: &str| {
        let upload = Upload {
            file: "web.image.yaml",
            key: KEY,
            content: content.as_bytes(),
            known: &config.guardrails,
        };
        let mut out = Vec::new();
        let planned = show(context, &upload, Terminal::PLAIN, false, &mut out)
            .await
            .unwrap();
        (planned, String::from_utf8(out).unwrap())
    };
    let replaces = "replaces: {previous: deregister, snapshots: delete}\nprotect: true\n";
    for content in [manifest("web-1", replaces), manifest("web-2", replaces)] {
        let (planned, text) = plan(&content).await;
        assert_eq!(planned, Planned::Changes);
        assert!(!text.contains("because"), "{text}");
    }
    assert!(plan(&manifest("web-2", replaces)).await.1.contains("- AMI"));
    assert_eq!(stack.world.iam().denials(), []);

    stack.expect_refusals();
    stack
        .drop_file("golden/web.vmdk", crate::support::vmdk())
        .await;
    let (planned, text) = plan(crate::support::DISK).await;
    assert_eq!(planned, Planned::Changes);
    assert!(text.contains("your credentials may not read"), "{text}");
    assert!(text.contains("1 ImportSnapshot"), "{text}");
}
