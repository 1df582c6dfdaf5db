//! What is asked of AWS once only: by client tokens, by claims.

use std::collections::BTreeMap;

use jiff::Timestamp;
use localaws::faults::Call;

use super::{State, field};
use crate::simulation::text;
use crate::support::REGION;

/// For how long nobody asks again to store an AMI, in seconds: a quarter of an hour by the clocks of two machines, each of
/// which may be two minutes off.
const STORE_AGAIN: i64 = 11 * 60;

/// What was asked for.
#[derive(Default)]
pub(super) struct Once {
    /// The attempt that each client token was sent for.
    tokens: BTreeMap<String, String>,
    /// The token with which each attempt has begun something.
    begun: BTreeMap<(String, String), String>,
    /// When EC2 was last asked to store an AMI in a bucket, and took it.
    stored: BTreeMap<(String, String), Timestamp>,
}

impl State {
    /// EC2 answers a client token that it knows with what it has begun: what one attempt has begun is not another's. Storing an
    /// AMI has no token, and would be done twice.
    pub(super) fn judge_repetition(&mut self, call: &Call, sent: &[(String, String)]) {
        if let Some(token) = field(sent, "ClientToken") {
            let attempt = attempt_of(sent, &call.region);
            let known = self.once.tokens.entry(token.to_owned());
            let known = known.or_insert_with(|| attempt.clone()).clone();
            if known != attempt {
                let what = format!("the token of {known} is sent for {attempt}");
                self.wrong(call, &what);
            }
            self.judge_token(call, attempt, token);
        }
        if call.action == "CreateStoreImageTask" {
            let [id, bucket] =
                ["ImageId", "Bucket"].map(|it| field(sent, it).unwrap_or_default().to_owned());
            let before = self.once.stored.insert((id.clone(), bucket), call.at);
            let passed = before.map(|it| call.at.as_second() - it.as_second());
            if let Some(passed) = passed.filter(|it| *it < STORE_AGAIN) {
                let what = format!("{id} is stored again after {passed} seconds");
                self.wrong(call, &what);
            }
        }
    }

    /// Nor is one attempt begun with two tokens: EC2 would take the second for another request, and import or copy twice. Only
    /// what the stack's AMI is copied to is asked for anew, by the same attempt, once a copy has failed.
    fn judge_token(&mut self, call: &Call, attempt: String, token: &str) {
        if call.action == "CopyImage" && call.region != REGION {
            return;
        }
        let begun = (call.action.clone(), attempt);
        let what = format!("{} is begun again, by another token", begun.1);
        let known = self.once.begun.entry(begun);
        let is_known = *known.or_insert_with(|| token.to_owned()) == token;
        if !is_known {
            self.wrong(call, &what);
        }
    }

    /// A notice is sent by who has claimed it, so that two senders never send it at once.
    pub(super) fn judge_claim(&mut self, call: &Call, id: &str) {
        let prefix = format!("s3://{}/", self.eyes().bucket);
        let named = id.strip_prefix(&prefix).and_then(|it| it.rsplit_once('#'));
        let Some((key, number)) = named else {
            return self.wrong(call, &format!("{id} is no notice's id"));
        };
        let number = number.parse().ok();
        let status = self.written.last.get(key).cloned().unwrap_or_default();
        let mut notices = status["notices"].as_array().into_iter().flatten();
        let is_claimed = notices.any(|it| {
            let attempts = it["attempts"].as_u64().unwrap_or_default();
            it["seq"].as_u64() == number && attempts > 0 && !text(it, "/claimedAt").is_empty()
        });
        if !is_claimed {
            self.wrong(
                call,
                &format!("{id} is published, and nobody has claimed it"),
            );
        }
    }
}

/// The manifest, the version and the attempt that a request makes something for, by its tags, and where.
fn attempt_of(sent: &[(String, String)], region: &str) -> String {
    let is_tag = |name: &str| name.starts_with("TagSpecification.") && name.ends_with(".Key");
    let of_us = sent
        .iter()
        .filter(|(name, key)| is_tag(name) && key.starts_with("amiwright:"));
    let values = of_us.filter_map(|(name, key)| {
        let value = format!("{}.Value", name.strip_suffix(".Key")?);
        Some(format!("{key}={}", field(sent, &value)?))
    });
    let mut said: Vec<String> = values.collect();
    // What is made and its snapshots have the same.
    said.sort();
    said.dedup();
    format!("{region} {}", said.join(" "))
}
