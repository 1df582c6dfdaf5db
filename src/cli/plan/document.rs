//! A plan as a document: what is printed, as text or as JSON. Its fields are stable; new ones may be added.

use serde::Serialize;

use super::calls::Calls;
use super::lines::{Line, Sign, lines, parameter};
use super::reasons::{blocked_by, failed, license, not_retired, pending, wish};
use super::replacing;
use crate::image::message::{
    failure_line, failures, kept_text, release as release_text, share_left, shell_word, wait_text,
};
use crate::image::outcome::StepOutcome;
use crate::image::publish::{PendingParameter, ReleasePlan, retire};
use crate::image::status::{Action, Status};
use crate::manifest::Problem;
use crate::manifest::location::s3_uri;
use crate::reconcile::{Build, Meaning, Preview, Publishing, Retiring};

/// The version of the document.
const SCHEMA: u32 = 1;

/// What uploading a manifest would come to.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Document {
    /// [`SCHEMA`].
    pub(in crate::cli) schema: u32,
    /// The manifest.
    pub(in crate::cli) manifest: Manifest,
    /// What the upload would mean.
    pub(in crate::cli) outcome: Meaning,
    /// The state of the manifest's image now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::cli) state: Option<String>,
    /// Why the manifest would be rejected.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::cli) problems: Vec<Problem>,
    /// What would change, in the order in which it is done, and what is in the way.
    pub(in crate::cli) changes: Vec<Line>,
    /// Where AWS is not as the manifest says, though uploading it would change nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::cli) drift: Vec<Line>,
    /// What the stack has to allow, of what was not given with `--parameter`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::cli) needs: Vec<Problem>,
    /// What else is to be known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(in crate::cli) notes: Vec<String>,
    /// How many of the changes there are of each kind.
    pub(in crate::cli) summary: Summary,
    /// The calls that change something in AWS.
    pub(super) calls: Calls,
}

/// The manifest of a plan.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Manifest {
    /// The file on disk.
    pub(in crate::cli) file: String,
    /// The bucket that it would be uploaded to.
    pub(in crate::cli) bucket: String,
    /// The key that it would have.
    pub(in crate::cli) key: String,
    /// The Region in which its AMI is made.
    pub(in crate::cli) region: String,
}

/// How many changes there are of each kind.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct Summary {
    /// `+`
    pub(in crate::cli) create: usize,
    /// `~`
    pub(in crate::cli) change: usize,
    /// `-`
    pub(in crate::cli) remove: usize,
    /// `!`
    pub(in crate::cli) blocked: usize,
    /// `?`
    pub(in crate::cli) conflict: usize,
}

impl Document {
    /// The document of what would come of this manifest.
    pub(in crate::cli) fn of(manifest: Manifest, preview: Preview) -> Self {
        let mut document = Self {
            schema: SCHEMA,
            manifest,
            outcome: preview.meaning,
            state: preview.before.as_ref().map(Status::place),
            problems: preview.problems,
            changes: Vec::new(),
            drift: Vec::new(),
            needs: Vec::new(),
            notes: Vec::new(),
            summary: Summary::default(),
            calls: Calls::default(),
        };
        if let Some(status) = &preview.status {
            let is_made = match &preview.build {
                Some(build) => document.add_build(build, status),
                None => true,
            };
            if is_made {
                document.add_store(status, preview.before.as_ref());
                if let Some(publishing) = &preview.publishing {
                    document.add_publishing(publishing, status);
                    // Regions are published at once: what is done in one is shown together, the stack's own first.
                    let home = document.manifest.region.clone();
                    let place = |line: &Line| (line.region != home, line.region.clone());
                    document.changes.sort_by_key(place);
                }
                if let Some(retiring) = &preview.retiring {
                    document.add_retiring(retiring);
                }
            }
            document.add_failures(status);
        }
        if document.outcome == Meaning::Unchanged {
            document.drift = std::mem::take(&mut document.changes);
            document.calls = Calls::default();
        }
        document.summary = Summary::of(&document.changes);
        document
    }

    /// Whether uploading the manifest would change something, or is to and cannot.
    pub(in crate::cli) fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    /// Whether all that is to be done is in the way of something.
    pub(in crate::cli) fn is_impossible(&self) -> bool {
        let is_done = |line: &Line| !matches!(line.change, Sign::Blocked | Sign::Conflict);
        self.has_changes() && !self.changes.iter().any(is_done)
    }

    /// The AMI that is to be made. Returns whether it will be.
    fn add_build(&mut self, build: &Build, status: &Status) -> bool {
        let region = self.manifest.region.clone();
        if let Some(image) = &build.existing {
            let note = format!("the AMI exists already: {image} was made of just this before");
            self.notes.push(note);
            return true;
        }
        let obstacle = build.obstacle.as_ref();
        if let Some(StepOutcome::Reject(problems)) = obstacle {
            let lines = problems.iter().map(|it| blocked_by(&region, it));
            self.changes.extend(lines);
            return false;
        }
        if let Some(StepOutcome::Fail(failure)) = obstacle {
            let mut line = failed(&region, status, failure);
            if build.is_conflict {
                line.change = Sign::Conflict;
            }
            self.changes.push(line);
            return false;
        }
        let replaced = replacing::replaced(&region, &build.replacing, status);
        self.changes.extend(replaced.changes);
        for action in &replaced.actions {
            self.calls.add_action(action);
        }
        if replaced.is_blocked {
            return false;
        }
        let name = build.name.clone();
        let line = Line::new(Sign::Create, &region, "AMI").values(None, name);
        let line = line.because(format!("made from: {}", build.source));
        self.changes.push(line);
        self.calls.add_build(build.source);
        if let Some(denied) = &build.denied {
            let why = "your credentials may not read what it is made from, so it was not checked";
            let note = format!("{why}, and its name is not known: {}", denied.message);
            self.notes.push(note);
        }
        if let Some(StepOutcome::Wait(reason)) = obstacle {
            let line = Line::blocked(&region, "AMI", wait_text(reason));
            self.changes.push(line);
        }
        if let Some(at_risk) = &build.at_risk {
            self.changes.push(license(&region, at_risk));
        }
        true
    }

    fn add_store(&mut self, status: &Status, before: Option<&Status>) {
        let bucket = |status: &Status| status.store.as_ref().map(|it| it.bucket.clone());
        let Some(wanted) = &status.store else {
            return;
        };
        let is_stored = before.and_then(bucket).as_deref() == Some(wanted.bucket.as_str());
        if wanted.asked_at.is_some() || (is_stored && self.outcome != Meaning::Build) {
            return;
        }
        let line = Line::new(Sign::Create, &self.manifest.region, "stored AMI");
        let to = s3_uri(&wanted.bucket, "");
        self.changes.push(line.values(None, Some(to)));
        self.calls.add("CreateStoreImageTask");
    }

    fn add_publishing(&mut self, publishing: &Publishing, status: &Status) {
        let rehearsed = &publishing.rehearsed;
        let image = |region: &str| status.image_in(region).map(|it| it.image.as_str());
        for planned in &rehearsed.planned {
            let region = &planned.what.region;
            if publishing.disabled.contains(region) {
                continue;
            }
            self.changes.extend(lines(planned, image(region)));
            self.calls.add_action(&planned.what.action);
        }
        for region in &publishing.disabled {
            let failure = failures::region_disabled(region, None);
            self.changes.push(failed(region, status, &failure));
        }
        let rest = &rehearsed.rest;
        for what in &rest.left {
            if let Action::LeaveShare {
                image,
                snapshot,
                accounts,
            } = &what.action
            {
                let stays = share_left(image, snapshot, accounts, accounts.len());
                self.notes.push(format!("{}: {stays}", what.region));
            }
        }
        for (what, blocker) in &rest.blocked {
            let why = failures::blocked(what, *blocker).message;
            for line in lines(&what.clone().into(), image(&what.region)) {
                let (change, why) = (Sign::Blocked, Some(why.clone()));
                self.changes.push(Line {
                    change,
                    why,
                    ..line
                });
            }
        }
        for (region, fault) in &rest.failed {
            let failure = failures::not_copied(region, fault);
            self.changes.push(failed(region, status, &failure));
        }
        for (region, why) in &rest.pending {
            let why = match publishing.errors.get(region) {
                Some(error) => error.to_string(),
                None => pending(*why).to_owned(),
            };
            let line = Line::blocked(region, "AMI", why).of(image(region));
            self.changes.push(line);
        }
        self.add_release(publishing, &rest.release);
        for region in &rest.in_vain {
            let why = "EC2 was asked for this again and again, and does not show it";
            self.changes
                .push(Line::blocked(region, "settings", why).of(image(region)));
        }
        if !rest.ready.is_empty() {
            let note = "these changes lead to others, which are not shown";
            self.notes.push(note.to_owned());
        }
        for region in &rest.unlisted {
            let copy = image(region).unwrap_or("its copy");
            let note = format!("{region} is not asked for any more: {copy} is kept as it is");
            self.notes.push(note);
        }
    }

    /// The parameters that will not be set.
    fn add_release(&mut self, publishing: &Publishing, release: &ReleasePlan) {
        for conflict in &release.conflicts {
            let id = &conflict.parameter;
            let shown = Some(conflict.shown.value.clone());
            let line = parameter(&id.region, &id.name, shown, None);
            let line = line.because(release_text::conflict(conflict).message);
            self.changes.push(Line {
                change: Sign::Conflict,
                ..line
            });
        }
        for (id, pending) in &release.pending {
            let why = match (pending, publishing.parameter_errors.get(id)) {
                (PendingParameter::NotConfirmed, _) => {
                    "Systems Manager may still be validating a value".to_owned()
                }
                (_, Some(error)) => error.to_string(),
                (_, None) => "its value could not be seen".to_owned(),
            };
            let what = format!("parameter {}", id.name);
            self.changes.push(Line::blocked(&id.region, what, why));
        }
        for (id, value) in &release.left {
            let value = value.as_deref().unwrap_or("its AMI");
            let note = format!(
                "parameter {} in {} is not asked for any more: it still points to {value}",
                id.name, id.region
            );
            self.notes.push(note);
        }
    }

    fn add_retiring(&mut self, retiring: &Retiring) {
        let retired = &retiring.retired;
        for what in &retired.planned {
            self.changes.extend(lines(&what.clone().into(), None));
            self.calls.add_action(&what.action);
        }
        let is_said = |image: &str| {
            let mut changes = self.changes.iter();
            changes.any(|line| line.image.as_deref() == Some(image) && line.why.is_some())
        };
        let kept = retired.ended.iter().filter(|it| !is_said(&it.image));
        let kept = kept.map(|it| {
            let why = it.why.as_ref().map(kept_text).unwrap_or_default();
            Line::blocked(&it.region, wish(retiring), why).of(Some(&it.image))
        });
        let kept: Vec<Line> = kept.collect();
        self.changes.extend(kept);
        for (region, image, why) in &retired.pending {
            let why = match (why, retiring.errors.get(region)) {
                (retire::Pending::Unknown, Some(error)) => error.to_string(),
                (why, _) => not_retired(why),
            };
            let line = Line::blocked(region, wish(retiring), why).of(Some(image));
            self.changes.push(line);
        }
    }

    /// What failed before and is not tried again by an upload that asks for nothing new.
    fn add_failures(&mut self, status: &Status) {
        if self.outcome != Meaning::Unchanged {
            return;
        }
        for (region, failure) in status.failed_regions() {
            self.changes.push(failed(region, status, failure));
        }
        if let Some(failure) = &status.build.failure {
            self.notes.push(failure_line(failure));
        }
        if !matches!(status.state, crate::image::words::State::Available) {
            let key = shell_word(&self.manifest.key);
            let note = format!(
                "it is {}: `amiwright retry {key}` asks for a new attempt",
                status.place()
            );
            self.notes.push(note);
        }
    }
}

impl Summary {
    fn of(lines: &[Line]) -> Self {
        let count = |sign| lines.iter().filter(|line| line.change == sign).count();
        Self {
            create: count(Sign::Create),
            change: count(Sign::Change),
            remove: count(Sign::Remove),
            blocked: count(Sign::Blocked),
            conflict: count(Sign::Conflict),
        }
    }
}
