//! What somebody has changed by hand a status names for as long as it is so, also while EC2 does not answer.

use jiff::{SignedDuration, Timestamp};
use localaws::ec2::{DeregistrationProtection, Image, ImageState, Permission};
use localaws::faults::Call;
use serde_json::Value;

use super::{State, own_images, text};

/// Of an AMI that is out of service, or not proven to be amiwright's, nothing else is said.
const OUT_OF_SERVICE: [&str; 3] = ["deregistered", "not-available", "untagged"];

/// EC2 rounds to minutes.
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

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
            ("setting", Some(image)) => self.is_due(call, region, &deviation["change"], &image),
            ("parameter", Some(image)) => {
                let place = (region.to_owned(), text(deviation, "/name").to_owned());
                let is_moved = |held: Option<&String>| held != Some(&image.id);
                !self.is_edited_lately(call, &place)
                    && is_moved(self.read.get(&place))
                    && is_moved(self.eyes().ssm.parameter(region, &place.1).as_ref())
            }
            _ => false,
        }
    }

    /// Whether a change would still change something about an AMI or its snapshots.
    fn is_due(&self, call: &Call, region: &str, change: &Value, image: &Image) -> bool {
        let tags = || change["tags"].as_object().into_iter().flatten();
        let granted = |who: &Value| image.launch_permissions.contains(&permission(who));
        match text(change, "/action") {
            "set-description" => image.description.as_deref() != change["text"].as_str(),
            "set-tags" => {
                tags().any(|(key, value)| image.tags.get(key).map(String::as_str) != value.as_str())
            }
            "remove-tags" => tags().any(|(key, _)| image.tags.contains_key(key)),
            "change-grants" => {
                !list(&change["add"]).iter().all(granted)
                    || list(&change["remove"]).iter().any(granted)
            }
            "share-snapshot" | "revoke-snapshot" => {
                let mut snapshots = self.eyes().ec2.snapshots(region).into_iter();
                let snapshot = snapshots.find(|it| change["snapshot"] == it.id.as_str());
                let is_to_have = text(change, "/action") == "share-snapshot";
                let accounts = list(&change["accounts"]).iter();
                let mut accounts = accounts.map(|it| account(it.as_str().unwrap_or_default()));
                snapshot.is_some_and(|it| {
                    let readers = &it.create_volume_permissions;
                    accounts.any(|account| readers.contains(&account) != is_to_have)
                })
            }
            "set-deprecation" => {
                let asked = change["at"].as_str().and_then(|it| it.parse().ok());
                is_deprecated_otherwise(image.deprecation_time, asked, call.at)
            }
            "set-protection" => {
                let is = match &image.deregistration_protection {
                    DeregistrationProtection::EnabledWithCooldown => Some("with-cooldown"),
                    DeregistrationProtection::EnabledWithoutCooldown => Some("on"),
                    DeregistrationProtection::Disabled
                    | DeregistrationProtection::CoolingDown(_) => None,
                };
                is != change["protection"].as_str()
            }
            _ => false,
        }
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn account(id: &str) -> Permission {
    Permission::Account(id.to_owned())
}

/// Who may launch an AMI, as a status says it.
fn permission(who: &Value) -> Permission {
    let is = |kind: &str| who[kind].as_str().map(str::to_owned);
    let organization = || is("organization").map(Permission::Organization);
    let unit = || is("organizational-unit").map(Permission::OrganizationalUnit);
    let account = is("account").map(Permission::Account);
    let one = account.or_else(organization).or_else(unit);
    one.unwrap_or(Permission::Everyone)
}

/// Whether an AMI is deprecated at another minute than it is to be. What has passed EC2 does not take.
fn is_deprecated_otherwise(
    is: Option<Timestamp>,
    asked: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    match (is, asked) {
        (_, Some(asked)) if asked <= now => false,
        (Some(is), Some(asked)) => is.duration_since(asked).abs() > MINUTE,
        (is, asked) => is.is_some() != asked.is_some(),
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
