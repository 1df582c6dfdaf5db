//! What the checks look through: the account, the stack that is deployed, and what a manifest asks for.

use crate::aws::{Aws, DeployedStack, StackResource};
use crate::manifest::image::{ImageManifest, Source};

/// An image manifest to check for.
#[derive(Debug, Clone)]
pub struct ManifestFile {
    /// The file's name, as it was given.
    pub name: String,
    /// What it says.
    pub content: Vec<u8>,
}

/// What the checks look through.
pub(super) struct Scene<'a> {
    pub(super) aws: &'a Aws,
    /// The caller's account.
    pub(super) account: String,
    /// None if there is none, or it cannot be seen.
    pub(super) stack: Option<&'a DeployedStack>,
    /// What the manifest asks for; none without a manifest, or if it has problems.
    pub(super) spec: Option<ImageManifest>,
    /// The Regions that are not known to be off, of those that matter.
    pub(super) regions: Vec<String>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(aws: &'a Aws, account: &str, stack: Option<&'a DeployedStack>) -> Self {
        Self {
            aws,
            account: account.to_owned(),
            stack,
            spec: None,
            regions: Vec::new(),
        }
    }

    /// The Region of the stack.
    pub(super) fn home(&self) -> &str {
        self.aws.region()
    }

    /// A parameter of the stack; none if it is empty.
    pub(super) fn parameter(&self, name: &str) -> Option<&'a str> {
        let value = self.stack?.parameters.get(name)?;
        (!value.is_empty()).then_some(value.as_str())
    }

    /// An output of the stack.
    pub(super) fn output(&self, name: &str) -> Option<&'a str> {
        self.stack?.outputs.get(name).map(String::as_str)
    }

    /// The stack's resources of a type.
    pub(super) fn resources(&self, kind: &'static str) -> impl Iterator<Item = &'a StackResource> {
        let resources = self.stack.map(|stack| stack.resources.as_slice());
        let resources = resources.unwrap_or_default().iter();
        resources.filter(move |resource| resource.kind == kind)
    }

    /// The Regions that the manifest has copies made in.
    pub(super) fn copy_regions(&self) -> Vec<&str> {
        let spec = self.spec.iter();
        spec.flat_map(|spec| spec.publish.regions.keys().map(String::as_str))
            .filter(|region| *region != self.home())
            .collect()
    }

    /// Whether the manifest's AMIs are made public.
    pub(super) fn is_public(&self) -> bool {
        let access = self
            .spec
            .as_ref()
            .and_then(|spec| spec.publish.access.as_ref());
        access.is_some_and(|access| access.public == Some(true))
    }

    /// Whether the manifest's AMIs are shared with anybody.
    pub(super) fn is_shared(&self) -> bool {
        let access = self
            .spec
            .as_ref()
            .and_then(|spec| spec.publish.access.as_ref());
        access.is_some_and(crate::manifest::image::Access::has_grantees)
    }

    /// What the manifest makes its AMIs from.
    pub(super) fn source(&self) -> Option<&Source> {
        self.spec.as_ref().map(|spec| &spec.build.source)
    }
}
