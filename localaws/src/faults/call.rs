//! Calls as they are recorded.

use jiff::Timestamp;

use crate::wire::{Request, Response};

/// A call that came through a front door.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Running number, from 1.
    pub number: u64,
    /// Service as in the signature's scope: `s3`, `ec2`, `sns`, `sts`, …
    pub service: String,
    /// Action by the name its API reference gives it, for example `PutObject` or `RegisterImage`.
    pub action: String,
    /// Region it was sent to.
    pub region: String,
    /// Bucket, of an S3 call.
    pub bucket: Option<String>,
    /// Key (decoded), of an S3 call on an object.
    pub key: Option<String>,
    /// Logical id of the function whose invocation made it, if known.
    pub function: Option<String>,
    /// How often the stack had been updated when that invocation began.
    pub revision: u64,
    /// When it came.
    pub at: Timestamp,
    /// What it asks for, of a call that makes, imports, changes or asks for an image, imports or changes a snapshot or asks who may
    /// use it, or changes or asks for a parameter.
    pub fields: Vec<(String, String)>,
    /// Whether the service has done it.
    pub done: bool,
}

/// A call with what was sent and what was answered, whether the answer arrived or not.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// What was called.
    pub call: Call,
    /// What was sent; a large body is left out.
    pub request: Request,
    /// What the service answered; none if the caller died before the service saw the call.
    pub answer: Option<Response>,
}

/// Whether an action only asks, by the words that AWS's actions begin with.
pub(crate) fn is_read(action: &str) -> bool {
    let reads = ["Describe", "Filter", "Get", "Head", "List"];
    reads.iter().any(|word| action.starts_with(word))
}

impl Call {
    /// Whether it only asks, by the words that AWS's actions begin with.
    #[must_use]
    pub fn is_read(&self) -> bool {
        is_read(&self.action)
    }

    /// The values of the fields whose names begin and end so.
    pub fn values<'a>(&'a self, start: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
        let is_meant = move |name: &str| name.starts_with(start) && name.ends_with(end);
        let fields = self.fields.iter();
        fields
            .filter(move |(name, _)| is_meant(name))
            .map(|(_, value)| value.as_str())
    }

    /// The value of the first field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        let field = fields.find(|(field, _)| field == name);
        field.map(|(_, value)| value.as_str())
    }
}
