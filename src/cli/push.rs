//! `amiwright push FILE…`: uploads manifests and, before them, the files that they name.

pub(super) mod file;
mod needed;
mod report;
mod sending;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use serde_json::json;
use tokio::time::Instant;

use super::check::write_problems;
use super::connection::Aside;
use super::hints::cannot_send;
use super::json;
use super::list::fit_end;
use super::options::Options;
use super::target::Target;
use super::terminal::Terminal;
use super::text::plain;
use super::{signals, watch};
use crate::aws::{Aws, ObjectInfo};
use crate::cli::error::Error;
use crate::cli::exit_code::Exit;
use crate::config::Config;
use crate::image::words::counted;
use crate::reconcile::Context;
use file::LocalFile;
use needed::{Manifest, Needed};
use report::Outcome;
use sending::Destination;

pub use report::{Item, Refused};

/// Files that are sent at once: each in several parts.
const FILES_AT_ONCE: usize = 3;
/// Characters of a key that are shown beside a bar.
const KEY_WIDTH: usize = 30;

/// Arguments of `amiwright push`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Image manifests (NAME.image.yaml, .yml, .json) and bundle manifests (NAME.manifest.xml); the disks, virtual
    /// machines, stored AMIs and parts that they name are sent first, from beside them
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Folder of the bucket that they go to, such as golden/
    #[arg(long, default_value = "", value_name = "FOLDER", value_parser = folder)]
    prefix: String,
    /// Say what would be sent, and send nothing
    #[arg(long)]
    dry_run: bool,
    /// Watch the images until they finish; exit code 0 if all are available
    #[arg(long)]
    wait: bool,
    /// How long to watch them, such as 90s or 2h; the images continue without it
    #[arg(long, requires = "wait", value_parser = watch::duration)]
    timeout: Option<std::time::Duration>,
    #[command(flatten)]
    target: Target,
}

/// A folder ends with a slash, and never begins with one.
pub(super) fn folder(given: &str) -> Result<String, &'static str> {
    if given.starts_with('/') {
        return Err("folders of a bucket do not begin with a slash");
    }
    let ends = given.is_empty() || given.ends_with('/');
    Ok(if ends {
        given.to_owned()
    } else {
        format!("{given}/")
    })
}

/// What to push.
#[derive(Debug, Clone)]
pub struct Push {
    /// Manifests on this machine.
    pub files: Vec<PathBuf>,
    /// Folder of the bucket, with a slash at its end; empty for none.
    pub prefix: String,
    /// Whether to say what would be sent only.
    pub dry_run: bool,
    /// Where bars are drawn, if there are any.
    pub bars: Bars,
}

/// The bars of files that are being sent.
#[derive(Debug, Clone)]
pub struct Bars(Aside);

impl Default for Bars {
    fn default() -> Self {
        Self(Aside::new(&Options::default()))
    }
}

/// What was pushed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pushed {
    /// The keys of the manifests that were asked for.
    pub keys: Vec<String>,
    /// What S3 has of those that were sent: their `ETag`s, by their keys.
    pub uploads: BTreeMap<String, String>,
    /// Every object, in the order in which they were dealt with.
    pub items: Vec<Item>,
}

/// Pushes, and watches the images if asked to.
///
/// # Errors
/// If no bucket or Region is given, a file is not there or changes meanwhile, S3 does not answer, or refuses.
pub(super) async fn run(
    args: &Args,
    options: &Options,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    let (began, ended) = (Instant::now(), signals::end()?);
    let config = args.target.config().await?;
    let (is_json, is_silent) = (options.is_json(), options.is_json() || options.is_quiet());
    let terminal = options.terminal();
    let aside = match terminal.live && !is_silent {
        true => Aside::new(options).with_bars(),
        false => Aside::new(options),
    };
    let aws = args.target.connect(&config, aside.clone()).await;
    let push = Push {
        files: args.files.clone(),
        prefix: args.prefix.clone(),
        dry_run: args.dry_run,
        bars: Bars(aside),
    };
    let mut silence = io::sink();
    let lines: &mut dyn Write = if is_silent { &mut silence } else { &mut *out };
    let pushed = tokio::select! {
        pushed = send_all(&aws, &config, &push, now, lines) => pushed?,
        () = ended => {
            writeln!(
                io::stderr(),
                "\nStopped; run the same command again: what has been sent is not sent again"
            )?;
            return Ok(Exit::Interrupted.into());
        }
    };
    let pushed = match pushed {
        Ok(pushed) => pushed,
        Err(refused) => {
            let form = (!is_json).then_some(terminal);
            write_refused(&refused, args.dry_run, form, out)?;
            return Ok(Exit::Failed.into());
        }
    };
    if !args.wait || args.dry_run {
        if is_json {
            let items = pushed.items.iter().map(Item::json).collect();
            json::write("push", json!({"dryRun": args.dry_run}), items, out)?;
        }
        return Ok(Exit::Done.into());
    }
    let now = now.saturating_add(began.elapsed()).unwrap_or(now);
    let aws = args.target.connect_to_poll(&config).await;
    let context = Context::new(&aws, &config, now);
    watch::follow(context, pushed.uploads, args.timeout, options, out).await
}

fn write_refused(
    refused: &[Refused],
    dry_run: bool,
    terminal: Option<Terminal>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let Some(terminal) = terminal else {
        let items = refused.iter().map(Refused::json).collect();
        return json::write("push", json!({"dryRun": dry_run}), items, out);
    };
    for manifest in refused {
        let name = plain(&manifest.file);
        let text = String::from_utf8_lossy(&manifest.content);
        let renderer = terminal.renderer();
        write_problems(&name, &text, &manifest.problems, &renderer, out)?;
        let problems = counted(manifest.problems.len(), "problem");
        writeln!(out, "{name}: {problems}, nothing was sent")?;
    }
    Ok(())
}

/// Sends the manifests and, before them, what they name, and writes a line about each object. If a manifest has problems,
/// these are returned, and nothing is sent.
///
/// # Errors
/// If a file is not there or changes meanwhile, S3 does not answer, or refuses.
pub async fn send_all(
    aws: &Aws,
    config: &Config,
    push: &Push,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<Result<Pushed, Vec<Refused>>, Error> {
    let needed = match needed(config, push, now).await? {
        Ok(needed) => needed,
        Err(refused) => return Ok(Err(refused)),
    };
    let mut sender = Sender {
        aws,
        config,
        push,
        out,
        items: Vec::new(),
        uploads: BTreeMap::new(),
    };
    let objects = sender.found(&needed.objects).await?;
    sender.send(objects).await?;
    // The manifest of a bundle starts an image by itself, unless one of the image manifests is about it: those of bundles
    // that are not there yet come last, so that these are seen. One that replaces another comes before its image manifest,
    // which would be about the old one otherwise.
    let (mut before, mut last) = (Vec::new(), Vec::new());
    for bundle in needed.bundles.into_values() {
        match sender.in_bucket(&bundle.key).await? {
            Some(found) => before.push((bundle, Some(found))),
            None => last.push((bundle, None)),
        }
    }
    let manifests = needed.manifests.into_iter().map(|it| (it, None));
    for (manifest, found) in before.into_iter().chain(manifests).chain(last) {
        sender.send_manifest(manifest, found).await?;
    }
    Ok(Ok(Pushed {
        keys: needed.asked,
        uploads: sender.uploads,
        items: sender.items,
    }))
}

/// What the manifests take, read beside the other work: a file system may keep its reader waiting.
async fn needed(
    config: &Config,
    push: &Push,
    now: Timestamp,
) -> Result<Result<Needed, Vec<Refused>>, Error> {
    let (config, push) = (config.clone(), push.clone());
    let read = tokio::task::spawn_blocking(move || {
        let (mut needed, mut refused) = (Needed::default(), Vec::new());
        for path in &push.files {
            refused.extend(needed.add(path, &push.prefix, &config, now)?.err());
        }
        Ok(match refused.is_empty() {
            true => Ok(needed),
            false => Err(refused),
        })
    });
    read.await
        .unwrap_or_else(|ended| Err(Error::from_source("cannot read the manifests", ended)))
}

/// What sends, says what became of each object, and remembers it.
struct Sender<'a> {
    aws: &'a Aws,
    config: &'a Config,
    push: &'a Push,
    out: &'a mut dyn Write,
    items: Vec<Item>,
    /// The manifests that were asked for and sent: their `ETag`s, by their keys.
    uploads: BTreeMap<String, String>,
}

impl Sender<'_> {
    /// The files that are on this machine. What is not may be in the bucket already: then it is left as it is, and said.
    /// Anything else that is missing is an error before anything is sent.
    async fn found<'k>(
        &mut self,
        objects: &'k BTreeMap<String, PathBuf>,
    ) -> Result<Vec<(&'k str, Arc<LocalFile>)>, Error> {
        let (mut found, mut elsewhere, mut nowhere) = (Vec::new(), Vec::new(), Vec::new());
        for (key, path) in objects {
            let shown = path.display();
            match look_at(path).await {
                Ok(file) => found.push((key.as_str(), Arc::new(file))),
                Err(error)
                    if error.kind() == io::ErrorKind::NotFound
                        && self.in_bucket(key).await?.is_some() =>
                {
                    elsewhere.push((key, shown.to_string()));
                }
                Err(error) => nowhere.push(format!("{shown}: {error}")),
            }
        }
        if !nowhere.is_empty() {
            let message = format!("nothing was sent: cannot read {}", nowhere.join("; "));
            return Err(Error::new(message).with_hint(
                "the files are looked for beside the manifest, as it names them; s3://BUCKET/KEY names what is in a bucket",
            ));
        }
        for (key, path) in elsewhere {
            self.say(key, Outcome::InBucketOnly(path))?;
        }
        Ok(found)
    }

    async fn in_bucket(&self, key: &str) -> Result<Option<ObjectInfo>, Error> {
        let found = self.aws.listed_object(&self.config.bucket, key).await;
        found.map_err(|error| cannot_send(self.config, &error))
    }

    /// Sends files, some at once.
    async fn send(&mut self, objects: Vec<(&str, Arc<LocalFile>)>) -> Result<(), Error> {
        if self.push.dry_run {
            return objects
                .into_iter()
                .try_for_each(|(key, file)| self.say(key, Outcome::Planned { size: file.size }));
        }
        let push: &Push = self.push;
        let Bars(aside) = &push.bars;
        let (aws, config) = (self.aws, self.config);
        let each = objects.into_iter().map(|(key, file)| {
            let bar = aside.draw(bar(key, file.size));
            async move {
                let to = Destination { aws, config, key };
                let sent = sending::send(to, &file, &|bytes| bar.inc(bytes)).await;
                bar.finish_and_clear();
                (key, sent)
            }
        });
        let mut each = stream::iter(each).buffered(FILES_AT_ONCE);
        while let Some((key, sent)) = each.next().await {
            let sent = sent?;
            aside.apart(|| self.say(key, sent))?;
        }
        Ok(())
    }

    /// Sends a manifest, unless the same was found in the bucket and nobody asked for it.
    async fn send_manifest(
        &mut self,
        manifest: Manifest,
        found: Option<ObjectInfo>,
    ) -> Result<(), Error> {
        let Manifest { key, content, .. } = manifest;
        let size = content.len() as u64;
        if self.push.dry_run {
            return self.say(&key, Outcome::Planned { size });
        }
        let same = || file::etag_of(&content);
        if !manifest.is_asked && found.is_some_and(|it| it.etag.trim_matches('"') == same()) {
            return self.say(&key, Outcome::Same { size });
        }
        let written = self.aws.put_object(&self.config.bucket, &key, content);
        let etag = written
            .await
            .map_err(|error| cannot_send(self.config, &error))?;
        self.say(&key, Outcome::Sent { size, now: size })?;
        if manifest.is_asked {
            self.uploads.insert(key, etag);
        }
        Ok(())
    }

    fn say(&mut self, key: &str, outcome: Outcome) -> Result<(), Error> {
        let item = Item {
            bucket: self.config.bucket.clone(),
            key: key.to_owned(),
            outcome,
        };
        writeln!(self.out, "{}", item.line())?;
        self.items.push(item);
        Ok(())
    }
}

/// Looks at a file beside the other work.
async fn look_at(path: &Path) -> io::Result<LocalFile> {
    let path = path.to_owned();
    let looked = tokio::task::spawn_blocking(move || LocalFile::look_at(&path)).await;
    looked.unwrap_or_else(|ended| Err(io::Error::other(ended)))
}

fn bar(key: &str, size: u64) -> ProgressBar {
    let bar = ProgressBar::new(size);
    let template =
        "{prefix:30} {wide_bar} {binary_bytes}/{binary_total_bytes} {binary_bytes_per_sec} {eta}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.with_prefix(fit_end(&plain(key), KEY_WIDTH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_ends_with_a_slash() {
        assert_eq!(folder("golden"), Ok("golden/".to_owned()));
        assert_eq!(folder("golden/"), Ok("golden/".to_owned()));
        assert_eq!(folder(""), Ok(String::new()));
        assert!(folder("/golden").is_err());
    }
}
