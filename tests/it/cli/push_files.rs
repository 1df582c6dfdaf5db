//! `amiwright push`: files of every kind, in every order, and what happens to them meanwhile.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use amiwright::aws::FileRange;
use amiwright::cli::push::{Bars, Push, Pushed, send_all};
use amiwright::cli::{Error, Exit};
use http::StatusCode;
use localaws::ec2::Era;
use localaws::faults::Fault;
use tempfile::TempDir;

use super::programs::{amiwright, text};
use crate::flows::bundles;
use crate::support::{TestStack, refused};

const KEY: &str = "web.image.yaml";
const DISK: &str = "disks/web.raw";
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
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("disks")).unwrap();
    std::fs::write(folder.path().join(DISK), disk()).unwrap();
    std::fs::write(folder.path().join(KEY), MANIFEST).unwrap();
    folder
}

fn disk() -> Vec<u8> {
    (0..2 * PART + MIB).map(|at| (at % 251) as u8).collect()
}

async fn push(stack: &TestStack, folder: &Path, names: &[&str]) -> Result<Pushed, Error> {
    let push = Push {
        files: names.iter().map(|name| folder.join(name)).collect(),
        prefix: String::new(),
        dry_run: false,
        bars: Bars::default(),
    };
    let (aws, config, now) = (
        stack.aws_of(USER),
        stack.config(),
        stack.world.clock().now(),
    );
    let pushed = send_all(&aws, &config, &push, now, &mut Vec::new()).await;
    pushed.map(|pushed| pushed.unwrap())
}

/// The keys that objects were put under by people since this call, in their order.
fn put(stack: &TestStack, since: u64) -> Vec<String> {
    let calls = stack.world.faults().calls().into_iter();
    let calls = calls.filter(|call| call.number > since && call.function.is_none() && call.done);
    calls
        .filter(|call| call.action == "PutObject")
        .map(|call| call.key.unwrap())
        .collect()
}

/// The image manifest has to be there when the bundle's comes, or both become AMIs.
#[tokio::test(start_paused = true)]
async fn a_bundle_and_its_image_manifest_become_one_ami_in_whichever_order_they_are_named() {
    let (yaml, xml) = ("image.image.yaml", "image.manifest.xml");
    for names in [vec![yaml, xml], vec![xml, yaml], vec![xml, yaml, xml, yaml]] {
        let stack = TestStack::built(|builder| {
            let builder = builder.user(USER, "UploaderPolicy");
            builder.era(Era::Classic)
        });
        let stack = stack.await;
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &[u8]| {
            std::fs::write(folder.path().join(name), content).unwrap();
        };
        write(xml, bundles::MANIFEST);
        write("image.part.0", bundles::PART);
        write(
            yaml,
            b"name: web-{digest}\nsource: {bundle: {manifest: image.manifest.xml}}\n",
        );
        let before = stack.world.faults().count();
        let pushed = push(&stack, folder.path(), &names).await.unwrap();
        assert_eq!(
            put(&stack, before),
            ["image.part.0", yaml, xml],
            "{names:?}"
        );
        assert_eq!(pushed.keys, names[..2], "each once, as they were named");
        stack.rest().await;
        assert!(stack.only_image().name.starts_with("web-"), "{names:?}");

        // However it is named, it is the same file.
        let dotted: Vec<String> = names.iter().map(|name| format!("./{name}")).collect();
        let dotted: Vec<&str> = dotted.iter().map(String::as_str).collect();
        let again = [&names[..], &dotted[..]].concat();
        // What is asked for is sent even if the same is there: that asks for it once more.
        let before = stack.world.faults().count();
        push(&stack, folder.path(), &again).await.unwrap();
        assert_eq!(put(&stack, before), [xml, yaml], "{names:?}");
        stack.rest().await;
        stack.only_image();
    }
}

#[tokio::test(start_paused = true)]
async fn no_link_leads_out_of_the_folder_of_the_manifest() {
    let stack = stack().await;
    let elsewhere = tempfile::tempdir().unwrap();
    let secret = elsewhere.path().join("credentials");
    std::fs::write(&secret, "aws_secret_access_key = x").unwrap();
    let before = stack.world.faults().count();
    let link = |at: PathBuf, to: &Path| std::os::unix::fs::symlink(to, at).unwrap();

    // A disk, the folder of a disk, a bundle's manifest, and a part of a bundle.
    let disk = folder();
    std::fs::remove_file(disk.path().join(DISK)).unwrap();
    link(disk.path().join(DISK), &secret);
    let of_disk = folder();
    std::fs::remove_dir_all(of_disk.path().join("disks")).unwrap();
    std::fs::write(elsewhere.path().join("web.raw"), "x").unwrap();
    link(of_disk.path().join("disks"), elsewhere.path());
    let xml = tempfile::tempdir().unwrap();
    let manifest = "name: web\nsource: {bundle: {manifest: web.manifest.xml}}\n";
    std::fs::write(xml.path().join(KEY), manifest).unwrap();
    link(xml.path().join("web.manifest.xml"), &secret);
    let part = tempfile::tempdir().unwrap();
    std::fs::write(part.path().join("image.manifest.xml"), bundles::MANIFEST).unwrap();
    link(part.path().join("image.part.0"), &secret);

    for (folder, name) in [
        (&disk, KEY),
        (&of_disk, KEY),
        (&xml, KEY),
        (&part, "image.manifest.xml"),
    ] {
        let error = push(&stack, folder.path(), &[name]).await.unwrap_err();
        let report = error.report();
        assert!(report.contains("is a symbolic link to"), "{report}");
        assert!(report.contains("not in the manifest's folder"), "{report}");
    }
    assert_eq!(
        stack.world.faults().count(),
        before,
        "nothing was asked or sent"
    );

    // Within the folder, links are as good as files.
    let within = folder();
    std::fs::rename(within.path().join(DISK), within.path().join("disks/1.raw")).unwrap();
    link(within.path().join(DISK), Path::new("1.raw"));
    push(&stack, within.path(), &[KEY]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_pipe_is_refused_and_not_waited_for() {
    let stack = stack().await;
    let folder = folder();
    let pipe = |at: PathBuf| {
        assert!(Command::new("mkfifo").arg(at).status().unwrap().success());
    };
    std::fs::remove_file(folder.path().join(DISK)).unwrap();
    pipe(folder.path().join(DISK));
    pipe(folder.path().join("pipe.image.yaml"));
    for name in [KEY, "pipe.image.yaml"] {
        let error = push(&stack, folder.path(), &[name]).await.unwrap_err();
        assert!(
            error.report().contains("it is not a file"),
            "{}",
            error.report()
        );
    }
}

async fn begun(stack: &TestStack) -> usize {
    let begun = stack.aws().begun_uploads(&stack.bucket, DISK).await;
    begun.unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn what_was_sent_of_a_file_that_changes_meanwhile_is_aborted() {
    let stack = stack().await;
    let folder = folder();
    let slow = Fault::Slow(Duration::from_secs(20));
    stack.world.faults().on("s3", "UploadPart", 3, slow);
    let changes = async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        std::fs::write(folder.path().join(DISK), "another").unwrap();
    };
    let (pushed, ()) = tokio::join!(push(&stack, folder.path(), &[KEY]), changes);
    let report = pushed.unwrap_err().report();
    assert!(report.contains("was changed while it was sent"), "{report}");
    assert_eq!(begun(&stack).await, 0);
}

/// Pushes until a part has been sent, and fails.
async fn interrupted(stack: &TestStack, folder: &Path) {
    let denied = refused("AccessDenied");
    stack.world.faults().on("s3", "UploadPart", 3, denied);
    push(stack, folder, &[KEY]).await.unwrap_err();
    stack.world.settle().await;
    assert_eq!(begun(stack).await, 1);
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_upload_is_found_behind_many_that_have_no_part() {
    let stack = stack().await;
    let folder = folder();
    interrupted(&stack, folder.path()).await;
    stack.world.run_for(Duration::from_secs(5)).await;
    for _ in 0..20 {
        let begun = stack.aws().begin_upload(&stack.bucket, DISK).await;
        begun.unwrap();
    }
    let before = stack.count("CreateMultipartUpload");
    push(&stack, folder.path(), &[KEY]).await.unwrap();
    assert_eq!(stack.count("CreateMultipartUpload"), before);
}

#[tokio::test(start_paused = true)]
async fn two_pushes_at_once_that_continue_one_upload_both_succeed() {
    let stack = stack().await;
    let folder = folder();
    interrupted(&stack, folder.path()).await;
    let before = stack.count("CreateMultipartUpload");
    let slow = Fault::Slow(Duration::from_secs(20));
    // The part that is still missing, of the second of them.
    stack.world.faults().on("s3", "UploadPart", 2, slow);
    let push = || push(&stack, folder.path(), &[KEY]);
    let (one, other) = tokio::join!(push(), push());
    one.unwrap();
    other.unwrap();
    assert_eq!(stack.count("CreateMultipartUpload"), before);
    stack.rest().await;
    assert_eq!(stack.only_image().state.to_string(), "available");
}

#[tokio::test(start_paused = true)]
async fn an_upload_into_which_somebody_sends_another_file_is_begun_anew() {
    let stack = stack().await;
    let folder = folder();
    interrupted(&stack, folder.path()).await;
    let (aws, bucket) = (stack.aws(), stack.bucket.clone());
    let id = aws.begun_uploads(&bucket, DISK).await.unwrap().remove(0).id;
    let other = folder.path().join("other");
    std::fs::write(&other, "other").unwrap();
    let slow = Fault::Slow(Duration::from_secs(20));
    stack.world.faults().on("s3", "UploadPart", 1, slow);
    let meddles = async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        let range = FileRange {
            path: &other,
            offset: 0,
            size: 5,
            crc64: crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, b"other"),
        };
        aws.send_part(&bucket, DISK, &id, 1, range).await.unwrap();
    };
    let (pushed, ()) = tokio::join!(push(&stack, folder.path(), &[KEY]), meddles);
    pushed.unwrap();
    stack.rest().await;
    assert_eq!(stack.only_image().state.to_string(), "available");
}

#[tokio::test(start_paused = true)]
async fn credentials_that_are_not_taken_are_no_matter_of_the_network() {
    let expired = Fault::Refuse {
        status: StatusCode::BAD_REQUEST,
        code: "ExpiredToken".to_owned(),
        message: "The provided token has expired.".to_owned(),
    };
    for action in [
        "ListObjectsV2",
        "CreateMultipartUpload",
        "UploadPart",
        "PutObject",
    ] {
        let stack = stack().await;
        let folder = folder();
        stack.world.faults().always("s3", action, expired.clone());
        let error = push(&stack, folder.path(), &[KEY]).await.unwrap_err();
        let report = error.report();
        assert!(report.contains("renew them"), "{action}: {report}");
        assert_eq!(error.exit(), Exit::Failed, "{action}");
        stack.world.faults().clear();
    }

    let home = folder();
    let mut command = amiwright();
    let output = command
        .env("HOME", home.path())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .arg("push")
        .arg(home.path().join(KEY))
        .args(["--bucket", "images", "--state-bucket", "images-state"])
        .args(["--region", "us-east-1"])
        .output();
    let output = output.unwrap();
    let said = text(&output.stderr);
    assert!(said.contains("hint: set AWS_PROFILE"), "{said}");
    assert_eq!(output.status.code(), Some(1), "{said}");
}
