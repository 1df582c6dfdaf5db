//! What is known of the stack, and what its services share: questions with one member, answers, refusals.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};

use http::StatusCode;
use jiff::Timestamp;
use serde_json::Value;

use crate::ids::Ids;
use crate::json_protocol::{self, Members};
use crate::lock::lock;
use crate::query::{Dialect, Fields};
use crate::template::RULE;
use crate::template::stack::Stack;
use crate::wire::Request;

/// Where the stack is.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) stack_name: String,
    pub(crate) region: String,
    pub(crate) partition: &'static str,
    /// When the world began: the age of all that the stack made.
    pub(crate) created_at: Timestamp,
}

/// What is known of the stack. Cheap to clone; clones share what they know.
#[derive(Clone)]
pub(crate) struct Management {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) stack: Arc<Stack>,
    pub(super) place: Place,
    pub(super) ids: Ids,
    /// Logical ids of the rules that were switched off after the stack was made.
    disabled: Mutex<BTreeSet<String>>,
}

impl fmt::Debug for Management {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Management").finish_non_exhaustive()
    }
}

/// Why a question has no answer.
pub(super) enum Failure {
    /// The service refuses: code and message, with this status.
    Refused(StatusCode, &'static str, String),
    /// AWS knows the answer, this world does not.
    NotBuilt(String),
}

impl From<json_protocol::Failure> for Failure {
    fn from(failure: json_protocol::Failure) -> Self {
        match failure {
            json_protocol::Failure::Refused(code, message) => {
                Self::Refused(StatusCode::BAD_REQUEST, code, message)
            }
            json_protocol::Failure::NotBuilt(what) => Self::NotBuilt(what),
        }
    }
}

impl Management {
    /// For a stack of this world.
    pub(crate) fn new(stack: Arc<Stack>, place: Place, ids: Ids) -> Self {
        let disabled = Mutex::default();
        let inner = Inner {
            stack,
            place,
            ids,
            disabled,
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// Switches a rule off or on by its logical id, which is its function's and its event's; whether there is one.
    pub(crate) fn set_rule_enabled(&self, logical_id: &str, enabled: bool) -> bool {
        let mut disabled = lock(&self.inner.disabled);
        match enabled {
            true => disabled.remove(logical_id),
            false => disabled.insert(logical_id.to_owned()),
        };
        let mut resources = self.inner.stack.resources.iter();
        resources.any(|it| it.logical_id == logical_id && it.kind == RULE)
    }

    /// Whether the rule of a function's event is not switched off.
    pub(crate) fn is_rule_enabled(&self, function: &str, event: &str) -> bool {
        !lock(&self.inner.disabled).contains(&format!("{function}{event}"))
    }

    /// Whether this is where the stack is. Elsewhere nothing of it is there.
    pub(super) fn is_here(&self, region: &str) -> bool {
        self.inner.place.region == region
    }

    pub(super) fn arn(&self, service: &str, rest: &str) -> String {
        let Place {
            partition, region, ..
        } = &self.inner.place;
        format!(
            "arn:{partition}:{service}:{region}:{}:{rest}",
            crate::ACCOUNT
        )
    }
}

/// An answer in the protocol of its service.
pub(super) enum Answer {
    Xml(Dialect, String),
    Json(Value),
}

/// A member of a request of the JSON protocol, which must be there. All others are options that are not built.
pub(super) fn only(action: &str, request: &Request, name: &str) -> Result<String, Failure> {
    let mut members = Members::of(action, request)?;
    let value = members.required(name)?;
    members.finish()?;
    Ok(value)
}

/// The field of a Query request that may be there. All others are options that are not built.
pub(super) fn only_field<'a>(
    action: &str,
    fields: &'a Fields,
    name: &str,
) -> Result<Option<&'a str>, Failure> {
    let value = fields.get(name).filter(|value| !value.is_empty());
    match fields.unused() {
        Some(unused) => Err(Failure::NotBuilt(format!("{action} with {unused}"))),
        None => Ok(value),
    }
}
