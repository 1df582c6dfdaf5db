//! Why something failed, as statuses say: each kind of failure has causes of its own, and one of them has to have happened.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use localaws::faults::Call;
use serde_json::Value;

use super::happened::UNCLEAR;
use super::{State, text};
use crate::simulation::manifest::{beside, key as manifest_key};
use crate::simulation::play::BUNDLE;
use crate::simulation::script::{Edit, Event, Kind, SILENT, Source, VALIDATED, starts_work};
use crate::simulation::setting::region;

/// Codes of errors that pass ("Error codes for the Amazon EC2 API", and the error lists of S3, SNS and SSM): the request is sent
/// again, for however long they last.
const PASSING: [&str; 8] = [
    "InternalError",
    "RequestLimitExceeded",
    "ServiceUnavailable",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "Unavailable",
];

/// How long a Region may refuse what publishing needs, in seconds.
const REFUSED: u64 = 900;

/// For how long that was waited for at least, in seconds: a quarter of an hour by the clocks of two machines, each of which may be
/// two minutes off.
const WAITED: i64 = 11 * 60;

/// For so long each look asked which Regions there are, if one has refused the credentials.
const LOOKED: SignedDuration = SignedDuration::from_mins(16);

/// Codes with which AWS answers in a Region that is switched off.
const SWITCHED_OFF: [&str; 2] = ["AuthFailure", "UnrecognizedClientException"];

/// Codes of a refusal by IAM.
const DENIALS: [&str; 4] = [
    "UnauthorizedOperation",
    "AccessDenied",
    "AccessDeniedException",
    "AuthorizationError",
];

/// Actions that share something.
const SHARES: [&str; 2] = ["ModifyImageAttribute", "ModifySnapshotAttribute"];

/// Failures that are told in the words of a task or an AMI, not of an answer to a request.
const OF_TASKS: [&str; 3] = ["task-failed", "image-failed", "copy-failed"];

/// Tasks that make an AMI.
const MAKES_IMAGE: [Kind; 3] = [Kind::ImportImage, Kind::CopyImage, Kind::RestoreImage];

/// What people do to an AMI that may keep it from becoming as its manifest says.
pub(super) const EDITS: [Edit; 3] = [Edit::Deregister, Edit::Disable, Edit::Protect];

/// The sources of which instance-store AMIs are made.
const INSTANCE_STORE: [Source; 2] = [Source::Bundle, Source::Instance];

impl State {
    /// What fails now and did not before has a cause.
    pub(super) fn judge_failures(
        &mut self,
        call: &Call,
        key: &str,
        (before, status): (&Value, &Value),
    ) {
        let known = failures(before);
        for (place, failure) in failures(status) {
            if known.get(&place) == Some(&failure) {
                continue;
            }
            let what = if passes(&failure) {
                "an error that passes ends it"
            } else if is_too_soon(call, &place, before, &failure) {
                "what is refused ends it, and was hardly waited for"
            } else if self.is_off_unsaid(call, &place, &failure) {
                "the Region is switched off, and that is not said"
            } else if self.has_cause(key, &place, status, &failure) {
                continue;
            } else {
                "it fails without a cause"
            };
            self.wrong(call, &format!("{key}: {what}, in {place}: {failure}"));
        }
    }

    /// Whether a Region is given up because it refuses the credentials, and is switched off, as functions could know.
    fn is_off_unsaid(&self, call: &Call, place: &str, failure: &Value) -> bool {
        let region = place.rsplit('/').next().unwrap_or_default();
        text(failure, "/kind") == "not-published"
            && names(&SWITCHED_OFF, text(failure, "/message"))
            && !self.eyes().ec2.is_enabled(region)
            && self.knew_regions(call.at, LOOKED)
    }

    /// Whether something has happened that leads to a failure of this kind.
    fn has_cause(&self, key: &str, place: &str, status: &Value, failure: &Value) -> bool {
        match text(failure, "/kind") {
            "task-lost" => self.is_shown_otherwise(key),
            "task-failed" => self.is_failing(key, |_| true),
            "copy-failed" => self.is_failing(key, |it| it == Some(Kind::CopyImage)),
            "image-failed" => {
                self.is_failing(key, |it| it.is_none_or(|kind| MAKES_IMAGE.contains(&kind)))
            }
            // What has lost its tags counts as not shown.
            "image-lost" | "image-deregistered" => {
                self.is_edited(key, &[Edit::Deregister, Edit::Disown])
            }
            "unproven" => self.is_edited(key, &[Edit::Disown]),
            "image-disabled" => self.is_edited(key, &[Edit::Disable]),
            "name-taken" => {
                self.has_twin(key)
                    || self.some_version(key, |it| it.fixed_name || it.shared_name)
                    || self.is_edited(key, &[Edit::Disown])
            }
            "region-disabled" => self.is_switched_off(place),
            "parameter-conflict" => self.may_conflict(key, status),
            "parameter-not-validated" => {
                self.is_edited(key, &[Edit::Deregister, Edit::Disable]) || self.is_validated_late()
            }
            "not-shareable" => {
                self.has_happened(|event| matches!(event, Event::Encrypts { .. }))
                    || self.some_version(key, |it| it.public)
            }
            "blocked" => self.some_version(key, |it| it.public || it.product_code),
            "not-copyable" => self.some_version(key, |it| INSTANCE_STORE.contains(&it.source)),
            "copy-unusable" => {
                let mut keys = BTreeSet::new();
                self.some_version(key, |it| {
                    keys.insert(it.keys.clone());
                    keys.len() > 1
                })
            }
            "manifest-gone" | "settings-gone" => self.is_removed(key) || self.is_replaced(key),
            "manifest-not-allowed" => self.is_updated(),
            "source-unreadable" | "bundle-key-unusable" => self.is_denied(),
            // A public AMI can be deprecated earlier than before, and not later.
            "request-refused"
                if (text(failure, "/action"), text(failure, "/code"))
                    == ("EnableImageDeprecation", "InvalidParameterValue") =>
            {
                self.some_version(key, |it| it.public) || self.is_refused(key, failure)
            }
            "request-refused" => self.is_refused(key, failure),
            "not-published" => {
                self.is_switched_off(place)
                    || self.is_validated_late()
                    || self.is_edited(key, &EDITS)
                    || self.is_edited(key, &[Edit::Disown])
                    || self.unclear() >= UNCLEAR
                    // Refused for longer than a new policy takes until it is in force everywhere.
                    || (is_denial(text(failure, "/message")) && self.denied_for() >= REFUSED)
            }
            // Nobody forges a status, a tag or an answer, and everything has room.
            _ => false,
        }
    }

    /// Whether a request may be refused for good like this.
    fn is_refused(&self, key: &str, failure: &Value) -> bool {
        let (action, code) = (text(failure, "/action"), text(failure, "/code"));
        match code {
            _ if DENIALS.contains(&code) => self.is_denied() || self.is_updated(),
            "ResourceLimitExceeded" => {
                self.has_happened(|event| matches!(event, Event::Quota { .. }))
            }
            // SSM takes no other value before it has validated one.
            "ValidationException" => self.is_validated_late(),
            // What the account encrypts with the key of AWS cannot be shared.
            "InvalidParameter" | "OperationNotPermitted" if SHARES.contains(&action) => {
                self.has_happened(|event| matches!(event, Event::Encrypts { .. }))
                    || self.is_edited(key, &EDITS)
            }
            "" => self.silence() >= SILENT || self.is_edited(key, &EDITS),
            _ => self.is_edited(key, &EDITS),
        }
    }

    /// Whether SSM validates parameters late, or never.
    pub(super) fn is_validated_late(&self) -> bool {
        self.has_happened(|event| match event {
            Event::Validation { fails, seconds } => *fails || *seconds >= VALIDATED,
            _ => false,
        })
    }

    /// Whether a task or a registration of such a kind was to fail, or was shown as if it had.
    fn is_failing(&self, key: &str, is_meant: impl Fn(Option<Kind>) -> bool) -> bool {
        self.is_shown_otherwise(key)
            || self.has_happened(
                |event| matches!(event, Event::FailNext { kind, .. } if is_meant(*kind)),
            )
    }

    /// Whether EC2's lists did not show a task of a manifest as it was.
    fn is_shown_otherwise(&self, key: &str) -> bool {
        self.has_happened(|event| match event {
            Event::HideTask { key: at } | Event::ShowTask { key: at, .. } => {
                manifest_key(*at) == key
            }
            _ => false,
        })
    }

    /// Whether the Region of a failure was switched off.
    pub(super) fn is_switched_off(&self, place: &str) -> bool {
        self.has_happened(|event| match event {
            Event::OptIn { region: at, on } => !on && place.contains(region(*at)),
            _ => false,
        })
    }

    /// Whether somebody else may have written a parameter of a manifest, which does not take it over from them.
    fn may_conflict(&self, key: &str, status: &Value) -> bool {
        let version = self.version(key, text(status, "/manifest/sha256"));
        let may_take = version.is_some_and(|it| it.take_over);
        self.is_contested(key) || (self.is_parameter_of_others(key) && !may_take)
    }

    /// Whether another manifest sets a parameter of this one, too.
    fn is_contested(&self, key: &str) -> bool {
        self.has_twin(key) || self.some_version(key, |it| it.shared_parameter)
    }

    /// Whether somebody else may have written a parameter of a manifest.
    pub(super) fn is_parameter_of_others(&self, key: &str) -> bool {
        self.is_contested(key)
            || self.has_happened(
                |event| matches!(event, Event::Edit { edit, .. } if *edit == Edit::Parameter),
            )
    }

    /// Whether there is more than one version of what a manifest says, or of its bundle.
    fn is_replaced(&self, key: &str) -> bool {
        let uri = format!("s3://{}/{key}", self.eyes().bucket);
        let is_again = self.wanted.get(&uri).is_some_and(|it| it.len() > 1);
        // A bundle is an image of its own, too.
        let is_its = |at: usize| {
            let of = manifest_key(at);
            of == key || beside(of, BUNDLE) == key
        };
        is_again
            || self.has_happened(
                |event| matches!(event, Event::DropObject { key: at, .. } if is_its(*at)),
            )
    }
}

/// Whether a failure is an error that passes, and so none to end with.
fn passes(failure: &Value) -> bool {
    let (kind, code) = (text(failure, "/kind"), text(failure, "/code"));
    let is_limit = code == "ResourceLimitExceeded";
    let is_passing = PASSING.contains(&code) && !OF_TASKS.contains(&kind);
    is_passing || (is_limit && starts_work(text(failure, "/action")))
}

/// Whether a Region ends because it refuses something, although a status has not waited for that as long as new policies take
/// until they are in force everywhere.
fn is_too_soon(call: &Call, place: &str, before: &Value, failure: &Value) -> bool {
    let message = text(failure, "/message");
    let is_refused = is_denial(message) || names(&SWITCHED_OFF, message);
    if text(failure, "/kind") != "not-published" || !is_refused {
        return false;
    }
    let region = place.rsplit('/').next().unwrap_or_default();
    let waiting = [
        &before["copies"][region]["waiting"],
        &before["build"]["waiting"],
    ];
    let since = waiting.map(|it| text(it, "/since").parse::<Timestamp>().ok());
    let mut waited = since.into_iter().flatten();
    !waited.any(|since| call.at.as_second() - since.as_second() >= WAITED)
}

fn is_denial(message: &str) -> bool {
    names(&DENIALS, message)
}

fn names(codes: &[&str], message: &str) -> bool {
    codes.iter().any(|code| message.contains(code))
}

/// What failed for good, by where its status says so.
fn failures(status: &Value) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    let mut add = |place: String, failure: &Value| {
        if failure.is_object() {
            found.insert(place, failure.clone());
        }
    };
    add("build".to_owned(), &status["build"]["failure"]);
    let all = [
        ("regions", &status["regions"]),
        ("copies", &status["copies"]),
        ("parameters", &status["release"]["parameters"]),
    ];
    for (of, members) in all {
        for (at, member) in members.as_object().into_iter().flatten() {
            add(format!("{of}/{at}"), &member["failure"]);
        }
    }
    found
}
