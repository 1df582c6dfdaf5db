//! The members of a request. What is read is taken out; what is left over is an option that this service does not act on.

use serde_json::{Map, Value};

/// The most names in one request, and parameters on a page of a path ("1-10").
pub(super) const MOST_NAMES: usize = 10;

/// Why a request got no answer of its own.
#[derive(Debug)]
pub(super) enum Failure {
    /// SSM refuses the request: code and message, HTTP 400.
    Refused(&'static str, String),
    /// SSM knows what it would answer; this world does not.
    NotBuilt(String),
}

/// A refusal with this code.
pub(super) fn refuse(code: &'static str, message: impl Into<String>) -> Failure {
    Failure::Refused(code, message.into())
}

/// `ValidationException`.
pub(super) fn invalid(message: impl Into<String>) -> Failure {
    refuse("ValidationException", message)
}

/// `ParameterNotFound`. The live service's message is often empty; this one is moto's.
pub(super) fn not_found(name: &str) -> Failure {
    refuse("ParameterNotFound", format!("Parameter {name} not found."))
}

/// What a request says.
pub(super) struct Members {
    action: String,
    members: Map<String, Value>,
}

impl Members {
    pub(super) fn new(action: &str, members: Map<String, Value>) -> Self {
        Self {
            action: action.to_owned(),
            members,
        }
    }

    fn take(&mut self, name: &str) -> Option<Value> {
        self.members.remove(name).filter(|value| !value.is_null())
    }

    /// A text.
    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, Failure> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong_type(name)),
        }
    }

    /// A text that must be there, and not be empty.
    pub(super) fn required(&mut self, name: &str) -> Result<String, Failure> {
        let text = self.text(name)?.filter(|text| !text.is_empty());
        text.ok_or_else(|| invalid(format!("The parameter {name} is missing or empty.")))
    }

    /// A Boolean; false if it is not there.
    pub(super) fn flag(&mut self, name: &str) -> Result<bool, Failure> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(flag),
            Some(_) => Err(wrong_type(name)),
        }
    }

    /// A number.
    pub(super) fn number(&mut self, name: &str) -> Result<Option<u64>, Failure> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => value.as_u64().map(Some).ok_or_else(|| wrong_type(name)),
        }
    }

    /// A list of one to `most` texts.
    pub(super) fn texts(&mut self, name: &str, most: usize) -> Result<Vec<String>, Failure> {
        let texts = match self.take(name) {
            Some(Value::Array(list)) => {
                let texts = list.iter().map(|it| it.as_str().map(str::to_owned));
                let texts: Option<Vec<String>> = texts.collect();
                texts.ok_or_else(|| wrong_type(name))?
            }
            _ => Vec::new(),
        };
        if (1..=most).contains(&texts.len()) {
            return Ok(texts);
        }
        let member = format!("{}{}", name[..1].to_lowercase(), &name[1..]);
        Err(invalid(format!(
            "1 validation error detected: Value '[{}]' at '{member}' failed to satisfy constraint: Member must have \
             length less than or equal to {most} and greater than or equal to 1",
            texts.join(", ")
        )))
    }

    /// A list of tags: keys and values.
    pub(super) fn tags(&mut self, name: &str) -> Result<Vec<(String, String)>, Failure> {
        let Some(Value::Array(list)) = self.take(name) else {
            return Ok(Vec::new());
        };
        let read = |tag: &Value| {
            let (key, value) = (tag["Key"].as_str()?, tag["Value"].as_str()?);
            Some((key.to_owned(), value.to_owned()))
        };
        let tags: Option<Vec<_>> = list.iter().map(read).collect();
        tags.ok_or_else(|| wrong_type(name))
    }

    /// The parameter that a request about tags names. Other things than parameters have no tags here.
    pub(super) fn tagged(&mut self) -> Result<String, Failure> {
        let kind = self.required("ResourceType")?;
        let id = self.required("ResourceId")?;
        match kind.as_str() {
            "Parameter" => Ok(id),
            other => Err(Failure::NotBuilt(format!(
                "tags of a resource of type {other}"
            ))),
        }
    }

    /// The page that is wanted: `MaxResults`, from 1 to `most`, and what the last page ended with.
    pub(super) fn page(&mut self, most: usize) -> Result<(usize, Option<String>), Failure> {
        let size = self.number("MaxResults")?.map(usize::try_from);
        let size = size.map_or(Some(most), Result::ok);
        let size = size.filter(|size| (1..=most).contains(size));
        let size = size.ok_or_else(|| invalid(format!("MaxResults must be from 1 to {most}.")))?;
        Ok((size, self.text("NextToken")?))
    }

    /// The end of reading: nothing may be left.
    pub(super) fn finish(self) -> Result<(), Failure> {
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

fn wrong_type(name: &str) -> Failure {
    let message = format!("The value of {name} has the wrong type");
    refuse("SerializationException", message)
}
