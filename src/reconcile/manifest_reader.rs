//! Reads the manifest version that a status is about, once for all steps.

use super::context::{Context, Error};
use super::spec::Spec;
use crate::aws::{Object, Which};
use crate::image::status::{ManifestVersion, Status};
use crate::limits;
use crate::manifest::{Problem, sha256_hex};

/// What became of the manifest version that a status is about.
#[derive(Debug)]
pub(super) enum ManifestRead {
    /// The step does not need it.
    Unread,
    /// It asks for this.
    Spec(Spec),
    /// It is no longer there.
    Gone,
    /// It does not pass the checks.
    Invalid(Vec<Problem>),
}

/// What is at a manifest's key now.
pub(super) enum AtKey {
    /// What the status is about.
    Meant(Object),
    /// Something else.
    Other(Object),
    Nothing,
}

/// Looks what is at the key of this manifest version now.
pub(super) async fn at_key(
    context: Context<'_>,
    version: &ManifestVersion,
) -> Result<AtKey, Error> {
    let (bucket, key) = (&version.bucket, &version.key);
    let found = context
        .aws
        .get_object(bucket, key, Which::Current, limits::MANIFEST_BYTES)
        .await?;
    Ok(match found {
        None => AtKey::Nothing,
        Some(object) if is_of(version, &object) => AtKey::Meant(object),
        Some(object) => AtKey::Other(object),
    })
}

/// Whether this has the content of that version.
fn is_of(version: &ManifestVersion, object: &Object) -> bool {
    let content = object.content.as_deref();
    content.is_some_and(|content| sha256_hex(content) == version.sha256)
}

/// Reads the manifest version that a status is about, once for all steps.
pub(super) struct ManifestReader<'a> {
    at_hand: Option<&'a Object>,
    read: Option<(String, ManifestRead)>,
    /// What was at the key later than `at_hand`.
    current: Option<Object>,
}

impl<'a> ManifestReader<'a> {
    /// `at_hand` is what is at the manifest's key now, where that was read.
    pub(super) fn new(at_hand: Option<&'a Object>) -> Self {
        Self {
            at_hand,
            read: None,
            current: None,
        }
    }

    /// What is at the manifest's key now, if that is not what the status is about. Nothing is read where that was seen in
    /// this invocation already.
    pub(super) async fn overtaken(
        &mut self,
        context: Context<'_>,
        status: &Status,
    ) -> Result<Option<Object>, Error> {
        let version = &status.manifest;
        let at_hand = self.current.as_ref().or(self.at_hand);
        if at_hand.is_some_and(|object| is_of(version, object)) {
            return Ok(None);
        }
        Ok(match at_key(context, version).await? {
            AtKey::Other(object) => Some(object),
            AtKey::Meant(object) => {
                self.current = Some(object);
                None
            }
            AtKey::Nothing => {
                self.current = None;
                None
            }
        })
    }

    /// This is what the status is about now.
    pub(super) fn keep(&mut self, object: Object) {
        self.current = Some(object);
    }

    /// The version that the status is about.
    pub(super) async fn read(
        &mut self,
        context: Context<'_>,
        status: &Status,
    ) -> Result<&ManifestRead, Error> {
        let version = &status.manifest;
        let (config, owners) = (context.config, &status.build.source_owners);
        let known = self.read.as_mut();
        let known = known.filter(|(sha256, _)| *sha256 == version.sha256);
        if let Some((_, read)) = known {
            // Whose its sources are may have been seen since it was read.
            if let ManifestRead::Spec(spec) = read {
                let problems = spec.source_problems(config, owners);
                if !problems.is_empty() {
                    *read = ManifestRead::Invalid(problems);
                }
            }
        } else {
            let at_hand = self.current.as_ref().or(self.at_hand);
            let read = match content(context, version, at_hand).await? {
                None => ManifestRead::Gone,
                Some(content) => match Spec::parse(version, &content, config, owners) {
                    Ok(spec) => ManifestRead::Spec(spec),
                    Err(problems) => ManifestRead::Invalid(problems),
                },
            };
            self.read = Some((version.sha256.clone(), read));
        }
        Ok(self
            .read
            .as_ref()
            .map_or(&ManifestRead::Unread, |(_, read)| read))
    }
}

/// Whether a manifest version can still be read: S3 has what it says.
pub(super) async fn is_readable(
    context: Context<'_>,
    version: &ManifestVersion,
) -> Result<bool, Error> {
    Ok(content(context, version, None).await?.is_some())
}

/// The content of a manifest version; none if it is gone.
async fn content(
    context: Context<'_>,
    version: &ManifestVersion,
    at_hand: Option<&Object>,
) -> Result<Option<Vec<u8>>, Error> {
    let at_hand = at_hand.and_then(|object| object.content.as_ref());
    if let Some(content) = at_hand.filter(|content| sha256_hex(content) == version.sha256) {
        return Ok(Some(content.clone()));
    }
    let which = match &version.version_id {
        Some(version_id) => Which::Version(version_id),
        None => Which::Unchanged(&version.etag),
    };
    let object = context
        .aws
        .get_object(&version.bucket, &version.key, which, limits::MANIFEST_BYTES)
        .await?;
    // A version of another content is not the one that the status is about, whatever its id.
    let content = object.and_then(|object| object.content);
    Ok(content.filter(|content| sha256_hex(content) == version.sha256))
}
