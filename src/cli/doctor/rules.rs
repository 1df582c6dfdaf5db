//! The rules: events of the buckets, and schedules.

use super::finding::Check;
use super::scene::Scene;

pub(super) async fn check(scene: &Scene<'_>) -> Vec<Check> {
    let mut checks = Vec::new();
    for rule in scene.resources("AWS::Events::Rule") {
        let subject = format!("rule {}", rule.logical_id);
        let name = rule.physical_id.as_deref().unwrap_or_default();
        checks.push(one(scene, subject, name).await);
    }
    checks
}

async fn one(scene: &Scene<'_>, subject: String, name: &str) -> Check {
    let rule = match scene.aws.rule_state(name).await {
        Ok(Some(rule)) => rule,
        Ok(None) => {
            let what = format!("{name} does not exist");
            return Check::todo(subject, what, "deploy the stack again");
        }
        Err(error) => {
            let permission =
                format!("events:DescribeRule and events:ListTargetsByRule on rule/{name}");
            return Check::not_seen(subject, &permission, &error);
        }
    };
    // The other state that works is ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS.
    if !rule.state.starts_with("ENABLED") {
        let next = format!("enable it: aws events enable-rule --name {name}");
        return Check::todo(subject, rule.state, next);
    }
    let functions = scene.resources("AWS::Lambda::Function");
    let invoked = functions
        .filter_map(|function| function.physical_id.as_deref())
        .find(|function| {
            let end = format!(":function:{function}");
            rule.targets.iter().any(|target| target.ends_with(&end))
        });
    match (invoked, rule.schedule) {
        (None, _) => {
            let what = "it invokes no function of the stack";
            Check::todo(subject, what, "deploy the stack again")
        }
        (Some(function), None) => Check::ok(subject, format!("enabled, invokes {function}")),
        (Some(function), Some(schedule)) => Check::ok(
            subject,
            format!("enabled, invokes {function} at {schedule}"),
        ),
    }
}
