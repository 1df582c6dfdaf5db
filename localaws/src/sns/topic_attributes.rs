//! Attributes of topics: GetTopicAttributes and SetTopicAttributes.
//!
//! Those that people set are built: `DisplayName`, which emails have as their sender's name, and `KmsMasterKeyId`, which is
//! kept and shown (nothing is encrypted here). The policies of a topic are those of the stack, and are not shown.

use std::collections::BTreeMap;

use super::message::invalid;
use super::topic::DISPLAY_NAME;
use super::{Sns, Trouble, all_used};
use crate::ACCOUNT;
use crate::query::{Fields, element};

const KEY: &str = "KmsMasterKeyId";

/// "This string … can be up to 100 characters" ("Creating an Amazon SNS topic", Amazon SNS Developer Guide).
const LONGEST_DISPLAY_NAME: usize = 100;

/// Attributes that SNS sets, but nothing here acts on ("SetTopicAttributes", Amazon SNS API Reference); those of delivery
/// status are more, and end in `Feedback…`.
const NOT_BUILT: [&str; 9] = [
    "ArchivePolicy",
    "ContentBasedDeduplication",
    "DataProtectionPolicy",
    "DeliveryPolicy",
    "FifoThroughputScope",
    "MaximumMessageSize",
    "Policy",
    "SignatureVersion",
    "TracingConfig",
];

/// Refuses an attribute that nothing here acts on, or that has a wrong value.
pub(super) fn check(action: &str, attribute: &str, value: &str) -> Result<(), Trouble> {
    match attribute {
        DISPLAY_NAME if value.chars().count() > LONGEST_DISPLAY_NAME => {
            Err(invalid("DisplayName").into())
        }
        DISPLAY_NAME | KEY => Ok(()),
        _ if NOT_BUILT.contains(&attribute) || attribute.contains("Feedback") => Err(
            Trouble::NotBuilt(format!("{action} with the attribute {attribute}")),
        ),
        _ => Err(invalid("AttributeName").into()),
    }
}

impl Sns {
    pub(super) fn topic_attributes(
        &self,
        region: &str,
        fields: &Fields,
    ) -> Result<String, Trouble> {
        let arn = self.topic_named(region, fields.get("TopicArn"))?;
        all_used("GetTopicAttributes", fields)?;
        let state = self.lock();
        let count = |pending: bool| {
            let subscriptions = state.subscriptions.iter();
            let counted = subscriptions.filter(|it| it.topic_arn == arn && it.pending == pending);
            counted.count().to_string()
        };
        let (confirmed, pending) = (count(false), count(true));
        let topic = state.topics.get(&arn);
        let deleted = topic.map_or(0, |topic| topic.deleted).to_string();
        let mut attributes = BTreeMap::from([
            (DISPLAY_NAME, ""),
            ("TopicArn", arn.as_str()),
            ("Owner", ACCOUNT),
            ("SubscriptionsConfirmed", confirmed.as_str()),
            ("SubscriptionsDeleted", deleted.as_str()),
            ("SubscriptionsPending", pending.as_str()),
        ]);
        let given = topic.into_iter().flat_map(|topic| &topic.attributes);
        attributes.extend(given.map(|(name, value)| (name.as_str(), value.as_str())));
        let entries: String = attributes
            .iter()
            .map(|(name, value)| {
                let (name, value) = (element("key", name), element("value", value));
                format!("<entry>{name}{value}</entry>")
            })
            .collect();
        Ok(format!("<Attributes>{entries}</Attributes>"))
    }

    pub(super) fn set_topic_attributes(
        &self,
        region: &str,
        fields: &Fields,
    ) -> Result<String, Trouble> {
        let arn = self.topic_named(region, fields.get("TopicArn"))?;
        let attribute = fields.get("AttributeName").unwrap_or_default();
        // "AttributeValue … Required: No": without one there is none.
        let value = fields.get("AttributeValue").unwrap_or_default();
        check("SetTopicAttributes", attribute, value)?;
        all_used("SetTopicAttributes", fields)?;
        if let Some(topic) = self.lock().topics.get_mut(&arn) {
            match value {
                "" => _ = topic.attributes.remove(attribute),
                value => {
                    let value = value.to_owned();
                    topic.attributes.insert(attribute.to_owned(), value);
                }
            }
        }
        Ok(String::new())
    }
}
