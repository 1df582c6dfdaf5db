//! What publishing has come to, as far as it is the same in every world.

use std::collections::{BTreeMap, BTreeSet};

use localaws::faults::{Call, Fault};
use serde_json::Value;

use super::case::{Case, NAME};
use crate::support::{Email, REGION, TestStack, changes_since, in_words};

/// What is the same in every world that ends well.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Picture {
    state: String,
    conditions: Vec<String>,
    /// What became of AMIs that were to be retired.
    retired: Vec<String>,
    /// What AMIs were stored as.
    stored: Vec<String>,
    /// All AMIs and snapshots of each Region, and what the status says was applied.
    regions: Vec<Vec<String>>,
    /// Why a Region has no AMI.
    failures: Vec<String>,
    /// The changes that were made.
    changes: Vec<String>,
    pub(super) notices: usize,
    emails: usize,
    /// What the emails say was changed.
    told: BTreeSet<String>,
    /// What was granted to whom already has it.
    pub(super) twice: Vec<String>,
}

impl Picture {
    /// What is there in the end, and what was changed since so many calls and emails.
    pub(super) async fn of(
        stack: &TestStack,
        case: Case,
        (from, told): (u64, usize),
        fault: Option<&Fault>,
    ) -> Self {
        let status = stack.status(case.key()).await;
        let mut done = changes_since(stack, from);
        done.retain(|call| call.done);
        // The SDK asks once more where it gets no answer in time: that is the same request, and changes nothing.
        let is_lost = matches!(fault, Some(Fault::LoseAnswer | Fault::Slow(_)));
        let is_repeated = |call: &Call| {
            let mut later = done.iter().filter(|it| it.number > call.number);
            is_lost
                && later.any(|it| is_same(call, it) && it.at.duration_since(call.at).as_secs() < 60)
        };
        let once: Vec<Call> = done.iter().filter(|it| !is_repeated(it)).cloned().collect();
        let mut changes: Vec<String> = once.iter().map(in_words).collect();
        changes.sort();
        let emails = stack.emails().split_off(told);
        let regions = case.regions().iter();
        let subjects = emails.iter().map(|it| it.subject.clone());
        Self {
            state: status["state"].to_string(),
            conditions: conditions(&status),
            retired: retired(&status),
            stored: stored(stack, &status).await,
            regions: regions.map(|it| seen(stack, &status, it)).collect(),
            failures: failures(&status),
            changes,
            notices: subjects.filter(|it| it.starts_with(case.notice)).count(),
            emails: emails.len(),
            told: emails.iter().flat_map(told_in).collect(),
            twice: granted_twice(&once),
        }
    }
}

/// What an email says was changed, without the ids that differ from world to world.
fn told_in(email: &Email) -> Vec<String> {
    let list = email.text.split("What was changed:\n").nth(1);
    let lines = list.unwrap_or_default().lines();
    let lines = lines.map_while(|line| line.strip_prefix("  - "));
    let is_id = |word: &&str| word.starts_with("ami-") || word.starts_with("snap-");
    let without_ids = |line: &str| {
        let words = line.split(' ');
        words
            .map(|it| if is_id(&it) { "…" } else { it })
            .collect::<Vec<_>>()
            .join(" ")
    };
    lines.map(without_ids).collect()
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

fn failures(status: &Value) -> Vec<String> {
    let copies = status["copies"].as_object().into_iter().flatten();
    let kind = |(region, copy): (&String, &Value)| format!("{region}: {}", copy["failure"]["kind"]);
    copies.map(kind).collect()
}

fn retired(status: &Value) -> Vec<String> {
    let retired = status["retired"].as_array().into_iter().flatten();
    let count = |list: &Value| {
        let lists = list.as_array().map(Vec::len);
        lists
            .or(list.as_object().map(serde_json::Map::len))
            .unwrap_or_default()
    };
    let line = |it: &Value| {
        let lists = ["deleted", "kept", "revoked", "shared"];
        let counts = lists.map(|list| format!("{} {list}", count(&it[list])));
        let (region, outcome, why) = (&it["region"], &it["outcome"], &it["why"]["reason"]);
        format!("{region} {outcome} {why} {}", counts.join(" "))
    };
    let mut all: Vec<String> = retired.map(line).collect();
    all.sort();
    all
}

/// The objects that AMIs were stored as, and what the status says of that.
async fn stored(stack: &TestStack, status: &Value) -> Vec<String> {
    let s3 = stack.world.s3();
    let keys = s3.keys(&stack.bucket, "ami-").await.unwrap();
    let image = status["regions"][REGION]["image"].as_str();
    let own = image.map(|image| format!("{image}.bin"));
    let of = |key: &String| Some(key) == own.as_ref();
    let mut all: Vec<String> = keys
        .iter()
        .map(|key| format!("of the AMI: {}", of(key)))
        .collect();
    let tasks = status["build"]["tasks"].as_array().into_iter().flatten();
    let tasks = tasks.map(|task| format!("{} {} {}", task["kind"], task["region"], task["state"]));
    all.extend(tasks);
    all.push(status["store"]["bucket"].to_string());
    all
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
        // What is retired is deprecated at whatever time it is.
        let deprecated = match image.deprecation_time {
            Some(_) if !is_current || status["state"] == "deleted" => "retired".to_owned(),
            at => format!("{at:?}"),
        };
        let codes = image.product_codes.iter().map(|code| code.id.as_str());
        all.push(format!(
            "AMI {} {:?} {} {:?} {deprecated} {:?} {:?}, current: {is_current}",
            image.state,
            image.description,
            own(&image.tags),
            image.launch_permissions,
            image.deregistration_protection,
            codes.collect::<Vec<_>>(),
        ));
    }
    for snapshot in ec2.snapshots(region) {
        let permissions = &snapshot.create_volume_permissions;
        let (tags, key) = (own(&snapshot.tags), &snapshot.kms_key_id);
        all.push(format!("snapshot {tags} {permissions:?} {key:?}"));
    }
    let known = &status["regions"][region];
    let applied = &known["applied"];
    for part in [
        "description",
        "tags",
        "productCode",
        "grants",
        "deprecateAt",
        "protection",
        "intended",
    ] {
        let is_retired =
            ["deprecateAt", "intended"].contains(&part) && status["state"] == "deleted";
        match is_retired {
            true => all.push(format!("{part}: {}", !applied[part].is_null())),
            false => all.push(format!("{part}: {}", applied[part])),
        }
    }
    let shared = applied["snapshots"].as_object();
    let shared: Vec<&Value> = shared.into_iter().flatten().map(|(_, it)| it).collect();
    all.push(format!("snapshots: {shared:?}"));
    let parameter = stack.world.ssm().parameter(region, NAME);
    let is_current = known["image"].as_str() == parameter.as_deref();
    let set = &status["release"]["parameters"][format!("{region}:{NAME}")];
    let (version, overwritten) = (&set["version"], &set["overwritten"]);
    all.push(format!(
        "parameter: current: {is_current}, {version}, {overwritten}"
    ));
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

/// The lines that differ.
pub(super) fn differences(seen: &Picture, expected: &Picture) -> String {
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
