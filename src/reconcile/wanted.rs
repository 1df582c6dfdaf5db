//! What a manifest object asks for, whichever of the two kinds it is.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::{Context, Error, MANIFEST_MAX};
use crate::aws::{Object, Registered, Which};
use crate::image::look;
use crate::image::status::{BundleVersion, ManifestVersion, Status, Step};
use crate::image::transition::{Accepted, Identity};
use crate::manifest::Problem;
use crate::manifest::bundle;
use crate::manifest::image::{self, ImageManifest, Registration, Source, VirtualizationType};
use crate::manifest::key::{Kind, kind};

/// What a manifest asks for.
#[derive(Debug)]
pub(super) enum Wanted {
    /// An image manifest.
    Image(Box<ImageManifest>),
    /// A bundle without an image manifest: registered with defaults.
    Bundle,
}

/// SHA-256, in hex.
pub(super) fn sha256_hex(content: &[u8]) -> String {
    Sha256::digest(content)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

/// The content of the version that a status is about, from `at_hand` if that is it; none if it is gone.
pub(super) async fn pinned(
    context: Context<'_>,
    manifest: &ManifestVersion,
    at_hand: Option<&Object>,
) -> Result<Option<Vec<u8>>, Error> {
    let at_hand = at_hand.and_then(|object| object.content.as_ref());
    if let Some(content) = at_hand.filter(|content| sha256_hex(content) == manifest.sha256) {
        return Ok(Some(content.clone()));
    }
    let which = match &manifest.version_id {
        Some(version_id) => Which::Version(version_id),
        None => Which::Unchanged(&manifest.etag),
    };
    let object = context
        .aws
        .get_object(&manifest.bucket, &manifest.key, which, MANIFEST_MAX)
        .await?;
    Ok(object.and_then(|object| object.content))
}

/// What became of the manifest version that a status is about.
#[derive(Debug)]
pub(super) enum Pinned {
    /// It asks for this.
    Wanted(Wanted),
    /// It is not there any more.
    Gone,
    /// This version of amiwright does not take it any more.
    Refused(Vec<Problem>),
}

/// Reads the version that a status is about, from `at_hand` if that is it.
pub(super) async fn read(
    context: Context<'_>,
    status: &Status,
    at_hand: Option<&Object>,
) -> Result<Pinned, Error> {
    let Some(content) = pinned(context, &status.manifest, at_hand).await? else {
        return Ok(Pinned::Gone);
    };
    Ok(match Wanted::parse(&status.manifest, &content) {
        Ok(wanted) => Pinned::Wanted(wanted),
        Err(problems) => Pinned::Refused(problems),
    })
}

impl Wanted {
    /// Reads a manifest of either kind. Its dates are judged by the time it was uploaded: what was accepted then
    /// is not refused by a later try.
    pub(super) fn parse(version: &ManifestVersion, content: &[u8]) -> Result<Self, Vec<Problem>> {
        match kind(&version.key, "") {
            Some(Kind::Bundle) => bundle::parse(content).map(|_| Self::Bundle),
            _ => image::parse(&version.key, content, version.uploaded_at)
                .map(|image| Self::Image(Box::new(image))),
        }
    }

    /// What the checks passed; the name and digest too, if no bundle has to be read for them.
    pub(super) fn accepted(&self, version: &ManifestVersion) -> Accepted {
        match self {
            Self::Bundle => Accepted {
                source: "bundle".to_owned(),
                identity: None,
                store: None,
                first: Step::CheckBundle,
            },
            Self::Image(image) => {
                let identity = (!image.build.source.is_instance_store()).then(|| Identity {
                    name: image
                        .build
                        .name
                        .expand(version.uploaded_at, &version.sha256),
                    digest: version.sha256.clone(),
                });
                Accepted {
                    source: image.build.source.kind().to_owned(),
                    identity,
                    store: image
                        .publish
                        .store
                        .as_ref()
                        .map(|store| store.bucket.clone()),
                    first: first_step(&image.build.source),
                }
            }
        }
    }

    /// What the image is made from; none for a bundle without an image manifest.
    pub(super) fn source(&self) -> Option<&Source> {
        match self {
            Self::Image(image) => Some(&image.build.source),
            Self::Bundle => None,
        }
    }

    /// The description, as the manifest has it.
    pub(super) fn description(&self) -> Option<&str> {
        match self {
            Self::Image(image) => image.publish.description.as_deref(),
            Self::Bundle => None,
        }
    }

    /// The tags of everything that is made: amiwright's and the manifest's own.
    pub(super) fn tags(&self, status: &Status) -> BTreeMap<String, String> {
        let mut tags = look::creation_tags(status);
        if let Self::Image(image) = self {
            tags.extend(image.publish.tags.clone());
        }
        tags
    }

    /// Where the bundle's manifest is; none if there is no bundle, or EC2 has not made it yet.
    pub(super) fn bundle_location(&self, status: &Status) -> Option<(String, String)> {
        let version = &status.manifest;
        match self.source() {
            None => Some((version.bucket.clone(), version.key.clone())),
            Some(Source::Bundle(bundle)) => {
                Some(bundle.manifest.resolve(&version.bucket, &version.key))
            }
            Some(Source::Instance(_)) => {
                let (bucket, key) = status.tasks.last()?.place()?;
                Some((bucket.to_owned(), key.to_owned()))
            }
            Some(_) => None,
        }
    }

    /// Name and digest of an image that is made from a bundle: another bundle is another version.
    pub(super) fn identity(&self, version: &ManifestVersion, bundle_sha256: &str) -> Identity {
        match self {
            Self::Bundle => Identity {
                name: bundle::default_image_name(&version.key, bundle_sha256),
                digest: bundle_sha256.to_owned(),
            },
            Self::Image(image) => {
                let digest =
                    sha256_hex(format!("{}\n{bundle_sha256}\n", version.sha256).as_bytes());
                Identity {
                    name: image.build.name.expand(version.uploaded_at, &digest),
                    digest,
                }
            }
        }
    }

    /// What RegisterImage is to be sent.
    pub(super) fn registered(&self, status: &Status) -> Registered {
        let imported = status.tasks.last().and_then(|task| task.snapshots.first());
        let mut registration = match self {
            Self::Bundle => Registration::default(),
            Self::Image(image) => image
                .build
                .registration(imported.map(String::as_str))
                .unwrap_or_default(),
        };
        if let Some(bundle) = &status.bundle {
            registration.virtualization_type = registration
                .virtualization_type
                .or(Some(virtualization_type(bundle)));
        }
        Registered {
            name: status.name.clone().unwrap_or_default(),
            description: self.description().map(str::to_owned),
            image_location: status
                .bundle
                .as_ref()
                .map(|bundle| format!("{}/{}", bundle.bucket, bundle.key)),
            tags: self.tags(status),
            registration,
        }
    }
}

fn first_step(source: &Source) -> Step {
    match source {
        Source::Disk(_) | Source::Vm(_) | Source::Stored(_) => Step::CheckObject,
        Source::Instance(_) | Source::Image(_) => Step::StartTask,
        Source::Bundle(_) => Step::CheckBundle,
        Source::Snapshot(_) => Step::RegisterImage,
    }
}

fn virtualization_type(bundle: &BundleVersion) -> VirtualizationType {
    if bundle.virtualization_type == VirtualizationType::Paravirtual.as_str() {
        VirtualizationType::Paravirtual
    } else {
        VirtualizationType::Hvm
    }
}
