//! A status as the content of an object, and why one cannot be worked with.

use super::size::{self, Unwritable};
use crate::aws::AwsError;
use crate::image::Status;
use crate::image::status::{SCHEMA, Unreadable, parse};
use crate::manifest::location::s3_uri;
use crate::manifest::text;

/// A status that cannot be worked with.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// S3 failed.
    #[error(transparent)]
    Aws(#[from] AwsError),
    /// The object is not a status.
    #[error(
        "{} is not a status ({reason}): restore an earlier version of the object, or delete it to start again",
        s3_uri(.bucket, .key)
    )]
    Unreadable {
        /// Bucket.
        bucket: String,
        /// Key of the status.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The stack had another manifest bucket when it was written.
    #[error(
        "{} is about {about}: the stack's manifest bucket was changed. Its owner sets BucketName and ExistingBucketName back; \
         another manifest bucket needs a stack of its own",
        s3_uri(.bucket, .key)
    )]
    OtherBucket {
        /// Bucket.
        bucket: String,
        /// Key of the status.
        key: String,
        /// The manifest that it is about.
        about: String,
    },
    /// What an open marker holds cannot be worked with.
    #[error(
        "{} is not an open marker of its manifest ({reason}): \
         check whether an AMI was registered for the manifest; then the stack's owner deletes the marker, and it starts again",
        s3_uri(.bucket, .key)
    )]
    UnusableMarker {
        /// Bucket.
        bucket: String,
        /// Key of the marker.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The status is too large to be read again, so it is not written.
    #[error(
        "{} would have {size} bytes, and at most {limit} are kept: it stays as it is",
        s3_uri(.bucket, .key)
    )]
    TooLarge {
        /// Bucket.
        bucket: String,
        /// Key of the status.
        key: String,
        /// Bytes it would have.
        size: usize,
        /// Bytes it may have; some are kept free while the image is under way.
        limit: usize,
    },
    /// The status is a newer amiwright's.
    #[error(
        "{} has schema {schema}, this amiwright reads up to {SCHEMA}: deploy the newer version, or install it if this is the \
         command line",
        s3_uri(.bucket, .key)
    )]
    Newer {
        /// Bucket.
        bucket: String,
        /// Key of the status.
        key: String,
        /// Its schema.
        schema: u64,
    },
}

/// Reads the content of an object as a status of this manifest, named by its bucket and key.
pub(super) fn read_status(
    bucket: &str,
    key: &str,
    about: (&str, &str),
    content: &[u8],
) -> Result<Status, StoreError> {
    let (bucket, key) = (bucket.to_owned(), key.to_owned());
    let reason = match parse(content) {
        Ok(status) => {
            let manifest = &status.manifest;
            if (manifest.bucket.as_str(), manifest.key.as_str()) == about {
                return Ok(status);
            }
            // What is done for this status would be done for another manifest.
            let of = text::excerpt(&manifest.uri());
            if manifest.key == about.1 {
                return Err(StoreError::OtherBucket {
                    bucket,
                    key,
                    about: of,
                });
            }
            format!("it is about another manifest, {of}")
        }
        Err(Unreadable::Newer(schema)) => {
            return Err(StoreError::Newer {
                bucket,
                key,
                schema,
            });
        }
        Err(Unreadable::Invalid(reason)) => reason,
    };
    Err(StoreError::Unreadable {
        bucket,
        key,
        reason,
    })
}

/// The content that an object has for a status.
pub(super) fn written_status(
    bucket: &str,
    key: &str,
    status: &Status,
) -> Result<Vec<u8>, StoreError> {
    size::to_json(status).map_err(|unwritable| {
        let (bucket, key) = (bucket.to_owned(), key.to_owned());
        match unwritable {
            Unwritable::TooLarge { size, limit } => StoreError::TooLarge {
                bucket,
                key,
                size,
                limit,
            },
            Unwritable::NotJson(error) => StoreError::Unreadable {
                bucket,
                key,
                reason: error.to_string(),
            },
        }
    })
}
