//! `amiwright doctor [FILE]`: what is in the way of images, one line each. Reads only.
//!
//! Every check is a file of the same shape: it looks through [`Scene`] and returns lines, each with a [`finding`]. One
//! place prints them: [`report`].

mod buckets;
mod credentials;
mod encryption;
pub(super) mod finding;
mod functions;
mod guardrails;
mod import_role;
mod in_order;
mod key_manager;
mod keys;
mod permissions;
mod public;
mod regions;
mod report;
mod rules;
mod scene;
mod sources;
mod stack;
mod topic;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::Timestamp;

use self::finding::Check;
pub use self::report::Report;
pub use self::scene::ManifestFile;
use self::scene::Scene;
use super::check::read_file;
use super::options::Options;
use super::target::Endpoint;
use crate::aws::Aws;
use crate::cli::error::Error;
use crate::manifest::key;

/// The name that docs/operating.md gives the stack, and `amiwright local`.
pub(super) const STACK: &str = "amiwright";

/// Arguments of `amiwright doctor`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Image manifest to check the account and the stack for, as NAME.image.yaml, .yml or .json
    file: Option<PathBuf>,
    /// Name of the CloudFormation stack
    #[arg(long, env = "AMIWRIGHT_STACK", default_value = STACK)]
    stack: String,
    #[command(flatten)]
    endpoint: Endpoint,
}

/// Looks, and prints what was found. The exit code says the worst of it.
///
/// # Errors
/// If no Region is given, the file cannot be read or is not a manifest's, or the output cannot be written.
pub(super) async fn run(
    args: &Args,
    options: &Options,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    let manifest = args.file.as_deref().map(read).transpose()?;
    let aws = args.endpoint.connect(options).await?;
    let report = examine(&aws, &args.stack, manifest.as_ref(), now).await;
    match options.is_quiet() && !options.is_json() {
        true => report.write_findings(out)?,
        false => report.write(options.is_json(), out)?,
    }
    Ok(ExitCode::from(report.exit_code()))
}

fn read(path: &Path) -> Result<ManifestFile, Error> {
    let name = path.display().to_string();
    let file_name = path.file_name().and_then(|name| name.to_str());
    if file_name.and_then(key::kind) != Some(key::Kind::Image) {
        return Err(Error::new(format!("{name} is not an image manifest"))
            .with_hint("name it NAME.image.yaml, NAME.image.yml or NAME.image.json"));
    }
    let content = read_file(path)?;
    Ok(ManifestFile { name, content })
}

/// Looks at everything, in the order in which it has to be right.
pub async fn examine(
    aws: &Aws,
    stack: &str,
    manifest: Option<&ManifestFile>,
    now: Timestamp,
) -> Report {
    let mut report = Report::new(stack, aws.region());
    let (check, caller) = credentials::check(aws).await;
    report.checks.push(check);
    let Some(caller) = caller else {
        // Nothing else could be seen.
        return report;
    };
    let (found, deployed) = stack::check(aws, stack).await;
    report.checks.extend(found);
    let mut scene = Scene::new(aws, &caller.account, deployed.as_ref());
    if let Some(manifest) = manifest {
        let (found, spec) = guardrails::check(&scene, manifest, now);
        report.checks.extend(found);
        scene.spec = spec;
    }
    let (found, usable) = regions::check(&scene).await;
    report.checks.extend(found);
    scene.regions = usable;
    report.checks.extend(all(&scene).await);
    report
}

async fn all(scene: &Scene<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    checks.extend(buckets::check(scene).await);
    checks.extend(rules::check(scene).await);
    checks.extend(functions::check(scene).await);
    checks.extend(topic::check(scene).await);
    checks.extend(import_role::check(scene).await);
    checks.extend(public::check(scene).await);
    checks.extend(encryption::check(scene).await);
    checks.extend(keys::check(scene).await);
    checks.extend(permissions::check(scene).await);
    checks
}
