//! `amiwright watch` after an upload: what is told is how that version ended, and not the one before.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use amiwright::aws::Aws;
use amiwright::cli::push::{Bars, Push, Pushed, send_all};
use amiwright::cli::watch::{Shows, Watch, poll};
use amiwright::cli::{Error, Exit, Terminal};
use amiwright::reconcile::Context;
use http::StatusCode;
use localaws::faults::Fault;
use localaws::world::Builder;

use crate::flows::bundles::{self, other_bundle};
use crate::support::{TestStack, refused};

const KEY: &str = "web.image.yaml";

/// Who pushes: somebody who may drop manifests and no more.
const USER: &str = "uploader";

async fn stack(change: impl FnOnce(Builder) -> Builder) -> TestStack {
    let stack = TestStack::built(|builder| change(builder.user(USER, "UploaderPolicy"))).await;
    // Uploaders may not read manifests: they are asked for all the same, as others may.
    stack.expect_refusals();
    stack
}

/// A manifest that is refused by the stack, but by no offline check.
fn not_allowed(stack: &TestStack) -> String {
    stack.manifest("web-2") + "access: {public: true}\n"
}

async fn push(stack: &TestStack, files: &[(&str, Vec<u8>)], pushed: &[&str]) -> Pushed {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let files: Vec<PathBuf> = pushed.iter().map(|it| folder.path().join(it)).collect();
    let push = Push {
        files,
        prefix: String::new(),
        dry_run: false,
        bars: Bars::default(),
    };
    let (aws, config, now) = (
        stack.aws_of(USER),
        stack.config(),
        stack.world.clock().now(),
    );
    let sent = send_all(&aws, &config, &push, now, &mut Vec::new()).await;
    sent.unwrap().unwrap()
}

/// As `amiwright push --wait` and `amiwright watch` do.
async fn watch(
    stack: &TestStack,
    aws: &Aws,
    keys: &[String],
    uploads: &BTreeMap<String, String>,
) -> (Result<bool, Error>, String) {
    let watch = Watch {
        keys: keys.to_vec(),
        uploads: uploads.clone(),
        interval: Duration::from_secs(2),
        timeout: Some(Duration::from_secs(3600)),
        terminal: Terminal::PLAIN,
        shows: Shows::Progress,
    };
    let config = stack.config();
    let context = Context::new(aws, &config, stack.world.clock().now());
    let mut out = Vec::new();
    let finished = poll(context, &watch, &mut out).await;
    (finished, String::from_utf8(out).unwrap())
}

/// Pushes two versions, of which the first becomes available and the second is refused, and watches the second.
async fn pushes_and_watches(stack: &TestStack) -> (Result<bool, Error>, String) {
    stack.drop_and_rest(KEY, stack.manifest("web-1")).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    let pushed = push(stack, &[(KEY, not_allowed(stack).into_bytes())], &[KEY]).await;
    watch(stack, &stack.aws_of(USER), &pushed.keys, &pushed.uploads).await
}

#[tokio::test(start_paused = true)]
async fn an_uploader_is_told_how_the_version_ended_that_was_pushed() {
    let stack = stack(|builder| builder).await;
    let (finished, text) = pushes_and_watches(&stack).await;
    assert!(!finished.unwrap(), "{text}");
    assert!(text.contains("Finished: 1 rejected."), "{text}");
}

#[tokio::test(start_paused = true)]
async fn so_is_whoever_may_not_even_list_manifests() {
    let template = include_str!("../../../template.yaml");
    let list =
        "Action:\n              - s3:ListBucket\n              - s3:ListBucketMultipartUploads\n";
    let other = "Action:\n              - s3:ListBucketMultipartUploads\n";
    let blind = template.replacen(list, other, 1);
    assert_ne!(blind, template);
    let stack = stack(|builder| builder.template(&blind)).await;
    let (finished, text) = pushes_and_watches(&stack).await;
    assert!(!finished.unwrap(), "{text}");
    assert!(text.contains("Finished: 1 rejected."), "{text}");

    // Of what was not uploaded by it, it knows no more than the status says.
    let keys = [KEY.to_owned()];
    stack.drop_silently(KEY, stack.manifest("web-3"));
    let (finished, text) = watch(&stack, &stack.aws_of(USER), &keys, &BTreeMap::new()).await;
    assert!(!finished.unwrap(), "{text}");
}

#[tokio::test(start_paused = true)]
async fn an_error_that_passes_is_not_taken_for_the_end_of_the_version_before() {
    let unavailable = Fault::Refuse {
        status: StatusCode::SERVICE_UNAVAILABLE,
        code: "ServiceUnavailable".to_owned(),
        message: "Please try again".to_owned(),
    };
    let faults = [Fault::Throttle, unavailable, Fault::LoseAnswer];
    for (user, action) in [
        ("", "HeadObject"),
        (USER, "HeadObject"),
        (USER, "ListObjectsV2"),
    ] {
        for fault in &faults {
            let stack = stack(|builder| builder).await;
            stack.drop_and_rest(KEY, stack.manifest("web-1")).await;
            stack.drop_silently(KEY, not_allowed(&stack));
            let aws = match user {
                "" => stack.aws(),
                user => stack.aws_of(user),
            };
            // The SDK tries three times; the first list of an uploader's look is that of the open markers.
            let from = if action == "ListObjectsV2" { 2 } else { 1 };
            for nth in from..from + 3 {
                stack.world.faults().on("s3", action, nth, fault.clone());
            }
            let (finished, text) = watch(&stack, &aws, &[KEY.to_owned()], &BTreeMap::new()).await;
            assert!(!finished.unwrap(), "{user} {action} {fault:?}: {text}");
            assert!(text.contains("Finished: 1 rejected."), "{text}");
            assert!(
                text.contains("retrying"),
                "{user} {action} {fault:?}: {text}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn credentials_that_expire_end_no_watch_as_if_all_were_well() {
    let stack = stack(|builder| builder).await;
    stack.drop_and_rest(KEY, stack.manifest("web-1")).await;
    stack.drop_silently(KEY, not_allowed(&stack));
    let expired = refused("ExpiredToken");
    stack.world.faults().on("s3", "HeadObject", 1, expired);
    let keys = [KEY.to_owned()];
    let (finished, text) = watch(&stack, &stack.aws(), &keys, &BTreeMap::new()).await;
    let error = finished.unwrap_err();
    assert_eq!(error.exit(), Exit::Failed, "{text}");
    assert!(error.report().contains("renew them"), "{}", error.report());
}

/// Where an image manifest is beside a bundle, the bundle's own key gets no status.
#[tokio::test(start_paused = true)]
async fn a_bundle_is_watched_by_the_image_manifest_beside_it() {
    let manifest = b"name: web-{digest}\nsource: {bundle: {manifest: image.manifest.xml}}\n";
    let bundle = [
        ("image.manifest.xml", bundles::MANIFEST.to_vec()),
        ("image.part.0", bundles::PART.to_vec()),
    ];
    for may_read in [false, true] {
        let stack = stack(|builder| builder.era(localaws::ec2::Era::Classic)).await;
        let aws = if may_read {
            stack.aws()
        } else {
            stack.aws_of(USER)
        };
        stack.drop_file("image.image.yaml", manifest).await;
        stack.world.settle().await;
        let pushed = push(&stack, &bundle, &["image.manifest.xml"]).await;
        let (finished, text) = watch(&stack, &aws, &pushed.keys, &pushed.uploads).await;
        assert!(finished.unwrap(), "{text}");
        assert!(text.contains("image.image.yaml"), "{text}");
        stack.rest().await;
        assert_eq!(stack.images().len(), 1);

        // Another bundle, whose parts are those of before: it is refused.
        let (xml, _) = other_bundle();
        let xml = String::from_utf8(xml).unwrap();
        let xml = xml.replace("<user>000000000000</user>", "<user>111122223333</user>");
        let other = [("image.manifest.xml", xml.into_bytes()), bundle[1].clone()];
        let pushed = push(&stack, &other, &["image.manifest.xml"]).await;
        let (finished, text) = watch(&stack, &aws, &pushed.keys, &pushed.uploads).await;
        assert!(!finished.unwrap(), "{may_read}: {text}");
    }
}

/// Its image is superseded while it is watched.
#[tokio::test(start_paused = true)]
async fn a_bundle_that_an_image_manifest_supersedes_is_no_failure() {
    let stack = stack(|builder| builder.era(localaws::ec2::Era::Classic)).await;
    let pushed = {
        // Its part is still missing.
        stack
            .drop_file("image.manifest.xml", bundles::MANIFEST)
            .await;
        stack.minute().await;
        ["image.manifest.xml".to_owned()]
    };
    let arrives = async {
        stack.world.run_for(Duration::from_secs(60)).await;
        let manifest = "name: web-{digest}\nsource: {bundle: {manifest: image.manifest.xml}}\n";
        stack.drop_file("image.image.yaml", manifest).await;
        stack.drop_file("image.part.0", bundles::PART).await;
    };
    let (aws, none) = (stack.aws_of(USER), BTreeMap::new());
    let ((finished, text), ()) = tokio::join!(watch(&stack, &aws, &pushed, &none), arrives);
    assert!(finished.unwrap(), "{text}");
    let status = stack.status("image.manifest.xml").await;
    assert_eq!(status["state"], "superseded");
    assert_eq!(stack.images().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_time_out_is_kept_whatever_is_waited_for_and_may_have_any_length() {
    let stack = stack(|builder| builder.schedules(false)).await;
    let mut wanted = Watch {
        keys: vec![KEY.to_owned()],
        uploads: BTreeMap::new(),
        interval: Duration::from_secs(2),
        timeout: Some(Duration::from_secs(30)),
        terminal: Terminal {
            width: Some(80),
            height: Some(24),
            live: true,
            ..Terminal::PLAIN
        },
        shows: Shows::Progress,
    };
    let (aws, config) = (stack.aws(), stack.config());
    let now = stack.world.clock().now();
    let context = Context::new(&aws, &config, now);
    // The first list is that of the open markers, the second that of images that tell how long tasks take.
    let slow = Fault::Slow(Duration::from_secs(3600));
    stack.world.faults().on("s3", "ListObjectsV2", 2, slow);
    let error = poll(context, &wanted, &mut Vec::new()).await.unwrap_err();
    assert_eq!(error.exit(), Exit::TimedOut, "{}", error.report());
    let took = stack.world.clock().now().duration_since(now);
    assert!(took.as_secs() < 60, "{took:?}");

    stack.drop_file(KEY, "name: web\n").await;
    wanted.timeout = Some(Duration::from_secs_f64(1e19));
    assert!(!poll(context, &wanted, &mut Vec::new()).await.unwrap());
}
