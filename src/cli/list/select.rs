//! Which images a command is about.

use glob::Pattern;

use crate::image::Status;
use crate::manifest::ids::is_resource_id;

/// Which images are listed.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    names: Vec<Name>,
    /// Only images in progress.
    pub(crate) open: bool,
    /// Only images that did not become available.
    pub(crate) failed: bool,
}

/// How images are named.
#[derive(Debug, Clone)]
enum Name {
    /// The key of a manifest, and the pattern that it is as well.
    Key(String, Option<Pattern>),
    /// The id of an AMI, of this version or an earlier one.
    Image(String),
}

impl Selection {
    /// The images with these names: keys of manifests, patterns of keys such as `golden/*`, or ids of AMIs. All, without.
    #[must_use]
    pub fn of(names: &[impl AsRef<str>]) -> Self {
        let name = |name: &str| match is_resource_id(name, "ami") {
            true => Name::Image(name.to_owned()),
            false => {
                let is_pattern = name.contains(['*', '?', '[']);
                let pattern = is_pattern.then(|| Pattern::new(name).ok());
                Name::Key(name.to_owned(), pattern.flatten())
            }
        };
        Self {
            names: names.iter().map(|it| name(it.as_ref())).collect(),
            open: false,
            failed: false,
        }
    }

    /// Of these only the images in progress, or those that did not become available, or both.
    #[must_use]
    pub fn only(self, open: bool, failed: bool) -> Self {
        Self {
            open,
            failed,
            ..self
        }
    }

    /// The keys, if each name is one: then nothing has to be searched.
    pub(crate) fn keys(&self) -> Option<Vec<&str>> {
        let keys = self.names.iter().map(|name| match name {
            Name::Key(key, None) => Some(key.as_str()),
            Name::Key(_, Some(_)) | Name::Image(_) => None,
        });
        let keys: Option<Vec<&str>> = keys.collect();
        keys.filter(|keys| !keys.is_empty())
    }

    /// Whether it is all images.
    pub(crate) fn is_all(&self) -> bool {
        self.names.is_empty() && !self.open && !self.failed
    }

    /// The id of the AMI, if that is all it is about.
    pub(crate) fn image(&self) -> Option<&str> {
        match self.names.as_slice() {
            [Name::Image(id)] => Some(id),
            _ => None,
        }
    }

    /// Whether an image is named.
    pub(crate) fn names(&self, key: &str, status: Option<&Status>) -> bool {
        self.names.is_empty()
            || self.names.iter().any(|name| match name {
                Name::Key(known, pattern) => {
                    known == key || pattern.as_ref().is_some_and(|it| it.matches(key))
                }
                Name::Image(id) => status.is_some_and(|status| has_image(status, id)),
            })
    }
}

/// Whether an AMI is one of this image, or of an earlier version of it.
fn has_image(status: &Status, id: &str) -> bool {
    let now = status.regions.values().map(|image| &image.image);
    let before = status.previous.iter().flat_map(|it| it.images());
    let before = before.map(|(_, image)| &image.image);
    now.chain(before).any(|known| known == id)
}
