//! What emails say of what stays in AWS. That an email once named something as new tells nobody that it is still there, nor does
//! one say anything of what has happened after it.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use localaws::ec2::Permission;
use serde_json::Value;

use super::play::Played;
use super::text;
use crate::support::REGION;

/// How much later than its function says EC2 may begin what that asks for: it repeats what is not answered, and its clock is two
/// minutes off.
const ANSWERING_MAX: SignedDuration = SignedDuration::from_mins(4);

/// What emails say.
pub(super) struct Told {
    /// All of them, by their manifests, in the order in which they were recorded.
    emails: BTreeMap<String, Vec<String>>,
}

impl Told {
    pub(super) fn by(played: &Played) -> Self {
        let prefix = format!("s3://{}/", played.stack.bucket);
        let mut numbered: BTreeMap<String, BTreeMap<u64, String>> = BTreeMap::new();
        for published in played.stack.world.sns().published() {
            let bodies: Value = serde_json::from_str(&published.message).unwrap_or_default();
            let notice: Value = serde_json::from_str(text(&bodies, "/default")).unwrap_or_default();
            let id = text(&notice, "/id").rsplit_once('#');
            let of_manifest = id.and_then(|(manifest, number)| {
                Some((manifest.strip_prefix(&prefix)?, number.parse().ok()?))
            });
            if let Some((key, number)) = of_manifest {
                let emails = numbered.entry(key.to_owned()).or_default();
                emails.insert(number, text(&bodies, "/email").to_owned());
            }
        }
        let emails = numbered.into_iter();
        let emails = emails.map(|(key, emails)| (key, emails.into_values().collect()));
        Self {
            emails: emails.collect(),
        }
    }

    fn all(&self) -> impl Iterator<Item = &String> {
        self.emails.values().flatten()
    }

    /// Whether an email has a line that names this, and says so.
    fn any(&self, id: &str, says: impl Fn(&str) -> bool) -> bool {
        let mut naming = self
            .all()
            .flat_map(|it| it.lines())
            .filter(|it| it.contains(id));
        naming.any(says)
    }

    /// Whether an email says one of these words of an AMI.
    pub(super) fn says(&self, id: &str, words: &[&str]) -> bool {
        let words: Vec<String> = words.iter().map(|it| format!("{id} {it}")).collect();
        self.any(id, |line| {
            let is_replaced =
                line.starts_with("The previous AMI, ") && line.contains("was deregistered at");
            is_replaced || words.iter().any(|it| line.contains(it))
        })
    }

    /// Whether an AMI or a snapshot of a Region is said to stay, or to be there perhaps, by the last email of a manifest that
    /// names it: the words of `message/remains.rs` and `message/retiring.rs`.
    pub(super) fn stays(&self, region: &str, id: &str) -> bool {
        let last = |emails: &Vec<String>| emails.iter().rfind(|it| it.contains(id)).cloned();
        let mut last = self.emails.values().filter_map(last);
        last.any(|email| says_that_it_stays(&email, region, id))
    }

    /// Whether an email has ever said so.
    pub(super) fn stayed(&self, region: &str, id: &str) -> bool {
        self.all()
            .any(|email| says_that_it_stays(email, region, id))
    }

    /// Whether an email about this manifest says of a copy that nobody has seen that it may be there, of one that was made by then.
    pub(super) fn may_be_copied(&self, manifest: &str, region: &str, made_at: Timestamp) -> bool {
        let listed = format!("  - {region}");
        let is_of_it = |line: &str| {
            let asked_at = line.split_once("asked for at ");
            let asked_at = asked_at.and_then(|(_, at)| at.parse::<Timestamp>().ok());
            line.starts_with(&listed) && asked_at.is_some_and(|at| made_at <= at + ANSWERING_MAX)
        };
        self.all().any(|email| {
            let copies =
                email.split_once("EC2 was asked for these copies, and its answer was lost");
            let is_listed = copies.is_some_and(|(_, copies)| copies.lines().any(is_of_it));
            is_listed && email.contains(manifest)
        })
    }

    /// Whether the last email of a manifest that names an AMI lists it as left over by an attempt that ended: it is for people to
    /// delete it.
    pub(super) fn is_left_over(&self, id: &str) -> bool {
        let listed = format!("  - {id}");
        let last = |emails: &Vec<String>| emails.iter().rfind(|it| it.contains(id)).cloned();
        let mut last = self.emails.values().filter_map(last);
        last.any(|email| {
            let left = email.split_once("These may be left over in AWS");
            left.is_some_and(|(_, left)| left.lines().any(|line| line.starts_with(&listed)))
        })
    }

    /// Whether an email says that a task is lost, or left over: what it makes afterwards is for people to delete.
    pub(super) fn is_task_left(&self, task: &str) -> bool {
        let listed = format!("  - {task}: ");
        self.all().any(|email| {
            let is_lost = email
                .lines()
                .next()
                .is_some_and(|it| it.contains(" is lost: "));
            (is_lost && email.contains(task)) || email.lines().any(|it| it.starts_with(&listed))
        })
    }

    /// Whether an account, or whoever else this is, is said to keep a snapshot. That it was shared once, as each change is told,
    /// is not enough, nor that it was said and not so.
    pub(super) fn stays_shared(
        &self,
        played: &Played,
        (region, id): (&str, &str),
        reader: &Permission,
    ) -> bool {
        let Permission::Account(account) = reader else {
            return false;
        };
        let is_said = self.any(id, |line| {
            (line.contains("stays shared with") && line.contains(account))
                || line.contains("may still be shared as they were")
        });
        is_said && played.monitor.is_told_to_stay(region, id, account)
    }

    /// The AMIs of which emails say that an account can copy them, with this snapshot, and that not all was seen to be set.
    pub(super) fn copied_unseen(
        &self,
        played: &Played,
        (region, id): (&str, &str),
        reader: &Permission,
    ) -> Vec<String> {
        let Permission::Account(account) = reader else {
            return Vec::new();
        };
        let said = [
            ("Snapshots ", id),
            ("Copyable ", account.as_str()),
            ("Settings ", "was not seen to be set"),
        ];
        let images = played.monitor.told_unseen(region, id, account);
        let is_said = |image: &String| {
            let start = format!("{image} in {region} ");
            let is_of_image =
                |line: &str| line.starts_with("AMI ") && line.contains(start.as_str());
            self.all().any(|email| {
                let lines = email.lines().map(str::trim_start);
                let of_image = lines.skip_while(|it| !is_of_image(it)).skip(1);
                let of_image = of_image.take_while(|it| !it.is_empty() && !it.starts_with("AMI "));
                let of_image: Vec<&str> = of_image.collect();
                said.iter().all(|(word, what)| {
                    let mut lines = of_image.iter();
                    lines.any(|it| it.starts_with(word) && it.contains(what))
                })
            })
        };
        images.into_iter().filter(is_said).collect()
    }

    /// Whether an AMI that is kept is said to be deprecated perhaps.
    pub(super) fn may_be_deprecated(&self, region: &str, id: &str) -> bool {
        let (named, retired) = (format!("{id} in {region}"), format!("{region}: {id} "));
        self.any(id, |line| {
            line.contains("may be deprecated: ")
                && (line.contains(&named) || line.contains(&retired))
        })
    }

    /// Whether the protection of an AMI is said to be off perhaps.
    pub(super) fn may_be_unprotected(&self, id: &str) -> bool {
        self.any(id, |line| {
            line.contains("its protection against deregistration")
                && line.contains("may be off: check it")
        })
    }
}

/// Whether an email says that this stays.
fn says_that_it_stays(email: &str, region: &str, id: &str) -> bool {
    let left = format!("  - {id}: ");
    let (listed, named) = (format!("  - {id} in {region}"), format!("{id} in {region}"));
    let after = [
        "kept",
        "not deleted",
        "deprecated",
        "was to be deregistered, and is kept",
        "was to be retired, and is kept",
    ];
    let after = after.map(|words| format!("{id} {words}"));
    // What is indented more is about the AMI before.
    let mut of = String::new();
    for line in email.lines() {
        if let Some((place, _)) = line.strip_prefix("  - ").and_then(|it| it.split_once(": ")) {
            of = place.to_owned();
        }
        let is_said = || {
            let may_be_there = line.split_once("may be there: ");
            after.iter().any(|it| line.contains(it))
                || may_be_there.is_some_and(|(_, listed)| listed.contains(id))
        };
        if (line.starts_with(&left) && region == REGION)
            || line.starts_with(&listed)
            || (of == region && is_said())
            || (says_kept(line) && line.contains(&named))
            // The bundle has changed: it is for people to deregister it.
            || (line.starts_with("The previous AMI, ")
                && line.contains("the same bundle")
                && line.contains(&named))
        {
            return true;
        }
    }
    false
}

/// Whether a line of an email names AMIs of earlier versions that are kept.
pub(super) fn says_kept(line: &str) -> bool {
    let mut kept = ["The previous AMI is kept: ", "The previous AMIs are kept: "].iter();
    kept.any(|it| line.starts_with(it))
}
