//! What tools ask about a stack that is deployed: CloudFormation, rules of EventBridge, functions' configuration, roles and
//! keys.
//!
//! All of it is read from the template that runs, which is the only wiring. Built, one file a service, each with its
//! plain form alone: DescribeStacks and DescribeStackResources, DescribeRule and ListTargetsByRule,
//! GetFunctionConfiguration, GetRole and DescribeKey. Every other action, and every option of these, answers 501.

mod cloudformation;
mod functions;
mod keys;
mod model;
mod roles;
mod rules;
#[cfg(test)]
mod tests;

use http::StatusCode;

use self::model::{Answer, Failure};
pub(crate) use self::model::{Management, Place};
use crate::ec2::Ec2;
use crate::faults;
use crate::json_protocol;
use crate::query::Fields;
use crate::wire::{self, Request, Response};

impl Management {
    /// The answer to a question about the stack, to CloudFormation, IAM, EventBridge, KMS or Lambda.
    pub(crate) fn answer(
        &self,
        ec2: &Ec2,
        (service, region): (&str, &str),
        action: &str,
        request: &Request,
    ) -> Response {
        let id = self.inner.ids.uuid();
        let answer = match service {
            "cloudformation" => self.cloudformation(region, action, &Fields::of(request)),
            "iam" => self.role(ec2, action, &Fields::of(request)),
            "events" => self.rule(region, action, request),
            "kms" => keys::answer(ec2, region, action, request),
            _ => self.function(region, action, request),
        };
        let refuse = |status, code: &str, message: &str| {
            faults::refusal(service, request.method(), status, (code, message), &id)
        };
        match answer {
            Ok(Answer::Xml(dialect, result)) => dialect.answer(action, &result, &id),
            Ok(Answer::Json(body)) => json_protocol::answer(StatusCode::OK, &body, &id),
            Err(Failure::Refused(status, code, message)) => refuse(status, code, &message),
            Err(Failure::NotBuilt(what)) => {
                let sentence = wire::not_built_sentence(service, &what);
                refuse(StatusCode::NOT_IMPLEMENTED, wire::NOT_BUILT, &sentence)
            }
        }
    }
}
