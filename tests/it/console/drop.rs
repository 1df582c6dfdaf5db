//! Manifests and disks that are dropped.

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use futures_util::{StreamExt as _, stream};
use serde_json::Value;

use super::{Browser, ORIGIN, answer, stack};
use crate::support::{DISK, TestStack, refused, vmdk};

const MIB: usize = 1024 * 1024;

async fn uploader(stack: &TestStack) -> Browser {
    Browser::open_as(stack, stack.aws_of("uploader")).await
}

async fn objects(stack: &TestStack, prefix: &str) -> Vec<(String, u64)> {
    let listed = stack.aws().list_objects(&stack.bucket, prefix, 1000).await;
    let listed = listed.unwrap().into_iter();
    listed.map(|it| (it.key, it.size)).collect()
}

#[tokio::test(start_paused = true)]
async fn a_bad_manifest_is_shown_with_each_problem_at_its_line_and_not_uploaded() {
    let stack = stack().await;
    let browser = uploader(&stack).await;
    let manifest = stack.manifest("web") + "register: {bootMode: eufi}\nnonsense: 1\n";
    for path in ["/drop/check", "/drop/manifest"] {
        let path = format!("{path}?folder=golden&name=web.image.yaml");
        let page = browser.send(&path, manifest.clone(), manifest.len()).await;
        let page = page.with(StatusCode::UNPROCESSABLE_ENTITY);
        page.has("2 problems").has("golden/web.image.yaml");
        let lines = page.between("<li", "</li>");
        assert_eq!(lines.len(), 5, "{}", page.body);
        assert!(lines[3].contains("bootMode: eufi") && lines[3].contains("Problem"));
        assert!(lines[4].contains("nonsense: 1") && lines[4].contains("Problem"));
        assert!(!lines[0].contains("Problem"));
    }
    assert_eq!(objects(&stack, "golden/").await, []);
}

#[tokio::test(start_paused = true)]
async fn a_good_manifest_becomes_an_ami() {
    let stack = stack().await;
    let browser = uploader(&stack).await;
    let manifest = stack.manifest("web");
    let checked = browser
        .send(
            "/drop/check?folder=golden%2F&name=web.image.yaml",
            manifest.clone(),
            manifest.len(),
        )
        .await;
    checked.with(StatusCode::OK).has("No problems.");
    assert_eq!(objects(&stack, "golden/").await, []);
    let sent = browser
        .send(
            "/drop/manifest?folder=golden%2F&name=web.image.yaml",
            manifest.clone(),
            manifest.len(),
        )
        .await;
    sent.with(StatusCode::OK)
        .has("href=\"/image?key=golden%2Fweb%2Eimage%2Eyaml\"");
    stack.rest().await;
    assert_eq!(stack.only_image().name, "web");
    browser.get("/images").await.has("1 available");
}

#[tokio::test(start_paused = true)]
async fn a_disk_is_sent_in_parts_as_push_sends_it() {
    let stack = stack().await;
    let browser = uploader(&stack).await;
    let missing = browser
        .send("/drop/check?name=web.image.yaml", DISK, DISK.len())
        .await;
    missing
        .with(StatusCode::OK)
        .has("Not in the bucket yet")
        .has("web.vmdk");

    for (name, size) in [
        ("small.raw", 5),
        ("empty.raw", 0),
        ("exact.raw", 16 * MIB),
        ("large.raw", 17 * MIB + 3),
    ] {
        let content: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
        let chunks: Vec<_> = content
            .chunks(300_000)
            .map(|it| Ok::<_, std::io::Error>(Bytes::copy_from_slice(it)))
            .collect();
        let body = Body::from_stream(stream::iter(chunks));
        let path = format!("/drop/object?folder=disks&name={name}");
        browser
            .send(&path, body, size)
            .await
            .with(StatusCode::OK)
            .has("Uploaded: ");
        let kept = stack
            .world
            .s3()
            .get(&stack.bucket, &format!("disks/{name}"))
            .await;
        assert!(kept.unwrap().unwrap() == content, "{name}");
    }
    let calls = stack.world.faults().calls().into_iter();
    let parts = calls.filter(|call| call.action == "UploadPart" && call.done);
    assert_eq!(parts.count(), 2 + 3);

    let disk = vmdk();
    let size = disk.len();
    browser
        .send("/drop/object?name=web.vmdk", disk, size)
        .await
        .with(StatusCode::OK);
    let checked = browser
        .send("/drop/check?name=web.image.yaml", DISK, DISK.len())
        .await;
    checked.has("No problems.").has_not("Not in the bucket yet");
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_breaks_off_leaves_nothing() {
    let stack = stack().await;
    let browser = uploader(&stack).await;
    for (name, sent, promised) in [("a.raw", 20 * MIB, 30 * MIB), ("b.raw", 10, 20)] {
        let path = format!("/drop/object?name={name}");
        let page = browser.send(&path, vec![1; sent], promised).await;
        page.with(StatusCode::BAD_REQUEST)
            .has("the file ended after");
    }
    let broken = stream::iter([
        Ok(Bytes::from(vec![1; 9 * MIB])),
        Err(std::io::Error::other("the connection is gone")),
    ]);
    let body = Body::from_stream(broken);
    let page = browser
        .send("/drop/object?name=c.raw", body, 30 * MIB)
        .await;
    page.with(StatusCode::BAD_REQUEST)
        .has("the connection is gone");
    let first = stream::iter([Ok::<_, std::io::Error>(Bytes::from(vec![1; 9 * MIB]))]);
    let body = Body::from_stream(first.chain(stream::pending()));
    let page = browser
        .send("/drop/object?name=d.raw", body, 30 * MIB)
        .await;
    page.with(StatusCode::REQUEST_TIMEOUT)
        .has("arrived for a minute");
    let faults = stack.world.faults();
    faults.always("s3", "CompleteMultipartUpload", refused("InternalError"));
    let whole = vec![1; 20 * MIB];
    let page = browser
        .send("/drop/object?name=e.raw", whole, 20 * MIB)
        .await;
    assert!(!page.status.is_success(), "{}", page.body);
    assert_eq!(objects(&stack, "").await, []);
    let aws = stack.aws();
    for name in ["a.raw", "c.raw", "d.raw", "e.raw"] {
        assert_eq!(aws.begun_uploads(&stack.bucket, name).await.unwrap(), []);
    }
}

#[tokio::test(start_paused = true)]
async fn names_lead_nowhere_else_and_manifests_are_always_checked() {
    let stack = stack().await;
    let browser = uploader(&stack).await;
    for (path, status) in [
        ("/drop/object?name=", StatusCode::BAD_REQUEST),
        ("/drop/object?name=..", StatusCode::BAD_REQUEST),
        (
            "/drop/object?folder=%2Fetc&name=a.raw",
            StatusCode::BAD_REQUEST,
        ),
        ("/drop/object?name=web.image.yaml", StatusCode::BAD_REQUEST),
        (
            "/drop/manifest?name=web.yaml",
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
    ] {
        let page = browser.send(path, "x", 1).await;
        page.with(status);
    }
    let long = format!("/drop/object?name={}", "x".repeat(1025));
    browser
        .send(&long, "x", 1)
        .await
        .with(StatusCode::BAD_REQUEST);
    assert_eq!(objects(&stack, "").await, []);
    // What a browser says of the person's own folders is left out.
    browser
        .send("/drop/object?name=C%3A%5Cdisks%5Ca.raw", "x", 1)
        .await
        .with(StatusCode::OK);
    assert_eq!(objects(&stack, "").await, [("a.raw".to_owned(), 1)]);
}

#[tokio::test(start_paused = true)]
async fn a_huge_manifest_is_refused_without_being_held() {
    let stack = stack().await;
    let browser = uploader(&stack).await;
    let chunks = (0..64).map(|_| Ok::<_, std::io::Error>(Bytes::from(vec![b'#'; MIB])));
    let body = Body::from_stream(stream::iter(chunks));
    let page = browser
        .send("/drop/check?name=web.image.yaml", body, 64 * MIB)
        .await;
    page.with(StatusCode::UNPROCESSABLE_ENTITY).has("1 problem");
}

/// A form with these files, as a browser without the script sends it.
async fn form(browser: &Browser, csrf: &str, files: &[(&str, &[u8])]) -> super::Page {
    let mut body = Vec::new();
    for (name, value) in [("csrf", csrf), ("folder", "golden/")] {
        body.extend(
            format!("--B\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
                .into_bytes(),
        );
    }
    for (name, content) in files {
        body.extend(format!("--B\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{name}\"\r\ncontent-type: application/octet-stream\r\n\r\n").into_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--B--\r\n");
    let request = browser
        .request("POST", "/drop")
        .header("origin", ORIGIN)
        .header("content-type", "multipart/form-data; boundary=B")
        .header("content-length", body.len());
    answer(&browser.console, request.body(Body::from(body)).unwrap()).await
}

#[tokio::test(start_paused = true)]
async fn without_the_script_a_form_sends_all_files_and_the_manifest_last() {
    let stack = stack().await;
    let browser = uploader(&stack).await;
    let disk = vmdk();
    let before = stack.world.faults().count();
    // The manifest comes first in the form.
    let page = form(
        &browser,
        &browser.csrf,
        &[("web.image.yaml", DISK.as_bytes()), ("web.vmdk", &disk)],
    )
    .await;
    let page = page.with(StatusCode::SEE_OTHER);
    assert_eq!(
        page.header("location"),
        "/image?key=golden%2Fweb%2Eimage%2Eyaml"
    );
    let calls = stack.world.faults().calls().into_iter();
    let written = calls.filter(|call| {
        call.number > before && call.action == "PutObject" && call.function.is_none()
    });
    let keys: Vec<String> = written.map(|call| call.key.unwrap()).collect();
    assert_eq!(keys, ["golden/web.vmdk", "golden/web.image.yaml"]);
    stack.rest().await;
    let status: Value = stack.status("golden/web.image.yaml").await;
    assert_eq!(status["state"], "available");
}

#[tokio::test(start_paused = true)]
async fn a_form_with_a_bad_manifest_shows_its_problems_and_sends_no_manifest() {
    let stack = stack().await;
    let browser = uploader(&stack).await;
    let (good, bad) = (stack.manifest("web"), "name: x\n");
    let files = [
        ("a.image.yaml", good.as_bytes()),
        ("b.image.yaml", bad.as_bytes()),
    ];
    let page = form(&browser, &browser.csrf, &files).await;
    page.with(StatusCode::UNPROCESSABLE_ENTITY)
        .has("golden/b.image.yaml")
        .has("Problem")
        .has("<html");
    assert_eq!(objects(&stack, "").await, []);
    let foreign = form(&browser, "0123", &files).await;
    foreign
        .with(StatusCode::FORBIDDEN)
        .has("this form is not of this console");
    assert_eq!(objects(&stack, "").await, []);
}
