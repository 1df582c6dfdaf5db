//! What pushing manifests takes: the files that they name, and the manifests after them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::report::Refused;
use crate::cli::check::{not_a_manifest, read_file};
use crate::cli::error::Error;
use crate::config::Config;
use crate::manifest::guardrails::Guardrails;
use crate::manifest::key::{self, Kind};
use crate::manifest::location::{Location, beside};
use crate::manifest::{Problem, bundle, image};

/// A manifest that is to be pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) path: PathBuf,
    pub(super) key: String,
    pub(super) content: Vec<u8>,
}

/// What is to be pushed, in this order: each object before what names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Needed {
    /// Disks, virtual machines, stored AMIs and parts of bundles: their files, by their keys.
    pub(super) objects: BTreeMap<String, PathBuf>,
    /// Manifests of bundles that image manifests name: their files, by their keys.
    pub(super) bundles: BTreeMap<String, PathBuf>,
    /// The manifests that were asked for.
    pub(super) manifests: Vec<Manifest>,
}

impl Needed {
    /// Reads a manifest and adds what it takes to be pushed under this prefix, or says why it cannot be.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub(super) fn add(
        &mut self,
        path: &Path,
        prefix: &str,
        config: &Config,
        now: Timestamp,
    ) -> Result<Result<(), Refused>, Error> {
        let content = read_file(path)?;
        let name = path.file_name().and_then(|name| name.to_str());
        let manifest = Manifest {
            path: path.to_owned(),
            key: format!("{prefix}{}", name.unwrap_or_default()),
            content,
        };
        let added = match key::kind(&manifest.key) {
            Some(Kind::Bundle) => self.add_parts(path, &manifest.key, &manifest.content)?,
            Some(Kind::Image) => self.add_source(&manifest, config, now)?,
            None => Err(vec![not_a_manifest(&path.display().to_string())]),
        };
        Ok(match added {
            Ok(()) => {
                self.has_one_file(&manifest.key, path)?;
                self.manifests.push(manifest);
                Ok(())
            }
            Err(problems) => Err(Refused {
                file: path.display().to_string(),
                content: manifest.content,
                problems,
            }),
        })
    }

    fn add_source(
        &mut self,
        manifest: &Manifest,
        config: &Config,
        now: Timestamp,
    ) -> Result<Result<(), Vec<Problem>>, Error> {
        let guardrails = Guardrails {
            bucket: Some(config.bucket.clone()),
            region: Some(config.region.clone()),
            ..Guardrails::open()
        };
        let (path, key, content) = (&manifest.path, &manifest.key, &manifest.content);
        let parsed = match image::parse_within(key, content, now, &guardrails) {
            Ok(parsed) => parsed,
            Err(problems) => return Ok(Err(problems)),
        };
        for location in parsed.build.source.objects() {
            // What has an address is where it is.
            let Location::Relative(relative) = location else {
                continue;
            };
            let (file, key) = (local(path, relative), beside(key, relative));
            if key::kind(&key) == Some(Kind::Bundle) {
                let content = read_file(&file)?;
                if let Err(problems) = self.add_parts(&file, &key, &content)? {
                    return Ok(Err(problems));
                }
                self.has_one_file(&key, &file)?;
                self.bundles.insert(key, file);
            } else {
                self.has_one_file(&key, &file)?;
                self.objects.insert(key, file);
            }
        }
        Ok(Ok(()))
    }

    fn add_parts(
        &mut self,
        path: &Path,
        key: &str,
        content: &[u8],
    ) -> Result<Result<(), Vec<Problem>>, Error> {
        let bundle = match bundle::parse(content) {
            Ok(bundle) => bundle,
            Err(problems) => return Ok(Err(problems)),
        };
        for part in &bundle.parts {
            let (file, key) = (local(path, &part.file_name), beside(key, &part.file_name));
            self.has_one_file(&key, &file)?;
            self.objects.insert(key, file);
        }
        Ok(Ok(()))
    }

    /// Two files cannot be one object.
    fn has_one_file(&self, key: &str, file: &Path) -> Result<(), Error> {
        let others = self
            .objects
            .get(key)
            .into_iter()
            .chain(self.bundles.get(key));
        let manifests = self.manifests.iter().filter(|it| it.key == key);
        let mut others = others.chain(manifests.map(|it| &it.path));
        let Some(other) = others.find(|other| *other != file) else {
            return Ok(());
        };
        let (one, other) = (other.display(), file.display());
        let message = format!("nothing was sent: {key} would be both {one} and {other}");
        Err(Error::new(message).with_hint("push them apart, each with a --prefix of its own"))
    }
}

/// The file beside a manifest that is named as the object is, seen from the manifest's key.
fn local(manifest: &Path, relative: &str) -> PathBuf {
    let folder = manifest.parent().unwrap_or(Path::new(""));
    relative
        .split('/')
        .fold(folder.to_owned(), |path, name| path.join(name))
}
