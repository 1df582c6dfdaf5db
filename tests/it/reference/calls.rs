//! What amiwright calls, held against what awspub calls for the same work: `tests/peers/publish` counts awspub's.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::calls::scenario::{Counted, Purpose, Scenario, by_purpose};

use super::{hold, table};

/// The work, by awspub's name for it in its file: amiwright's scenario, and the objects that its user uploads.
const CASES: [(&str, &str, Scenario, usize); 4] = [
    ("plain", "an AMI of a disk", Scenario::ShortImport, 2),
    ("plain again", "the same again", Scenario::DiskAgain, 1),
    (
        "published",
        "an AMI of a disk in five Regions, shared with three accounts, also for copying, and two parameters in each",
        Scenario::DiskReleased,
        2,
    ),
    (
        "published again",
        "the same again",
        Scenario::DiskReleasedAgain,
        1,
    ),
];

/// With what awspub uploads its disk, or sees that it need not.
const UPLOADS: [&str; 7] = [
    "CompleteMultipartUpload",
    "CreateMultipartUpload",
    "HeadObject",
    "ListMultipartUploads",
    "ListParts",
    "PutObjectTagging",
    "UploadPart",
];

#[derive(Deserialize)]
struct Kept {
    awspub: String,
    cases: BTreeMap<String, OfAwspub>,
}

#[derive(Deserialize)]
struct OfAwspub {
    calls: BTreeMap<String, usize>,
    /// Those of its waiters.
    polls: BTreeMap<String, usize>,
}

/// Calls by what they are for.
#[derive(Default)]
struct Sorted {
    uploads: usize,
    reads: usize,
    changes: usize,
    manifest: usize,
    state: usize,
}

impl Sorted {
    fn add(&mut self, action: &str, count: usize) {
        let words = ["Describe", "Get", "Head", "List"];
        match words.iter().any(|word| action.starts_with(word)) {
            true => self.reads += count,
            false => self.changes += count,
        }
    }

    fn of_awspub(case: &OfAwspub) -> Self {
        let mut sorted = Self::default();
        for (action, count) in case.calls.iter().chain(&case.polls) {
            match UPLOADS.contains(&action.as_str()) {
                true => sorted.uploads += count,
                false => sorted.add(action, *count),
            }
        }
        sorted
    }

    fn of_amiwright(counted: &Counted, uploads: usize) -> Self {
        let mut sorted = Self {
            uploads,
            ..Self::default()
        };
        for (purpose, count) in by_purpose(&counted.calls) {
            match purpose.object {
                "manifest" => sorted.manifest += count,
                _ if is_of_state(purpose) => sorted.state += count,
                _ => sorted.add(&purpose.action, count),
            }
        }
        sorted
    }

    /// The calls that do the work.
    const fn work(&self) -> usize {
        self.uploads + self.reads + self.changes
    }

    fn row(&self, work: &str, who: &str) -> Vec<String> {
        let (work_calls, all) = (self.work(), self.work() + self.manifest + self.state);
        let numbers = [
            self.uploads,
            self.reads,
            self.changes,
            work_calls,
            self.manifest,
            self.state,
            all,
        ];
        let mut row = vec![work.to_owned(), who.to_owned()];
        row.extend(numbers.map(|it| it.to_string()));
        row
    }
}

/// Whether a call is made for what is known of an image, or to tell of it; else it is about what is in AWS, or a manifest.
fn is_of_state(purpose: &Purpose) -> bool {
    let objects = ["status", "notice", "another object of amiwright's"];
    objects.contains(&purpose.object) || purpose.object.contains("marker")
}

/// What the calls that awspub has no equivalent of are for.
fn beyond(counted: &Counted) -> Vec<Vec<String>> {
    let calls = by_purpose(&counted.calls);
    let is_beyond = |it: &Purpose| it.object == "manifest" || is_of_state(it);
    let mut summed: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    for (it, count) in calls.into_iter().filter(|(it, _)| is_beyond(it)) {
        *summed
            .entry((it.object, &it.action, it.reason()))
            .or_default() += count;
    }
    let row = |((object, action, reason), count): ((&str, &str, &str), usize)| {
        vec![
            count.to_string(),
            action.to_owned(),
            object.to_owned(),
            reason.to_owned(),
        ]
    };
    summed.into_iter().map(row).collect()
}

#[tokio::test(start_paused = true)]
async fn the_work_of_awspub_takes_no_more_calls() {
    let kept: Kept = serde_json::from_str(include_str!("../../peers/awspub-calls.json")).unwrap();
    let (mut rows, mut details) = (Vec::new(), Vec::new());
    let mut polls = Vec::new();
    for (name, work, scenario, uploads) in CASES {
        let peer = &kept.cases[name];
        let (theirs, counted) = (Sorted::of_awspub(peer), scenario.run().await.unwrap());
        let ours = Sorted::of_amiwright(&counted, uploads);
        assert!(ours.work() <= theirs.work(), "{name}: {}", ours.work());
        rows.push(theirs.row(work, "awspub"));
        rows.push(ours.row("", "amiwright"));
        polls.push(peer.polls.values().sum::<usize>().to_string());
        if scenario == Scenario::DiskReleased {
            details = beyond(&counted);
        }
    }
    let columns = [
        "work",
        "by",
        "uploads",
        "reads",
        "changes",
        "**these**",
        "manifest",
        "status and notices",
        "**all**",
    ];
    let content = format!(
        "{}\n\
         An import takes a minute and a copy half a minute. The disk is one part of an upload. The waiters of awspub {} look \
         every 15 or 30 seconds, as it sets them: {} of its calls, in this order, and two more for each minute that an import \
         or a copy takes longer. amiwright looks once a minute at all images together, and less often at what takes long. Not counted is the one call \
         a minute, and four more every 15 minutes, with which a stack lists what is open, whether or not anything is.\n\n\
         awspub runs while you wait, keeps nothing, and takes back nothing. What amiwright calls beyond the work is what lets \
         it go on without you, after whatever fails, and never twice. For the AMI in five Regions:\n\n{}\n\
         Of the work's own reads, the calls that awspub does not make, either, protect something, too: who may use an AMI and its \
         snapshots is read before it is shared, so that what somebody else shared is never taken back as ours, and after, \
         because a parameter is to point only to what was seen to be shared; copies are searched for by their tags before \
         they are asked for; a Region's encryption by default is read before an AMI or a copy is made that could not be shared; and \
         parameters are read again, because Systems Manager checks them after it has answered.",
        table(&columns, &rows),
        kept.awspub,
        polls.join(", "),
        table(&["calls", "action", "on", "for"], &details),
    );
    hold(
        "calls",
        "Calls to AWS",
        "What amiwright calls for an AMI, and what awspub calls for the same. Both are counted at the wire, over the local AWS: \
         `tests/it/calls.rs` and `tests/peers/publish`.",
        &content,
    );
}
