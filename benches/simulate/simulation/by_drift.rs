//! What of an AMI differs because somebody has changed just that by hand, and whether its status says so.

use std::collections::BTreeSet;

use localaws::ec2::ImageState;
use serde_json::Value;

use super::play::Played;
use super::script::{Manifest, Source};

/// What is said of who has a snapshot begins with its id.
const SNAPSHOT: &str = "snap-";

/// What may differ about an AMI, and is set right by a change of it.
pub(super) const WORDS: [&str; 6] = [
    "description",
    "tags",
    "protection",
    "deprecation",
    "grants",
    "exact",
];

/// What was changed by hand about an AMI, and what its image's status says of that.
pub(super) struct ByHand<'a> {
    pub(super) region: &'static str,
    /// How the AMI was edited.
    pub(super) edits: BTreeSet<String>,
    /// The parameters that were.
    pub(super) parameters: &'a BTreeSet<(&'static str, String)>,
    /// The status' `drift`.
    pub(super) drift: &'a Value,
}

impl ByHand<'_> {
    /// Whether somebody has made this differ; a parameter is named, anything else is a word of what was compared.
    pub(super) fn explains(&self, word: &str) -> bool {
        match word.starts_with('/') {
            true => self.parameters.contains(&(self.region, word.to_owned())),
            false if word.starts_with(SNAPSHOT) => self.edits.contains("Unshare"),
            false => edits(word).iter().any(|it| self.edits.contains(*it)),
        }
    }

    /// Whether the status says that somebody has taken the AMI out of service, or its tags; none if nobody has. Of a machine's AMI,
    /// which has a name of EC2's, nothing is said of its tags.
    pub(super) fn is_told_taken(
        &self,
        played: &Played,
        manifest: &Manifest,
        image: &str,
    ) -> Option<bool> {
        let mut images = played.stack.world.ec2().images(self.region).into_iter();
        let state = images.find(|it| it.id == image).map(|it| it.state);
        let is_disabled = state != Some(ImageState::Available) && self.edits.contains("Disable");
        if self.edits.contains("Deregister") || is_disabled {
            return Some(self.is_told_gone());
        }
        let is_disowned = played.monitor.is_disowned(self.region, image);
        is_disowned.then(|| manifest.source == Source::Vm || self.is_told_untagged())
    }

    /// Whether the status says that this differs.
    pub(super) fn is_told(&self, word: &str) -> bool {
        self.found().any(|it| match word.starts_with('/') {
            true => it["difference"] == "parameter" && it["name"] == word,
            false => it["difference"] == "setting" && is_about(&it["change"], word),
        })
    }

    /// Whether the status says that the AMI has lost the tags that say whose it is.
    pub(super) fn is_told_untagged(&self) -> bool {
        self.found().any(|it| it["difference"] == "untagged")
    }

    /// Whether the status says that the AMI is disabled or deregistered.
    pub(super) fn is_told_gone(&self) -> bool {
        self.found().any(is_out_of_service)
    }

    /// A parameter that the status says to hold something else than the AMI, which it holds.
    pub(super) fn told_and_right(&self, played: &Played, image: &str) -> Option<String> {
        let ssm = played.stack.world.ssm();
        let names = self.found().filter(|it| it["difference"] == "parameter");
        let mut names = names.filter_map(|it| it["name"].as_str());
        let holds = |name: &&str| ssm.parameter(self.region, name).as_deref() == Some(image);
        names.find(holds).map(str::to_owned)
    }

    /// What differs in the Region, as the status says.
    fn found(&self) -> impl Iterator<Item = &Value> {
        let all = self.drift["found"].as_array().into_iter().flatten();
        all.filter(|it| it["region"] == self.region)
    }

    /// Whether all that the status says of the image can be set back. As long as something of an AMI cannot, nothing is, and a
    /// parameter that is not to be overwritten keeps others as they are.
    pub(super) fn is_repairable(&self) -> bool {
        let all = || self.drift["found"].as_array().into_iter().flatten();
        let is_parameter = |it: &&Value| it["difference"] == "parameter";
        let is_lost = |it: &Value| is_out_of_service(it) || it["difference"] == "untagged";
        let may_be = |it: &Value| !is_lost(it) && is_open(&it["blocked"]);
        match all().any(|it| !is_parameter(&it)) {
            true => all().filter(|it| !is_parameter(it)).all(may_be),
            false => all().all(may_be),
        }
    }
}

fn is_out_of_service(deviation: &Value) -> bool {
    let gone = ["not-available", "deregistered"].map(Value::from);
    gone.contains(&deviation["difference"])
}

/// Whether nothing keeps it from being set back.
fn is_open(blocked: &Value) -> bool {
    blocked.is_null() || *blocked == false
}

/// The edits that make an AMI differ so. There is none for most: nobody changes by hand what it is made of.
fn edits(word: &str) -> &'static [&'static str] {
    match word {
        "description" => &["Describe"],
        "tags" => &["Tag", "Untag"],
        "protection" => &["Protect", "Unprotect"],
        "deprecation" => &["Deprecate"],
        "grants" | "public" => &["Revoke", "Disable"],
        "exact" => &["Grant", "Offer"],
        _ => &[],
    }
}

/// Whether a change that would set something right is about this.
fn is_about(change: &Value, word: &str) -> bool {
    if word.starts_with(SNAPSHOT) {
        let snapshot = change["snapshot"].as_str();
        return change["action"] == "share-snapshot"
            && snapshot.is_some_and(|it| word.starts_with(it));
    }
    let names = |who: &str| change[who].as_array().is_some_and(|it| !it.is_empty());
    match (word, change["action"].as_str().unwrap_or_default()) {
        ("description", "set-description")
        | ("tags", "set-tags" | "remove-tags")
        | ("protection", "set-protection")
        | ("deprecation", "set-deprecation") => true,
        ("grants" | "public", "change-grants") => names("add"),
        ("exact", "change-grants") => names("remove"),
        _ => false,
    }
}
