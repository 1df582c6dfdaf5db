//! SNS: who is subscribed to a topic.

use crate::aws::connect::Aws;
use crate::aws::error::{AwsError, classify};

/// What stands for the ARN of a subscription that is not confirmed ("Subscribe", SNS API Reference).
const PENDING: &str = "PendingConfirmation";

/// Who is subscribed to a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscriptions {
    /// The first of them: one page, of up to 100.
    pub first: Vec<Subscription>,
    /// Whether these are all.
    pub is_complete: bool,
}

/// A subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// As `email`.
    pub protocol: String,
    /// As an address.
    pub endpoint: String,
    /// Whether it is confirmed: nothing is sent to it before.
    pub is_confirmed: bool,
}

impl Aws {
    /// Who is subscribed to a topic; none if there is no such topic.
    ///
    /// # Errors
    /// If SNS does not answer, or refuses.
    pub async fn subscriptions(&self, topic_arn: &str) -> Result<Option<Subscriptions>, AwsError> {
        let request = self.sns().list_subscriptions_by_topic();
        let doing = format!("listing the subscriptions to {topic_arn}");
        let answer = Box::pin(request.topic_arn(topic_arn).send()).await;
        let page = match classify("ListSubscriptionsByTopic", doing, answer) {
            Err(error) if error.has_code("NotFound") => return Ok(None),
            answer => answer?,
        };
        let subscriptions = page.subscriptions.unwrap_or_default().into_iter();
        let first = subscriptions.map(|it| Subscription {
            protocol: it.protocol.unwrap_or_default(),
            endpoint: it.endpoint.unwrap_or_default(),
            is_confirmed: it.subscription_arn.is_some_and(|arn| arn != PENDING),
        });
        Ok(Some(Subscriptions {
            first: first.collect(),
            is_complete: page.next_token.is_none_or(|token| token.is_empty()),
        }))
    }
}
