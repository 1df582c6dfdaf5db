//! SNS: topics, email subscriptions, and what was published.
//!
//! Email goes into a folder as `.eml` files, for `email` as text and for `email-json` as SNS's JSON document.
//! Built: CreateTopic, DeleteTopic, ListTopics, GetTopicAttributes, SetTopicAttributes, Subscribe, Unsubscribe,
//! ListSubscriptions, ListSubscriptionsByTopic and Publish, for standard topics. FIFO topics, other protocols, and filter policies
//! of more than exact strings answer 501, and so do all other actions.
//!
//! Unlike in AWS, subscriptions are confirmed at once, unless a test says otherwise: these mailboxes have no reader who
//! could open a link.

mod actions;
mod controls;
mod email;
mod filter;
mod message;
mod topic;
mod topic_attributes;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::ACCOUNT;
use crate::clock::Clock;
use crate::ids::Ids;
use crate::lock::lock;
use crate::query::{Dialect, Fields, Refusal};
use crate::wire::{Request, Response};

use self::email::Email;
use self::filter::{FilterPolicy, Unusable};
use self::message::invalid;
pub use self::message::{Attribute, Published};
use self::topic::Topic;

const SNS: Dialect = Dialect("http://sns.amazonaws.com/doc/2010-03-31/");

/// Why SNS could not do what the world asked of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// SNS refused, as it would refuse a client.
    #[error("SNS refused: {code}: {message}")]
    Refused {
        /// SNS's error code.
        code: String,
        /// SNS's message.
        message: String,
    },
    /// SNS can do it, this world cannot.
    #[error("localaws has not built SNS {what}")]
    NotBuilt {
        /// What was asked for.
        what: String,
    },
}

/// Why an action has no answer.
#[derive(Debug)]
enum Trouble {
    Refused(Refusal),
    NotBuilt(String),
}

impl From<Refusal> for Trouble {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Refused(Refusal { code, message, .. }) => Self::Refused {
                code: code.to_owned(),
                message,
            },
            Trouble::NotBuilt(what) => Self::NotBuilt { what },
        }
    }
}

/// SNS with its topics. Cheap to clone; clones are the same SNS.
#[derive(Debug, Clone)]
pub struct Sns {
    clock: Clock,
    ids: Ids,
    mailbox: PathBuf,
    state: Arc<Mutex<State>>,
}

/// What a restart must not lose.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct State {
    /// By ARN.
    topics: BTreeMap<String, Topic>,
    /// In the order they were made.
    subscriptions: Vec<Subscription>,
    published: Vec<Published>,
    /// How many e-emails were written.
    emails: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Subscription {
    arn: String,
    topic_arn: String,
    protocol: String,
    endpoint: String,
    filter_policy: FilterPolicy,
    /// Whether it is not confirmed yet.
    #[serde(default)]
    pending: bool,
}

impl Sns {
    /// SNS that writes email into the folder `mailbox`, which is made when the first one comes.
    #[must_use]
    pub fn new(clock: Clock, ids: Ids, mailbox: &Path) -> Self {
        Self {
            clock,
            ids,
            mailbox: mailbox.to_owned(),
            state: Arc::default(),
        }
    }

    /// Makes a topic unless it is there, and names it.
    #[must_use]
    pub fn create_topic(&self, region: &str, name: &str) -> String {
        let arn = topic_arn(region, name);
        self.lock().topics.entry(arn.clone()).or_default();
        arn
    }

    /// Gives a topic a display name, which is the sender's name in its emails, unless it has one.
    pub fn begin_display_name(&self, topic_arn: &str, name: &str) {
        if let Some(topic) = self.lock().topics.get_mut(topic_arn) {
            topic.begin_display_name(name);
        }
    }

    /// Subscribes an endpoint to a topic, confirmed at once, and names the subscription.
    /// A second subscription of the same endpoint is the first.
    ///
    /// # Errors
    /// If there is no such topic, the endpoint is none of this protocol's, or the protocol is not built:
    /// `email` and `email-json` are.
    pub fn subscribe(
        &self,
        topic_arn: &str,
        protocol: &str,
        endpoint: &str,
    ) -> Result<String, Error> {
        Ok(self.add_subscription(topic_arn, protocol, endpoint, FilterPolicy::default())?)
    }

    /// Answers a request of the Query protocol that was sent to `region`.
    #[expect(
        clippy::unused_async,
        reason = "all services are asked in the same way"
    )]
    pub async fn handle(&self, region: &str, request: Request) -> Response {
        let fields = Fields::of(&request);
        let action = fields.get("Action").unwrap_or_default();
        let id = self.ids.uuid();
        if let Some(version) = SNS.other_version(&fields) {
            let what = format!("{action} of the API version {version}");
            return SNS.refuse(&Refusal::not_built("SNS", &what), &id);
        }
        match self.act(region, action, &fields) {
            Ok(result) => SNS.answer(action, &result, &id),
            Err(Trouble::Refused(refusal)) => SNS.refuse(&refusal, &id),
            Err(Trouble::NotBuilt(what)) => SNS.refuse(&Refusal::not_built("SNS", &what), &id),
        }
    }

    /// All that was published, oldest first.
    #[must_use]
    pub fn published(&self) -> Vec<Published> {
        self.lock().published.clone()
    }

    /// What a restart must not lose.
    #[must_use]
    pub fn save(&self) -> Value {
        // Strings, numbers and maps with text keys: nothing in it that JSON cannot say.
        serde_json::to_value(&*self.lock()).unwrap_or_default()
    }

    /// Continues from what was saved.
    ///
    /// # Errors
    /// If it is not what [`Sns::save`] gave.
    pub fn load(&self, saved: Value) -> Result<(), serde_json::Error> {
        *self.lock() = serde_json::from_value(saved)?;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn add_subscription(
        &self,
        topic_arn: &str,
        protocol: &str,
        endpoint: &str,
        filter_policy: FilterPolicy,
    ) -> Result<String, Trouble> {
        match protocol {
            "email" | "email-json" if is_address(endpoint) => {}
            "email" | "email-json" => return Err(invalid("Email address").into()),
            "http" | "https" | "sqs" | "sms" | "lambda" | "application" | "firehose" => {
                return Err(Trouble::NotBuilt(format!(
                    "Subscribe with protocol {protocol}"
                )));
            }
            _ => {
                return Err(invalid(&format!(
                    "Does not support this protocol string: {protocol}"
                ))
                .into());
            }
        }
        let mut state = self.lock();
        if !state.topics.contains_key(topic_arn) {
            return Err(no_such_topic().into());
        }
        let same = |it: &&Subscription| {
            it.topic_arn == topic_arn && it.protocol == protocol && it.endpoint == endpoint
        };
        if let Some(there) = state.subscriptions.iter().find(same) {
            return Ok(there.arn.clone());
        }
        let arn = format!("{topic_arn}:{}", self.ids.uuid());
        state.subscriptions.push(Subscription {
            arn: arn.clone(),
            topic_arn: topic_arn.to_owned(),
            protocol: protocol.to_owned(),
            endpoint: endpoint.to_owned(),
            filter_policy,
            pending: false,
        });
        Ok(arn)
    }

    /// Writes an email to each subscriber whose filter the message passes.
    /// As in AWS, a delivery that fails does not fail the publishing.
    fn deliver(&self, state: &mut State, published: &Published) -> Result<(), Refusal> {
        let State {
            topics,
            subscriptions,
            emails,
            ..
        } = state;
        let from = topics
            .get(&published.topic_arn)
            .and_then(Topic::display_name);
        let subscribers = subscriptions
            .iter()
            .filter(|it| it.topic_arn == published.topic_arn && !it.pending);
        for subscriber in subscribers.filter(|it| it.filter_policy.passes(&published.attributes)) {
            *emails += 1;
            let message = published.form(&subscriber.protocol)?;
            let body = match subscriber.protocol.as_str() {
                "email-json" => email::notification(published, &message).to_string(),
                _ => Email::with_footer(&message, &subscriber.arn),
            };
            let to = subscriber.endpoint.as_str();
            let email = Email {
                published,
                to,
                from,
                body,
                number: *emails,
            };
            match email.deliver(&self.mailbox) {
                Ok(path) => tracing::info!(path = %path.display(), to, "an email was delivered"),
                Err(error) => {
                    tracing::error!(%error, mailbox = %self.mailbox.display(), "an email was not delivered");
                }
            }
        }
        Ok(())
    }
}

fn read_policy(policy: &Value) -> Result<FilterPolicy, Trouble> {
    FilterPolicy::read(policy).map_err(|unusable| match unusable {
        Unusable::Invalid(why) => invalid(&why).into(),
        Unusable::NotBuilt => {
            Trouble::NotBuilt("filter policies of more than exact strings".to_owned())
        }
    })
}

/// Refuses what nothing has read, before anything is changed.
fn all_used(action: &str, fields: &Fields) -> Result<(), Trouble> {
    match fields.unused() {
        Some(unused) => Err(Trouble::NotBuilt(format!("{action} with {unused}"))),
        None => Ok(()),
    }
}

fn topic_arn(region: &str, name: &str) -> String {
    format!("arn:aws:sns:{region}:{ACCOUNT}:{name}")
}

fn no_such_topic() -> Refusal {
    Refusal {
        status: StatusCode::NOT_FOUND,
        code: "NotFound",
        message: "Topic does not exist".to_owned(),
    }
}

/// Whether an email could go there: one name, one host, nothing that would end a header.
fn is_address(endpoint: &str) -> bool {
    let is_plain = endpoint
        .chars()
        .all(|it| !it.is_control() && !it.is_whitespace() && !"<>,;\"".contains(it));
    is_plain
        && endpoint
            .split_once('@')
            .is_some_and(|(name, host)| !name.is_empty() && !host.is_empty() && !host.contains('@'))
}

#[cfg(test)]
mod tests;
