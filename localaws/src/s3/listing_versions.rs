//! ListObjectVersions: keys in UTF-8 order, and of each key the newest version first.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use s3s::dto::*;
use s3s::{S3Response, S3Result, s3_error};

use super::acl;
use super::failure::failed;
use super::held::check_id;
use super::list::{Query, common_prefix, keys};
use super::listing::{algorithms, encoding, page_size};
use super::record::{Checksums, Record};
use super::store::Store;
use super::versions::{Kept, Place, places};

/// One version in a listing.
struct Line {
    key: String,
    version: Kept,
    is_latest: bool,
}

/// Versions, delete markers and common prefixes, as many as were asked for together.
#[derive(Default)]
struct Page {
    lines: Vec<Line>,
    prefixes: Vec<String>,
    /// The last line or prefix, if more follows: its name, and the version of a line.
    next: Option<(String, Option<String>)>,
}

impl Page {
    /// What the page ends with so far.
    fn last(&self) -> Option<(String, Option<String>)> {
        let line = self.lines.last();
        let line = line.map(|line| (line.key.clone(), Some(line.version.id().to_owned())));
        let prefix = self.prefixes.last();
        let prefix = prefix.map(|prefix| (prefix.clone(), None));
        match (line, prefix) {
            (Some(line), Some(prefix)) if line.0 < prefix.0 => Some(prefix),
            (line, prefix) => line.or(prefix),
        }
    }

    fn len(&self) -> usize {
        self.lines.len() + self.prefixes.len()
    }
}

pub(super) fn list(
    store: &Store,
    input: ListObjectVersionsInput,
) -> S3Result<S3Response<ListObjectVersionsOutput>> {
    let encode = encoding(input.encoding_type.as_ref());
    let max = page_size("max-keys", input.max_keys)?;
    let key_marker = input.key_marker.as_deref().filter(|it| !it.is_empty());
    let version_marker = input.version_id_marker.as_deref();
    if let Some(id) = version_marker {
        if key_marker.is_none() {
            return Err(s3_error!(
                InvalidArgument,
                "A version-id marker cannot be specified without a key marker."
            ));
        }
        check_id(id)?;
    }
    let query = Query {
        prefix: input.prefix.as_deref().unwrap_or_default(),
        delimiter: input.delimiter.as_deref(),
        after: key_marker,
        max,
    };
    let page = page(store, &input.bucket, query, version_marker)?;
    let is_truncated = page.next.is_some();
    let (next_key_marker, next_version_id_marker) = page.next.unzip();
    let (markers, versions): (Vec<_>, Vec<_>) = page
        .lines
        .into_iter()
        .partition(|line| line.version.object.is_none());
    let prefixes = page.prefixes.iter().map(|prefix| CommonPrefix {
        prefix: Some(encode(prefix)),
    });
    Ok(S3Response::new(ListObjectVersionsOutput {
        common_prefixes: Some(prefixes.collect()),
        delete_markers: Some(markers.iter().map(|it| marker(it, encode)).collect()),
        delimiter: input.delimiter.as_deref().map(encode),
        encoding_type: input.encoding_type,
        is_truncated: Some(is_truncated),
        key_marker: Some(encode(input.key_marker.as_deref().unwrap_or_default())),
        max_keys: i32::try_from(max).ok(),
        name: Some(input.bucket),
        next_key_marker: next_key_marker.map(|key| encode(&key)),
        next_version_id_marker: next_version_id_marker.flatten(),
        prefix: Some(encode(input.prefix.as_deref().unwrap_or_default())),
        request_charged: None,
        version_id_marker: Some(input.version_id_marker.unwrap_or_default()),
        versions: Some(versions.iter().map(|it| shown(it, encode)).collect()),
    }))
}

fn marker(line: &Line, encode: fn(&str) -> String) -> DeleteMarkerEntry {
    DeleteMarkerEntry {
        is_latest: Some(line.is_latest),
        key: Some(encode(&line.key)),
        last_modified: Some(line.version.stamp.last_modified()),
        owner: Some(acl::owner()),
        version_id: Some(line.version.id().to_owned()),
    }
}

fn shown(line: &Line, encode: fn(&str) -> String) -> ObjectVersion {
    let stamp = line.version.stamp;
    let checksums = line.version.object.as_ref();
    let checksums = checksums.map(|object| &object.checksums);
    let version_id = Some(line.version.id().to_owned());
    ObjectVersion {
        checksum_algorithm: checksums.and_then(algorithms),
        checksum_type: checksums.and_then(Checksums::kind),
        e_tag: line.version.object.as_ref().map(Record::etag),
        is_latest: Some(line.is_latest),
        key: Some(encode(&line.key)),
        last_modified: Some(stamp.last_modified()),
        owner: Some(acl::owner()),
        size: Some(stamp.length()),
        storage_class: Some(ObjectVersionStorageClass::from_static(
            ObjectVersionStorageClass::STANDARD,
        )),
        version_id,
        ..Default::default()
    }
}

/// The page that follows a key, or a version of it.
fn page(
    store: &Store,
    bucket: &str,
    query: Query<'_>,
    version_marker: Option<&str>,
) -> S3Result<Page> {
    let mut page = Page::default();
    if query.max == 0 {
        store.bucket(bucket)?;
        return Ok(page);
    }
    for (key, folder) in all_keys(store, bucket, query.prefix)? {
        let prefix = common_prefix(&key, query);
        let is_shown = |after: &str| key.as_str() < after || prefix.is_some_and(|it| it == after);
        if query.after.is_some_and(is_shown) {
            continue;
        }
        let is_marked = query.after == Some(key.as_str());
        if is_marked && version_marker.is_none() {
            continue;
        }
        if let Some(prefix) = prefix {
            if page.prefixes.last().is_some_and(|last| last == prefix) {
                continue;
            }
            if page.len() == query.max {
                page.next = page.last();
                return Ok(page);
            }
            page.prefixes.push(prefix.to_owned());
            continue;
        }
        let mut lines = lines(store, bucket, &key, folder.as_deref())?;
        if let Some(id) = version_marker.filter(|_| is_marked) {
            // A version that was deleted meanwhile was the newest one then.
            let at = lines.iter().position(|line| line.version.id() == id);
            lines.drain(..at.map_or(0, |at| at + 1));
        }
        for line in lines {
            if page.len() == query.max {
                page.next = page.last();
                return Ok(page);
            }
            page.lines.push(line);
        }
    }
    Ok(page)
}

/// The keys that have versions, in order, and the folders of those that are not their file.
fn all_keys(
    store: &Store,
    bucket: &str,
    prefix: &str,
) -> S3Result<BTreeMap<String, Option<PathBuf>>> {
    let folder = store.bucket(bucket)?;
    let current = keys(&folder, prefix).map_err(failed("list", &folder))?;
    let mut all: BTreeMap<String, Option<PathBuf>> =
        current.into_iter().map(|key| (key, None)).collect();
    let folder = store.versions_folder(bucket);
    let Ok(entries) = fs::read_dir(&folder) else {
        return Ok(all);
    };
    for entry in entries {
        let path = entry.map_err(failed("list", &folder))?.path();
        let newest = places(&path)?.into_iter().next();
        // A version may be deleted meanwhile.
        let newest = newest.and_then(|place| place.read().ok());
        if let Some(newest) = newest.filter(|it| it.key.starts_with(prefix)) {
            all.insert(newest.key, Some(path));
        }
    }
    Ok(all)
}

/// The versions of a key, the newest first.
fn lines(
    store: &Store,
    bucket: &str,
    key: &str,
    folder: Option<&std::path::Path>,
) -> S3Result<Vec<Line>> {
    let current = store.find(bucket, key)?.map(|(_, record)| Kept {
        key: key.to_owned(),
        version: record.version.clone(),
        stamp: record.stamp,
        object: Some(record),
    });
    let kept = folder.map(places).transpose()?.unwrap_or_default();
    let kept = kept.iter().filter_map(|place: &Place| place.read().ok());
    let mut lines: Vec<Line> = Vec::new();
    for version in current.into_iter().chain(kept) {
        let is_latest = lines.is_empty();
        lines.push(Line {
            key: key.to_owned(),
            version,
            is_latest,
        });
    }
    Ok(lines)
}
