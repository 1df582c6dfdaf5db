//! Every header and query parameter of every operation, as aws-sdk-s3 1.157 sends them (`members.txt`: operation, headers,
//! query parameters), is acted on or refused by name.

use super::*;
use crate::s3::members::acts_on;
use crate::s3::operations::{OPERATIONS, find};

/// Headers that are not S3's own: kept with the object as they are, or about the body.
const STANDARD: [&str; 8] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "expires",
];

/// Headers of a request.
type Headers = &'static [(&'static str, &'static str)];

/// How an operation is asked for.
fn asked(operation: &str) -> Option<(Method, &'static str, Headers)> {
    let copy: &[(&str, &str)] = &[("x-amz-copy-source", "images/a")];
    let plain: &[(&str, &str)] = &[];
    Some(match operation {
        "CreateBucket" => (Method::PUT, "/new", plain),
        "DeleteBucket" => (Method::DELETE, "/images", plain),
        "HeadBucket" => (Method::HEAD, "/images", plain),
        "GetBucketLocation" => (Method::GET, "/images?location", plain),
        "GetBucketVersioning" => (Method::GET, "/images?versioning", plain),
        "PutBucketVersioning" => (Method::PUT, "/images?versioning", plain),
        "GetBucketNotificationConfiguration" => (Method::GET, "/images?notification", plain),
        "GetBucketOwnershipControls" => (Method::GET, "/images?ownershipControls", plain),
        "ListBuckets" => (Method::GET, "/", plain),
        "ListObjects" => (Method::GET, "/images", plain),
        "ListObjectsV2" => (Method::GET, "/images?list-type=2", plain),
        "ListObjectVersions" => (Method::GET, "/images?versions", plain),
        "PutObject" => (Method::PUT, "/images/a", plain),
        "CopyObject" => (Method::PUT, "/images/b", copy),
        "GetObject" => (Method::GET, "/images/a", plain),
        "HeadObject" => (Method::HEAD, "/images/a", plain),
        "GetObjectAttributes" => (Method::GET, "/images/a?attributes", plain),
        "DeleteObject" => (Method::DELETE, "/images/none", plain),
        "DeleteObjects" => (Method::POST, "/images?delete", plain),
        "GetObjectAcl" => (Method::GET, "/images/a?acl", plain),
        "PutObjectAcl" => (Method::PUT, "/images/a?acl", plain),
        "CreateMultipartUpload" => (Method::POST, "/images/a?uploads", plain),
        "ListMultipartUploads" => (Method::GET, "/images?uploads", plain),
        "UploadPart" => (Method::PUT, "/images/a?partNumber=1&uploadId=00", plain),
        "UploadPartCopy" => (Method::PUT, "/images/a?partNumber=1&uploadId=00", copy),
        "ListParts" => (Method::GET, "/images/a?uploadId=00", plain),
        "CompleteMultipartUpload" => (Method::POST, "/images/a?uploadId=00", plain),
        "AbortMultipartUpload" => (Method::DELETE, "/images/a?uploadId=00", plain),
        "GetObjectTagging" => (Method::GET, "/images/a?tagging", plain),
        "PutObjectTagging" => (Method::PUT, "/images/a?tagging", plain),
        "DeleteObjectTagging" => (Method::DELETE, "/images/a?tagging", plain),
        _ => return None,
    })
}

#[tokio::test(start_paused = true)]
async fn every_member_of_every_operation_is_acted_on_or_refused_by_name() {
    let fixture = Fixture::new().await;
    fixture.put("a", &[], "hello").await;
    let (mut acted, mut refused) = (0, 0);
    for line in include_str!("members.txt").lines() {
        let parts: Vec<&str> = line.split('|').map(str::trim).collect();
        let (operation, headers, query) = (parts[0], &parts[1][1..], &parts[2][1..]);
        let (method, target, already) = asked(operation).expect(operation);
        let known = find(operation).expect(operation);
        for name in headers.split_whitespace().map(str::to_ascii_lowercase) {
            if STANDARD.contains(&name.as_str()) || acts_on(known, &name) {
                acted += 1;
                continue;
            }
            let mut headers = already.to_vec();
            headers.push((&name, "x"));
            let answer = fixture.call(method.clone(), target, &headers, "").await;
            assert_refused(&answer, operation, &name);
            refused += 1;
        }
        for name in query.split_whitespace() {
            if acts_on(known, name) {
                acted += 1;
                continue;
            }
            let separator = if target.contains('?') { '&' } else { '?' };
            let target = format!("{target}{separator}{name}=x");
            let answer = fixture.call(method.clone(), &target, already, "").await;
            assert_refused(&answer, operation, name);
            refused += 1;
        }
    }
    assert!(acted > 150 && refused > 100, "{acted} {refused}");
}

#[test]
fn every_operation_is_listed_with_its_members() {
    let listed = include_str!("members.txt").lines();
    let listed: Vec<&str> = listed.map(|line| line.split(' ').next().unwrap()).collect();
    for operation in OPERATIONS {
        // No SDK sends browsers' forms.
        let is_listed = listed.contains(&operation.name) || operation.name == "PostObject";
        assert!(is_listed, "{}", operation.name);
    }
}

#[track_caller]
fn assert_refused(answer: &Response, operation: &str, name: &str) {
    assert_eq!(answer.status(), 501, "{operation} {name}: {}", text(answer));
    let named = text(answer).contains(name) || operation.starts_with("Head");
    assert!(named, "{operation} {name}: {}", text(answer));
}
