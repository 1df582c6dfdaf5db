//! `amiwright push FILE…`: uploads manifests and, before them, the files that they name.

mod file;
mod needed;
mod sending;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use annotate_snippets::Renderer;
use futures_util::{StreamExt as _, stream};
use indicatif::{BinaryBytes, MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use tokio::time::Instant;

use super::check::write_problems;
use super::list::fit_end;
use super::options::Options;
use super::target::{Target, cannot_send};
use super::terminal::Terminal;
use super::text::plain;
use super::{signals, watch};
use crate::aws::Aws;
use crate::cli::error::Error;
use crate::cli::exit_code::Exit;
use crate::config::Config;
use crate::image::words::counted;
use crate::manifest::location::s3_uri;
use crate::reconcile::Context;
use file::LocalFile;
use needed::{Needed, Refused};
use sending::{Destination, Sent};

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
fn folder(given: &str) -> Result<String, &'static str> {
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
    /// What the progress is shown on.
    pub terminal: Terminal,
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
    let aws = args.target.connect(&config).await;
    let push = Push {
        files: args.files.clone(),
        prefix: args.prefix.clone(),
        dry_run: args.dry_run,
        terminal: options.terminal(),
    };
    let pushed = tokio::select! {
        pushed = send_all(&aws, &config, &push, now, out) => pushed?,
        () = ended => {
            writeln!(
                io::stderr(),
                "\nStopped; run the same command again: what has been sent is not sent again"
            )?;
            return Ok(Exit::Interrupted.into());
        }
    };
    let Some(keys) = pushed else {
        return Ok(ExitCode::FAILURE);
    };
    if !args.wait || args.dry_run {
        return Ok(ExitCode::SUCCESS);
    }
    let now = now.saturating_add(began.elapsed()).unwrap_or(now);
    let aws = args.target.connect_to_poll(&config).await;
    let context = Context::new(&aws, &config, now);
    watch::follow(context, keys, args.timeout, options, out).await
}

/// Sends the manifests and, before them, what they name. Returns their keys; none if one of them has problems, which are
/// written then, and nothing is sent.
///
/// # Errors
/// If a file is not there or changes meanwhile, S3 does not answer, or refuses.
pub async fn send_all(
    aws: &Aws,
    config: &Config,
    push: &Push,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<Option<Vec<String>>, Error> {
    let mut needed = Needed::default();
    let mut refused = Vec::new();
    for path in &push.files {
        refused.extend(needed.add(path, &push.prefix, config, now)?.err());
    }
    if !refused.is_empty() {
        write_refused(&refused, push.terminal, out)?;
        return Ok(None);
    }
    let mut objects = Vec::new();
    let mut missing = Vec::new();
    for (key, path) in &needed.objects {
        match LocalFile::look_at(path) {
            Ok(file) => objects.push((key.as_str(), Arc::new(file))),
            Err(error) => missing.push((key.as_str(), path, error)),
        }
    }
    for line in in_the_bucket(aws, config, &missing).await? {
        writeln!(out, "{line}")?;
    }
    if push.dry_run {
        for (key, file) in &objects {
            let size = BinaryBytes(file.size);
            writeln!(out, "{}: {size}, if it is not there", plain(key))?;
        }
    } else {
        send_objects(aws, config, objects, push.terminal.live, out).await?;
    }
    // The manifest of a bundle starts an image by itself, unless one of the image manifests is about it: those of bundles
    // that are not there yet come last, so that these are seen. One that replaces another comes before its image manifest,
    // which would be about the old one otherwise.
    let (before, last) = in_order(aws, config, &needed.bundles).await?;
    send_bundles(aws, config, push, before, out).await?;
    let mut keys = Vec::new();
    for manifest in needed.manifests {
        if !push.dry_run {
            let content = manifest.content;
            let written = aws.put_object(&config.bucket, &manifest.key, content).await;
            written.map_err(|error| cannot_send(config, &error))?;
        }
        let address = plain(&s3_uri(&config.bucket, &manifest.key));
        let sent = if push.dry_run {
            "the manifest, last"
        } else {
            "sent"
        };
        writeln!(out, "{address}: {sent}")?;
        keys.push(manifest.key);
    }
    send_bundles(aws, config, push, last, out).await?;
    Ok(Some(keys))
}

/// Manifests of bundles: those that replace another, and those that are new.
type Bundles<'a> = (Vec<(&'a str, &'a PathBuf)>, Vec<(&'a str, &'a PathBuf)>);

async fn in_order<'a>(
    aws: &Aws,
    config: &Config,
    bundles: &'a BTreeMap<String, PathBuf>,
) -> Result<Bundles<'a>, Error> {
    let mut all: Bundles<'a> = Default::default();
    for (key, path) in bundles {
        let found = aws.listed_object(&config.bucket, key).await;
        let found = found.map_err(|error| cannot_send(config, &error))?;
        match found {
            Some(_) => all.0.push((key, path)),
            None => all.1.push((key, path)),
        }
    }
    Ok(all)
}

async fn send_bundles(
    aws: &Aws,
    config: &Config,
    push: &Push,
    bundles: Vec<(&str, &PathBuf)>,
    out: &mut dyn Write,
) -> Result<(), Error> {
    for (key, path) in bundles {
        let file = LocalFile::look_at(path);
        let file = file.map_err(|error| not_there(path, error))?;
        if push.dry_run {
            writeln!(out, "{}: the bundle's manifest", plain(key))?;
        } else {
            send_objects(aws, config, vec![(key, Arc::new(file))], false, out).await?;
        }
    }
    Ok(())
}

fn write_refused(refused: &[Refused], terminal: Terminal, out: &mut dyn Write) -> io::Result<()> {
    let renderer = match terminal.color {
        true => Renderer::styled(),
        false => Renderer::plain(),
    };
    for manifest in refused {
        let name = plain(&manifest.path.display().to_string());
        let text = String::from_utf8_lossy(&manifest.content);
        write_problems(&name, &text, &manifest.problems, &renderer, out)?;
        let problems = counted(manifest.problems.len(), "problem");
        writeln!(out, "{name}: {problems}, nothing was sent")?;
    }
    Ok(())
}

/// What is not on this machine may be in the bucket already: then it is left as it is, and said. Anything else that is
/// missing is an error before anything is sent.
async fn in_the_bucket(
    aws: &Aws,
    config: &Config,
    missing: &[(&str, &PathBuf, io::Error)],
) -> Result<Vec<String>, Error> {
    let mut lines = Vec::new();
    let mut nowhere = Vec::new();
    for (key, path, error) in missing {
        let found = aws.listed_object(&config.bucket, key).await;
        let is_there = found
            .map_err(|error| cannot_send(config, &error))?
            .is_some();
        let path = path.display();
        if is_there && error.kind() == io::ErrorKind::NotFound {
            lines.push(plain(&format!(
                "{key}: in the bucket already; there is no {path}"
            )));
        } else {
            nowhere.push(format!("{path}: {error}"));
        }
    }
    if nowhere.is_empty() {
        return Ok(lines);
    }
    let message = format!("nothing was sent: cannot read {}", nowhere.join("; "));
    Err(Error::new(message).with_hint(
        "the files are looked for beside the manifest, as it names them; s3://BUCKET/KEY names what is in a bucket",
    ))
}

fn not_there(path: &std::path::Path, error: io::Error) -> Error {
    Error::from_source(format!("cannot read {}", path.display()), error)
}

/// Sends files, some at once, and writes a line about each.
async fn send_objects(
    aws: &Aws,
    config: &Config,
    objects: Vec<(&str, Arc<LocalFile>)>,
    bars: bool,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let all = MultiProgress::with_draw_target(match bars {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    });
    let each = objects.into_iter().map(|(key, file)| {
        let bar = all.add(bar(key, file.size));
        async move {
            let to = Destination { aws, config, key };
            let sent = sending::send(to, &file, &|bytes| bar.inc(bytes)).await;
            bar.finish_and_clear();
            sent.map(|sent| line(key, file.size, sent))
        }
    });
    let mut each = stream::iter(each).buffered(FILES_AT_ONCE);
    while let Some(line) = each.next().await {
        let line = line?;
        all.suspend(|| writeln!(out, "{line}"))?;
    }
    Ok(())
}

fn line(key: &str, size: u64, sent: Sent) -> String {
    let (key, size) = (plain(key), BinaryBytes(size));
    match sent {
        Sent::Before => format!("{key}: the same is there already, {size}"),
        Sent::Bytes(bytes) if bytes == size.0 => format!("{key}: sent, {size}"),
        Sent::Bytes(bytes) => {
            let bytes = BinaryBytes(bytes);
            format!("{key}: sent, {size}, of which {bytes} now and the rest before")
        }
    }
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
