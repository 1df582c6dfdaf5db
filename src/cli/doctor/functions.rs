//! The functions.

use super::finding::Check;
use super::scene::Scene;

pub(super) async fn check(scene: &Scene<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    for function in scene.resources("AWS::Lambda::Function") {
        let subject = format!("function {}", function.logical_id);
        let name = function.physical_id.as_deref().unwrap_or_default();
        checks.push(one(scene, subject, name).await);
    }
    checks
}

async fn one(scene: &Scene<'_>, subject: String, name: &str) -> Check {
    let function = match scene.aws.function_state(name).await {
        Ok(Some(function)) => function,
        Ok(None) => {
            let what = format!("{name} does not exist");
            return Check::todo(subject, what, "deploy the stack again");
        }
        Err(error) => {
            let permission = format!("lambda:GetFunctionConfiguration on {name}");
            return Check::not_seen(subject, &permission, &error);
        }
    };
    let state = function.state.as_str();
    let reason = function.reason.map(|reason| format!(": {reason}"));
    let reason = reason.unwrap_or_default();
    match (state, function.last_update.as_str()) {
        // "If a function is idle, its state becomes Inactive; invoking it makes it active again" (Lambda function
        // states, Lambda Developer Guide).
        ("Active" | "Inactive", "Successful") => Check::ok(subject, format!("{name}, {state}")),
        ("Pending", _) | (_, "InProgress") => {
            let why = "it is being changed; run amiwright doctor again when that is done";
            Check::unknown(subject, why)
        }
        (_, update) => {
            let what = format!("{state}, last update {update}{reason}");
            Check::todo(subject, what, "deploy the stack again")
        }
    }
}
