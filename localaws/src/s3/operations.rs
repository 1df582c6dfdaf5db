//! The operations that are built: which headers and query parameters are acted on, what the body is.

/// What is known of an operation. Names that end with `*` stand for all that begin so.
pub(super) struct Operation {
    pub(super) name: &'static str,
    pub(super) headers: &'static [&'static [&'static str]],
    pub(super) query: &'static [&'static str],
    pub(super) body: Body,
    /// Whether the answer says how the object is encrypted: with S3's own keys, as every object is that says nothing
    /// ("Amazon S3 now automatically encrypts all new objects").
    pub(super) names_encryption: bool,
}

/// What the checksums of a request are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// None are of its body, if it has one: those of CompleteMultipartUpload are of the object that is made, those of a
    /// browser's form are inside of it.
    None,
    /// Of a document, which is read as a whole.
    Document,
    /// The same, of one that has to come with a checksum ("DeleteObjects", Amazon S3 API Reference, Content-MD5).
    Sealed,
    /// Of an object, or of a part of one. No other body is large.
    Object,
}

/// The operation of this name; nothing for one that is not built, which `s3s` says.
pub(super) fn find(name: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.name == name)
}

/// Checksums of a body, as SDKs send them.
const CHECKSUMS: &[&str] = &[
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
    "x-amz-sdk-checksum-algorithm",
];

/// What is said of a new object beside its bytes.
const NEW_OBJECT: &[&str] = &[
    "x-amz-acl",
    "x-amz-meta-*",
    "x-amz-server-side-encryption",
    "x-amz-storage-class",
    "x-amz-tagging",
];

const WRITE_CONDITIONS: &[&str] = &["if-match", "if-none-match"];

const READ_CONDITIONS: &[&str] = &[
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
];

const COPY_SOURCE: &[&str] = &[
    "x-amz-copy-source",
    "x-amz-copy-source-if-match",
    "x-amz-copy-source-if-modified-since",
    "x-amz-copy-source-if-none-match",
    "x-amz-copy-source-if-unmodified-since",
    "x-amz-source-expected-bucket-owner",
];

/// An operation on nothing but what its path names.
const PLAIN: Operation = Operation {
    name: "",
    headers: &[],
    query: &[],
    body: Body::None,
    names_encryption: false,
};

/// All that are built.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        name: "ListBuckets",
        query: &[
            "bucket-region",
            "continuation-token",
            "max-buckets",
            "prefix",
        ],
        ..PLAIN
    },
    Operation {
        name: "CreateBucket",
        headers: &[&["x-amz-acl"], CHECKSUMS],
        body: Body::Document,
        ..PLAIN
    },
    Operation {
        name: "DeleteBucket",
        ..PLAIN
    },
    Operation {
        name: "HeadBucket",
        ..PLAIN
    },
    Operation {
        name: "GetBucketLocation",
        query: &["location"],
        ..PLAIN
    },
    Operation {
        name: "GetBucketVersioning",
        query: &["versioning"],
        ..PLAIN
    },
    Operation {
        name: "PutBucketVersioning",
        headers: &[CHECKSUMS],
        query: &["versioning"],
        body: Body::Document,
        ..PLAIN
    },
    Operation {
        name: "GetBucketNotificationConfiguration",
        query: &["notification"],
        ..PLAIN
    },
    Operation {
        name: "GetBucketOwnershipControls",
        query: &["ownershipControls"],
        ..PLAIN
    },
    Operation {
        name: "ListObjects",
        query: &["delimiter", "encoding-type", "marker", "max-keys", "prefix"],
        ..PLAIN
    },
    Operation {
        name: "ListObjectsV2",
        query: &[
            "continuation-token",
            "delimiter",
            "encoding-type",
            "fetch-owner",
            "list-type",
            "max-keys",
            "prefix",
            "start-after",
        ],
        ..PLAIN
    },
    Operation {
        name: "ListObjectVersions",
        query: &[
            "delimiter",
            "encoding-type",
            "key-marker",
            "max-keys",
            "prefix",
            "version-id-marker",
            "versions",
        ],
        ..PLAIN
    },
    Operation {
        name: "PutObject",
        headers: &[NEW_OBJECT, CHECKSUMS, WRITE_CONDITIONS],
        body: Body::Object,
        names_encryption: true,
        ..PLAIN
    },
    Operation {
        name: "PostObject",
        ..PLAIN
    },
    Operation {
        name: "CopyObject",
        headers: &[
            NEW_OBJECT,
            COPY_SOURCE,
            WRITE_CONDITIONS,
            &[
                "x-amz-checksum-algorithm",
                "x-amz-metadata-directive",
                "x-amz-tagging-directive",
            ],
        ],
        names_encryption: true,
        ..PLAIN
    },
    Operation {
        name: "GetObject",
        headers: &[READ_CONDITIONS, &["range", "x-amz-checksum-mode"]],
        query: &[
            "response-cache-control",
            "response-content-disposition",
            "response-content-encoding",
            "response-content-language",
            "response-content-type",
            "response-expires",
            "versionId",
        ],
        names_encryption: true,
        ..PLAIN
    },
    Operation {
        name: "HeadObject",
        headers: &[READ_CONDITIONS, &["range", "x-amz-checksum-mode"]],
        query: &["versionId"],
        names_encryption: true,
        ..PLAIN
    },
    Operation {
        name: "GetObjectAttributes",
        headers: &[&[
            "x-amz-max-parts",
            "x-amz-object-attributes",
            "x-amz-part-number-marker",
        ]],
        query: &["attributes", "versionId"],
        ..PLAIN
    },
    Operation {
        name: "DeleteObject",
        headers: &[&["if-match"]],
        query: &["versionId"],
        ..PLAIN
    },
    Operation {
        name: "DeleteObjects",
        headers: &[CHECKSUMS],
        query: &["delete"],
        body: Body::Sealed,
        ..PLAIN
    },
    Operation {
        name: "GetObjectAcl",
        query: &["acl", "versionId"],
        ..PLAIN
    },
    Operation {
        name: "PutObjectAcl",
        headers: &[&["x-amz-acl"], CHECKSUMS],
        query: &["acl", "versionId"],
        body: Body::Document,
        ..PLAIN
    },
    Operation {
        name: "GetObjectTagging",
        query: &["tagging", "versionId"],
        ..PLAIN
    },
    Operation {
        name: "PutObjectTagging",
        headers: &[CHECKSUMS],
        query: &["tagging", "versionId"],
        body: Body::Document,
        ..PLAIN
    },
    Operation {
        name: "DeleteObjectTagging",
        query: &["tagging", "versionId"],
        ..PLAIN
    },
    Operation {
        name: "CreateMultipartUpload",
        headers: &[
            NEW_OBJECT,
            &["x-amz-checksum-algorithm", "x-amz-checksum-type"],
        ],
        query: &["uploads"],
        names_encryption: true,
        ..PLAIN
    },
    Operation {
        name: "ListMultipartUploads",
        query: &[
            "key-marker",
            "max-uploads",
            "prefix",
            "upload-id-marker",
            "uploads",
        ],
        ..PLAIN
    },
    Operation {
        name: "UploadPart",
        headers: &[CHECKSUMS],
        query: &["partNumber", "uploadId"],
        body: Body::Object,
        names_encryption: true,
    },
    Operation {
        name: "UploadPartCopy",
        headers: &[COPY_SOURCE, &["x-amz-copy-source-range"]],
        query: &["partNumber", "uploadId"],
        names_encryption: true,
        ..PLAIN
    },
    Operation {
        name: "ListParts",
        query: &["max-parts", "part-number-marker", "uploadId"],
        ..PLAIN
    },
    Operation {
        name: "CompleteMultipartUpload",
        headers: &[
            CHECKSUMS,
            WRITE_CONDITIONS,
            &["x-amz-checksum-type", "x-amz-mp-object-size"],
        ],
        query: &["uploadId"],
        names_encryption: true,
        ..PLAIN
    },
    Operation {
        name: "AbortMultipartUpload",
        query: &["uploadId"],
        ..PLAIN
    },
];
