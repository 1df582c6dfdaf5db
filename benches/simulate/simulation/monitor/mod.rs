//! Watches every call as soon as it has taken effect, and notes what must never be so, not even for a moment.

mod absence;
mod asked;
mod by_hand;
mod causes;
mod claims;
mod disowned;
mod drifting;
mod fields;
mod given;
mod happened;
mod images;
mod log;
mod marked;
mod once;
mod outdated;
mod parameters;
mod refusals;
mod requests;
mod retiring;
mod secrets;
mod shares;
mod statuses;
mod staying;
mod telling;
mod versions;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use jiff::Timestamp;
use localaws::ec2::{Ec2, Image};
use localaws::faults::{Call, Exchange};
use localaws::ssm::Ssm;
use serde_json::Value;

use self::absence::Absence;
use self::claims::Claims;
pub(crate) use self::claims::DEPRECATED;
use self::disowned::Disowned;
use self::fields::{field, fields, values};
pub(crate) use self::log::Line;
use self::marked::Marked;
use self::once::Once;
use self::refusals::{Refusals, was_throttled};
use self::requests::Asked;
use self::secrets::Secrets;
use self::shares::Shares;
use self::statuses::Written;
pub(crate) use self::statuses::own_images;
use self::telling::Telling;
use self::versions::Versions;
use super::coverage::Coverage;
use super::manifest::Sources;
use super::script::{Event, Manifest, Stack};
use super::setting::regions;
use super::text;
use crate::support::TestStack;

/// Watches a world.
#[derive(Default)]
pub(crate) struct Monitor {
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    eyes: Option<Eyes>,
    /// The parameters that the stack was given, each from when on.
    given: Vec<(Timestamp, Stack)>,
    /// When the last call was made.
    now: Option<Timestamp>,
    /// Since when nothing fails any more.
    calm_since: Option<Timestamp>,
    /// What was wrong, in the order in which it happened.
    violations: Vec<String>,
    lines: Vec<Line>,
    /// Whether lines are to have what was sent and answered.
    is_thorough: bool,
    /// What has happened so far.
    happened: Vec<Event>,
    /// All versions that were dropped of each manifest.
    wanted: BTreeMap<String, Vec<Manifest>>,
    /// When they were.
    wanted_at: BTreeMap<String, Vec<Timestamp>>,
    versions: Versions,
    /// AMIs as they were last seen, also of those that are gone.
    images: BTreeMap<(String, String), Image>,
    /// AMIs and parameters that somebody has changed by hand.
    touched: BTreeSet<(String, String)>,
    /// The Regions in which a function has read last that AMIs must not be public, and was answered.
    blocked: BTreeSet<String>,
    /// The values of parameters that a function has read last, by Region and name.
    read: BTreeMap<(String, String), String>,
    /// AMIs from which another account has launched an instance, and since when.
    launched: BTreeMap<(String, String), Timestamp>,
    /// AMIs that a launch template uses, and since when.
    templates: BTreeMap<(String, String), Timestamp>,
    /// The manifests whose image an operator asked to cancel, and was not refused.
    asked_to_cancel: BTreeSet<String>,
    /// What belongs to others, as it was in the beginning, by Region and id.
    foreign: BTreeMap<(String, String), String>,
    written: Written,
    claims: Claims,
    asked: Asked,
    telling: Telling,
    marked: Marked,
    once: Once,
    absence: Absence,
    disowned: Disowned,
    refusals: Refusals,
    shares: Shares,
    secrets: Secrets,
    /// The import tasks that the stack has begun.
    imports: BTreeSet<String>,
    coverage: Coverage,
}

/// What the ids of import tasks begin with.
const IMPORT: &str = "import-";

/// What the monitor looks at.
struct Eyes {
    ec2: Ec2,
    ssm: Ssm,
    bucket: String,
    state_bucket: String,
    state_folder: PathBuf,
    sources: Vec<String>,
    made_from: Sources,
}

impl Monitor {
    /// One that remembers all that was sent and answered.
    pub(crate) fn thorough() -> Self {
        let monitor = Self::default();
        monitor.lock().is_thorough = true;
        monitor
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// From now on this world is looked at; what is there now is somebody else's.
    ///
    /// `directory` is that of the world that has the account's buckets.
    pub(super) fn open_eyes(&self, stack: &TestStack, sources: &Sources, directory: &Path) {
        let mut state = self.lock();
        let world = &stack.world;
        let s3 = directory.join("s3");
        state.eyes = Some(Eyes {
            ec2: world.ec2().clone(),
            ssm: world.ssm().clone(),
            bucket: stack.bucket.clone(),
            state_bucket: stack.state_bucket.clone(),
            state_folder: s3.join(&stack.state_bucket),
            sources: sources.snapshots.clone(),
            made_from: sources.clone(),
        });
        state.foreign = state.others();
    }

    /// Somebody wants this from now on, in these words.
    pub(super) fn want(&self, stack: &TestStack, key: &str, manifest: &Manifest, text: &str) {
        let mut state = self.lock();
        let uri = format!("s3://{}/{key}", stack.bucket);
        let at = stack.world.clock().now();
        state.wanted_at.entry(uri.clone()).or_default().push(at);
        state.versions.said(&uri, text, manifest);
        state.versions.put(key, at);
        let versions = state.wanted.entry(uri).or_default();
        versions.push(manifest.clone());
    }

    /// Somebody has removed a manifest.
    pub(super) fn unwant(&self, stack: &TestStack, key: &str) {
        let at = stack.world.clock().now();
        self.lock().versions.removed(key, at);
    }

    /// Notes something that happens in the script.
    pub(super) fn say(&self, stack: &TestStack, event: &Event) {
        let at = stack.world.clock().now();
        let mut state = self.lock();
        state.coverage.event(event);
        state.forget_refusals(event, at);
        state.happened.push(event.clone());
        let text = serde_json::to_string(event).unwrap_or_default();
        state.lines.push(Line::said(at, text));
    }

    /// The script is over, and nothing fails any more.
    pub(super) fn calm(&self, stack: &TestStack) {
        let at = stack.world.clock().now();
        let mut state = self.lock();
        state.calm_since = Some(at);
        let said = "nothing goes wrong from now on".to_owned();
        state.lines.push(Line::said(at, said));
    }

    /// Looks at a call that has just taken effect, or was refused.
    pub(super) fn see(&self, exchange: &Exchange) {
        let mut state = self.lock();
        let line = Line::called(exchange, state.is_thorough);
        state.lines.push(line);
        if state.eyes.is_none() {
            return;
        }
        if exchange.call.function.is_none() {
            return state.hear_request(exchange);
        }
        state.coverage.call(exchange);
        state.judge(exchange);
    }

    /// What was wrong so far.
    /// Something is wrong that is seen between the calls.
    pub(super) fn find(&self, what: String) {
        self.lock().violations.push(what);
    }

    pub(crate) fn violations(&self) -> Vec<String> {
        self.lock().violations.clone()
    }

    /// What happened so far.
    pub(crate) fn lines(&self) -> Vec<Line> {
        self.lock().lines.clone()
    }

    /// What was seen so far, for reports.
    pub(crate) fn coverage(&self) -> Coverage {
        self.lock().coverage.clone()
    }

    /// The notices that were recorded in statuses, by their ids.
    pub(crate) fn notices(&self) -> BTreeMap<String, String> {
        self.lock().written.notices.clone()
    }

    /// The AMIs of which a status has said what became of them when they were not wanted any more, with what it said last.
    pub(crate) fn retired(&self) -> BTreeMap<String, String> {
        self.lock().written.retired.clone()
    }

    /// The AMIs that ever had a snapshot.
    pub(crate) fn users(&self, region: &str, snapshot: &str) -> Vec<String> {
        let state = self.lock();
        let of_region = state.images.iter().filter(|((of, _), _)| of == region);
        let users = of_region.filter(|(_, image)| image.snapshot_ids().any(|it| it == snapshot));
        users.map(|(_, image)| image.id.clone()).collect()
    }

    /// Whether this stack may have made a snapshot, by the task that EC2's description of it names.
    pub(crate) fn may_have_imported(&self, description: &str) -> bool {
        let task = description.rsplit_once(" for ").map(|(_, task)| task);
        let task = task.filter(|task| task.starts_with(IMPORT));
        task.is_none_or(|task| self.lock().imports.contains(task))
    }

    /// All versions that were dropped of a manifest.
    pub(crate) fn versions(&self, stack: &TestStack, key: &str) -> Vec<Manifest> {
        let uri = format!("s3://{}/{key}", stack.bucket);
        self.lock().wanted.get(&uri).cloned().unwrap_or_default()
    }

    /// The images have ended so.
    pub(crate) fn ended(&self, statuses: &BTreeMap<String, Value>) {
        let mut state = self.lock();
        for status in statuses.values() {
            state.coverage.end(text(status, "/state"));
        }
        let notices: Vec<String> = state.written.notices.values().cloned().collect();
        notices.iter().for_each(|it| state.coverage.notice(it));
    }

    /// What texts that people read hold of secrets.
    pub(crate) fn leaks(&self, what: &str, text: &str) -> Vec<String> {
        self.lock().secrets.leaks(what, text)
    }
}

impl State {
    fn eyes(&self) -> &Eyes {
        self.eyes.as_ref().unwrap()
    }

    fn wrong(&mut self, call: &Call, what: &str) {
        let (number, action) = (call.number, &call.action);
        let text = format!("call {number} ({action} in {}): {what}", call.region);
        self.violations.push(text);
    }

    fn judge(&mut self, exchange: &Exchange) {
        let call = &exchange.call;
        self.now = Some(call.at);
        if let Some(answer) = &exchange.answer
            && (answer.status() == 501 || answer.body().starts_with(b"localaws broke"))
        {
            let body = String::from_utf8_lossy(answer.body()).into_owned();
            self.wrong(call, &format!("nobody has built this: {body}"));
        }
        if let Some(answer) = exchange.answer.as_ref().filter(|_| call.done) {
            let body = String::from_utf8_lossy(answer.body());
            self.imports.extend(begun(&call.action, &body));
        }
        let sent = fields(exchange);
        self.secrets.learn(call, &sent);
        self.hear_end(call, &sent);
        // What is throttled counts as not asked for: it is asked for again.
        if !was_throttled(exchange) {
            self.hear_protection(call, &sent);
            self.hear_revocation(call, &sent);
        }
        self.hear_absence(exchange);
        self.judge_refusal(exchange, &sent);
        if call.service == "ec2" && call.action == "DescribeImages" {
            // What a function does next rests on what EC2 shows now.
            self.look(&call.region);
        }
        if call.service == "ec2" {
            self.judge_block(exchange, &sent);
        }
        match call.service.as_str() {
            "s3" => self.judge_objects(exchange),
            "sns" => self.judge_notice(exchange, &sent),
            "ssm" if call.done && call.action == "GetParameters" => self.note_read(exchange),
            _ if !call.done || call.is_read() => {}
            "ec2" => self.judge_images(call, &sent),
            "ssm" => {
                let body = serde_json::from_slice(exchange.request.body()).unwrap_or_default();
                self.judge_parameter(call, &body);
            }
            _ => {}
        }
        if call.done && !call.is_read() && ["ec2", "ssm"].contains(&call.service.as_str()) {
            self.judge_foreign(call);
        }
    }

    /// What belongs to others, in words.
    fn others(&self) -> BTreeMap<(String, String), String> {
        let mut found = BTreeMap::new();
        for region in regions() {
            self.others_of(region, &mut found);
        }
        found
    }

    fn others_of(&self, region: &str, found: &mut BTreeMap<(String, String), String>) {
        let eyes = self.eyes();
        let at = |id: &str| (region.to_owned(), id.to_owned());
        let is_known = |id: &str| self.foreign.is_empty() || self.foreign.contains_key(&at(id));
        for image in eyes.ec2.images(region) {
            if is_known(&image.id) {
                found.insert(at(&image.id), format!("{image:?}"));
            }
        }
        for mut snapshot in eyes.ec2.snapshots(region) {
            // What manifests are made from may be shared, and revoked.
            if eyes.sources.contains(&snapshot.id) {
                snapshot.create_volume_permissions.clear();
            }
            if is_known(&snapshot.id) {
                found.insert(at(&snapshot.id), format!("{snapshot:?}"));
            }
        }
        for (name, value) in eyes.ssm.image_parameters()(region) {
            if is_known(&name) {
                found.insert(at(&name), value);
            }
        }
    }

    fn judge_foreign(&mut self, call: &Call) {
        let mut now = BTreeMap::new();
        self.others_of(&call.region, &mut now);
        let before = self.foreign.iter();
        let of_region = before.filter(|((region, _), _)| *region == call.region);
        let changed: Vec<String> = of_region
            .filter(|(place, was)| now.get(place) != Some(was))
            .map(|((_, id), _)| id.clone())
            .collect();
        for id in changed {
            self.wrong(call, &format!("{id} is somebody else's and was changed"));
            let place = (call.region.clone(), id);
            let is = now.get(&place).cloned().unwrap_or_default();
            self.foreign.insert(place, is);
        }
    }
}

/// The import task that an answer names.
fn begun(action: &str, answer: &str) -> Option<String> {
    let is_import = ["ImportSnapshot", "ImportImage"].contains(&action);
    let (_, task) = answer.split_once("<importTaskId>").filter(|_| is_import)?;
    let (task, _) = task.split_once('<')?;
    Some(task.to_owned())
}
