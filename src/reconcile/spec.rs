//! What a manifest asks for, whichever of the two kinds it is.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;

use super::proof;
use crate::aws::Registered;
use crate::config::Config;
use crate::image::message::{failures, problems};
use crate::image::outcome::{Accepted, Identity, Publishing};
use crate::image::ownership;
use crate::image::publish::{Asked, Desired};
use crate::image::status::{
    BundleVersion, Failure, ManifestVersion, Owners, Retire, Settings, Status,
};
use crate::image::words::SourceKind;
use crate::manifest::image::{
    self, ImageManifest, NamedSource, OnDelete, Previous, PublishSpec, Registration, Snapshots,
    Source, VirtualizationType,
};
use crate::manifest::key::{Kind, kind};
use crate::manifest::{Problem, bundle, sha256_hex};

/// What a manifest asks for.
#[derive(Debug)]
pub(super) enum Spec {
    /// An image manifest.
    Image(Box<ImageManifest>),
    /// A bundle without an image manifest: registered with defaults.
    Bundle,
}

impl Spec {
    /// Reads a manifest of either kind. Its dates are judged by the time it was uploaded: what was accepted then
    /// is not refused by a later attempt. What it may ask for is judged by what the stack allows now, also of its sources, as
    /// far as it is known whose they are.
    pub(super) fn parse(
        version: &ManifestVersion,
        content: &[u8],
        config: &Config,
        owners: &Owners,
    ) -> Result<Self, Vec<Problem>> {
        let (key, guardrails) = (&version.key, &config.guardrails);
        let spec = match kind(key) {
            Some(Kind::Bundle) => bundle::parse(content).map(|_| Self::Bundle),
            _ => image::parse_within(key, content, version.uploaded_at, guardrails)
                .map(|image| Self::Image(Box::new(image))),
        }?;
        let problems = spec.source_problems(config, owners);
        match problems.is_empty() {
            true => Ok(spec),
            false => Err(problems),
        }
    }

    /// What keeps sources of other accounts from being used, of those whose owners are known: the stack does not allow it, or
    /// they would have to be shared.
    pub(super) fn source_problems(&self, config: &Config, owners: &Owners) -> Vec<Problem> {
        let copies = self.publish().access.as_ref().is_some_and(|it| it.copy);
        let refuse = |source: &NamedSource| {
            let owner = owners.get(&source.id)?;
            let own = config.account_id.as_ref()?;
            // EC2 did not show whose an AMI is made of that was there already.
            if owner.id == *own || owner.id.is_empty() {
                return None;
            }
            // The snapshots of an AMI that is copied are this account's.
            let is_shared = copies && source.region.is_none();
            let not_allowed = config.guardrails.foreign_source(source, owner);
            not_allowed.or_else(|| is_shared.then(|| problems::not_ours_to_share(source, owner)))
        };
        self.named_sources().iter().filter_map(refuse).collect()
    }

    /// What the checks passed; name and digest too, if no object has to be checked for them.
    pub(super) fn accepted(&self, version: &ManifestVersion, notify_started: bool) -> Accepted {
        let identity = match self.source_kind() {
            SourceKind::Snapshot | SourceKind::Image | SourceKind::Instance => {
                Some(self.identity(version, ""))
            }
            SourceKind::Bundle | SourceKind::Disk | SourceKind::Vm | SourceKind::Stored => None,
        };
        Accepted {
            source: self.source_kind(),
            identity,
            publishing: self.publishing(),
            created_with: self.created_with(),
            notify_started,
        }
    }

    /// How the manifest wants its AMI published. A bundle without an image manifest asks for nothing.
    pub(super) fn publish(&self) -> Cow<'_, PublishSpec> {
        match self {
            Self::Image(image) => Cow::Borrowed(&image.publish),
            Self::Bundle => Cow::Owned(PublishSpec::default()),
        }
    }

    /// The same, as far as the status has to know.
    pub(super) fn publishing(&self) -> Publishing {
        Publishing {
            digest: self.publish_digest(),
            publishes: self.publishes(),
            store: self.store().map(str::to_owned),
            replaces: self.retires(),
            on_delete: self.on_delete(),
        }
    }

    /// What is to be done about the AMIs of earlier versions; none if they are kept.
    pub(super) fn retires(&self) -> Option<Retire> {
        let spec = self.publish();
        let replaces = spec.replaces.as_ref()?;
        let deregister = match replaces.previous? {
            Previous::Keep => return None,
            Previous::Deprecate => false,
            Previous::Deregister => true,
        };
        Some(Retire {
            deregister,
            delete_snapshots: replaces.snapshots == Some(Snapshots::Delete),
        })
    }

    /// What is to be done about the AMI once the manifest is removed; none if it is kept.
    pub(super) fn on_delete(&self) -> Option<Retire> {
        let spec = self.publish();
        let deregister = match spec.on_delete? {
            OnDelete::Keep => return None,
            OnDelete::Deprecate => false,
            OnDelete::Deregister => true,
        };
        let snapshots = spec.replaces.as_ref().and_then(|it| it.snapshots);
        Some(Retire {
            deregister,
            delete_snapshots: deregister && snapshots == Some(Snapshots::Delete),
        })
    }

    /// Whether anything is to be set on the AMI that it does not get when it is made.
    fn publishes(&self) -> bool {
        let spec = self.publish();
        // The time does not matter: only whether there is one.
        let asked = Asked::of(&spec, "", Some(Timestamp::UNIX_EPOCH));
        let is_only_described = asked.regions.values().all(|region| {
            let created_with = Desired {
                description: region.desired.description.clone(),
                tags: region.desired.tags.clone(),
                ..Desired::default()
            };
            region.desired == created_with
        });
        let lacks_description = spec.description.is_some() && !self.takes_description();
        let releases = !asked.parameters.is_empty();
        asked.regions.len() > 1 || !is_only_described || lacks_description || releases
    }

    /// Whether the call that makes the AMI takes its description: ImportImage and CreateRestoreImageTask do not.
    fn takes_description(&self) -> bool {
        !matches!(self.source_kind(), SourceKind::Vm | SourceKind::Stored)
    }

    /// What the AMI gets when it is made.
    pub(super) fn created_with(&self) -> Settings {
        let spec = self.publish();
        Settings {
            description: spec
                .description
                .clone()
                .filter(|_| self.takes_description()),
            tags: spec.tags.clone(),
            ..Settings::default()
        }
    }

    /// What the image is made from; none for a bundle without an image manifest.
    pub(super) fn source(&self) -> Option<&Source> {
        match self {
            Self::Image(image) => Some(&image.build.source),
            Self::Bundle => None,
        }
    }

    /// The snapshots and the AMI that it names.
    pub(super) fn named_sources(&self) -> &[NamedSource] {
        match self {
            Self::Image(image) => &image.named_sources,
            Self::Bundle => &[],
        }
    }

    /// The kind of what the image is made from.
    pub(super) fn source_kind(&self) -> SourceKind {
        self.source().map_or(SourceKind::Bundle, SourceKind::from)
    }

    /// SHA-256 of the publish half. A bundle without an image manifest has none of its own.
    pub(super) fn publish_digest(&self) -> String {
        match self {
            Self::Image(image) => image.publish.digest(),
            Self::Bundle => sha256_hex(b""),
        }
    }

    /// What the status has that this manifest does not ask for, of what EC2 is asked with: the AMI's name and the bucket
    /// that it is stored in. Whoever may write a status could put anything there.
    pub(super) fn contradiction(&self, status: &Status) -> Option<Failure> {
        let build = &status.build;
        if let (Some(digest), Some(name)) = (&build.digest, &build.name)
            && *name != self.name(&status.manifest, digest)
        {
            return Some(failures::not_in_manifest("the AMI's name", name));
        }
        let store = status.store.as_ref().map(|store| &*store.bucket);
        let bucket = store.filter(|_| store != self.store())?;
        let field = "the bucket to store the AMI in";
        Some(failures::not_in_manifest(field, bucket))
    }

    /// The AMI's name, of a version with this digest.
    fn name(&self, version: &ManifestVersion, digest: &str) -> String {
        match self {
            Self::Bundle => bundle::default_image_name(&version.key, digest),
            Self::Image(image) => image.build.name.expand(version.uploaded_at, digest),
        }
    }

    /// The name of the AMI of this version, had its manifest been uploaded at this time; none while the version is not known.
    pub(super) fn name_of_upload(&self, status: &Status, uploaded_at: Timestamp) -> Option<String> {
        let version = ManifestVersion {
            uploaded_at,
            ..status.manifest.clone()
        };
        let digest = status.build.digest.as_ref()?;
        Some(self.name(&version, digest))
    }

    fn store(&self) -> Option<&str> {
        match self {
            Self::Image(image) => image.publish.store.as_ref().map(|store| &*store.bucket),
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
        let mut tags = ownership::creation_tags(status);
        if let Self::Image(image) = self {
            tags.extend(image.publish.tags.clone());
        }
        tags
    }

    /// Where the objects are that the image is made from, if they are in S3 and EC2 has not to make them first: one, or
    /// a virtual machine's disks.
    pub(super) fn object_locations(&self, version: &ManifestVersion) -> Vec<(String, String)> {
        let locations = match self.source() {
            None => return vec![(version.bucket.clone(), version.key.clone())],
            Some(Source::Bundle(bundle)) => vec![&bundle.manifest],
            Some(Source::Disk(disk)) => vec![&disk.object],
            Some(Source::Vm(vm)) => vm.files().iter().map(|file| file.object).collect(),
            Some(Source::Stored(stored)) => vec![&stored.object],
            Some(Source::Snapshot(_) | Source::Instance(_) | Source::Image(_)) => Vec::new(),
        };
        let resolved = locations
            .iter()
            .map(|it| it.resolve(&version.bucket, &version.key));
        resolved.collect()
    }

    /// The first of [`Self::object_locations`]: the only one, except for a virtual machine of several disks.
    pub(super) fn object_location(&self, version: &ManifestVersion) -> Option<(String, String)> {
        self.object_locations(version).into_iter().next()
    }

    /// The tags of the object that the AMI is stored as.
    pub(super) fn store_tags(&self) -> BTreeMap<String, String> {
        match self {
            Self::Image(image) => image.publish.store.as_ref().map(|it| it.tags.clone()),
            Self::Bundle => None,
        }
        .unwrap_or_default()
    }

    /// Where the bundle's manifest is; none if there is no bundle, or EC2 has not made it yet.
    pub(super) fn bundle_location(
        &self,
        config: &Config,
        status: &Status,
    ) -> Option<(String, String)> {
        match self.source_kind() {
            SourceKind::Bundle => self.object_location(&status.manifest),
            // Not what the status says of the task: that could be any object.
            SourceKind::Instance => {
                (!status.build.tasks.is_empty()).then(|| proof::bundle_address(config, status))
            }
            _ => None,
        }
    }

    /// Name and digest: what the build half asks for, and the version of what the image is made from (the `ETag` of an
    /// object, the SHA-256 of a bundle's manifest; nothing where the build half has its id).
    pub(super) fn identity(&self, version: &ManifestVersion, source_version: &str) -> Identity {
        match self {
            Self::Bundle => Identity {
                name: self.name(version, source_version),
                digest: source_version.to_owned(),
            },
            Self::Image(image) => {
                let build = image.build.digest();
                let digest = sha256_hex(format!("{build}\n{source_version}\n").as_bytes());
                Identity {
                    name: self.name(version, &digest),
                    digest,
                }
            }
        }
    }

    /// What RegisterImage is to be sent; `imported` is the snapshot that a disk has become.
    pub(super) fn registered(&self, status: &Status, imported: Option<&str>) -> Registered {
        let build = &status.build;
        let mut registration = match self {
            Self::Bundle => Registration::default(),
            Self::Image(image) => image.build.registration(imported).unwrap_or_default(),
        };
        if let Some(bundle) = &build.bundle {
            registration.virtualization_type = registration
                .virtualization_type
                .or(Some(virtualization_type(bundle)));
        }
        Registered {
            name: build.name.clone().unwrap_or_default(),
            description: self.description().map(str::to_owned),
            image_location: build
                .bundle
                .as_ref()
                .map(|bundle| format!("{}/{}", bundle.bucket, bundle.key)),
            tags: self.tags(status),
            registration,
        }
    }
}

fn virtualization_type(bundle: &BundleVersion) -> VirtualizationType {
    if bundle.virtualization_type == VirtualizationType::Paravirtual.as_str() {
        VirtualizationType::Paravirtual
    } else {
        VirtualizationType::Hvm
    }
}
