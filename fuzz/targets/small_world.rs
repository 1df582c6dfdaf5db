//! A small world for one input, and what every answer of it has to be.

use std::path::Path;

use http::header::{AUTHORIZATION, CONTENT_LENGTH};
use http::{HeaderMap, StatusCode};
use localaws::wire::{Request, Response};
use localaws::world::World;
use quick_xml::Reader;
use quick_xml::events::Event;

/// Three buckets (one keeps versions, one has ACLs) and a topic.
const TEMPLATE: &str = r"
Resources:
  Images:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: images
      NotificationConfiguration: {EventBridgeConfiguration: {EventBridgeEnabled: true}}
  Kept:
    Type: AWS::S3::Bucket
    Properties: {BucketName: kept, VersioningConfiguration: {Status: Enabled}}
  Open:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: open
      OwnershipControls: {Rules: [{ObjectOwnership: BucketOwnerPreferred}]}
  Topic:
    Type: AWS::SNS::Topic
    Properties:
      TopicName: notices
      Subscription: [{Protocol: email, Endpoint: ops@example.com}]
";

/// Runs this in a world of its own, whose time is paused, and checks that it left nothing beside its folder.
pub(crate) fn within(work: impl AsyncFnOnce(&World)) {
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().join("a/b/world");
    std::fs::create_dir_all(&folder).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let builder = World::builder().template(TEMPLATE).schedules(false);
        let world = builder.directory(Some(&folder)).start().await.unwrap();
        work(&world).await;
        world.close().await;
    });
    assert_eq!(names(outside.path()), ["a"]);
    assert_eq!(names(&outside.path().join("a")), ["b"]);
    assert_eq!(names(&outside.path().join("a/b")), ["world"]);
    for name in names(&folder) {
        assert!(
            ["mail", "s3", "state"].contains(&name.as_str()),
            "{name} in the world"
        );
    }
    // Buckets, and what is kept beside them.
    for name in names(&folder.join("s3")) {
        let state = [".state"].contains(&name.as_str());
        assert!(state || s3_name(&name), "{name} in the folder of S3");
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn s3_name(name: &str) -> bool {
    (3..=63).contains(&name.len())
        && name
            .bytes()
            .all(|it| it.is_ascii_lowercase() || it.is_ascii_digit() || b"-.".contains(&it))
        && !name.starts_with('.')
}

/// Sends a request, signed for this service unless it says how itself, and checks the form of the answer.
pub(crate) async fn send(world: &World, service: &str, mut request: Request) -> Response {
    let signed_in_url = ["X-Amz-Credential=", "AWSAccessKeyId="];
    let query = request.uri().query().unwrap_or_default();
    if !request.headers().contains_key(AUTHORIZATION)
        && !signed_in_url.iter().any(|field| query.contains(field))
    {
        let scope = format!("AKID/20251121/us-east-1/{service}/aws4_request");
        let how = format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00");
        request
            .headers_mut()
            .insert(AUTHORIZATION, how.parse().unwrap());
    }
    let is_head = request.method() == http::Method::HEAD;
    let answer = world.dispatch(request).await.unwrap();
    let (status, headers, body) = (answer.status(), answer.headers(), answer.body());
    let shown = || format!("{status} {headers:?} {}", String::from_utf8_lossy(body));
    assert_ne!(status, StatusCode::INTERNAL_SERVER_ERROR, "{}", shown());
    assert!(
        !status.is_redirection()
            || status == StatusCode::NOT_MODIFIED
            || headers.contains_key("location"),
        "{}",
        shown()
    );
    if let Some(length) = headers.get(CONTENT_LENGTH).filter(|_| !is_head) {
        assert_eq!(
            length.to_str().unwrap(),
            body.len().to_string(),
            "{}",
            shown()
        );
    }
    if is_head || status == StatusCode::NOT_MODIFIED || status == StatusCode::NO_CONTENT {
        assert!(body.is_empty(), "{}", shown());
    } else if !status.is_success() {
        refusal(status, headers, body);
    }
    answer
}

/// An error has a code and a message, in the protocol's own form, and 501 is what is not built.
fn refusal(status: StatusCode, headers: &HeaderMap, body: &[u8]) {
    let shown = || format!("{status} {headers:?} {}", String::from_utf8_lossy(body));
    let kind = headers
        .get("content-type")
        .map(|kind| kind.to_str().unwrap());
    let code = match kind {
        Some(kind) if kind.contains("xml") => {
            let elements = elements(body);
            let text = |name: &str| {
                elements
                    .iter()
                    .find(|(it, _)| it == name)
                    .map(|it| it.1.clone())
            };
            assert!(
                text("Message").is_some_and(|it| !it.is_empty()),
                "{}",
                shown()
            );
            text("Code").unwrap_or_default()
        }
        Some(kind) if kind.contains("json") => {
            let error: serde_json::Value =
                serde_json::from_slice(body).unwrap_or_else(|_| panic!("{}", shown()));
            error["__type"].as_str().unwrap_or_default().to_owned()
        }
        // What has no errors that a client reads.
        _ => {
            assert_eq!(status, StatusCode::NOT_IMPLEMENTED, "{}", shown());
            "NotImplemented".to_owned()
        }
    };
    assert!(!code.is_empty(), "{}", shown());
    assert_eq!(
        status == StatusCode::NOT_IMPLEMENTED,
        code == "NotImplemented",
        "{}",
        shown()
    );
}

/// The elements of a document, each with its text, in the order of their ends. It has to be well-formed: one root, of
/// characters that XML 1.0 has.
pub(crate) fn elements(body: &[u8]) -> Vec<(String, String)> {
    let text = std::str::from_utf8(body).unwrap();
    let bad = |c: &char| !matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    assert_eq!(text.chars().find(bad), None, "{text:?}");
    let mut reader = Reader::from_str(text);
    let (mut open, mut found, mut roots) = (Vec::<(String, String)>::new(), Vec::new(), 0);
    loop {
        match reader
            .read_event()
            .unwrap_or_else(|error| panic!("{error}: {text}"))
        {
            Event::Start(start) => {
                roots += usize::from(open.is_empty());
                let name = start.name().as_ref().to_owned();
                open.push((name, String::new()));
            }
            Event::Empty(empty) => {
                roots += usize::from(open.is_empty());
                let name = empty.name().as_ref().to_owned();
                found.push((name, String::new()));
            }
            Event::End(_) => found.extend(open.pop()),
            Event::Text(part) => match open.last_mut() {
                Some((_, text)) => text.push_str(&part),
                None => assert!(part.trim().is_empty(), "outside of the root: {text}"),
            },
            Event::GeneralRef(name) => {
                let name: &str = &name;
                let known = ["amp", "lt", "gt", "quot", "apos"].contains(&name);
                assert!(known || name.starts_with('#'), "&{name}; in {text}");
                let (_, text) = open.last_mut().unwrap();
                text.push_str(&format!("&{name};"));
            }
            Event::CData(_) | Event::DocType(_) | Event::PI(_) => panic!("{text}"),
            Event::Comment(_) | Event::Decl(_) => {}
            Event::Eof => break,
        }
    }
    assert_eq!((roots, open.len()), (1, 0), "{text}");
    found
}
