//! Which version an object at a manifest's key is: the digest that says so, of the manifest and of what it is made from now.

use super::context::{Context, Error};
use super::spec::Spec;
use crate::aws::{Object, ObjectInfo, Remedy, Which};
use crate::config::Config;
use crate::image::status::{ManifestVersion, SourceObject, Status};
use crate::image::words::SourceKind;
use crate::limits;
use crate::manifest::sha256_hex;

/// The digest of the version that this manifest asks for now; none if nothing is known of what it is made from.
pub(super) async fn digest(
    context: Context<'_>,
    spec: &Spec,
    status: &Status,
    upload: &ManifestVersion,
    content: &[u8],
) -> Result<Option<String>, Error> {
    let version = source_version(context, spec, status, upload, content).await?;
    Ok(version.map(|version| spec.identity(upload, &version).digest))
}

/// The version of what the image would be made from now. What is not there, or may not be read, cannot make a new AMI:
/// it counts as what it was. None if nothing is known of it.
async fn source_version(
    context: Context<'_>,
    spec: &Spec,
    status: &Status,
    upload: &ManifestVersion,
    content: &[u8],
) -> Result<Option<String>, Error> {
    let Some((bucket, key)) = spec.object_location(upload) else {
        return Ok(Some(String::new()));
    };
    if spec.source().is_none() {
        return Ok(Some(sha256_hex(content)));
    }
    if spec.source_kind() != SourceKind::Bundle {
        return version_of_objects(context, spec, status, upload).await;
    }
    let found = readable(context, &bucket, &key).await?;
    let known = status.build.bundle.as_ref();
    match found {
        Some(found) if known.is_none_or(|known| known.etag != found.etag) => {
            let which = Which::Unchanged(&found.etag);
            let bundle = context
                .aws
                .get_object(&bucket, &key, which, limits::MANIFEST_BYTES);
            let content = bundle.await?.and_then(|bundle| bundle.content);
            Ok(content.map(|content| sha256_hex(&content)))
        }
        _ => Ok(known.map(|known| known.sha256.clone())),
    }
}

/// What is at this key; none also for what may not be read.
async fn readable(
    context: Context<'_>,
    bucket: &str,
    key: &str,
) -> Result<Option<ObjectInfo>, Error> {
    match context.aws.head_object(bucket, key).await {
        Ok(found) => Ok(found),
        Err(error) if error.remedy == Remedy::Never => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The version of the disks that the image would be made from now.
async fn version_of_objects(
    context: Context<'_>,
    spec: &Spec,
    status: &Status,
    upload: &ManifestVersion,
) -> Result<Option<String>, Error> {
    let known = status.build.object.as_ref();
    let mut known = known.into_iter().flat_map(SourceObject::all);
    let mut etags = Vec::new();
    for (bucket, key) in spec.object_locations(upload) {
        let known = known.next();
        let found = readable(context, &bucket, &key).await?.map(|it| it.etag);
        let Some(etag) = found.or(known.map(|it| it.etag.clone())) else {
            return Ok(None);
        };
        etags.push(etag);
    }
    Ok(Some(SourceObject::version(
        etags.iter().map(String::as_str),
    )))
}

/// An object as a version of the manifest at its key.
pub(super) fn manifest_version(config: &Config, object: &Object) -> ManifestVersion {
    let info = &object.info;
    ManifestVersion {
        bucket: config.bucket.clone(),
        key: info.key.clone(),
        etag: info.etag.clone(),
        version_id: info.version_id.clone(),
        // What is too large to be read is distinguished by its `ETag`.
        sha256: object
            .content
            .as_deref()
            .map_or_else(|| info.etag.clone(), sha256_hex),
        publish_digest: None,
        uploaded_at: info.modified_at,
        repeated_at: None,
    }
}
