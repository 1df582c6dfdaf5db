//! Requests and answers of the JSON protocol as SSM, EventBridge and KMS speak it (Lambda's answers are like them).

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::wire::{self, Request, Response};

/// Why a request got no answer of its own.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The service refuses the request: code and message, HTTP 400.
    Refused(&'static str, String),
    /// AWS knows what it would answer; this world does not.
    NotBuilt(String),
}

/// A refusal with this code.
pub(crate) fn refuse(code: &'static str, message: impl Into<String>) -> Failure {
    Failure::Refused(code, message.into())
}

/// `ValidationException`.
pub(crate) fn invalid(message: impl Into<String>) -> Failure {
    refuse("ValidationException", message)
}

/// What a request says. What is read is taken out; what is left over is an option that the action does not act on.
pub(crate) struct Members {
    action: String,
    members: Map<String, Value>,
}

impl Members {
    /// The members of a request for this action.
    pub(crate) fn of(action: &str, request: &Request) -> Result<Self, Failure> {
        match serde_json::from_slice(request.body()) {
            Ok(Value::Object(members)) => Ok(Self {
                action: action.to_owned(),
                members,
            }),
            _ => Err(refuse(
                "SerializationException",
                "The request is not a JSON object",
            )),
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name).filter(|value| !value.is_null())
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, Failure> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong_type(name)),
        }
    }

    /// A text that must be there, and not be empty.
    pub(crate) fn required(&mut self, name: &str) -> Result<String, Failure> {
        let text = self.text(name)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| invalid(format!("The parameter {name} is missing or empty.")))
    }

    /// A Boolean; false if it is not there.
    pub(crate) fn flag(&mut self, name: &str) -> Result<bool, Failure> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(wrong_type(name)),
        }
    }

    /// A number.
    pub(crate) fn number(&mut self, name: &str) -> Result<Option<u64>, Failure> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => value.as_u64().map(Some).ok_or_else(|| wrong_type(name)),
        }
    }

    /// A list of one to `most` texts.
    pub(crate) fn texts(&mut self, name: &str, most: usize) -> Result<Vec<String>, Failure> {
        let texts = self.texts_if_any(name, most)?;
        if !texts.is_empty() {
            return Ok(texts);
        }
        Err(wrong_length(name, &texts, most))
    }

    /// A list of up to `most` texts.
    pub(crate) fn texts_if_any(&mut self, name: &str, most: usize) -> Result<Vec<String>, Failure> {
        let texts = match self.take(name) {
            None => Vec::new(),
            Some(Value::Array(list)) => {
                let texts = list.iter().map(|it| it.as_str().map(str::to_owned));
                let texts: Option<Vec<String>> = texts.collect();
                texts.ok_or_else(|| wrong_type(name))?
            }
            Some(_) => return Err(wrong_type(name)),
        };
        if texts.len() > most {
            return Err(wrong_length(name, &texts, most));
        }
        Ok(texts)
    }

    /// A list of structures, each to be read and finished like the request itself.
    pub(crate) fn structures(&mut self, name: &str) -> Result<Vec<Self>, Failure> {
        let list = match self.take(name) {
            None => return Ok(Vec::new()),
            Some(Value::Array(list)) => list,
            Some(_) => return Err(wrong_type(name)),
        };
        let read = |structure: Value| match structure {
            Value::Object(members) => Ok(Self {
                action: format!("{} with {name}", self.action),
                members,
            }),
            _ => Err(wrong_type(name)),
        };
        list.into_iter().map(read).collect()
    }

    /// A list of tags: keys and values.
    pub(crate) fn tags(&mut self, name: &str) -> Result<Vec<(String, String)>, Failure> {
        let read = |mut tag: Self| {
            let (key, value) = (tag.text("Key")?, tag.text("Value")?);
            tag.finish()?;
            key.zip(value).ok_or_else(|| wrong_type(name))
        };
        self.structures(name)?.into_iter().map(read).collect()
    }

    /// The page that is wanted: `MaxResults`, from 1 to `most`, and what the last page ended with.
    pub(crate) fn page(&mut self, most: usize) -> Result<(usize, Option<String>), Failure> {
        let size = self.number("MaxResults")?.map(usize::try_from);
        let size = size.map_or(Some(most), Result::ok);
        let size = size.filter(|size| (1..=most).contains(size));
        let size = size.ok_or_else(|| invalid(format!("MaxResults must be from 1 to {most}.")))?;
        Ok((size, self.text("NextToken")?))
    }

    /// The end of reading: nothing may be left.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        let mut left = self
            .members
            .into_iter()
            .filter(|(_, value)| !value.is_null());
        match left.next() {
            None => Ok(()),
            Some((name, _)) => Err(Failure::NotBuilt(format!("{} with {name}", self.action))),
        }
    }
}

fn wrong_length(name: &str, texts: &[String], most: usize) -> Failure {
    let member = format!("{}{}", name[..1].to_lowercase(), &name[1..]);
    invalid(format!(
        "1 validation error detected: Value '[{}]' at '{member}' failed to satisfy constraint: Member must have length \
         less than or equal to {most} and greater than or equal to 1",
        texts.join(", ")
    ))
}

fn wrong_type(name: &str) -> Failure {
    let message = format!("The value of {name} has the wrong type");
    refuse("SerializationException", message)
}

/// A refusal as services of the JSON protocol write it.
pub(crate) fn refusal(status: StatusCode, code: &str, message: &str, request_id: &str) -> Response {
    let body = json!({"__type": code, "message": message});
    answer(status, &body, request_id)
}

/// An answer as services of the JSON protocol write it.
pub(crate) fn answer(status: StatusCode, body: &Value, request_id: &str) -> Response {
    let response = wire::response(status, "application/x-amz-json-1.1", body.to_string());
    wire::with_request_id(response, "x-amzn-requestid", request_id)
}
