//! S3 ("Required permissions for Amazon S3 API operations", S3 User Guide; the condition keys are those of the Service
//! Authorization Reference).

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;

use super::check::{Check, Needs, Scene};
use crate::ACCOUNT;
use crate::iam::context::Context;
use crate::route::Action;
use crate::wire::Request;

/// Headers that are condition keys, as they are.
const HEADERS: [&str; 6] = [
    "x-amz-acl",
    "x-amz-content-sha256",
    "x-amz-copy-source",
    "x-amz-server-side-encryption",
    "x-amz-storage-class",
    "if-none-match",
];

/// Operations that make an object; those of a multipart upload alone do not ("s3:ObjectCreationOperation").
const CREATE: [&str; 4] = [
    "CompleteMultipartUpload",
    "CopyObject",
    "PostObject",
    "PutObject",
];

/// One request.
struct Asked<'a> {
    name: &'a str,
    request: &'a Request,
    query: BTreeMap<String, String>,
    bucket: String,
    object: String,
    context: Context,
}

/// What S3 needs to say that there is no such object, rather than that it must not be seen: the permission to list the
/// bucket ("If the object you request doesn't exist, the error that S3 returns depends on whether you also have the
/// s3:ListBucket permission", GetObject).
pub(crate) fn listing(partition: &str, bucket: &str) -> Check {
    Check::new("s3:ListBucket", format!("arn:{partition}:s3:::{bucket}"))
        .with(Context::default().with("s3:ResourceAccount", ACCOUNT))
}

pub(super) fn needs(scene: &Scene<'_>, action: &Action, request: &Request) -> Needs {
    let query = request.uri().query().unwrap_or_default().as_bytes();
    let query: BTreeMap<String, String> = form_urlencoded::parse(query).into_owned().collect();
    let bucket = action.bucket.clone().unwrap_or_default();
    let bucket = format!("arn:{}:s3:::{bucket}", scene.partition);
    let object = format!("{bucket}/{}", action.key.as_deref().unwrap_or_default());
    let context = context(action, request, &query);
    let asked = Asked {
        name: &action.name,
        request,
        query,
        bucket,
        object,
        context,
    };
    match (&action.bucket, &action.key) {
        (None, _) => Some(vec![asked.check("ListAllMyBuckets", "*")]),
        (Some(_), None) => asked.on_bucket(&action.name),
        (Some(_), Some(_)) => asked.on_object(scene, &action.name),
    }
}

impl Asked<'_> {
    fn check(&self, action: &str, resource: &str) -> Check {
        Check::new(format!("s3:{action}"), resource).with(self.context.clone())
    }

    fn has(&self, header: &str) -> bool {
        self.request.headers().contains_key(header)
    }

    fn on_bucket(&self, name: &str) -> Needs {
        let action = match name {
            "ListObjects" | "ListObjectsV2" | "HeadBucket" => "ListBucket",
            "ListObjectVersions" => "ListBucketVersions",
            "ListMultipartUploads" => "ListBucketMultipartUploads",
            "GetBucketNotificationConfiguration" => "GetBucketNotification",
            "PutBucketNotificationConfiguration" => "PutBucketNotification",
            "CreateBucket"
            | "DeleteBucket"
            | "GetBucketAcl"
            | "GetBucketLocation"
            | "GetBucketOwnershipControls"
            | "GetBucketVersioning"
            | "PutBucketVersioning" => name,
            // DeleteObjects is decided key by key, and forms are signed inside of themselves.
            _ => return None,
        };
        let mut check = self.check(action, &self.bucket);
        if action.starts_with("ListBucket") {
            for parameter in ["prefix", "delimiter", "max-keys"] {
                if let Some(value) = self.query.get(parameter) {
                    check.context.set(&format!("s3:{parameter}"), value);
                }
            }
        }
        Some(vec![check])
    }

    fn on_object(&self, scene: &Scene<'_>, name: &str) -> Needs {
        let versioned = |plain: &str, version: &str| {
            let of_version = self.query.contains_key("versionId");
            self.check(if of_version { version } else { plain }, &self.object)
        };
        let checks = match name {
            "GetObject" | "HeadObject" => vec![versioned("GetObject", "GetObjectVersion")],
            "GetObjectAttributes" => vec![
                versioned("GetObject", "GetObjectVersion"),
                versioned("GetObjectAttributes", "GetObjectVersionAttributes"),
            ],
            "GetObjectAcl" => vec![versioned("GetObjectAcl", "GetObjectVersionAcl")],
            "PutObjectAcl" => vec![versioned("PutObjectAcl", "PutObjectVersionAcl")],
            "GetObjectTagging" => vec![versioned("GetObjectTagging", "GetObjectVersionTagging")],
            "PutObjectTagging" => vec![versioned("PutObjectTagging", "PutObjectVersionTagging")],
            "DeleteObjectTagging" => {
                vec![versioned(
                    "DeleteObjectTagging",
                    "DeleteObjectVersionTagging",
                )]
            }
            "DeleteObject" => {
                let mut checks = vec![versioned("DeleteObject", "DeleteObjectVersion")];
                checks.extend(self.compared());
                checks
            }
            "AbortMultipartUpload" => vec![self.check(name, &self.object)],
            "ListParts" => vec![self.check("ListMultipartUploadParts", &self.object)],
            "PutObject"
            | "CopyObject"
            | "UploadPart"
            | "UploadPartCopy"
            | "CreateMultipartUpload"
            | "CompleteMultipartUpload" => self.write(scene),
            _ => return None,
        };
        Some(checks)
    }

    fn write(&self, scene: &Scene<'_>) -> Vec<Check> {
        let mut checks = vec![self.check("PutObject", &self.object)];
        if self.has("x-amz-acl") {
            checks.push(self.check("PutObjectAcl", &self.object));
        }
        if self.has("x-amz-tagging") {
            checks.push(self.check("PutObjectTagging", &self.object));
        }
        checks.extend(self.compared());
        checks.extend(self.copied(scene));
        checks
    }

    /// Comparing an ETag is reading: "conditional deletes with a specific ETag value require both s3:DeleteObject and
    /// s3:GetObject", and so do writes ("Enforce conditional writes", "Enforce conditional deletes", S3 User Guide).
    fn compared(&self) -> Option<Check> {
        let etag = self.request.headers().get("if-match")?;
        (etag != "*").then(|| self.check("GetObject", &self.object))
    }

    /// What is copied is read; and if it has tags, which go along unless the request has others: "You must have
    /// s3:GetObjectTagging permission for the source object and s3:PutObjectTagging permission for objects in the
    /// destination bucket" (AWS Knowledge Center, on copies between buckets).
    fn copied(&self, scene: &Scene<'_>) -> Vec<Check> {
        let header = |name: &str| {
            let value = self.request.headers().get(name);
            value.and_then(|value| value.to_str().ok())
        };
        let Some(source) = header("x-amz-copy-source") else {
            return Vec::new();
        };
        let (path, version) = match source.split_once("?versionId=") {
            Some((path, version)) => (path, Some(version)),
            None => (source, None),
        };
        let path = percent_decode_str(path.trim_start_matches('/')).decode_utf8_lossy();
        let source = format!("arn:{}:s3:::{path}", scene.partition);
        let (read, read_tags) = match version {
            Some(_) => ("GetObjectVersion", "GetObjectVersionTagging"),
            None => ("GetObject", "GetObjectTagging"),
        };
        let mut checks = vec![self.check(read, &source)];
        let replaces = header("x-amz-tagging-directive") == Some("REPLACE");
        let tags_go_along = self.name == "CopyObject" && !replaces;
        let has_tags = || {
            let place = path.split_once('/');
            place.is_some_and(|(bucket, key)| scene.s3.has_tags(bucket, key, version))
        };
        if tags_go_along && has_tags() {
            checks.push(self.check(read_tags, &source));
            checks.push(self.check("PutObjectTagging", &self.object));
        }
        checks
    }
}

fn context(action: &Action, request: &Request, query: &BTreeMap<String, String>) -> Context {
    let header = |name: &str| {
        let value = request.headers().get(name);
        value.and_then(|value| value.to_str().ok())
    };
    let creates = CREATE.contains(&action.name.as_str());
    let in_header = header("authorization").is_some();
    let context = Context::default()
        .with("s3:ResourceAccount", ACCOUNT)
        .with(
            "s3:authType",
            if in_header {
                "REST-HEADER"
            } else {
                "REST-QUERY-STRING"
            },
        )
        .with("s3:signatureversion", "AWS4-HMAC-SHA256")
        .with("s3:ObjectCreationOperation", creates.to_string())
        .with_some("s3:VersionId", query.get("versionId"))
        .with_some("s3:if-match", header("if-match"));
    HEADERS.iter().fold(context, |context, name| {
        context.with_some(&format!("s3:{name}"), header(name))
    })
}
