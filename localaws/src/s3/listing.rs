//! ListObjectsV2, and ListObjects which it replaced.

use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3Error, S3Response, S3Result, s3_error};

use super::acl;
use super::failure::{failed, invalid_argument};
use super::list::{Entry, Page, Query, keys, page};
use super::place::relative;
use super::record::Checksums;
use super::store::{Store, stamp_of};

/// Keys and common prefixes, uploads, or parts in a page, at most.
const LARGEST_PAGE: i32 = 1000;
/// What `encoding-type=url` leaves as it is. Spaces become `%20`, which every decoder understands; `+` would not be.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'*');

/// The page that ListObjectsV2 asks for.
pub(super) fn page_v2(store: &Store, input: &ListObjectsV2Input) -> S3Result<Page> {
    let resumed = input
        .continuation_token
        .as_deref()
        .map(resume_point)
        .transpose()?;
    let query = Query {
        prefix: input.prefix.as_deref().unwrap_or_default(),
        delimiter: input.delimiter.as_deref(),
        after: resumed.as_deref().or(input.start_after.as_deref()),
        max: page_size("max-keys", input.max_keys)?,
    };
    page_of(store, &input.bucket, query)
}

/// The page that ListObjects asks for.
pub(super) fn page_v1(store: &Store, input: &ListObjectsInput) -> S3Result<Page> {
    let query = Query {
        prefix: input.prefix.as_deref().unwrap_or_default(),
        delimiter: input.delimiter.as_deref(),
        after: input.marker.as_deref(),
        max: page_size("max-keys", input.max_keys)?,
    };
    page_of(store, &input.bucket, query)
}

fn page_of(store: &Store, bucket: &str, query: Query<'_>) -> S3Result<Page> {
    let folder = store.bucket(bucket)?;
    let keys = keys(&folder, query.prefix).map_err(failed("list", &folder))?;
    let asked = query.max;
    let max = asked.min(store.page_limit.load(Ordering::Relaxed));
    // `MaxKeys` is what was asked for.
    Ok(Page {
        max: asked,
        ..page(keys, Query { max, ..query })
    })
}

/// Whether it takes long to write a page: it names the entity tags of files that did not come through S3, which are read
/// for them.
pub(super) fn is_long(store: &Store, bucket: &str, page: &Page) -> bool {
    page.entries.iter().any(|entry| match entry {
        Entry::Object(key) => store.is_unread(bucket, key),
        Entry::CommonPrefix(_) => false,
    })
}

pub(super) fn list_objects_v2(
    store: &Store,
    input: ListObjectsV2Input,
    page: &Page,
) -> S3Result<S3Response<ListObjectsV2Output>> {
    let encode = encoding(input.encoding_type.as_ref());
    let next = page
        .entries
        .last()
        .filter(|_| page.truncated)
        .map(|last| URL_SAFE_NO_PAD.encode(last.name()));
    let (contents, common_prefixes) = lines(
        store,
        &input.bucket,
        page,
        encode,
        input.fetch_owner == Some(true),
    )?;
    Ok(S3Response::new(ListObjectsV2Output {
        key_count: i32::try_from(contents.len() + common_prefixes.len()).ok(),
        max_keys: i32::try_from(page.max).ok(),
        is_truncated: Some(page.truncated),
        next_continuation_token: next,
        contents: Some(contents),
        common_prefixes: Some(common_prefixes),
        prefix: Some(encode(input.prefix.as_deref().unwrap_or_default())),
        delimiter: input.delimiter.as_deref().map(encode),
        start_after: input.start_after.as_deref().map(encode),
        continuation_token: input.continuation_token,
        encoding_type: input.encoding_type,
        name: Some(input.bucket),
        request_charged: None,
    }))
}

pub(super) fn list_objects(
    store: &Store,
    input: ListObjectsInput,
    page: &Page,
) -> S3Result<S3Response<ListObjectsOutput>> {
    let encode = encoding(input.encoding_type.as_ref());
    // "This element is returned only if you have the delimiter request parameter specified."
    let next = page
        .entries
        .last()
        .filter(|_| page.truncated && input.delimiter.is_some());
    let (contents, common_prefixes) = lines(store, &input.bucket, page, encode, true)?;
    Ok(S3Response::new(ListObjectsOutput {
        max_keys: i32::try_from(page.max).ok(),
        is_truncated: Some(page.truncated),
        next_marker: next.map(|last| encode(last.name())),
        contents: Some(contents),
        common_prefixes: Some(common_prefixes),
        prefix: Some(encode(input.prefix.as_deref().unwrap_or_default())),
        delimiter: input.delimiter.as_deref().map(encode),
        marker: Some(encode(input.marker.as_deref().unwrap_or_default())),
        encoding_type: input.encoding_type,
        name: Some(input.bucket),
        request_charged: None,
    }))
}

fn lines(
    store: &Store,
    bucket: &str,
    page: &Page,
    encode: fn(&str) -> String,
    with_owner: bool,
) -> S3Result<(Vec<Object>, Vec<CommonPrefix>)> {
    let folder = store.bucket(bucket)?;
    let (mut objects, mut prefixes) = (Vec::new(), Vec::new());
    for entry in &page.entries {
        match entry {
            Entry::CommonPrefix(prefix) => prefixes.push(CommonPrefix {
                prefix: Some(encode(prefix)),
            }),
            Entry::Object(key) => {
                let path = relative(key).ok().map(|path| folder.join(path));
                let file = path.and_then(|path| stamp_of(&path).map(|stamp| (path, stamp)));
                // The file may have been removed while its folder was read.
                let Some((path, stamp)) = file else {
                    continue;
                };
                let record = store.record(bucket, key, &path, stamp)?;
                objects.push(Object {
                    key: Some(encode(key)),
                    e_tag: Some(record.etag()),
                    size: Some(stamp.length()),
                    last_modified: Some(stamp.last_modified()),
                    checksum_algorithm: algorithms(&record.checksums),
                    checksum_type: record.checksums.kind(),
                    storage_class: Some(ObjectStorageClass::from_static(
                        ObjectStorageClass::STANDARD,
                    )),
                    owner: with_owner.then(acl::owner),
                    ..Default::default()
                });
            }
        }
    }
    Ok((objects, prefixes))
}

/// The size of a page, which the argument of this name asks for.
pub(super) fn page_size(name: &str, asked: Option<i32>) -> S3Result<usize> {
    natural(name, asked.unwrap_or(LARGEST_PAGE).min(LARGEST_PAGE))
}

/// A number that is not negative.
///
/// # Errors
/// 400 `InvalidArgument`.
pub(super) fn natural(name: &str, asked: i32) -> S3Result<usize> {
    usize::try_from(asked).map_err(|_| {
        let message = format!("Argument {name} must be an integer between 0 and 2147483647");
        invalid_argument(name, &asked.to_string(), message)
    })
}

/// The algorithms of these checksums, as listings show them.
pub(super) fn algorithms(checksums: &Checksums) -> Option<Vec<ChecksumAlgorithm>> {
    let names = checksums.names();
    let named = names.into_iter().map(ChecksumAlgorithm::from_static);
    let algorithms: Vec<_> = named.collect();
    (!algorithms.is_empty()).then_some(algorithms)
}

fn resume_point(token: &str) -> S3Result<String> {
    let name = URL_SAFE_NO_PAD
        .decode(token)
        .ok()
        .and_then(|name| String::from_utf8(name).ok());
    name.ok_or_else(wrong_token)
}

pub(super) fn wrong_token() -> S3Error {
    s3_error!(
        InvalidArgument,
        "The continuation token provided is incorrect"
    )
}

pub(super) fn encoding(asked: Option<&EncodingType>) -> fn(&str) -> String {
    match asked {
        Some(asked) if asked.as_str() == EncodingType::URL => {
            |text| utf8_percent_encode(text, PLAIN).to_string()
        }
        _ => str::to_owned,
    }
}
