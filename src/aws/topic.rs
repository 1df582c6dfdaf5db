//! SNS: publishing notices.

use std::collections::BTreeMap;

use aws_sdk_sns::types::MessageAttributeValue;

use super::connect::Aws;
use super::error::classify;
use super::error::{AwsError, Remedy};
use crate::failures::chain;

/// What a notice is published with, as its API reference names it.
pub const PUBLISH: &str = "Publish";

impl Aws {
    /// Publishes a message with one body for email and one for all other protocols (Publish, `MessageStructure=json`).
    /// Returns SNS's message id.
    ///
    /// # Errors
    /// If SNS does not answer, or refuses.
    pub async fn publish(
        &self,
        topic_arn: &str,
        subject: &str,
        email: &str,
        default: &str,
        attributes: &BTreeMap<String, String>,
    ) -> Result<String, AwsError> {
        let doing = format!("publishing to {topic_arn}");
        let bodies = serde_json::json!({ "default": default, "email": email });
        let mut request = self
            .sns()
            .publish()
            .topic_arn(topic_arn)
            .subject(subject)
            .message(bodies.to_string())
            .message_structure("json");
        for (name, value) in attributes {
            let value = MessageAttributeValue::builder()
                .data_type("String")
                .string_value(value)
                .build();
            let value = value.map_err(|error| {
                AwsError::unexplained(PUBLISH, &doing, Remedy::Never, chain(&error))
            })?;
            request = request.message_attributes(name, value);
        }
        let output = classify(PUBLISH, doing, Box::pin(request.send()).await)?;
        Ok(output.message_id.unwrap_or_default())
    }
}
