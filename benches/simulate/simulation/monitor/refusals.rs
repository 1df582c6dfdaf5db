//! What AWS refuses for good is not asked for again and again.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use localaws::faults::{Call, Exchange};

use super::log::code;
use super::{Monitor, State, field};
use crate::simulation::script::{Event, Wrong};
use crate::support::REGION;

/// Codes of errors that pass, besides those that a status must not end with: what runs at once, and credentials or Regions that
/// may be valid a moment later.
const PASSING: [&str; 16] = [
    "AuthFailure",
    "BandwidthLimitExceeded",
    "ConcurrentSnapshotLimitExceeded",
    "ConcurrentTagAccess",
    "ConditionalRequestConflict",
    "ExpiredToken",
    "InternalFailure",
    "OperationAborted",
    "OptInRequired",
    "PendingSnapshotLimitExceeded",
    "PreconditionFailed",
    "RequestExpired",
    "RequestLimitExceeded",
    "ResourceLimitExceeded",
    "TooManyUpdates",
    "UnrecognizedClientException",
];

/// Codes of EC2 of which nothing but time is the matter: how many requests there are, and what runs at once.
const THROTTLED: [&str; 5] = [
    "RequestLimitExceeded",
    "ResourceLimitExceeded",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// What differs between two requests for the same: each attempt has a token, and what is due soon is due later.
const OF_ATTEMPT: [&str; 2] = ["ClientToken", "DeprecateAt"];

/// How often in a row the same may be refused: nothing is written down between the invocations that an upload, its copy and a tick
/// begin at once, and what somebody kills has written nothing either.
const USUAL: u32 = 4;

/// What EC2 refuses for a while after something else was changed is asked for once a tick until that is over, and whenever else
/// functions run: for a quarter of an hour (`src/image/plan.rs`), to deregister an AMI for five minutes, and to delete its
/// snapshot for an hour (`src/reconcile/execute/retire/perform.rs`).
const FOR_A_WHILE: u32 = 30;
const FOR_MINUTES: u32 = 12;
const FOR_AN_HOUR: u32 = 75;

/// How often a value is written at most: three times for each attempt, whose answers may be lost.
const WRITTEN: u32 = 6;

/// What clean-up does in EC2 to find what there is, and to prove whose it is.
const LOOKS: [&str; 5] = [
    "CreateTags",
    "DescribeImages",
    "DescribeImportImageTasks",
    "DescribeImportSnapshotTasks",
    "DescribeSnapshots",
];

/// An audit may ask anew.
const AUDITED: SignedDuration = SignedDuration::from_hours(6);

/// What was refused, and what was asked for in vain.
#[derive(Default)]
pub(super) struct Refusals {
    /// How often in a row, and since when, by the request.
    rows: BTreeMap<String, (u32, Timestamp)>,
    /// Until when requests fail otherwise, too, so that what was done is not written down, or not known.
    unclear_until: Option<Timestamp>,
    /// When a function was last not told which Regions there are.
    regions_unknown_at: Option<Timestamp>,
    /// How often SSM took a value for a parameter, by Region and name.
    puts: BTreeMap<(String, String), (String, u32)>,
    /// Each request that AWS has refused for good, by Region, action and what it is about.
    named: BTreeSet<(String, String, String)>,
}

impl Monitor {
    /// Whether a function was refused to delete this in EC2, or to look in the stack's Region what there is.
    pub(in crate::simulation) fn was_refused_deletion(&self, id: &str) -> bool {
        let state = self.lock();
        let mut named = state.refusals.named.iter();
        named.any(|(region, action, about)| match action.as_str() {
            "DeregisterImage" | "DeleteSnapshot" => about == id,
            action => region == REGION && LOOKS.contains(&action),
        })
    }

    /// Whether a function was refused to delete objects whose addresses begin so, or to list them: `BUCKET/PREFIX*`.
    pub(in crate::simulation) fn was_refused_objects(&self, address: &str) -> bool {
        let (_, prefix) = address.split_once('/').unwrap_or_default();
        let prefix = prefix.trim_end_matches('*');
        let state = self.lock();
        let mut named = state.refusals.named.iter();
        named.any(|(_, action, about)| match action.as_str() {
            "ListObjectsV2" => true,
            "DeleteObject" => about.starts_with(prefix),
            _ => false,
        })
    }
}

impl State {
    /// Whether functions were told which Regions there are whenever they asked, for so long.
    pub(super) fn knew_regions(&self, now: Timestamp, long: SignedDuration) -> bool {
        let refusals = &self.refusals;
        let mut until = [refusals.regions_unknown_at, refusals.unclear_until].into_iter();
        until.all(|it| it.is_none_or(|it| now.duration_since(it) > long))
    }

    /// Something happens: what was refused may be asked for anew.
    pub(super) fn forget_refusals(&mut self, event: &Event, at: Timestamp) {
        self.refusals.rows.clear();
        self.refusals.puts.clear();
        if let Event::Storm { fault, seconds, .. } = event
            && *fault != Wrong::Denied
        {
            let seconds = i64::try_from(*seconds).unwrap_or(i64::MAX) + 60;
            let until = at.saturating_add(SignedDuration::from_secs(seconds)).ok();
            self.refusals.unclear_until = self.refusals.unclear_until.max(until);
        }
    }

    /// Counts how often a value is written: one that never shows counts as not validated, and is told.
    pub(super) fn judge_writing(&mut self, call: &Call, name: &str, value: &str) {
        let place = (call.region.clone(), name.to_owned());
        let fresh = (value.to_owned(), 0);
        let known = self
            .refusals
            .puts
            .entry(place)
            .or_insert_with(|| fresh.clone());
        if known.0 != value {
            *known = fresh;
        }
        known.1 += 1;
        if known.1 > WRITTEN {
            let often = known.1;
            self.wrong(
                call,
                &format!("{name} is set to {value} for the {often}th time"),
            );
        }
    }

    /// Counts what is refused for good: the same is not asked for without end.
    pub(super) fn judge_refusal(&mut self, exchange: &Exchange, sent: &[(String, String)]) {
        let call = &exchange.call;
        let is_answered = exchange
            .answer
            .as_ref()
            .is_some_and(|it| it.status().is_success());
        if call.action == "DescribeRegions" && !is_answered {
            self.refusals.regions_unknown_at = Some(call.at);
        }
        let refused = refused(exchange);
        if let Some(code) = &refused {
            let named = about(call, sent).into_iter();
            let named = named.map(|it| (call.region.clone(), call.action.clone(), it));
            self.refusals.named.extend(named);
            self.coverage.refused(&format!("{} {code}", call.action));
        }
        // What is only read is asked for as long as it takes, and so is what S3 and SNS do (docs/operating.md, Troubleshooting).
        let changes = ["ec2", "ssm"].contains(&call.service.as_str()) && !call.is_read();
        if !changes {
            return;
        }
        let request = request(exchange, sent);
        let Some(code) = refused else {
            self.refusals.rows.remove(&request);
            return;
        };
        if self
            .refusals
            .unclear_until
            .is_some_and(|until| call.at < until)
        {
            return;
        }
        let fresh = (0, call.at);
        let row = self.refusals.rows.entry(request).or_insert(fresh);
        if call.at.duration_since(row.1) >= AUDITED {
            *row = fresh;
        }
        row.0 += 1;
        let often = row.0;
        self.coverage.refused_again(&call.action, &code, often);
        if often - 1 == most(call, &code) {
            let what =
                format!("{code} is the answer for the {often}th time, and nothing has changed");
            self.wrong(call, &what);
        }
    }
}

/// How often the same may be refused in a row.
fn most(call: &Call, code: &str) -> u32 {
    match (call.action.as_str(), code) {
        // It is asked again every ten minutes, until the task has ended.
        ("CancelImportTask" | "CancelBundleTask", _) => u32::MAX,
        ("DeleteSnapshot", "InvalidSnapshot.InUse") => FOR_AN_HOUR,
        ("DeregisterImage", _) => FOR_MINUTES,
        ("RegisterImage" | "ImportSnapshot" | "ImportImage", _)
        | ("CreateRestoreImageTask" | "CreateStoreImageTask" | "BundleInstance", _)
        | (_, "InvalidAMIID.NotFound" | "InvalidSnapshot.NotFound" | "InvalidAMIID.Unavailable") => {
            FOR_A_WHILE
        }
        // The AMI itself, and not a copy of it.
        ("CopyImage", _) if call.region == REGION => FOR_A_WHILE,
        _ => USUAL,
    }
}

/// Whether a request with this answer is sent again for however long it takes: nobody is refused anything.
pub(super) fn is_throttled(code: &str) -> bool {
    THROTTLED.contains(&code)
}

/// Whether EC2 has throttled a request.
pub(super) fn was_throttled(exchange: &Exchange) -> bool {
    let answer = exchange.answer.as_ref();
    !exchange.call.done && answer.is_some_and(|it| is_throttled(&code(it.body())))
}

/// The code of a refusal that a repetition does not change; none for any other answer.
fn refused(exchange: &Exchange) -> Option<String> {
    let answer = exchange.answer.as_ref()?;
    let status = answer.status().as_u16();
    let code = match code(answer.body()) {
        code if code.is_empty() => status.to_string(),
        code => code,
    };
    let is_of_caller = (400..429).contains(&status) && status != 404 && status != 412;
    let is_throttled = code.contains("Throttl") || code == "SlowDown";
    (is_of_caller && !is_throttled && !PASSING.contains(&code.as_str())).then_some(code)
}

/// What a request is about; nothing, if that is more than one thing.
fn about(call: &Call, sent: &[(String, String)]) -> Vec<String> {
    let ids = ["ImageId", "SnapshotId"].map(|name| field(sent, name));
    let mut about: Vec<String> = ids.into_iter().flatten().map(str::to_owned).collect();
    about.extend(call.key.clone());
    if about.is_empty() {
        about.push(String::new());
    }
    about
}

/// A request, without what differs where the same is asked for again.
fn request(exchange: &Exchange, sent: &[(String, String)]) -> String {
    let call = &exchange.call;
    let mut text = format!("{} {} {:?} ", call.region, call.action, call.key);
    if call.service == "ssm" {
        text += &String::from_utf8_lossy(exchange.request.body());
    }
    let same = sent
        .iter()
        .filter(|(name, _)| !OF_ATTEMPT.contains(&name.as_str()));
    for (name, value) in same {
        text += &format!("{name}={value} ");
    }
    text
}
