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
mod model;
mod roles;
mod rules;
#[cfg(test)]
mod tests;

use http::StatusCode;
use serde_json::{Map, Value};

use self::model::{Answer, Failure, members};
pub(crate) use self::model::{Management, Place};
use crate::ec2::Ec2;
use crate::query::{Fields, Refusal};
use crate::s3::S3;
use crate::ssm;
use crate::wire::{self, Request, Response};

/// The services that are asked here, as signatures name them.
const SERVICES: [&str; 5] = ["cloudformation", "events", "iam", "kms", "lambda"];

impl Management {
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
}

fn key_answer(
    ec2: &Ec2,
    region: &str,
    action: &str,
    members: Map<String, Value>,
) -> Result<Answer, Failure> {
    keys::answer(ec2, region, action, members).map(Answer::Json)
}
