//! What an upload of a manifest would come to, without doing any of it. Nothing is decided here: the upload is judged by
//! [`super::arrival`], checked by the steps that check, and compared by the plan that the steps execute.

use serde::Serialize;

use super::arrival::{Change, Decision, compare, decide};
use super::build::{self, Looked};
use super::context::{Context, Error};
use super::execute::{self, Publishing, Replacing, Retiring};
use super::identity::manifest_version;
use super::lookup;
use super::manifest_reader::ManifestRead;
use super::spec::Spec;
use super::step_context::StepContext;
use crate::aws::{Object, ObjectInfo};
use crate::image::apply::{apply, open};
use crate::image::billing::LicensedSource;
use crate::image::outcome::{Origin, StepOutcome};
use crate::image::plan::{self, Next};
use crate::image::publish::Shown;
use crate::image::status::{Failure, Status};
use crate::image::words::{FailureKind, SourceKind, State, Step, UnreadableReason};
use crate::manifest::{Problem, sha256_hex};
use crate::status_store;

/// More checks than any source has.
const CHECKS_MAX: usize = 8;

/// What an upload means, in the words of the plan's document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Meaning {
    /// An AMI is made.
    Build,
    /// The AMI that exists is changed in place.
    Change,
    /// Nothing: it asks for what was asked for.
    Unchanged,
    /// The version that it asks for is in progress.
    InProgress,
    /// It starts once the version that is in progress has ended.
    Later,
    /// It does not pass the checks.
    Rejected,
}

/// What an upload would come to.
#[derive(Debug)]
pub(crate) struct Preview {
    /// What it means.
    pub(crate) meaning: Meaning,
    /// The state of the manifest's image now; none if there is none.
    pub(crate) before: Option<Status>,
    /// The status as it would be after the upload.
    pub(crate) status: Option<Status>,
    /// Why it would be rejected.
    pub(crate) problems: Vec<Problem>,
    /// The AMI that is to be made.
    pub(crate) build: Option<Build>,
    /// What would be set on it, and its copies.
    pub(crate) publishing: Option<Publishing>,
    /// What would become of the AMIs that it replaces.
    pub(crate) retiring: Option<Retiring>,
}

/// An AMI that is to be made.
#[derive(Debug)]
pub(crate) struct Build {
    /// What it is made from.
    pub(crate) source: SourceKind,
    /// Its name, if that is known before.
    pub(crate) name: Option<String>,
    /// The AMI, which is there already.
    pub(crate) existing: Option<String>,
    /// The license that it may lose.
    pub(crate) at_risk: Option<LicensedSource>,
    /// What is in the way.
    pub(crate) obstacle: Option<StepOutcome>,
    /// Whether another AMI is in the way.
    pub(crate) is_conflict: bool,
    /// AMIs that go before it is registered.
    pub(crate) replacing: Vec<Replacing>,
    /// Why what it is made from could not be looked at: its name and whether it is there already are not known then.
    pub(crate) denied: Option<Failure>,
}

/// Looks what it would come to if this were uploaded to a key now. Nothing is changed.
///
/// # Errors
/// If S3 or EC2 fails.
pub(crate) async fn preview(
    context: Context<'_>,
    key: &str,
    content: Vec<u8>,
) -> Result<Preview, Error> {
    let before = status_store::load(context.aws, context.config, key).await?;
    let mut preview = Preview {
        meaning: Meaning::Rejected,
        before: before.as_ref().map(|before| before.status.clone()),
        status: None,
        problems: Vec::new(),
        build: None,
        publishing: None,
        retiring: None,
    };
    let object = Object {
        info: ObjectInfo {
            key: key.to_owned(),
            etag: format!("\"{}\"", sha256_hex(&content)),
            version_id: None,
            size: content.len() as u64,
            modified_at: context.now,
        },
        content: Some(content),
    };
    let upload = manifest_version(context.config, &object);
    let content = object.content.as_deref().unwrap_or_default();
    let owners = before
        .as_ref()
        .map(|it| it.status.build.source_owners.clone());
    let owners = owners.unwrap_or_default();
    let spec = match Spec::parse(&upload, content, context.config, &owners) {
        Ok(spec) => spec,
        Err(problems) => {
            preview.problems = problems;
            return Ok(preview);
        }
    };
    let decision = Box::pin(decide(context, &object, before)).await?;
    let (meaning, status) = match decision {
        Decision::Open(status, _) => (Meaning::Build, *status),
        Decision::Publish(status, _) => (Meaning::Change, *status),
        // It was rejected, and would be again for the same.
        Decision::Note(status, _) if status.state == State::Rejected => {
            preview.problems = status.problems;
            return Ok(preview);
        }
        Decision::Note(status, _) => (rest(&status), *status),
        Decision::Continue(loaded) => {
            let status = loaded.status;
            let is_other = status.manifest.sha256 != upload.sha256;
            let is_later = rest(&status) == Meaning::InProgress
                && is_other
                && !matches!(
                    compare(context, &object, &status, &upload).await?,
                    Change::None
                );
            if is_later {
                (Meaning::Later, open(Some(status), upload, context.now))
            } else {
                (rest(&status), status)
            }
        }
    };
    preview.meaning = meaning;
    let manifest = ManifestRead::Spec(spec);
    Box::pin(preview.look(context, status, &manifest, &object)).await?;
    Ok(preview)
}

/// What an upload means that asks for nothing new.
fn rest(status: &Status) -> Meaning {
    if status.state.is_final() || status.build.step.retires() {
        Meaning::Unchanged
    } else {
        Meaning::InProgress
    }
}

impl Preview {
    /// Looks at all that is asked for.
    async fn look(
        &mut self,
        context: Context<'_>,
        mut status: Status,
        manifest: &ManifestRead,
        object: &Object,
    ) -> Result<(), Error> {
        let ManifestRead::Spec(spec) = manifest else {
            return Ok(());
        };
        let mut made = None;
        if matches!(self.meaning, Meaning::Build | Meaning::Later) {
            let build = Box::pin(build(context, &mut status, manifest, spec, object)).await?;
            if build.existing.is_none() {
                made = Some(as_made(spec, &status));
            }
            self.build = Some(build);
        } else if self.meaning == Meaning::InProgress && !status.is_built() {
            made = Some(as_made(spec, &status));
        }
        if self.meaning == Meaning::Unchanged {
            status = status.unverified(context.now);
        }
        let has_image = made.is_some() || !status.regions.is_empty();
        if has_image && status.state != State::Superseded {
            let step = StepContext::of_upload(context, &status, manifest, object);
            self.publishing = Some(Box::pin(execute::preview_publishing(&step, spec, made)).await?);
            let replacing = self.build.iter().flat_map(|build| &build.replacing);
            let done = replacing.filter(|it| it.replaced.is_some());
            let replaced = done.flat_map(|it| it.images.iter().cloned()).collect();
            let retiring = execute::preview_retiring(&step, spec, &replaced);
            self.retiring = Box::pin(retiring).await?;
        }
        self.status = Some(status);
        Ok(())
    }
}

/// The checks before an AMI is made, as far as they go now.
async fn build(
    context: Context<'_>,
    status: &mut Status,
    manifest: &ManifestRead,
    spec: &Spec,
    object: &Object,
) -> Result<Build, Error> {
    let (mut obstacle, mut denied) = (None, None);
    for _ in 0..CHECKS_MAX {
        let next = plan::next(status, context.now);
        if !matches!(
            next,
            Next::Do(Step::CheckManifest | Step::CheckObject | Step::CheckBundle)
        ) {
            break;
        }
        match build::run(
            next,
            StepContext::of_upload(context, status, manifest, object),
        )
        .await?
        {
            // Whether the functions may read it is theirs to find out.
            StepOutcome::Fail(failure) if is_denied(&failure) => {
                denied = Some(failure);
                break;
            }
            outcome @ StepOutcome::Advance(_) => {
                apply(status, outcome, context.now);
            }
            outcome => {
                obstacle = Some(outcome);
                break;
            }
        }
    }
    let looked = match &obstacle {
        // What it waits for may be there in time, and what is looked at here is another thing.
        None | Some(StepOutcome::Wait(_)) => {
            Box::pin(build::look(
                &StepContext::of_upload(context, status, manifest, object),
                spec,
            ))
            .await?
        }
        Some(_) => Looked::default(),
    };
    if let Some(image) = &looked.existing {
        let found = lookup::registered(
            &StepContext::of_upload(context, status, manifest, object),
            image,
            Origin::Found,
        );
        apply(status, found, context.now);
    }
    Ok(Build {
        source: spec.source_kind(),
        name: status.build.name.clone(),
        existing: looked.existing.map(|image| image.id),
        at_risk: looked.at_risk,
        obstacle: looked.obstacle.or(obstacle),
        is_conflict: looked.is_conflict,
        replacing: looked.replacing,
        denied,
    })
}

/// Whether these credentials, which are not those of the functions, may not read what the AMI is made from.
fn is_denied(failure: &Failure) -> bool {
    let why = UnreadableReason::AccessDenied;
    failure.kind == FailureKind::SourceUnreadable { why }
}

/// What an AMI is that is made as its manifest says. How many snapshots it gets is known from where they come from.
fn as_made(spec: &Spec, status: &Status) -> Shown {
    let created = spec.created_with();
    let bundle = matches!(
        spec.source_kind(),
        SourceKind::Bundle | SourceKind::Instance
    );
    let snapshots = if bundle {
        Vec::new()
    } else {
        snapshots(spec, status)
    };
    let snapshots = snapshots.into_iter().map(|id| (id, Default::default()));
    Shown {
        description: created.description,
        tags: created.tags,
        is_instance_store: bundle,
        ..Shown::made(snapshots.collect())
    }
}

/// The snapshots that an AMI will have: those that its manifest names, and where one is yet to be made, its place.
fn snapshots(spec: &Spec, status: &Status) -> Vec<String> {
    let root = "its snapshot";
    let registration = spec.registered(status, Some(root)).registration;
    let mappings = registration.block_device_mappings.iter();
    let ids = mappings.filter_map(|mapping| mapping.ebs.as_ref()?.snapshot_id.clone());
    let mut ids: Vec<String> = ids.collect();
    if ids.is_empty() {
        ids.push(root.to_owned());
    }
    ids.sort();
    ids.dedup();
    ids
}
