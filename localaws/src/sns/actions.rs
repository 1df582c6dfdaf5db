//! SNS's actions: fields in, the XML of the result out.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::ACCOUNT;
use crate::query::{Fields, element};

use super::filter::FilterPolicy;
use super::message::{Published, invalid};
use super::topic::Topic;
use super::topic_attributes;
use super::{Sns, State, Subscription, Trouble, all_used, no_such_topic, read_policy, topic_arn};

/// Topics or subscriptions in a page ("Each call returns a limited list of …, up to 100").
const PAGE: usize = 100;
/// The longest name of a topic.
const LONGEST_NAME: usize = 256;

impl Sns {
    /// Does what a request asks.
    pub(super) fn act(
        &self,
        region: &str,
        action: &str,
        fields: &Fields,
    ) -> Result<String, Trouble> {
        match action {
            "CreateTopic" => self.create(region, fields),
            "DeleteTopic" => self.delete(fields),
            "ListTopics" => self.list_topics(region, fields),
            "GetTopicAttributes" => self.topic_attributes(region, fields),
            "SetTopicAttributes" => self.set_topic_attributes(region, fields),
            "Subscribe" => self.subscribe_as_asked(region, fields),
            "Unsubscribe" => self.unsubscribe(fields),
            "ListSubscriptions" => self.list_subscriptions(region, fields, None),
            "ListSubscriptionsByTopic" => {
                let topic_arn = self.topic_named(region, fields.get("TopicArn"))?;
                self.list_subscriptions(region, fields, Some(&topic_arn))
            }
            "Publish" => self.publish(region, fields),
            _ => Err(Trouble::NotBuilt(action.to_owned())),
        }
    }

    fn create(&self, region: &str, fields: &Fields) -> Result<String, Trouble> {
        let name = fields.get("Name").unwrap_or_default();
        if name.ends_with(".fifo") || fields.has("Tags.") || fields.has("DataProtectionPolicy") {
            return Err(Trouble::NotBuilt(
                "CreateTopic with FIFO, tags or a data protection policy".to_owned(),
            ));
        }
        let is_name = |it: u8| it.is_ascii_alphanumeric() || b"-_".contains(&it);
        if name.is_empty() || name.len() > LONGEST_NAME || !name.bytes().all(is_name) {
            return Err(invalid("Topic Name").into());
        }
        let mut attributes = BTreeMap::new();
        for (attribute, value) in fields.entries("Attributes", "key", "value") {
            topic_attributes::check("CreateTopic", attribute, value.text())?;
            attributes.insert(attribute.to_owned(), value.text().to_owned());
        }
        all_used("CreateTopic", fields)?;
        let arn = topic_arn(region, name);
        let mut state = self.lock();
        match state.topics.get(&arn) {
            // What is not said is as it is.
            Some(there) if attributes.iter().any(|it| !there.is(it)) => {
                return Err(invalid(
                    "Attributes Reason: Topic already exists with different attributes",
                )
                .into());
            }
            Some(_) => {}
            None => {
                let topic = Topic {
                    attributes,
                    ..Topic::default()
                };
                state.topics.insert(arn.clone(), topic);
            }
        }
        Ok(element("TopicArn", &arn))
    }

    /// "This action is idempotent, so deleting a topic that does not exist does not result in an error."
    fn delete(&self, fields: &Fields) -> Result<String, Trouble> {
        let arn = fields.get("TopicArn").filter(|arn| is_arn(arn));
        let arn = arn.ok_or_else(|| invalid("TopicArn"))?;
        all_used("DeleteTopic", fields)?;
        let mut state = self.lock();
        state.topics.remove(arn);
        state
            .subscriptions
            .retain(|subscription| subscription.topic_arn != arn);
        Ok(String::new())
    }

    fn list_topics(&self, region: &str, fields: &Fields) -> Result<String, Trouble> {
        let here = topic_arn(region, "");
        let state = self.lock();
        let arns: Vec<&String> = state
            .topics
            .keys()
            .filter(|arn| arn.starts_with(&here))
            .collect();
        let (page, next) = page(&arns, fields)?;
        let members: String = page
            .iter()
            .map(|arn| format!("<member>{}</member>", element("TopicArn", arn)))
            .collect();
        Ok(format!("<Topics>{members}</Topics>{next}"))
    }

    fn subscribe_as_asked(&self, region: &str, fields: &Fields) -> Result<String, Trouble> {
        let topic_arn = self.topic_named(region, fields.get("TopicArn"))?;
        let mut filter_policy = FilterPolicy::default();
        for (attribute, value) in fields.entries("Attributes", "key", "value") {
            match (attribute, value.text()) {
                ("FilterPolicy", policy) => {
                    let policy: Value = serde_json::from_str(policy).map_err(|error| {
                        invalid(&format!("FilterPolicy: failed to parse JSON: {error}"))
                    })?;
                    filter_policy = read_policy(&policy)?;
                }
                ("FilterPolicyScope", "MessageAttributes") => {}
                _ => {
                    return Err(Trouble::NotBuilt(format!(
                        "Subscribe with the attribute {attribute}"
                    )));
                }
            }
        }
        let (protocol, endpoint) = (fields.get("Protocol"), fields.get("Endpoint"));
        let (protocol, endpoint) = (protocol.unwrap_or_default(), endpoint.unwrap_or_default());
        // Every subscription is confirmed at once here, so its ARN is always there to be returned.
        if !matches!(
            fields.get("ReturnSubscriptionArn"),
            None | Some("true" | "false")
        ) {
            return Err(invalid("ReturnSubscriptionArn").into());
        }
        all_used("Subscribe", fields)?;
        let arn = self.add_subscription(&topic_arn, protocol, endpoint, filter_policy)?;
        Ok(element("SubscriptionArn", &arn))
    }

    fn unsubscribe(&self, fields: &Fields) -> Result<String, Trouble> {
        let arn = fields.get("SubscriptionArn").filter(|arn| is_arn(arn));
        let arn = arn.ok_or_else(|| invalid("SubscriptionArn"))?;
        all_used("Unsubscribe", fields)?;
        let mut state = self.lock();
        let State {
            topics,
            subscriptions,
            ..
        } = &mut *state;
        subscriptions.retain(|subscription| {
            let goes = subscription.arn == arn;
            if goes && let Some(topic) = topics.get_mut(&subscription.topic_arn) {
                topic.deleted += 1;
            }
            !goes
        });
        Ok(String::new())
    }

    fn list_subscriptions(
        &self,
        region: &str,
        fields: &Fields,
        of: Option<&str>,
    ) -> Result<String, Trouble> {
        let here = topic_arn(region, "");
        let state = self.lock();
        let subscriptions = state.subscriptions.iter().filter(|it| match of {
            Some(topic_arn) => it.topic_arn == topic_arn,
            None => it.topic_arn.starts_with(&here),
        });
        let subscriptions: Vec<&Subscription> = subscriptions.collect();
        let (page, next) = page(&subscriptions, fields)?;
        let members: String = page
            .iter()
            .map(|subscription| member(subscription))
            .collect();
        Ok(format!("<Subscriptions>{members}</Subscriptions>{next}"))
    }

    fn publish(&self, region: &str, fields: &Fields) -> Result<String, Trouble> {
        if fields.has("PhoneNumber") {
            return Err(Trouble::NotBuilt("Publish to a phone".to_owned()));
        }
        let topic_arn = self.topic_named(
            region,
            fields.get("TopicArn").or_else(|| fields.get("TargetArn")),
        )?;
        // The date of an email, which people read by their own clocks.
        let at = self.clock.outside_now();
        let published = Published::read(fields, &topic_arn, self.ids.uuid(), at)?;
        all_used("Publish", fields)?;
        let mut state = self.lock();
        self.deliver(&mut state, &published)?;
        let result = element("MessageId", &published.message_id);
        state.published.push(published);
        Ok(result)
    }

    /// The ARN of a topic that is there and in this Region.
    pub(super) fn topic_named(&self, region: &str, arn: Option<&str>) -> Result<String, Trouble> {
        let arn = arn.filter(|arn| arn.starts_with(&format!("arn:aws:sns:{region}:")));
        let arn = arn.ok_or_else(|| invalid("TopicArn"))?;
        if !self.lock().topics.contains_key(arn) {
            return Err(no_such_topic().into());
        }
        Ok(arn.to_owned())
    }
}

fn is_arn(text: &str) -> bool {
    text.starts_with("arn:") && text.split(':').count() >= 6
}

/// What stands for the ARN of a subscription that is not confirmed ("Subscribe", SNS API Reference).
const PENDING: &str = "PendingConfirmation";

fn member(subscription: &Subscription) -> String {
    let arn = subscription.arn.as_str();
    let fields = [
        (
            "SubscriptionArn",
            if subscription.pending { PENDING } else { arn },
        ),
        ("Owner", ACCOUNT),
        ("Protocol", &subscription.protocol),
        ("Endpoint", &subscription.endpoint),
        ("TopicArn", &subscription.topic_arn),
    ];
    let fields: String = fields
        .iter()
        .map(|(name, value)| element(name, value))
        .collect();
    format!("<member>{fields}</member>")
}

/// The page that a request asks for, and the XML of the token for the next.
fn page<'a, T>(all: &'a [T], fields: &Fields) -> Result<(&'a [T], String), Trouble> {
    let from = fields
        .get("NextToken")
        .map_or(Ok(0), str::parse)
        .map_err(|_| invalid("NextToken"))?;
    all_used("a listing", fields)?;
    let rest = all.get(from..).ok_or_else(|| invalid("NextToken"))?;
    match rest.split_at_checked(PAGE) {
        Some((page, more)) if !more.is_empty() => {
            Ok((page, element("NextToken", &(from + PAGE).to_string())))
        }
        _ => Ok((rest, String::new())),
    }
}
