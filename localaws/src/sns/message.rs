//! What may be published ("Publish", Amazon SNS API Reference).

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::Timestamp;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Deserialize as Derive, Serialize};
use serde_json::Value;

use crate::query::{Fields, Refusal};

/// The largest message with its attributes, in bytes.
const LARGEST_MESSAGE: usize = 262_144;
/// A subject is shorter than this, in characters.
const SUBJECT_LIMIT: usize = 100;

/// A message as it was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Derive)]
pub struct Published {
    /// The topic's ARN.
    pub topic_arn: String,
    /// The subject, if one was given.
    pub subject: Option<String>,
    /// The message as it was given: with `MessageStructure=json`, the JSON document of all its forms.
    pub message: String,
    /// Whether the message has a form for each protocol (`MessageStructure=json`).
    pub per_protocol: bool,
    /// Message attributes by name.
    pub attributes: BTreeMap<String, Attribute>,
    /// The id that Publish answered.
    pub message_id: String,
    /// When.
    pub at: Timestamp,
}

/// The value of a message attribute.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Derive)]
pub struct Attribute {
    /// `String`, `Number`, `String.Array` or `Binary`, perhaps with a label of the publisher's after a dot.
    pub data_type: String,
    /// The value as text; Base64 for `Binary`.
    pub value: String,
}

impl Published {
    /// Reads a message from a Publish request.
    pub(super) fn read(
        fields: &Fields,
        topic_arn: &str,
        message_id: String,
        at: Timestamp,
    ) -> Result<Self, Refusal> {
        if fields.has("MessageDeduplicationId") {
            return Err(invalid(
                "The request includes MessageDeduplicationId parameter that is not valid for this topic type",
            ));
        }
        let message = fields
            .get("Message")
            .filter(|message| !message.is_empty())
            .ok_or_else(|| invalid("Empty message"))?;
        let subject = fields.get("Subject");
        if subject.is_some_and(|subject| !is_subject(subject)) {
            return Err(invalid("Subject"));
        }
        let per_protocol = match fields.get("MessageStructure") {
            None => false,
            Some("json") => true,
            Some(_) => return Err(invalid("MessageStructure")),
        };
        let attributes = attributes(fields)?;
        let in_attributes = attributes
            .iter()
            .map(|(name, it)| name.len() + it.data_type.len() + it.value.len());
        if message.len() + in_attributes.sum::<usize>() > LARGEST_MESSAGE {
            return Err(invalid("Message too long"));
        }
        let published = Self {
            topic_arn: topic_arn.to_owned(),
            subject: subject.map(str::to_owned),
            message: message.to_owned(),
            per_protocol,
            attributes,
            message_id,
            at,
        };
        published.form("default")?;
        Ok(published)
    }

    /// The message as subscribers of this protocol get it.
    pub(super) fn form(&self, protocol: &str) -> Result<String, Refusal> {
        if !self.per_protocol {
            return Ok(self.message.clone());
        }
        let structure = |what| invalid(&format!("Message Structure - {what}"));
        let forms: Forms = serde_json::from_str(&self.message)
            .map_err(|_| structure("JSON message body failed to parse"))?;
        let default = forms
            .0
            .get("default")
            .ok_or_else(|| structure("No default entry in JSON message body"))?;
        Ok(forms.0.get(protocol).unwrap_or(default).clone())
    }
}

/// The forms of a message by protocol. A name given twice is an error, and values that are not strings are ignored.
struct Forms(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Forms {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = BTreeMap<String, Value>;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = BTreeMap::new();
                while let Some((name, value)) = map.next_entry()? {
                    if members.insert(name, value).is_some() {
                        return Err(serde::de::Error::custom("a name is given twice"));
                    }
                }
                Ok(members)
            }
        }
        let members = deserializer.deserialize_map(Members)?;
        let texts = members
            .into_iter()
            .filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
        Ok(Self(texts.collect()))
    }
}

fn is_subject(subject: &str) -> bool {
    let is_printable = subject
        .bytes()
        .all(|byte| byte == b' ' || byte.is_ascii_graphic());
    is_printable
        && subject.len() < SUBJECT_LIMIT
        && subject.starts_with(|first: char| first.is_ascii_graphic())
}

fn attributes(fields: &Fields) -> Result<BTreeMap<String, Attribute>, Refusal> {
    let mut attributes = BTreeMap::new();
    for (name, value) in fields.entries("MessageAttributes", "Name", "Value") {
        let data_type = value.member("DataType").unwrap_or_default();
        let kind = data_type.split('.').next().unwrap_or_default();
        let text = match kind {
            "String" | "Number" => value.member("StringValue"),
            "Binary" => value.member("BinaryValue"),
            _ => {
                return Err(bad_attribute(format!(
                    "The message attribute '{name}' has an invalid message attribute type, the set of supported type prefixes is Binary, Number, and String."
                )));
            }
        };
        let text = text.filter(|text| !text.is_empty()).ok_or_else(|| {
            bad_attribute(format!(
                "The message attribute '{name}' must contain non-empty message attribute value for message attribute type '{data_type}'."
            ))
        })?;
        let value = Attribute {
            data_type: data_type.to_owned(),
            value: text.to_owned(),
        };
        attributes.insert(name.to_owned(), value);
    }
    Ok(attributes)
}

/// 400 `InvalidParameter`.
pub(super) fn invalid(what: &str) -> Refusal {
    let message = format!("Invalid parameter: {what}");
    Refusal {
        status: StatusCode::BAD_REQUEST,
        code: "InvalidParameter",
        message,
    }
}

fn bad_attribute(message: String) -> Refusal {
    Refusal {
        status: StatusCode::BAD_REQUEST,
        code: "ParameterValueInvalid",
        message,
    }
}
