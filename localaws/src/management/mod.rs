//! What tools ask about a stack that is deployed: CloudFormation, rules of EventBridge, functions' configuration, roles,
//! keys, and the settings of its buckets.
//!
//! All of it is read from the template that runs, which is the only wiring. Built, one file a service, each with its
//! plain form alone: DescribeStacks and DescribeStackResources, DescribeRule and ListTargetsByRule,
//! GetFunctionConfiguration, GetRole, DescribeKey, and of S3 GetBucketNotificationConfiguration and
//! GetBucketOwnershipControls. Every other action, and every option of these, answers 501.

mod buckets;
mod cloudformation;
mod functions;
mod keys;
mod roles;
mod rules;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};

use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::ec2::Ec2;
use crate::ids::Ids;
use crate::lock::lock;
use crate::query::{Dialect, Fields, Refusal};
use crate::s3::S3;
use crate::ssm;
use crate::template::stack::Stack;
use crate::wire::{self, Request, Response};

/// The services that are asked here, as signatures name them.
const SERVICES: [&str; 5] = ["cloudformation", "events", "iam", "kms", "lambda"];

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
    inner: Arc<Inner>,
}

struct Inner {
    stack: Arc<Stack>,
    place: Place,
    ids: Ids,
    /// Logical ids of the rules that were switched off after the stack was made.
    disabled: Mutex<BTreeSet<String>>,
}

impl fmt::Debug for Management {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Management").finish_non_exhaustive()
    }
}

/// Why a question has no answer.
enum Failure {
    /// The service refuses: code and message, with this status.
    Refused(StatusCode, &'static str, String),
    /// AWS knows the answer, this world does not.
    NotBuilt(String),
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
        resources.any(|it| it.logical_id == logical_id && it.kind == rules::KIND)
    }

    /// Whether the rule of a function's event is not switched off.
    pub(crate) fn is_rule_enabled(&self, function: &str, event: &str) -> bool {
        !lock(&self.inner.disabled).contains(&format!("{function}{event}"))
    }

    /// The answer to a question about the stack; none for a request of another service.
    pub(crate) fn answer(
        &self,
        (ec2, s3): (&Ec2, &S3),
        (service, region): (&str, &str),
        action: &str,
        request: &Request,
    ) -> Option<Response> {
        if service == "s3" {
            return self.bucket_setting(s3, action, request);
        }
        if !SERVICES.contains(&service) {
            return None;
        }
        let id = self.inner.ids.uuid();
        let answer = match service {
            "cloudformation" => self.cloudformation(region, action, &Fields::of(request)),
            "iam" => self.role(ec2, action, &Fields::of(request)),
            "events" => self.rule(region, action, members(request)),
            "kms" => key_answer(ec2, region, action, members(request)),
            _ => self.function(region, action, request),
        };
        Some(match answer {
            Ok(Answer::Xml(dialect, result)) => dialect.answer(action, &result, &id),
            Ok(Answer::Json(body)) => ssm::json_response(StatusCode::OK, &body, &id),
            Err(Failure::Refused(status, code, message)) => match service {
                "cloudformation" => cloudformation::DIALECT.refuse(
                    &Refusal {
                        status,
                        code,
                        message,
                    },
                    &id,
                ),
                "iam" => roles::DIALECT.refuse(
                    &Refusal {
                        status,
                        code,
                        message,
                    },
                    &id,
                ),
                _ => ssm::refusal(status, code, &message, &id),
            },
            Err(Failure::NotBuilt(what)) => match service {
                "cloudformation" => {
                    cloudformation::DIALECT.refuse(&Refusal::not_built(service, &what), &id)
                }
                "iam" => roles::DIALECT.refuse(&Refusal::not_built(service, &what), &id),
                _ => wire::not_built(service, &what),
            },
        })
    }

    /// Whether this is where the stack is. Elsewhere nothing of it is there.
    fn is_here(&self, region: &str) -> bool {
        self.inner.place.region == region
    }

    fn arn(&self, service: &str, rest: &str) -> String {
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
enum Answer {
    Xml(Dialect, String),
    Json(Value),
}

fn key_answer(
    ec2: &Ec2,
    region: &str,
    action: &str,
    members: Map<String, Value>,
) -> Result<Answer, Failure> {
    keys::answer(ec2, region, action, members).map(Answer::Json)
}

/// The members of a request of a JSON protocol.
fn members(request: &Request) -> Map<String, Value> {
    match serde_json::from_slice(request.body()) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    }
}

/// A member that must be there. All others are options that are not built.
fn only(action: &str, mut members: Map<String, Value>, name: &str) -> Result<String, Failure> {
    let value = members.remove(name);
    if let Some((other, _)) = members.iter().find(|(_, value)| !value.is_null()) {
        return Err(Failure::NotBuilt(format!("{action} with {other}")));
    }
    match value {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        _ => Err(Failure::Refused(
            StatusCode::BAD_REQUEST,
            "ValidationException",
            format!("The member {name} is missing or empty"),
        )),
    }
}

/// The field of a Query request that may be there. All others but the action and its version are options that are not
/// built.
fn only_field<'a>(
    action: &str,
    fields: &'a Fields,
    name: &str,
) -> Result<Option<&'a str>, Failure> {
    match fields.other_than(&["Action", "Version", name]) {
        Some(other) => Err(Failure::NotBuilt(format!("{action} with {other}"))),
        None => Ok(fields.get(name).filter(|value| !value.is_empty())),
    }
}
