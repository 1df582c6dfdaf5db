//! What somebody has changed by hand a status names for as long as it is so, also while EC2 does not answer.

use localaws::ec2::{Image, ImageState};
use localaws::faults::Call;
use serde_json::Value;

use super::{State, own_images, text};

/// Of an AMI that is out of service, or not proven to be amiwright's, nothing else is said.
const OUT_OF_SERVICE: [&str; 3] = ["deregistered", "not-available", "untagged"];

/// States in which an image rests.
const RESTS: [&str; 2] = ["available", "incomplete"];

/// What is the same while nobody asks for anything else.
const ASKED: [&str; 5] = [
    "/state",
    "/manifest/sha256",
    "/manifest/publishDigest",
    "/build/digest",
    "/build/attempt",
];

impl State {
    /// What a status has said to differ, and does not say any more, is right again.
    pub(super) fn judge_forgotten(
        &mut self,
        call: &Call,
        key: &str,
        (before, status): (&Value, &Value),
    ) {
        let is_same = |it: &&str| before.pointer(it) == status.pointer(it);
        let rests = RESTS.contains(&text(status, "/state")) && ASKED.iter().all(is_same);
        // There may be more than it names.
        if !rests || !status["drift"]["omitted"].is_null() {
            return;
        }
        let (known, own) = (found(before), own_images(status));
        let now = found(status);
        let forgotten = known.iter().filter(|it| {
            own.contains(text(it, "/image"))
                && !now.iter().any(|other| says(other, it))
                && self.is_so(call, it)
        });
        let forgotten: Vec<String> = forgotten.map(Value::to_string).collect();
        for it in forgotten {
            self.wrong(call, &format!("{key}: its status forgets that {it}"));
        }
    }

    /// Whether something still differs in EC2, and has done so for long.
    fn is_so(&self, call: &Call, deviation: &Value) -> bool {
        let (region, id) = (text(deviation, "/region"), text(deviation, "/image"));
        let mut images = self.eyes().ec2.images(region).into_iter();
        let image = images.find(|it| it.id == id);
        if self.is_edited_lately(call, &(region.to_owned(), id.to_owned())) {
            return false;
        }
        match (text(deviation, "/difference"), image) {
            ("deregistered" | "not-available", None) => true,
            ("not-available", Some(image)) => image.state != ImageState::Available,
            ("untagged", Some(_)) => self.is_disowned(region, id),
            ("setting", Some(image)) => is_due(&deviation["change"], &image),
            _ => false,
        }
    }
}

/// What a status says to differ.
fn found(status: &Value) -> Vec<Value> {
    let found = status["drift"]["found"].as_array();
    found.cloned().unwrap_or_default()
}

/// Whether this says what the other says, or that there is nothing more to say.
fn says(it: &Value, other: &Value) -> bool {
    let is_same = |member: &str| it.pointer(member) == other.pointer(member);
    let is_taken = OUT_OF_SERVICE.contains(&text(it, "/difference"));
    let kind = ["/difference", "/change/action", "/name"];
    is_same("/region") && is_same("/image") && (is_taken || kind.iter().all(|it| is_same(it)))
}

/// Whether a change would still change something about an AMI; of what only EC2 compares, it is not asked.
fn is_due(change: &Value, image: &Image) -> bool {
    let tags = || change["tags"].as_object().into_iter().flatten();
    match text(change, "/action") {
        "set-description" => image.description.as_deref() != change["text"].as_str(),
        "set-tags" => {
            tags().any(|(key, value)| image.tags.get(key).map(String::as_str) != value.as_str())
        }
        "remove-tags" => tags().any(|(key, _)| image.tags.contains_key(key)),
        _ => false,
    }
}
