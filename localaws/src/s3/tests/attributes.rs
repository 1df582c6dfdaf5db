//! GetObjectAttributes.

use super::*;
use crate::s3::checksum::compute;
use crate::s3::record::Checksums;

const ALL: [(&str, &str); 1] = [(
    "x-amz-object-attributes",
    "ETag,Checksum, ObjectParts,StorageClass,ObjectSize",
)];

/// Uploads an object in two parts, with the checksum of this algorithm if there is one.
async fn upload(fixture: &Fixture, key: &str, algorithm: Option<&str>) {
    let asked: Vec<(&str, &str)> = algorithm
        .map(|it| ("x-amz-checksum-algorithm", it))
        .into_iter()
        .collect();
    let target = format!("/images/{key}?uploads");
    let begun = fixture.call(Method::POST, &target, &asked, "").await;
    let id = elements(&begun, "UploadId")[0];
    let mut parts = String::new();
    for (number, body) in [(2, "x".repeat(5 << 20)), (4, "end".to_owned())] {
        let target = format!("{key}?partNumber={number}&uploadId={id}");
        let sum =
            algorithm.and_then(|it| compute(&Checksums::one(it, ""), body.as_bytes()).get(it));
        let header_of_sum = algorithm.map(|it| format!("x-amz-checksum-{}", it.to_lowercase()));
        let sent: Vec<(&str, &str)> = header_of_sum
            .as_deref()
            .zip(sum.as_deref())
            .into_iter()
            .collect();
        let part = fixture.put(&target, &sent, &body).await;
        let etag = header(&part, "etag");
        parts += &format!("<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>");
    }
    let body = format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>");
    let target = format!("/images/{key}?uploadId={id}");
    let done = fixture.call(Method::POST, &target, &[], &body).await;
    assert_eq!(done.status(), 200, "{}", text(&done));
}

#[tokio::test(start_paused = true)]
async fn an_object_tells_the_attributes_that_are_asked_for() {
    let fixture = Fixture::new().await;
    let claim = [("x-amz-checksum-crc32", "NhCmhg==")];
    fixture.put("a", &claim, "hello").await;
    let got = fixture.get("a?attributes", &ALL).await;
    assert_eq!(got.status(), 200, "{}", text(&got));
    assert_eq!(
        elements(&got, "ETag"),
        ["5d41402abc4b2a76b9719d911017c592"],
        "without quotes, in this answer alone"
    );
    assert_eq!(elements(&got, "ChecksumCRC32"), ["NhCmhg=="]);
    assert_eq!(elements(&got, "ChecksumType"), ["FULL_OBJECT"]);
    assert_eq!(elements(&got, "ObjectSize"), ["5"]);
    assert_eq!(elements(&got, "StorageClass"), ["STANDARD"]);
    assert_eq!(elements(&got, "ObjectParts"), [""; 0]);
    assert!(!header(&got, "last-modified").is_empty());

    let size = [("x-amz-object-attributes", "ObjectSize")];
    let got = fixture.get("a?attributes", &size).await;
    assert_eq!(elements(&got, "ObjectSize"), ["5"]);
    assert_eq!(elements(&got, "ETag"), [""; 0]);

    let wrong = [("x-amz-object-attributes", "Size")];
    let refused = fixture.get("a?attributes", &wrong).await;
    assert_error(&refused, 400, "InvalidArgument");
    let lost = fixture.get("none?attributes", &ALL).await;
    assert_error(&lost, 404, "NoSuchKey");
}

#[tokio::test(start_paused = true)]
async fn parts_are_counted_and_those_with_checksums_are_listed_in_pages() {
    let fixture = Fixture::new().await;
    upload(&fixture, "plain", None).await;
    let got = fixture.get("plain?attributes", &ALL).await;
    assert_eq!(elements(&got, "PartsCount"), ["2"], "{}", text(&got));
    assert_eq!(elements(&got, "PartNumber"), [""; 0]);

    upload(&fixture, "summed", Some("CRC64NVME")).await;
    let got = fixture.get("summed?attributes", &ALL).await;
    assert_eq!(elements(&got, "PartNumber"), ["2", "4"], "{}", text(&got));
    assert_eq!(elements(&got, "Size"), ["5242880", "3"]);
    assert_eq!(elements(&got, "ChecksumCRC64NVME").len(), 3);
    assert_eq!(elements(&got, "IsTruncated"), ["false"]);

    let first = [ALL[0], ("x-amz-max-parts", "1")];
    let got = fixture.get("summed?attributes", &first).await;
    assert_eq!(elements(&got, "PartNumber"), ["2"]);
    assert_eq!(elements(&got, "NextPartNumberMarker"), ["2"]);
    let rest = [ALL[0], ("x-amz-part-number-marker", "2")];
    let got = fixture.get("summed?attributes", &rest).await;
    assert_eq!(elements(&got, "PartNumber"), ["4"]);

    // A copy is of one piece, and so is a new content.
    let from = [("x-amz-copy-source", "images/summed")];
    fixture.put("copy", &from, "").await;
    let got = fixture.get("copy?attributes", &ALL).await;
    assert_eq!(elements(&got, "ObjectParts"), [""; 0]);
}
