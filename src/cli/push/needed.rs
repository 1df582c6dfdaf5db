//! What pushing manifests takes: the files that they name, and the manifests after them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::file::regular;
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
    /// What was checked is what is sent, whatever becomes of the file.
    pub(super) content: Vec<u8>,
    /// Whether it was asked for: it is sent even if the same is there, as that asks for its image once more.
    pub(super) is_asked: bool,
}

/// What is to be pushed, in this order: each object before what names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Needed {
    /// Disks, virtual machines, stored AMIs and parts of bundles: their files, by their keys.
    pub(super) objects: BTreeMap<String, PathBuf>,
    /// Manifests of bundles, asked for or named by image manifests, by their keys.
    pub(super) bundles: BTreeMap<String, Manifest>,
    /// The image manifests that were asked for.
    pub(super) manifests: Vec<Manifest>,
    /// The keys of all manifests that were asked for, in their order.
    pub(super) asked: Vec<String>,
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
        let content = read(path)?;
        let name = path.file_name().and_then(|name| name.to_str());
        let manifest = Manifest {
            path: path.to_owned(),
            key: format!("{prefix}{}", name.unwrap_or_default()),
            content,
            is_asked: true,
        };
        let kind = key::kind(&manifest.key);
        let added = match kind {
            Some(Kind::Bundle) => self.add_parts(path, &manifest.key, &manifest.content)?,
            Some(Kind::Image) => self.add_source(&manifest, config, now)?,
            None => Err(vec![not_a_manifest(&path.display().to_string())]),
        };
        Ok(match added {
            Ok(()) => {
                self.has_one_file(&manifest.key, path)?;
                self.ask(manifest, kind == Some(Kind::Bundle));
                Ok(())
            }
            Err(problems) => Err(Refused {
                file: path.display().to_string(),
                content: manifest.content,
                problems,
            }),
        })
    }

    /// Adds a manifest that was asked for, once.
    fn ask(&mut self, manifest: Manifest, is_bundle: bool) {
        if self.asked.contains(&manifest.key) {
            return;
        }
        self.asked.push(manifest.key.clone());
        if is_bundle {
            self.bundles.insert(manifest.key.clone(), manifest);
        } else {
            self.manifests.push(manifest);
        }
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
            let (file, key) = (local(path, relative)?, beside(key, relative));
            if key::kind(&key) == Some(Kind::Bundle) {
                let content = read(&file)?;
                if let Err(problems) = self.add_parts(&file, &key, &content)? {
                    return Ok(Err(problems));
                }
                self.has_one_file(&key, &file)?;
                self.bundles.entry(key.clone()).or_insert(Manifest {
                    path: file,
                    key,
                    content,
                    is_asked: false,
                });
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
            let file = local(path, &part.file_name)?;
            let key = beside(key, &part.file_name);
            self.has_one_file(&key, &file)?;
            self.objects.insert(key, file);
        }
        Ok(Ok(()))
    }

    /// Two files cannot be one object.
    fn has_one_file(&self, key: &str, file: &Path) -> Result<(), Error> {
        let bundle = self.bundles.get(key).into_iter();
        let manifests = self.manifests.iter().filter(|it| it.key == key);
        let manifests = bundle.chain(manifests).map(|it| &it.path);
        let mut others = self.objects.get(key).into_iter().chain(manifests);
        let Some(other) = others.find(|other| !is_same(other, file)) else {
            return Ok(());
        };
        let (one, other) = (other.display(), file.display());
        let message = format!("nothing was sent: {key} would be both {one} and {other}");
        Err(Error::new(message).with_hint("push them apart, each with a --prefix of its own"))
    }
}

/// The file beside a manifest that is named as the object is, seen from the manifest's key.
///
/// # Errors
/// If it leads out of the manifest's folder, by a symbolic link: who wrote the manifest, as in a pull request, is not to
/// choose among all files of who pushes it.
fn local(manifest: &Path, relative: &str) -> Result<PathBuf, Error> {
    let folder = manifest.parent().unwrap_or(Path::new(""));
    let file = relative
        .split('/')
        .fold(folder.to_owned(), |path, name| path.join(name));
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    // What is not there is said when it is looked for.
    if let (Ok(folder), Ok(real)) = (folder.canonicalize(), file.canonicalize())
        && !real.starts_with(&folder)
    {
        let (link, real) = (file.display(), real.display());
        let message = format!(
            "nothing was sent: {link} is a symbolic link to {real}, which is not in the manifest's folder"
        );
        return Err(Error::new(message).with_hint(
            "put the file itself beside the manifest, or upload it first and name it as s3://BUCKET/KEY",
        ));
    }
    Ok(file)
}

/// Whether both are the same file, however it is named: `web.raw`, `./web.raw`.
fn is_same(one: &Path, other: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    one == other || real(one).is_some_and(|one| real(other) == Some(one))
}

/// Reads a manifest. A pipe or a device is refused: it may never end, and who waits for it cannot be interrupted.
fn read(path: &Path) -> Result<Vec<u8>, Error> {
    match regular(path) {
        Ok(_) => read_file(path),
        Err(error) => Err(Error::from_source(
            format!("cannot read {}", path.display()),
            error,
        )),
    }
}
