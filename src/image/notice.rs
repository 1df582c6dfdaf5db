//! What people and machines are told. A notice is written out in full when it is recorded,
//! so that it still says what was true then, whatever happens before it is sent.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::plan::{NOTICE_LEASE, NOTICE_PAUSE_MAX};
use super::status::{Status, is_zero};

/// Sent notices that a status keeps; the oldest go first.
const SENT_KEPT: usize = 20;

/// One notice.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Notice {
    /// Counts the notices of a status, from 1; never used twice.
    pub seq: u64,
    /// What it tells.
    pub kind: NoticeKind,
    /// When what it tells happened.
    pub at: Timestamp,
    /// What is to be published. Gone once it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Message>,
    /// When a sender took it up last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<Timestamp>,
    /// How often a sender took it up.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempts: u32,
    /// When it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<Timestamp>,
    /// SNS's id of the published message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
}

/// What a notice tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeKind {
    /// The manifest did not pass the checks.
    Rejected,
    /// The AMI is available.
    Completed,
    /// The image will not come to be.
    Failed,
    /// Something is waited for, for longer than is usual.
    WaitingLong,
    /// The manifest passed the checks, and its image is being made.
    Started,
    /// Somebody asked for it, and it is no more.
    Cancelled,
    /// Nothing has changed for longer than is usual.
    Stalled,
    /// What made the image is known to EC2 no longer, and left nothing.
    Lost,
}

impl NoticeKind {
    /// Whether it tells how the image ended.
    pub(super) fn is_last_word(self) -> bool {
        !matches!(self, Self::WaitingLong | Self::Started | Self::Stalled)
    }
}

impl fmt::Display for NoticeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Rejected => "rejected",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::WaitingLong => "waiting-long",
            Self::Started => "started",
            Self::Cancelled => "cancelled",
            Self::Stalled => "stalled",
            Self::Lost => "lost",
        })
    }
}

/// What is published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Message {
    /// Subject of the e-mail.
    pub subject: String,
    /// Body of the e-mail.
    pub text: String,
    /// The same for machines.
    pub data: Value,
    /// Message attributes, for the filter policies of subscriptions.
    pub attributes: BTreeMap<String, String>,
}

impl Notice {
    /// Whether it should be sent now: nobody sent it, and nobody who took it up may still be at it.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        if self.sent_at.is_some() {
            return false;
        }
        let Some(taken_at) = self.taken_at else {
            return true;
        };
        let pause = pause_after(self.attempts);
        Duration::try_from(now.duration_since(taken_at)).is_ok_and(|elapsed| elapsed >= pause)
    }
}

/// How long after the given number of attempts the next one may follow: the lease, then twice as long each time.
fn pause_after(attempts: u32) -> Duration {
    let factor = 2_u32.saturating_pow(attempts.saturating_sub(1));
    NOTICE_LEASE.saturating_mul(factor).min(NOTICE_PAUSE_MAX)
}

impl Status {
    /// Records a notice of this kind about this status as it is now.
    pub(super) fn tell(&mut self, kind: NoticeKind, now: Timestamp) {
        let seq = self.notices.last().map_or(1, |notice| notice.seq + 1);
        let message = super::message::compose(self, kind, seq, now);
        self.notices.push(Notice {
            seq,
            kind,
            at: now,
            message: Some(message),
            taken_at: None,
            attempts: 0,
            sent_at: None,
            message_id: None,
        });
        let mut surplus = self
            .notices
            .iter()
            .filter(|notice| notice.sent_at.is_some())
            .count()
            .saturating_sub(SENT_KEPT);
        self.notices.retain(|notice| {
            let goes = surplus > 0 && notice.sent_at.is_some();
            surplus -= usize::from(goes);
            !goes
        });
    }

    /// Whether a notice of this kind was recorded at or after `since`.
    pub(super) fn told_since(&self, kind: NoticeKind, since: Timestamp) -> bool {
        self.notices
            .iter()
            .any(|notice| notice.kind == kind && notice.at >= since)
    }

    /// Takes up the first notice that is due: until its lease ends it is this sender's.
    pub fn take_notice(&mut self, now: Timestamp) -> Option<Notice> {
        let notice = self.notices.iter_mut().find(|notice| notice.is_due(now))?;
        notice.taken_at = Some(now);
        notice.attempts += 1;
        Some(notice.clone())
    }

    /// Marks a notice as sent; returns whether that is news. One that another sender marked before stays as it is.
    pub fn notice_sent(&mut self, seq: u64, message_id: &str, now: Timestamp) -> bool {
        let unsent = |notice: &&mut Notice| notice.seq == seq && notice.sent_at.is_none();
        let Some(notice) = self.notices.iter_mut().find(unsent) else {
            return false;
        };
        notice.sent_at = Some(now);
        notice.message_id = Some(message_id.to_owned());
        notice.message = None;
        true
    }
}
