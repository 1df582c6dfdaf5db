//! What is no event of an object: the schedule's tasks, and changes of AMIs.

use super::*;

#[test]
fn reads_the_tasks_of_the_schedule() {
    let task = |text| Tick::from_event(&event(text));
    assert_eq!(
        task(include_str!("../../../events/advance-tasks.json")),
        Ok(Tick::Advance)
    );
    assert_eq!(
        task(include_str!("../../../events/advance-tasks-sweep.json")),
        Ok(Tick::Sweep)
    );
    assert_eq!(
        task(include_str!("../../../events/advance-tasks-audit.json")),
        Ok(Tick::Audit)
    );
    let changed = task(include_str!(
        "../../../events/advance-tasks-image-state-change.json"
    ));
    assert!(
        matches!(&changed, Ok(Tick::Image(change)) if change.image_id == "ami-0123456789abcdef0"),
        "{changed:?}"
    );
    assert_eq!(task("{}"), Ok(Tick::Advance));
    assert_eq!(
        task(include_str!(
            "../../../events/advance-tasks-scheduled-event.json"
        )),
        Ok(Tick::Advance)
    );
    // What EventBridge Scheduler sends where a schedule has no input.
    assert_eq!(
        task(
            "{\"source\": \"aws.scheduler\", \"detail-type\": \"Scheduled Event\", \"detail\": \"{}\"}"
        ),
        Ok(Tick::Advance)
    );
    assert!(
        task("{\"task\": \"sleep\"}")
            .unwrap_err()
            .to_string()
            .contains("the task \"sleep\" is not known")
    );
    assert!(task("{\"task\": 3}").is_err());
}

#[test]
fn reads_a_change_of_an_images_state() {
    let change = event(include_str!(
        "../../../events/advance-tasks-image-state-change.json"
    ));
    let expected = ImageStateChange {
        image_id: "ami-0123456789abcdef0".to_owned(),
        state: "available".to_owned(),
        error_message: None,
        region: Some("us-east-1".to_owned()),
    };
    assert_eq!(image_state_change(&change), Some(expected));
    let mut failed = change.clone();
    failed["detail"]["State"] = json!("failed");
    failed["detail"]["ErrorMessage"] = json!("Image registration failed");
    assert_eq!(
        image_state_change(&failed)
            .unwrap()
            .error_message
            .as_deref(),
        Some("Image registration failed")
    );
    assert_eq!(
        image_state_change(&event(include_str!("../../../events/register-image.json"))),
        None
    );
    assert_eq!(image_state_change(&json!({})), None);
}
