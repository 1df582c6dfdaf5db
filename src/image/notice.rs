//! What people and machines are notified of. A notice records the facts as they were, so that it still says what was
//! true then, whatever happens before it is sent. It holds no text: the sender composes that ([`super::message`]), so
//! that whoever may write a status cannot have their own words sent as amiwright's.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::words::{NoticeKind, is_zero};

/// How long a notice that is being sent belongs to its sender: longer than the functions that send may run (30 s and
/// 50 s, template.yaml), also where the sender's clock is two minutes behind and that of who looks two minutes ahead.
pub const SEND_LEASE: Duration = Duration::from_secs(5 * 60);

/// The pause after the first attempt that failed: shorter than the minute after which Lambda retries a failed invocation.
const RESEND_AFTER: Duration = Duration::from_secs(55);

/// The longest pause between two attempts to send a notice.
pub const BACKOFF_MAX: Duration = Duration::from_secs(60 * 60);

/// One notice, of facts of this type.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", bound(deserialize = "F: Deserialize<'de>"))]
#[schemars(rename = "NoticeRecord")]
pub struct Notice<F> {
    /// Counts the notices of a status, from 1; never used twice.
    pub seq: u64,
    /// What it says.
    pub kind: NoticeKind,
    /// When that happened.
    pub at: Timestamp,
    /// What was true then. Gone once it was published; without it, what is true now is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<F>,
    /// When a sender last claimed it.
    #[serde(default, alias = "takenAt", skip_serializing_if = "Option::is_none")]
    pub claimed_at: Option<Timestamp>,
    /// How often a sender claimed it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u32,
    /// Whether the last attempt failed, so that nobody is sending it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub attempt_failed: bool,
    /// When it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// SNS's id of the published message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
}

/// What is published.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Subject of the email.
    pub subject: String,
    /// Body of the email.
    pub text: String,
    /// The same for machines.
    pub data: Value,
    /// Message attributes, for the filter policies of subscriptions.
    pub attributes: BTreeMap<String, String>,
}

impl<F> Notice<F> {
    /// Whether it should be sent now: it was not sent, and no sender that claimed it may still be sending it.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        if self.sent_at.is_some() {
            return false;
        }
        let Some(claimed_at) = self.claimed_at else {
            return true;
        };
        // Who has not said that it failed may be sending it.
        let lease = if self.attempt_failed {
            Duration::ZERO
        } else {
            SEND_LEASE
        };
        let pause = backoff(self.attempts).max(lease);
        Duration::try_from(now.duration_since(claimed_at)).is_ok_and(|elapsed| elapsed >= pause)
    }
}

/// How long after the given number of attempts the next one may follow: after twice as long each time.
fn backoff(attempts: u32) -> Duration {
    let factor = 2_u32.saturating_pow(attempts.saturating_sub(1));
    RESEND_AFTER.saturating_mul(factor).min(BACKOFF_MAX)
}
