//! EventBridge: rules.

use crate::aws::connect::Aws;
use crate::aws::error::{AwsError, classify};

/// A rule as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleState {
    /// EventBridge's word for its state, as `ENABLED`.
    pub state: String,
    /// Its schedule, if it has one.
    pub schedule: Option<String>,
    /// The ARNs of what it invokes.
    pub targets: Vec<String>,
}

impl Aws {
    /// A rule of the default event bus by its name; none if there is none.
    ///
    /// # Errors
    /// If EventBridge does not answer, or refuses.
    pub async fn rule_state(&self, name: &str) -> Result<Option<RuleState>, AwsError> {
        let events = aws_sdk_eventbridge::Client::new(self.sdk_config());
        let doing = format!("describing the rule {name}");
        let answer = Box::pin(events.describe_rule().name(name).send()).await;
        let rule = match classify("DescribeRule", doing, answer) {
            Err(error) if error.has_code("ResourceNotFoundException") => return Ok(None),
            answer => answer?,
        };
        let doing = format!("listing what the rule {name} invokes");
        let answer = Box::pin(events.list_targets_by_rule().rule(name).send()).await;
        let targets = classify("ListTargetsByRule", doing, answer)?.targets;
        let state = rule.state.map(|state| state.as_str().to_owned());
        Ok(Some(RuleState {
            state: state.unwrap_or_default(),
            schedule: rule.schedule_expression,
            targets: targets
                .unwrap_or_default()
                .into_iter()
                .map(|target| target.arn)
                .collect(),
        }))
    }
}
