//! S3: files sent from this machine, large ones in parts. Each part and each whole file goes with its checksum
//! (CRC-64/NVME), which S3 compares with what arrived ("Checking object integrity in Amazon S3", S3 User Guide).

use std::path::Path;

use aws_sdk_s3::primitives::{ByteStream, Length};
use aws_sdk_s3::types::{
    ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart, MultipartUpload, Part,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;

use super::client_settings;
use super::connect::Aws;
use super::error::{AwsError, Remedy, classify};
use super::objects::{timestamp, unsigned};
use crate::failures::chain;
use crate::manifest::location::s3_uri;

/// How much of a file is read at once.
const BUFFER: usize = 64 * 1024;

/// Some of a file's bytes, to be sent.
#[derive(Debug, Clone, Copy)]
pub struct FileRange<'a> {
    /// The file.
    pub path: &'a Path,
    /// The first byte.
    pub offset: u64,
    /// How many bytes.
    pub size: u64,
    /// Their CRC-64/NVME.
    pub crc64: u64,
}

/// A multipart upload that was begun and neither completed nor aborted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BegunUpload {
    /// Its id.
    pub id: String,
    /// When it was begun.
    pub begun_at: Timestamp,
}

/// A part that S3 has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentPart {
    /// Its number, from 1.
    pub number: i32,
    /// Bytes.
    pub size: u64,
    /// Its `ETag`, quotes and all.
    pub etag: String,
    /// Its CRC-64/NVME; none if it was sent with another checksum or without one.
    pub crc64: Option<u64>,
}

impl Aws {
    /// Sends a file, or some of its bytes, as an object.
    ///
    /// # Errors
    /// If the file cannot be read, or S3 does not answer, or refuses: also if what arrived has another checksum.
    pub async fn send_file(
        &self,
        bucket: &str,
        key: &str,
        file: FileRange<'_>,
    ) -> Result<(), AwsError> {
        let doing = format!("sending {}", s3_uri(bucket, key));
        let body = body("PutObject", &doing, file).await?;
        self.send_whole(bucket, key, doing, (body, file.crc64))
            .await
    }

    /// Sends bytes as an object; `crc64` is their CRC-64/NVME.
    ///
    /// # Errors
    /// As [`Aws::send_file`].
    pub async fn send_bytes(
        &self,
        bucket: &str,
        key: &str,
        content: Vec<u8>,
        crc64: u64,
    ) -> Result<(), AwsError> {
        let doing = format!("sending {}", s3_uri(bucket, key));
        self.send_whole(bucket, key, doing, (content.into(), crc64))
            .await
    }

    async fn send_whole(
        &self,
        bucket: &str,
        key: &str,
        doing: String,
        (body, crc64): (ByteStream, u64),
    ) -> Result<(), AwsError> {
        let request = self.s3().put_object().bucket(bucket).key(key);
        let request = request.body(body).checksum_crc64_nvme(text(crc64));
        let request = request
            .customize()
            .config_override(client_settings::for_files());
        classify("PutObject", doing, Box::pin(request.send()).await)?;
        Ok(())
    }

    /// Begins a multipart upload. Returns its id.
    ///
    /// # Errors
    /// If S3 does not answer, or refuses.
    pub async fn begin_upload(&self, bucket: &str, key: &str) -> Result<String, AwsError> {
        let doing = format!("beginning to send {}", s3_uri(bucket, key));
        let request = self.s3().create_multipart_upload().bucket(bucket).key(key);
        let request = request
            .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
            .checksum_type(ChecksumType::FullObject);
        let output = classify("CreateMultipartUpload", &doing, request.send().await)?;
        output.upload_id.ok_or_else(|| {
            let message = "the answer has no upload id";
            AwsError::unexplained("CreateMultipartUpload", doing, Remedy::Later, message)
        })
    }

    /// The multipart uploads of an object that were begun and not ended, the latest first.
    ///
    /// # Errors
    /// If S3 does not answer, or refuses.
    pub async fn begun_uploads(
        &self,
        bucket: &str,
        key: &str,
    ) -> Result<Vec<BegunUpload>, AwsError> {
        let doing = format!("looking for a begun upload of {}", s3_uri(bucket, key));
        // In the order of their keys: those of this key come first.
        let request = self
            .s3()
            .list_multipart_uploads()
            .bucket(bucket)
            .prefix(key);
        let output = classify("ListMultipartUploads", doing, request.send().await)?;
        let uploads = output.uploads.unwrap_or_default().into_iter();
        let uploads = uploads.filter(|upload| upload.key.as_deref() == Some(key));
        let mut uploads: Vec<_> = uploads.filter_map(begun).collect();
        uploads.sort_by_key(|upload| std::cmp::Reverse(upload.begun_at));
        Ok(uploads)
    }

    /// The parts of a multipart upload that S3 has.
    ///
    /// # Errors
    /// If S3 does not answer, or refuses: for example `NoSuchUpload` if it has ended.
    pub async fn sent_parts(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
    ) -> Result<Vec<SentPart>, AwsError> {
        let doing = format!("looking what has been sent of {}", s3_uri(bucket, key));
        let request = self.s3().list_parts().bucket(bucket).key(key).upload_id(id);
        let mut pages = request.into_paginator().send();
        let mut parts = Vec::new();
        while let Some(page) = pages.next().await {
            let page = classify("ListParts", &doing, page)?;
            parts.extend(page.parts.unwrap_or_default().into_iter().filter_map(sent));
        }
        Ok(parts)
    }

    /// Sends one part of a multipart upload.
    ///
    /// # Errors
    /// As [`Aws::send_file`].
    pub async fn send_part(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
        number: i32,
        part: FileRange<'_>,
    ) -> Result<SentPart, AwsError> {
        let doing = sending_part(bucket, key, number);
        let body = body("UploadPart", &doing, part).await?;
        let (size, crc64) = (part.size, part.crc64);
        let sent = self.send_one(bucket, key, (id, number), (body, crc64));
        Ok(SentPart {
            size,
            ..sent.await?
        })
    }

    /// Sends bytes as one part of a multipart upload; `crc64` is their CRC-64/NVME.
    ///
    /// # Errors
    /// As [`Aws::send_file`].
    pub async fn send_part_of_bytes(
        &self,
        bucket: &str,
        key: &str,
        (id, number): (&str, i32),
        content: Vec<u8>,
        crc64: u64,
    ) -> Result<SentPart, AwsError> {
        let size = content.len() as u64;
        let sent = self.send_one(bucket, key, (id, number), (content.into(), crc64));
        Ok(SentPart {
            size,
            ..sent.await?
        })
    }

    async fn send_one(
        &self,
        bucket: &str,
        key: &str,
        (id, number): (&str, i32),
        (body, crc64): (ByteStream, u64),
    ) -> Result<SentPart, AwsError> {
        let doing = sending_part(bucket, key, number);
        let request = self.s3().upload_part().bucket(bucket).key(key);
        let request = request.upload_id(id).part_number(number).body(body);
        let request = request.checksum_crc64_nvme(text(crc64));
        let request = request
            .customize()
            .config_override(client_settings::for_files());
        let output = classify("UploadPart", doing, Box::pin(request.send()).await)?;
        Ok(SentPart {
            number,
            size: 0,
            etag: output.e_tag.unwrap_or_default(),
            crc64: Some(crc64),
        })
    }

    /// Completes a multipart upload: the object is there afterwards, whole. `parts` are all of them in their order,
    /// `crc64` is the checksum of the whole.
    ///
    /// # Errors
    /// If S3 does not answer, or refuses: also if the whole has another size or checksum.
    pub async fn complete_upload(
        &self,
        bucket: &str,
        key: &str,
        id: &str,
        parts: &[SentPart],
        crc64: u64,
    ) -> Result<(), AwsError> {
        let doing = format!("completing {}", s3_uri(bucket, key));
        let size: u64 = parts.iter().map(|part| part.size).sum();
        let parts = parts.iter().map(completed).collect();
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts));
        let request = self.s3().complete_multipart_upload().bucket(bucket);
        let request = request.key(key).upload_id(id);
        let request = request
            .multipart_upload(parts.build())
            .mpu_object_size(i64::try_from(size).unwrap_or(i64::MAX))
            .checksum_type(ChecksumType::FullObject)
            .checksum_crc64_nvme(text(crc64))
            .customize()
            .config_override(client_settings::for_files());
        classify(
            "CompleteMultipartUpload",
            doing,
            Box::pin(request.send()).await,
        )?;
        Ok(())
    }

    /// Aborts a multipart upload: its parts are deleted.
    ///
    /// # Errors
    /// If S3 does not answer, or refuses: for example `NoSuchUpload` if it has ended.
    pub async fn abort_upload(&self, bucket: &str, key: &str, id: &str) -> Result<(), AwsError> {
        let doing = format!("aborting the upload of {}", s3_uri(bucket, key));
        let request = self.s3().abort_multipart_upload().bucket(bucket).key(key);
        classify(
            "AbortMultipartUpload",
            doing,
            request.upload_id(id).send().await,
        )?;
        Ok(())
    }
}

fn sending_part(bucket: &str, key: &str, number: i32) -> String {
    format!("sending part {number} of {}", s3_uri(bucket, key))
}

async fn body(
    action: &'static str,
    doing: &str,
    range: FileRange<'_>,
) -> Result<ByteStream, AwsError> {
    let body = ByteStream::read_from()
        .path(range.path)
        .offset(range.offset)
        .length(Length::Exact(range.size))
        .buffer_size(BUFFER);
    body.build().await.map_err(|error| {
        let message = format!("cannot read {}: {}", range.path.display(), chain(&error));
        AwsError::unexplained(action, doing, Remedy::Never, message)
    })
}

/// As S3 writes a CRC-64/NVME: its bytes, the highest first, in base64.
fn text(crc64: u64) -> String {
    BASE64.encode(crc64.to_be_bytes())
}

fn number(text: &str) -> Option<u64> {
    let bytes = BASE64.decode(text).ok()?;
    Some(u64::from_be_bytes(bytes.try_into().ok()?))
}

fn begun(upload: MultipartUpload) -> Option<BegunUpload> {
    Some(BegunUpload {
        id: upload.upload_id?,
        begun_at: timestamp(upload.initiated.as_ref()),
    })
}

fn sent(part: Part) -> Option<SentPart> {
    Some(SentPart {
        number: part.part_number?,
        size: unsigned(part.size),
        etag: part.e_tag?,
        crc64: part.checksum_crc64_nvme.as_deref().and_then(number),
    })
}

fn completed(part: &SentPart) -> CompletedPart {
    CompletedPart::builder()
        .part_number(part.number)
        .e_tag(&part.etag)
        .set_checksum_crc64_nvme(part.crc64.map(text))
        .build()
}
