//! What all tasks have in common: kinds, a course through time, failures to come, and client tokens.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::Inner;
use super::error::{Failure, refuse};
use super::query::Fields;
use super::store::Region;

/// The tasks that take their time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskKind {
    /// ImportSnapshot: a disk becomes a snapshot.
    ImportSnapshot,
    /// ImportImage: a virtual machine becomes an image.
    ImportImage,
    /// CopyImage: an image becomes another one, maybe in another Region.
    CopyImage,
    /// CreateStoreImageTask: an image becomes an object in S3.
    StoreImage,
    /// CreateRestoreImageTask: such an object becomes an image.
    RestoreImage,
    /// BundleInstance: an instance becomes a bundle in S3.
    BundleInstance,
}

impl TaskKind {
    /// How long it takes unless set otherwise: real ones take minutes to hours, and a demo must see an end.
    pub(super) fn usual_time(self) -> Duration {
        Duration::from_secs(match self {
            Self::ImportImage => 120,
            Self::ImportSnapshot | Self::BundleInstance => 60,
            Self::CopyImage | Self::StoreImage | Self::RestoreImage => 30,
        })
    }
}

/// From when to when a task runs, if nothing comes in between.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct Course {
    pub(super) started_at: Timestamp,
    pub(super) ends_at: Timestamp,
}

impl Course {
    /// How far it is, in percent, rounded down; 100 only at its end.
    pub(super) fn percent(&self, now: Timestamp) -> u8 {
        let done = now.duration_since(self.started_at).as_nanos().max(0);
        let whole = self.ends_at.duration_since(self.started_at).as_nanos();
        if done >= whole {
            return 100;
        }
        u8::try_from(done * 100 / whole).unwrap_or(99)
    }

    /// When it is this far: [`Course::percent`] says so from then on.
    pub(super) fn at(&self, percent: i32) -> Timestamp {
        let whole = self.ends_at.duration_since(self.started_at).as_nanos();
        // Rounded up, as percent are rounded down.
        let part = (whole * i128::from(percent) + 99) / 100;
        let part = i64::try_from(part).map_or(SignedDuration::MAX, SignedDuration::from_nanos);
        let at = self.started_at.checked_add(part);
        at.map_or(self.ends_at, |at| at.min(self.ends_at))
    }

    /// Whether something that ended at `ended_at` has been listed for long enough.
    pub(super) fn is_past(ended_at: Timestamp, listed_for: SignedDuration, now: Timestamp) -> bool {
        now.duration_since(ended_at) >= listed_for
    }
}

/// What a client calls its request, so that asking twice makes one thing
/// ("Ensuring idempotency in Amazon EC2 API requests").
#[derive(Debug)]
pub(super) struct ClientToken {
    key: String,
    fingerprint: String,
}

/// What was made by a request with a client token.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Made {
    /// All parameters of the request.
    fingerprint: String,
    /// The id that was answered.
    pub(super) id: String,
}

impl ClientToken {
    /// Takes the token, if there is one. To be called before any other field is taken: it looks at all of them.
    pub(super) fn read(action: &str, fields: &mut Fields) -> Option<Self> {
        let token = fields
            .text("ClientToken")
            .filter(|token| !token.is_empty())?;
        Some(Self {
            key: format!("{action} {token}"),
            fingerprint: fields.fingerprint(&["DryRun"]),
        })
    }
}

impl Region {
    /// What this request has made before.
    pub(super) fn made_before(
        &self,
        token: Option<&ClientToken>,
    ) -> Result<Option<String>, Failure> {
        let Some((token, made)) =
            token.and_then(|token| Some((token, self.tokens.get(&token.key)?)))
        else {
            return Ok(None);
        };
        if made.fingerprint == token.fingerprint {
            return Ok(Some(made.id.clone()));
        }
        let message = "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).";
        Err(refuse("IdempotentParameterMismatch", message))
    }

    /// Remembers what this request has made.
    pub(super) fn made_now(&mut self, token: Option<ClientToken>, id: &str) {
        if let Some(ClientToken { key, fingerprint }) = token {
            let id = id.to_owned();
            self.tokens.insert(key, Made { fingerprint, id });
        }
    }

    /// Forgets the tokens of what is not listed any more.
    pub(super) fn forget_tokens_of(&mut self, ids: &BTreeSet<String>) {
        if !ids.is_empty() {
            self.tokens.retain(|_, made| !ids.contains(&made.id));
        }
    }
}

impl Inner {
    /// The course of a task that begins now.
    pub(super) fn course(&self, kind: TaskKind) -> Course {
        let time = self.settings().task_times.get(&kind).copied();
        Course {
            started_at: self.clock.now(),
            ends_at: self.later(time.unwrap_or_else(|| kind.usual_time())),
        }
    }
}

/// KmsKeyId says how to encrypt, not whether to.
pub(super) fn check_key(encrypted: bool, kms_key_id: Option<&str>) -> Result<(), Failure> {
    match kms_key_id {
        Some(_) if !encrypted => Err(refuse(
            "InvalidParameterDependency",
            "The parameter KmsKeyId requires the parameter Encrypted to be set.",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_how_far_it_is() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let course = Course {
            started_at: at("2026-11-21T10:00:00Z"),
            ends_at: at("2026-11-21T10:01:40Z"),
        };
        assert_eq!(course.percent(at("2026-11-21T09:00:00Z")), 0);
        assert_eq!(course.percent(at("2026-11-21T10:00:42Z")), 42);
        assert_eq!(course.percent(at("2026-11-21T10:01:39.9Z")), 99);
        assert_eq!(course.percent(course.ends_at), 100);
        assert_eq!(course.at(40), at("2026-11-21T10:00:40Z"));
        let at_once = Course {
            ends_at: course.started_at,
            ..course
        };
        assert_eq!(at_once.percent(course.started_at), 100);
    }
}
