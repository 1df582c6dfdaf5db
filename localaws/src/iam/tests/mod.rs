//! The engine against AWS's documented evaluation logic, and calls in a world.

mod calls;
mod conditions;
mod facts;
mod logic;
mod strict;
mod versions;

use serde_json::{Value, json};

use super::context::Context;
use super::document::{Kind, Statement, statements};
use super::evaluate::{Decision, Question, decide};
use crate::wire::Request;

const OBJECT: &str = "arn:aws:s3:::images/a/b.txt";

fn read(kind: Kind, policy: &Value) -> Result<Vec<Statement>, String> {
    statements(policy.as_array().unwrap(), kind)
}

/// What a principal with these statements may do.
fn decision(policy: &Value, action: &str, resource: &str, context: &Context) -> Decision {
    let own = read(Kind::Identity, policy).unwrap();
    let question = Question {
        action,
        resource,
        context,
    };
    decide(own.iter().enumerate(), &[], &[], &question)
}

fn allows(policy: &Value, action: &str, resource: &str) -> bool {
    let decision = decision(policy, action, resource, &Context::default());
    matches!(decision, Decision::Allowed(_))
}

/// Whether a condition holds in this context.
fn holds(condition: &Value, context: &Context) -> bool {
    let policy =
        json!([{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": condition}]);
    let decision = decision(&policy, "s3:GetObject", OBJECT, context);
    matches!(decision, Decision::Allowed(_))
}

/// A request signed with this key.
fn signed(key: &str, service: &str, method: &str, uri: &str, body: &str) -> Request {
    let scope = format!("{key}/20251121/us-east-1/{service}/aws4_request");
    http::Request::builder()
        .method(method)
        .uri(uri)
        .header(
            "authorization",
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=00"),
        )
        .body(body.to_owned().into())
        .unwrap()
}
