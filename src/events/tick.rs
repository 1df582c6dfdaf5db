//! What invoked `advance-tasks`: the schedule, which may name a task, or EC2's event that an image changed.

use serde::Deserialize;
use serde_json::Value;

/// What `advance-tasks` is asked to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tick {
    /// Move every open image on.
    Advance,
    /// Search for manifests without a status, whose events were lost.
    Sweep,
    /// Compare finished AMIs with their manifests.
    Audit,
    /// Visit the one image whose state has changed.
    Image(ImageStateChange),
}

/// A schedule asks for a task that there is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the task {task} is not known: write {{\"task\": \"advance\"}}, {{\"task\": \"sweep\"}} or {{\"task\": \"audit\"}} in the schedule's input"
)]
pub struct UnknownTask {
    /// The task as JSON, shortened.
    pub task: String,
}

impl Tick {
    /// The task that an event asks for: the schedule's `{"task": "advance"}`, `{"task": "sweep"}` or `{"task": "audit"}`.
    /// EC2's word that an image changed is [`Tick::Image`]. Every other event without a task is a reason to visit
    /// everything, so it means [`Tick::Advance`]: an empty one, and any that another rule sends.
    ///
    /// # Errors
    ///
    /// The event names a task that is not known.
    pub fn from_event(event: &Value) -> Result<Self, UnknownTask> {
        match event.get("task") {
            None => Ok(image_state_change(event).map_or(Self::Advance, Self::Image)),
            Some(Value::String(task)) if task == "advance" => Ok(Self::Advance),
            Some(Value::String(task)) if task == "sweep" => Ok(Self::Sweep),
            Some(Value::String(task)) if task == "audit" => Ok(Self::Audit),
            Some(other) => Err(UnknownTask {
                task: other.to_string().chars().take(60).collect(),
            }),
        }
    }
}

/// An `EC2 AMI State Change` (EC2 User Guide, "Monitor AMI events using Amazon EventBridge"). EC2 sends these on a best
/// effort basis: without one, the schedule finds the change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageStateChange {
    /// The AMI (`ami-…`).
    pub image_id: String,
    /// `available`, `failed`, `deregistered` or `disabled`; others may come.
    pub state: String,
    /// Why it failed; EC2 sends an empty one otherwise, which is none here.
    pub error_message: Option<String>,
    /// The Region of the AMI.
    pub region: Option<String>,
}

/// The change of an image's state in an event; none if the event is of anything else.
#[must_use]
pub fn image_state_change(event: &Value) -> Option<ImageStateChange> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Detail {
        image_id: String,
        state: String,
        error_message: Option<String>,
    }
    let text = |name: &str| event.get(name).and_then(Value::as_str);
    if text("source") != Some("aws.ec2") || text("detail-type") != Some("EC2 AMI State Change") {
        return None;
    }
    let detail = Detail::deserialize(event.get("detail")?).ok()?;
    Some(ImageStateChange {
        image_id: detail.image_id,
        state: detail.state,
        error_message: detail.error_message.filter(|message| !message.is_empty()),
        region: text("region").map(str::to_owned),
    })
}
