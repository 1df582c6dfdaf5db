//! Parameters whose value is an image, which Systems Manager validates.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_image_is_there_once_it_is_validated() {
    let mut world = World::new();
    assert_eq!(world.put_image("/images/web", IMAGE).await["Version"], 1);
    let get = || world.ask("GetParameter", json!({"Name": "/images/web"}));
    assert_eq!(get().await.0, 400, "not yet");
    let again = json!({"Name": "/images/web", "Value": IMAGE, "Overwrite": true});
    let again = world.refused("PutParameter", again).await;
    assert!(again.contains("validation"), "{again}");
    world.clock.sleep(Duration::from_secs(5)).await;
    let answer = get().await.1;
    assert_eq!(
        (
            &answer["Parameter"]["Value"],
            &answer["Parameter"]["DataType"]
        ),
        (&json!(IMAGE), &json!("aws:ec2:image"))
    );
    let event = world.event();
    assert_eq!(
        (event.detail_type.as_str(), &event.detail["operation"]),
        ("Parameter Store Change", &json!("Create"))
    );
    assert_eq!(world.ssm.image_parameters()(REGION)["/images/web"], IMAGE);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_not_available_changes_nothing_and_only_an_event_says_so() {
    let mut world = World::new();
    world.ssm.seed_image_parameter(REGION, "/images/web", IMAGE);
    world.ssm.set_validation_time(Duration::from_secs(60));
    let lost = "ami-0123456789abcdef1";
    assert_eq!(world.put_image("/images/web", lost).await["Version"], 2);
    world.clock.sleep(Duration::from_secs(60)).await;
    let answer = world
        .ok("GetParameter", json!({"Name": "/images/web"}))
        .await;
    assert_eq!(
        (
            &answer["Parameter"]["Value"],
            &answer["Parameter"]["Version"]
        ),
        (&json!(IMAGE), &json!(1))
    );
    let event = world.event();
    assert_eq!(event.detail["exception"], "Unable to Describe Resource");
    assert_eq!(event.detail["dataType"], "aws:ec2:image");
    let invalid = world.ssm.invalid_values();
    let told: Vec<_> = invalid
        .iter()
        .map(|it| (it.name.as_str(), it.value.as_str()))
        .collect();
    assert_eq!(told, [("/images/web", lost)]);
    assert_eq!(world.put_image("/images/web", IMAGE).await["Version"], 2);
}

#[tokio::test(start_paused = true)]
async fn the_data_type_of_a_parameter_stays() {
    let world = World::new();
    world.put("/images/text", "x").await;
    world.ssm.seed_image_parameter(REGION, "/images/web", IMAGE);
    for (name, data_type) in [("/images/text", "aws:ec2:image"), ("/images/web", "text")] {
        let put = json!({"Name": name, "Value": IMAGE, "Overwrite": true, "DataType": data_type});
        let refused = world.refused("PutParameter", put).await;
        assert!(refused.starts_with("ValidationException"), "{refused}");
    }
    let odd = json!({"Name": "a", "Value": "b", "Type": "String", "DataType": "Text"});
    assert_eq!(
        world.refused("PutParameter", odd).await,
        "ValidationException: The following data type is not supported: Text (Data type names are all lowercase.)"
    );
}
