//! GetObjectAttributes: what is known of an object and its parts, without its bytes.

use bytes::Bytes;
use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};

use super::listing::{natural, page_size};
use super::record::{Checksums, PartRecord, Record};
use super::store::Store;

/// Known attributes, as `x-amz-object-attributes` names them.
const ATTRIBUTES: [&str; 5] = [
    ObjectAttributes::CHECKSUM,
    ObjectAttributes::ETAG,
    ObjectAttributes::OBJECT_PARTS,
    ObjectAttributes::OBJECT_SIZE,
    ObjectAttributes::STORAGE_CLASS,
];

pub(super) fn get(
    store: &Store,
    input: &GetObjectAttributesInput,
) -> S3Result<S3Response<GetObjectAttributesOutput>> {
    let wanted = wanted(&input.object_attributes)?;
    let max = page_size("max-parts", input.max_parts)?;
    natural(
        "part-number-marker",
        input.part_number_marker.unwrap_or_default(),
    )?;
    let version = input.version_id.as_deref();
    let (_, record) = store.held(&input.bucket, &input.key, version)?;
    let wants = |name: &str| wanted.contains(&name);
    Ok(S3Response::new(GetObjectAttributesOutput {
        checksum: wants(ObjectAttributes::CHECKSUM)
            .then(|| checksum(&record))
            .flatten(),
        e_tag: wants(ObjectAttributes::ETAG).then(|| record.etag()),
        last_modified: Some(record.stamp.last_modified()),
        object_parts: match wants(ObjectAttributes::OBJECT_PARTS) {
            true => parts(&record, input, max),
            false => None,
        },
        object_size: wants(ObjectAttributes::OBJECT_SIZE).then(|| record.stamp.length()),
        version_id: store.shown_version(&input.bucket, &record),
        storage_class: wants(ObjectAttributes::STORAGE_CLASS)
            .then(|| StorageClass::from_static(StorageClass::STANDARD)),
        ..Default::default()
    }))
}

/// The attributes that are asked for: in one header or several, separated by commas.
fn wanted(headers: &[ObjectAttributes]) -> S3Result<Vec<&str>> {
    let named = headers.iter().flat_map(|header| header.as_str().split(','));
    let named: Vec<&str> = named.map(str::trim).collect();
    match named.iter().find(|name| !ATTRIBUTES.contains(name)) {
        None => Ok(named),
        Some(_) => Err(s3_error!(
            InvalidArgument,
            "Invalid attribute name specified."
        )),
    }
}

fn checksum(record: &Record) -> Option<Checksum> {
    let kind = record.checksums.kind()?;
    let checksums = record.checksums.clone();
    Some(Checksum {
        checksum_crc32: checksums.crc32,
        checksum_crc32c: checksums.crc32c,
        checksum_crc64nvme: checksums.crc64nvme,
        checksum_sha1: checksums.sha1,
        checksum_sha256: checksums.sha256,
        checksum_type: Some(kind),
    })
}

/// How many parts an object was made of; which, only if it was uploaded with a checksum ("if an additional checksum …
/// isn't applied to the object specified in the request, the response doesn't return the Part element").
fn parts(
    record: &Record,
    input: &GetObjectAttributesInput,
    max: usize,
) -> Option<GetObjectAttributesParts> {
    if record.parts.is_empty() {
        return None;
    }
    let total = i32::try_from(record.parts.len()).ok();
    if record.checksums == Checksums::default() {
        return Some(GetObjectAttributesParts {
            total_parts_count: total,
            ..Default::default()
        });
    }
    let after = input.part_number_marker.unwrap_or_default();
    let mut left = record.parts.iter().filter(|part| part.number > after);
    let page: Vec<&PartRecord> = left.by_ref().take(max).collect();
    let truncated = left.next().is_some();
    let last = page.last().map(|part| part.number);
    Some(GetObjectAttributesParts {
        is_truncated: Some(truncated),
        max_parts: i32::try_from(max).ok(),
        next_part_number_marker: last.filter(|_| truncated),
        part_number_marker: Some(after),
        parts: Some(page.into_iter().map(shown).collect()),
        total_parts_count: total,
    })
}

fn shown(part: &PartRecord) -> ObjectPart {
    let checksums = part.checksums.clone();
    ObjectPart {
        checksum_crc32: checksums.crc32,
        checksum_crc32c: checksums.crc32c,
        checksum_crc64nvme: checksums.crc64nvme,
        checksum_sha1: checksums.sha1,
        checksum_sha256: checksums.sha256,
        part_number: Some(part.number),
        size: i64::try_from(part.size).ok(),
    }
}

/// The answer with its entity tag without quotes, as S3 writes it in this answer alone ("Example", `get-object-attributes`
/// in the AWS CLI Command Reference); `s3s` quotes all.
pub(super) fn unquoted(body: &Bytes) -> Bytes {
    let text = String::from_utf8_lossy(body);
    let plain = ["\"", "&quot;"]
        .iter()
        .fold(text.into_owned(), |text, quote| {
            text.replace(&format!("<ETag>{quote}"), "<ETag>")
                .replace(&format!("{quote}</ETag>"), "</ETag>")
        });
    Bytes::from(plain)
}
