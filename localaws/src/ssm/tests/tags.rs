//! Tags of parameters.

use super::*;

#[tokio::test(start_paused = true)]
async fn tags_come_with_a_new_parameter_or_later() {
    let world = World::new();
    let tags = json!([{"Key": "team", "Value": "web"}]);
    let put = json!({"Name": "a", "Value": "b", "Type": "String", "Tags": tags, "Overwrite": true});
    assert_eq!(
        world.refused("PutParameter", put).await,
        "ValidationException: Invalid request: tags and overwrite can't be used together. To create a parameter with \
         tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or \
         RemoveTagsFromResource."
    );
    let put = json!({"Name": "a", "Value": "b", "Type": "String", "Tags": tags});
    world.ok("PutParameter", put).await;
    let more = json!([{"Key": "stage", "Value": "test"}]);
    let add = json!({"ResourceType": "Parameter", "ResourceId": "a", "Tags": more});
    world.ok("AddTagsToResource", add).await;
    let list = json!({"ResourceType": "Parameter", "ResourceId": "a"});
    let listed = world.ok("ListTagsForResource", list).await;
    assert_eq!(listed["TagList"].as_array().unwrap().len(), 2);
    let remove =
        json!({"ResourceType": "Parameter", "ResourceId": "a", "TagKeys": ["stage", "none"]});
    world.ok("RemoveTagsFromResource", remove).await;
    let list = json!({"ResourceType": "Parameter", "ResourceId": "a"});
    let listed = world.ok("ListTagsForResource", list).await;
    assert_eq!(listed["TagList"].as_array().unwrap().len(), 1);
    let lost = json!({"ResourceType": "Parameter", "ResourceId": "lost", "Tags": more});
    let lost = world.refused("AddTagsToResource", lost).await;
    assert!(lost.starts_with("InvalidResourceId"), "{lost}");
}
