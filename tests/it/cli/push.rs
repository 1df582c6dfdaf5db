//! `amiwright push`: what the manifests name goes to the bucket first, once, and the manifests last.

use std::path::{Path, PathBuf};

use crate::support::{TestStack, refused};
use amiwright::aws::Which;
use amiwright::cli::Error;
use amiwright::cli::push::{Bars, Push, Pushed, Refused, send_all};
use tempfile::TempDir;

const KEY: &str = "web.image.yaml";
const MANIFEST: &str = "name: web-{digest}\nsource: {disk: {object: disks/web.raw, format: raw}}\n";
const MIB: usize = 1024 * 1024;
/// As `amiwright push` divides files.
const PART: usize = 8 * MIB;

/// Who pushes: somebody who may drop manifests and no more.
const USER: &str = "uploader";

async fn stack() -> TestStack {
    TestStack::built(|builder| builder.user(USER, "UploaderPolicy")).await
}

/// A folder with a manifest and its disk, which is sent in three parts.
fn folder() -> (TempDir, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let disk: Vec<u8> = (0..2 * PART + MIB).map(|at| (at % 251) as u8).collect();
    std::fs::create_dir(folder.path().join("disks")).unwrap();
    std::fs::write(folder.path().join("disks/web.raw"), &disk).unwrap();
    std::fs::write(folder.path().join(KEY), MANIFEST).unwrap();
    (folder, disk)
}

type Answer = Result<Pushed, Vec<Refused>>;

/// Pushes a file: what was pushed, and what was written.
async fn push(stack: &TestStack, file: &Path) -> (Result<Answer, Error>, String) {
    push_to(stack, file, "", false).await
}

async fn push_to(
    stack: &TestStack,
    file: &Path,
    prefix: &str,
    dry_run: bool,
) -> (Result<Answer, Error>, String) {
    let push = Push {
        files: vec![PathBuf::from(file)],
        prefix: prefix.to_owned(),
        dry_run,
        bars: Bars::default(),
    };
    let (aws, config) = (stack.aws_of(USER), stack.config());
    let now = stack.world.clock().now();
    let mut out = Vec::new();
    let pushed = send_all(&aws, &config, &push, now, &mut out).await;
    (pushed, String::from_utf8(out).unwrap())
}

/// The keys that objects were written under, by the action that wrote them, in their order, since this call.
fn written(stack: &TestStack, since: u64) -> Vec<(String, String)> {
    let actions = ["PutObject", "UploadPart", "CompleteMultipartUpload"];
    let calls = stack.world.faults().calls().into_iter();
    calls
        .filter(|call| call.number > since && call.function.is_none())
        .filter(|call| call.done && actions.contains(&call.action.as_str()))
        .map(|call| (call.action, call.key.unwrap()))
        .collect()
}

async fn content(stack: &TestStack, key: &str) -> Vec<u8> {
    let object = stack
        .aws()
        .get_object(&stack.bucket, key, Which::Current, u64::MAX)
        .await;
    object.unwrap().unwrap().content.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_disk_goes_first_and_its_manifest_last_and_the_same_is_not_sent_again() {
    let stack = stack().await;
    let (folder, disk) = folder();
    let before = stack.world.faults().count();
    let (keys, said) = push(&stack, &folder.path().join(KEY)).await;
    assert_eq!(keys.unwrap().unwrap().keys, [KEY]);
    insta::assert_snapshot!(said.replace(&stack.bucket, "BUCKET"), @r"
    s3://BUCKET/disks/web.raw: sent, 17 MiB
    s3://BUCKET/web.image.yaml: sent, 72 bytes
    ");
    assert!(
        content(&stack, "disks/web.raw").await == disk,
        "another disk"
    );
    let written_now = written(&stack, before);
    assert_eq!(
        written_now
            .iter()
            .filter(|(action, _)| action == "UploadPart")
            .count(),
        3
    );
    assert_eq!(written_now.last().unwrap().1, KEY);
    stack.rest().await;
    assert_eq!(stack.only_image().state.to_string(), "available");

    let before = stack.world.faults().count();
    let (keys, said) = push(&stack, &folder.path().join(KEY)).await;
    keys.unwrap().unwrap();
    assert!(
        said.contains("disks/web.raw: the same is there already, 17 MiB"),
        "{said}"
    );
    assert_eq!(
        written(&stack, before),
        [("PutObject".to_owned(), KEY.to_owned())]
    );
    stack.rest().await;
    stack.only_image();
}

#[tokio::test(start_paused = true)]
async fn another_disk_of_the_same_size_is_sent() {
    let stack = stack().await;
    let (folder, mut disk) = folder();
    push(&stack, &folder.path().join(KEY))
        .await
        .0
        .unwrap()
        .unwrap();
    stack.rest().await;
    disk[PART + 5] ^= 1;
    std::fs::write(folder.path().join("disks/web.raw"), &disk).unwrap();
    push(&stack, &folder.path().join(KEY))
        .await
        .0
        .unwrap()
        .unwrap();
    assert!(
        content(&stack, "disks/web.raw").await == disk,
        "the disk from before"
    );
    stack.rest().await;
    assert_eq!(stack.images().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_before_it_failed_is_not_sent_again() {
    for fails in 1..=3 {
        let stack = stack().await;
        let (folder, disk) = folder();
        let before = stack.world.faults().count();
        stack
            .world
            .faults()
            .on("s3", "UploadPart", fails, refused("AccessDenied"));
        let (pushed, _) = push(&stack, &folder.path().join(KEY)).await;
        let report = pushed.unwrap_err().report();
        assert!(report.contains("AccessDenied"), "{report}");
        assert!(
            report.contains("allow UploadPart on the manifest bucket"),
            "{report}"
        );

        // What was on its way when one was refused arrives, or does not.
        stack.world.settle().await;
        let parts = || {
            let written = written(&stack, before).into_iter();
            written.filter(|(action, _)| action == "UploadPart").count()
        };
        let arrived = parts();
        let (pushed, _) = push(&stack, &folder.path().join(KEY)).await;
        pushed.unwrap().unwrap();
        assert_eq!(parts(), 3, "{fails}: {arrived} had arrived");
        let begun = stack.count("CreateMultipartUpload");
        assert_eq!(begun, 1 + usize::from(arrived == 0), "{fails}");
        assert!(
            content(&stack, "disks/web.raw").await == disk,
            "{fails}: another disk"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_of_any_call_loses_nothing() {
    for action in [
        "ListObjectsV2",
        "CreateMultipartUpload",
        "UploadPart",
        "CompleteMultipartUpload",
        "PutObject",
    ] {
        let stack = stack().await;
        let (folder, disk) = folder();
        stack
            .world
            .faults()
            .on("s3", action, 1, localaws::faults::Fault::LoseAnswer);
        let (pushed, _) = push(&stack, &folder.path().join(KEY)).await;
        pushed.unwrap().unwrap();
        assert!(content(&stack, "disks/web.raw").await == disk, "{action}");
        stack.rest().await;
        assert_eq!(
            stack.only_image().state.to_string(),
            "available",
            "{action}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_of_a_manifest_with_problems_or_without_its_disk() {
    let stack = stack().await;
    let (folder, _) = folder();
    let before = stack.world.faults().count();
    std::fs::write(
        folder.path().join("bad.image.yaml"),
        format!("{MANIFEST}tagz: {{}}\n"),
    )
    .unwrap();
    std::fs::write(folder.path().join("web.yaml"), MANIFEST).unwrap();
    for (name, hint) in [
        ("bad.image.yaml", "did you mean `tags`?"),
        ("web.yaml", "rename it to web.image.yaml"),
    ] {
        let (pushed, _) = push(&stack, &folder.path().join(name)).await;
        let refused = pushed.unwrap().unwrap_err();
        let problems: Vec<_> = refused.iter().flat_map(|it| &it.problems).collect();
        assert_eq!(problems.len(), 1, "{name}: {problems:?}");
        let said = problems[0].hint.as_ref().unwrap().to_string();
        assert!(said.contains(hint), "{name}: {said}");
    }

    std::fs::remove_file(folder.path().join("disks/web.raw")).unwrap();
    let report = push(&stack, &folder.path().join(KEY))
        .await
        .0
        .unwrap_err()
        .report();
    assert!(
        report.contains("nothing was sent") && report.contains("disks/web.raw"),
        "{report}"
    );
    assert_eq!(written(&stack, before), []);
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_is_in_the_bucket_only_is_left_there() {
    let stack = stack().await;
    let (folder, disk) = folder();
    stack.drop_file("disks/web.raw", disk).await;
    std::fs::remove_file(folder.path().join("disks/web.raw")).unwrap();
    let (pushed, said) = push(&stack, &folder.path().join(KEY)).await;
    pushed.unwrap().unwrap();
    assert!(
        said.contains("/disks/web.raw: in the bucket already; there is no "),
        "{said}"
    );
    stack.rest().await;
    stack.only_image();
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_says_what_it_would_send() {
    let stack = stack().await;
    let (folder, _) = folder();
    let before = stack.world.faults().count();
    let (pushed, said) = push_to(&stack, &folder.path().join(KEY), "golden/", true).await;
    assert_eq!(pushed.unwrap().unwrap().keys, ["golden/web.image.yaml"]);
    insta::assert_snapshot!(said.replace(&stack.bucket, "BUCKET"), @r"
    s3://BUCKET/golden/disks/web.raw: 17 MiB, unless the same is there
    s3://BUCKET/golden/web.image.yaml: 72 bytes, unless the same is there
    ");
    assert_eq!(written(&stack, before), []);
}

/// A world of the classic era, and a folder with a bundle.
async fn with_bundle() -> (TestStack, TempDir) {
    let (stack, _) = TestStack::classic_built(|builder| builder.user(USER, "UploaderPolicy")).await;
    let folder = tempfile::tempdir().unwrap();
    let xml = include_bytes!("../../fixtures/image.manifest.xml");
    std::fs::write(folder.path().join("image.manifest.xml"), xml).unwrap();
    let part = include_bytes!("../../fixtures/image.part.0");
    std::fs::write(folder.path().join("image.part.0"), part).unwrap();
    (stack, folder)
}

#[tokio::test(start_paused = true)]
async fn a_bundle_goes_part_by_part_with_its_manifest_last() {
    let (stack, folder) = with_bundle().await;
    let before = stack.world.faults().count();
    let (pushed, _) = push(&stack, &folder.path().join("image.manifest.xml")).await;
    pushed.unwrap().unwrap();
    let keys: Vec<String> = written(&stack, before)
        .into_iter()
        .map(|(_, key)| key)
        .collect();
    assert_eq!(keys, ["image.part.0", "image.manifest.xml"]);
    stack.rest().await;
    assert_eq!(stack.only_image().state.to_string(), "available");
}

/// The bundle's manifest would start an image by itself if it came before the image manifest that is about it.
#[tokio::test(start_paused = true)]
async fn a_bundle_with_an_image_manifest_becomes_one_ami() {
    let (stack, folder) = with_bundle().await;
    let manifest = "name: web-{digest}\nsource: {bundle: {manifest: image.manifest.xml}}\n";
    let file = folder.path().join("image.image.yaml");
    std::fs::write(&file, manifest).unwrap();
    let before = stack.world.faults().count();
    let (pushed, _) = push(&stack, &file).await;
    pushed.unwrap().unwrap();
    let keys = |since| {
        let written = written(&stack, since).into_iter();
        written.map(|(_, key)| key).collect::<Vec<_>>()
    };
    let new = ["image.part.0", "image.image.yaml", "image.manifest.xml"];
    assert_eq!(keys(before), new);
    stack.rest().await;
    assert!(stack.only_image().name.starts_with("web-"));

    let before = stack.world.faults().count();
    push(&stack, &file).await.0.unwrap().unwrap();
    assert_eq!(keys(before), ["image.image.yaml"]);
    stack.rest().await;
    stack.only_image();
}

#[tokio::test(start_paused = true)]
async fn two_files_are_not_sent_as_one_object() {
    let stack = stack().await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, manifest: &str| {
        let of = folder.path().join(name);
        std::fs::create_dir(&of).unwrap();
        std::fs::write(of.join("disk.raw"), name).unwrap();
        let file = of.join(format!("{manifest}.image.yaml"));
        let text = format!(
            "name: {name}-{{digest}}\nsource: {{disk: {{object: disk.raw, format: raw}}}}\n"
        );
        std::fs::write(&file, text).unwrap();
        file
    };
    let (one, other, same) = (
        file("one", "one"),
        file("other", "other"),
        file("same", "one"),
    );
    let before = stack.world.faults().count();
    for files in [vec![one.clone(), other], vec![one, same]] {
        let push = Push {
            files,
            prefix: String::new(),
            dry_run: false,
            bars: Bars::default(),
        };
        let (aws, config) = (stack.aws_of(USER), stack.config());
        let now = stack.world.clock().now();
        let pushed = send_all(&aws, &config, &push, now, &mut Vec::new()).await;
        let report = pushed.unwrap_err().report();
        assert!(report.contains("disk.raw would be both"), "{report}");
        assert!(report.contains("--prefix"), "{report}");
    }
    assert_eq!(written(&stack, before), []);
}
