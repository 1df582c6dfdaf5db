//! S3's front: whatever requests come, the answers are well-formed, nothing is written outside of the buckets' folders, and
//! what is listed is there.
//!
//! The input is a text: requests as `METHOD TARGET`, headers, an empty line, and a body, with a line `----` between two.

use http::StatusCode;
use http::header::{ETAG, LAST_MODIFIED};
use localaws::wire::{Request, Response};
use localaws::world::World;

use super::small_world::{elements, send, within};

/// Requests of one input.
const MOST: usize = 12;

/// Sends these requests.
pub(crate) fn run(data: &[u8]) {
    let requests: Vec<Request> = parts(data)
        .into_iter()
        .take(MOST)
        .filter_map(request)
        .collect();
    if requests.is_empty() {
        return;
    }
    within(async |world| {
        world.s3().put("images", "a.txt", "abc").await.unwrap();
        for request in requests {
            let is_read = request.method() == http::Method::GET;
            let again = is_read.then(|| request.clone());
            let answer = send(world, "s3", request).await;
            well_formed(&answer);
            if let Some(again) = again {
                let again = send(world, "s3", again).await;
                assert_eq!(
                    again.status(),
                    answer.status(),
                    "the same question, another answer"
                );
            }
        }
        world.settle().await;
        for bucket in ["images", "kept", "open"] {
            all_there(world, bucket).await;
        }
    });
}

fn parts(data: &[u8]) -> Vec<&[u8]> {
    const BETWEEN: &[u8] = b"\n----\n";
    let mut parts = Vec::new();
    let mut rest = data;
    while let Some(at) = rest.windows(BETWEEN.len()).position(|it| it == BETWEEN) {
        parts.push(&rest[..at]);
        rest = &rest[at + BETWEEN.len()..];
    }
    parts.push(rest);
    parts
}

/// A request that HTTP can carry; none of other bytes.
fn request(part: &[u8]) -> Option<Request> {
    let mut lines = part.split(|byte| *byte == b'\n');
    let first = std::str::from_utf8(lines.next()?).ok()?;
    let (method, target) = first.split_once(' ')?;
    let mut request = http::Request::builder().method(method).uri(target);
    let mut head = first.len() + 1;
    for line in lines {
        head += line.len() + 1;
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|byte| *byte == b':')?;
        let value = line[colon + 1..].trim_ascii();
        request = request.header(&line[..colon], value);
    }
    let body = part.get(head..).unwrap_or_default().to_vec();
    request.body(body.into()).ok()
}

/// What S3 itself writes is XML; an object's bytes are its owner's.
fn well_formed(answer: &Response) {
    let headers = answer.headers();
    let is_object = headers.contains_key(LAST_MODIFIED) || headers.contains_key(ETAG);
    let kind = headers
        .get("content-type")
        .and_then(|kind| kind.to_str().ok());
    if !is_object && !answer.body().is_empty() && kind == Some("application/xml") {
        elements(answer.body());
    }
    assert!(
        headers.contains_key("x-amz-request-id") || answer.status() == StatusCode::NOT_IMPLEMENTED
    );
}

/// Every key that is listed has an object, or the bucket is gone.
async fn all_there(world: &World, bucket: &str) {
    let Ok(keys) = world.s3().keys(bucket, "").await else {
        return;
    };
    for key in keys {
        let object = world.s3().get(bucket, &key).await.unwrap();
        assert!(
            object.is_some(),
            "{bucket} lists {key:?}, which is not there"
        );
    }
}
