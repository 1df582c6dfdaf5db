//! How services refuse a call that is not allowed.

use http::{Method, StatusCode};

use super::grants::Denial;
use crate::faults;
use crate::wire::{self, Response};

/// Why a call is not made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Refused {
    /// A permission is missing; the sentence says which.
    Denied(String),
    /// What permissions the call needs is not known here.
    NotKnown(String),
}

impl Refused {
    /// In AWS's words ("Troubleshoot access denied error messages", IAM User Guide).
    pub(super) fn denied(arn: &str, denial: &Denial) -> Self {
        let Denial {
            action, resource, ..
        } = denial;
        let why = match &denial.denied_by {
            None => format!("because no identity-based policy allows the {action} action"),
            Some(sid) => format!("with an explicit deny in a policy (statement {sid})"),
        };
        Self::Denied(format!(
            "User: {arn} is not authorized to perform: {action} on resource: {resource} {why}"
        ))
    }

    /// Why.
    pub(super) fn sentence(self) -> String {
        match self {
            Self::Denied(sentence) | Self::NotKnown(sentence) => sentence,
        }
    }

    /// For a call that is in no table.
    pub(super) fn not_known(service: &str, action: &str) -> Self {
        Self::NotKnown(format!(
            "localaws does not know which permissions {service} {action} needs; it does not pretend that it is allowed"
        ))
    }

    /// The answer, in the format of the service.
    pub(crate) fn answer(&self, service: &str, method: &Method, request_id: &str) -> Response {
        let (status, code, message) = match self {
            Self::NotKnown(message) => (
                StatusCode::NOT_IMPLEMENTED,
                wire::NOT_BUILT,
                message.clone(),
            ),
            Self::Denied(sentence) => match service {
                "ec2" => (
                    StatusCode::FORBIDDEN,
                    "UnauthorizedOperation",
                    format!("You are not authorized to perform this operation. {sentence}"),
                ),
                "sns" => (
                    StatusCode::FORBIDDEN,
                    "AuthorizationError",
                    sentence.clone(),
                ),
                "lambda" => (
                    StatusCode::FORBIDDEN,
                    "AccessDeniedException",
                    sentence.clone(),
                ),
                "events" | "kms" | "ssm" => (
                    StatusCode::BAD_REQUEST,
                    "AccessDeniedException",
                    sentence.clone(),
                ),
                _ => (StatusCode::FORBIDDEN, "AccessDenied", sentence.clone()),
            },
        };
        faults::refusal(service, method, status, (code, &message), request_id)
    }
}
