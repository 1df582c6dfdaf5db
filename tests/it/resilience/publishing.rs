//! Every call that publishes an AMI goes wrong once, in every way, in the stack's Region and in that of a copy; then the
//! world comes to rest: the AMIs are as asked for, by just the changes that are needed, and the status shows it.

use std::collections::{BTreeMap, BTreeSet};

use localaws::ec2::ImageBlock;
use localaws::faults::{Call, Fault};
use serde_json::Value;

use crate::support::{REGION, TestStack, changes_since, faults, in_words, minutes};

const KEY: &str = "golden/web.image.yaml";
const OREGON: &str = "us-west-2";

const REGIONS: &str = "regions: {us-west-2: {}}\n";
const SETTINGS: &str = "description: Web\ntags: {team: web}\naccess: {accounts: ['111122223333'], copy: true}\n\
                        deprecate: {at: 2027-06-01T00:00:00Z}\nprotect: true\n";
const OTHERS: &str = "tags: {cost: a}\naccess: {accounts: ['444455556666'], copy: true}\n\
                      deprecate: {at: 2027-05-01T00:00:00Z}\nprotect: {cooldown: true}\n";
const PUBLIC: &str = "access: {public: true}\n";
const REPLACES: &str = "replaces: {previous: deregister, snapshots: delete}\n";

/// What the manifest asks for before, and then.
#[derive(Clone, Copy)]
struct Case {
    before: Option<&'static str>,
    after: &'static str,
    /// Whether what it asks for then is another version.
    is_newer: bool,
    /// How the subject of the email begins that tells how it ended.
    notice: &'static str,
}

impl Case {
    fn manifest(self, stack: &TestStack, settings: &str) -> String {
        format!("{}{REGIONS}{settings}", stack.manifest("web-{digest}"))
    }

    /// A world that is at rest before it.
    async fn ready(self) -> TestStack {
        let stack = TestStack::built(|builder| {
            builder
                .parameter("ShareWith", "*")
                .parameter("AllowPublic", "true")
                .parameter("AllowRetire", "true")
                .parameter("CopyRegions", OREGON)
        })
        .await;
        for region in [REGION, OREGON] {
            let ec2 = stack.world.ec2();
            ec2.set_image_block(region, ImageBlock::Unblocked);
        }
        if let Some(before) = self.before {
            let manifest = self.manifest(&stack, before);
            stack.drop_and_rest(KEY, manifest).await;
        }
        stack
    }

    async fn play(self, stack: &TestStack) {
        let mut manifest = self.manifest(stack, self.after);
        if self.is_newer {
            manifest += "register: {imdsSupport: v2.0}\n";
        }
        stack.drop_and_rest(KEY, manifest).await;
    }

    /// What is there in the end.
    async fn picture(self, stack: &TestStack, from: u64, told: usize) -> Picture {
        let status = stack.status(KEY).await;
        let mut done = changes_since(stack, from);
        done.retain(|call| call.done);
        // The SDK asks once more where it gets no answer: that is the same request, and changes nothing.
        let is_repeated = |call: &Call| {
            let mut later = done.iter().filter(|it| it.number > call.number);
            later.any(|it| is_same(call, it) && it.at.duration_since(call.at).as_secs() < 60)
        };
        let once: Vec<Call> = done.iter().filter(|it| !is_repeated(it)).cloned().collect();
        let mut changes: Vec<String> = once.iter().map(in_words).collect();
        changes.sort();
        let emails = stack.emails().split_off(told);
        let subjects = emails.iter().map(|it| it.subject.clone());
        Picture {
            state: status["state"].to_string(),
            conditions: conditions(&status),
            regions: [REGION, OREGON].map(|region| seen(stack, &status, region)),
            changes,
            notices: subjects.filter(|it| it.starts_with(self.notice)).count(),
            emails: emails.len(),
            twice: granted_twice(&once),
        }
    }
}

/// What is the same in every world that ends well.
#[derive(Debug, PartialEq, Eq)]
struct Picture {
    state: String,
    conditions: Vec<String>,
    /// All AMIs and snapshots of each Region, and what the status says was applied.
    regions: [Vec<String>; 2],
    /// The changes that were made.
    changes: Vec<String>,
    notices: usize,
    emails: usize,
    /// What was granted to whom already has it.
    twice: Vec<String>,
}

/// Whether two requests ask for the same.
fn is_same(one: &Call, other: &Call) -> bool {
    (&one.action, &one.region, &one.fields) == (&other.action, &other.region, &other.fields)
}

fn conditions(status: &Value) -> Vec<String> {
    let conditions = status["conditions"].as_array().into_iter().flatten();
    conditions
        .map(|it| format!("{} {}", it["type"], it["status"]))
        .collect()
}

/// A Region, without the ids that differ from world to world.
fn seen(stack: &TestStack, status: &Value, region: &str) -> Vec<String> {
    let ec2 = stack.world.ec2();
    let mut all = Vec::new();
    let own = |tags: &BTreeMap<String, String>| {
        let tags = tags
            .iter()
            .filter(|(key, _)| !key.starts_with("amiwright:"));
        format!("{:?}", tags.collect::<Vec<_>>())
    };
    for image in ec2.images(region) {
        let is_current = status["regions"][region]["image"] == image.id.as_str();
        all.push(format!(
            "AMI {} {:?} {} {:?} {:?} {:?}, current: {is_current}",
            image.state,
            image.description,
            own(&image.tags),
            image.launch_permissions,
            image.deprecation_time,
            image.deregistration_protection
        ));
    }
    for snapshot in ec2.snapshots(region) {
        let permissions = &snapshot.create_volume_permissions;
        all.push(format!("snapshot {} {permissions:?}", own(&snapshot.tags)));
    }
    let known = &status["regions"][region];
    let applied = &known["applied"];
    for part in [
        "description",
        "tags",
        "grants",
        "deprecateAt",
        "protection",
        "intended",
    ] {
        all.push(format!("{part}: {}", applied[part]));
    }
    let shared = applied["snapshots"].as_object();
    let shared: Vec<&Value> = shared.into_iter().flatten().map(|(_, it)| it).collect();
    all.push(format!("snapshots: {shared:?}"));
    all.push(format!("failure: {}", known["failure"]));
    all.push(format!("verified: {}", known["verifiedAt"].is_string()));
    all.sort();
    all
}

/// Grants that functions made to who had them from them already.
fn granted_twice(calls: &[Call]) -> Vec<String> {
    let mut granted: BTreeSet<(String, String)> = BTreeSet::new();
    let mut twice = Vec::new();
    let is_about = |call: &&Call| call.action.starts_with("Modify");
    for call in calls.iter().filter(is_about) {
        let id = call.field("ImageId").or_else(|| call.field("SnapshotId"));
        let id = id.unwrap_or_default().to_owned();
        for (name, value) in &call.fields {
            let grant = (id.clone(), value.clone());
            if name.contains(".Remove.") {
                granted.remove(&grant);
            } else if name.contains(".Add.") && !granted.insert(grant) {
                twice.push(format!("{id} to {value}"));
            }
        }
    }
    twice
}

/// Whether a call is one of those that go wrong here: EC2's, and those by which a function writes down what it is about to
/// do, or has done. Others are other loops' (`faults`, `task_faults`).
fn is_meant(call: &Call) -> bool {
    let is_status = call.action == "PutObject"
        && call
            .key
            .as_ref()
            .is_some_and(|key| key.starts_with("status/"));
    match call.function.as_deref() {
        None | Some("Notify" | "notify") => false,
        Some(_) => call.service == "ec2" || is_status,
    }
}

/// The faults of each call. A test run tries one of them in turn, at each change and at one of four reads;
/// `AMIWRIGHT_ALL_FAULTS=1 cargo test --test it resilience::publishing` tries them all at each call.
fn planned<'a>(calls: &[&'a Call]) -> Vec<(&'a Call, Vec<Fault>)> {
    let all = faults();
    if std::env::var_os("AMIWRIGHT_ALL_FAULTS").is_some() {
        return calls.iter().map(|call| (*call, all.clone())).collect();
    }
    let is_read = |call: &Call| call.action.starts_with("Describe");
    let mut reads = 0;
    let mut chosen = calls.to_vec();
    chosen.retain(|call| {
        reads += usize::from(is_read(call));
        !is_read(call) || reads % 4 == 1
    });
    let turn = chosen.into_iter().zip(all.iter().cycle());
    turn.map(|(call, fault)| (call, vec![fault.clone()]))
        .collect()
}

async fn whatever_goes_wrong_once(case: Case) {
    let quiet = case.ready().await;
    let (first, told) = (quiet.world.faults().count(), quiet.emails().len());
    case.play(&quiet).await;
    let expected = case.picture(&quiet, first, told).await;
    assert_eq!(expected.notices, 1, "{expected:#?}");
    assert_eq!(expected.twice, [""; 0]);
    let calls = quiet.world.calls();
    let mut meant: Vec<&Call> = calls.iter().filter(|call| is_meant(call)).collect();
    meant.retain(|call| call.number > first);
    assert!(meant.iter().any(|call| call.region == OREGON));
    let mut wrong = Vec::new();
    for (call, faults) in planned(&meant) {
        for fault in faults {
            let stack = case.ready().await;
            assert_eq!(stack.world.faults().count(), first);
            stack.world.faults().at(call.number, fault.clone());
            case.play(&stack).await;
            // An event may be lost with the invocation that it started.
            stack.world.run_for(minutes(16)).await;
            stack.rest().await;
            let seen = case.picture(&stack, first, told).await;
            if seen != expected {
                let what = format!("call {} ({} {})", call.number, call.region, call.action);
                wrong.push(format!(
                    "{what}, {fault:?}: {}",
                    differences(&seen, &expected)
                ));
            }
        }
    }
    let count = wrong.len();
    wrong.truncate(4);
    assert!(count == 0, "{count} wrong, as {}", wrong.join("\n"));
}

/// The lines that differ.
fn differences(seen: &Picture, expected: &Picture) -> String {
    let (seen, expected) = (format!("{seen:#?}"), format!("{expected:#?}"));
    let (seen, expected): (Vec<&str>, Vec<&str>) =
        (seen.lines().collect(), expected.lines().collect());
    let surplus = seen.iter().filter(|line| !expected.contains(line));
    let missing = expected.iter().filter(|line| !seen.contains(line));
    let lines = surplus.map(|line| format!("+{line}"));
    let lines: Vec<String> = lines
        .chain(missing.map(|line| format!("-{line}")))
        .collect();
    match lines.is_empty() {
        true => format!("other counts: {seen:#?}"),
        false => lines.join("\n"),
    }
}

macro_rules! cases {
    ($($name:ident: $before:expr, $after:expr, $is_newer:literal, $notice:literal;)*) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                let case = Case {
                    before: $before,
                    after: $after,
                    is_newer: $is_newer,
                    notice: $notice,
                };
                whatever_goes_wrong_once(case).await;
            }
        )*
    };
}

cases! {
    an_ami_is_published: None, SETTINGS, false, "Available";
    settings_are_added: Some(""), SETTINGS, false, "Changed";
    settings_are_changed: Some(SETTINGS), OTHERS, false, "Changed";
    settings_are_removed: Some(SETTINGS), "", false, "Changed";
    an_ami_becomes_public: Some(""), PUBLIC, false, "Changed";
    an_ami_replaces_another: Some(""), REPLACES, true, "Retired the AMIs before";
}
