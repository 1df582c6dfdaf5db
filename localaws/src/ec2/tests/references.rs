//! What uses an image.

use super::*;
use crate::ec2::{InstanceState, SeedInstance, SeedLaunchTemplate};

const IMAGE: &str = "ami-0123456789abcdef0";
const OTHER: &str = "ami-0123456789abcdef1";

impl World {
    fn seed_references(&self) {
        for (state, image) in [
            (InstanceState::Running, IMAGE),
            (InstanceState::Terminated, IMAGE),
            (InstanceState::Running, OTHER),
        ] {
            let instance = SeedInstance {
                state,
                image_id: Some(image.to_owned()),
                ..SeedInstance::default()
            };
            self.ec2.seed_instance(REGION, instance);
        }
        // The image is in the oldest of eleven versions.
        let mut versions = vec![Some(OTHER.to_owned()); 11];
        versions[0] = Some(IMAGE.to_owned());
        let template = SeedLaunchTemplate { id: None, versions };
        self.ec2.seed_launch_template(REGION, template);
        self.ec2.set_image_parameters(|region| match region {
            REGION => BTreeMap::from([("/images/web".to_owned(), IMAGE.to_owned())]),
            _ => BTreeMap::new(),
        });
    }

    async fn references(&self, fields: &str) -> Vec<String> {
        let fields = format!("ImageId.1={IMAGE}&{fields}");
        let xml = self.ok("DescribeImageReferences", &fields).await;
        texts(&xml, "resourceType")
    }
}

#[tokio::test(start_paused = true)]
async fn instances_templates_and_parameters_refer_to_an_image() {
    let world = World::new();
    world.seed_references();
    let all = world.references("IncludeAllResourceTypes=true").await;
    assert_eq!(all, ["ec2:Instance", "ec2:Instance", "ssm:Parameter"]);
    let deep = "ResourceType.1.ResourceType=ec2:LaunchTemplate&ResourceType.1.ResourceTypeOption.1.OptionName=version-depth\
                &ResourceType.1.ResourceTypeOption.1.OptionValue.1=10000";
    assert_eq!(world.references(deep).await, ["ec2:LaunchTemplate"]);
    let running = "ResourceType.1.ResourceType=ec2:Instance&ResourceType.1.ResourceTypeOption.1.OptionName=state-name\
                   &ResourceType.1.ResourceTypeOption.1.OptionValue.1=running";
    assert_eq!(world.references(running).await, ["ec2:Instance"]);
    let parameter = format!("ImageId.1={IMAGE}&ResourceType.1.ResourceType=ssm:Parameter");
    let xml = world.ok("DescribeImageReferences", &parameter).await;
    assert_eq!(
        (text(&xml, "imageId"), text(&xml, "arn")),
        (
            IMAGE.into(),
            "arn:aws:ssm:us-east-1:000000000000:parameter/images/web".into()
        )
    );
}

#[tokio::test(start_paused = true)]
async fn references_come_in_pages_and_need_a_type() {
    let world = World::new();
    for _ in 0..7 {
        let image_id = Some(IMAGE.to_owned());
        let instance = SeedInstance {
            image_id,
            ..SeedInstance::default()
        };
        world.ec2.seed_instance(REGION, instance);
    }
    let fields = format!("ImageId.1={IMAGE}&IncludeAllResourceTypes=true&MaxResults=5");
    let first = world.ok("DescribeImageReferences", &fields).await;
    assert_eq!(texts(&first, "arn").len(), 5);
    let fields = format!("{fields}&NextToken={}", text(&first, "nextToken"));
    let second = world.ok("DescribeImageReferences", &fields).await;
    assert_eq!(
        (texts(&second, "arn").len(), text(&second, "nextToken")),
        (2, String::new())
    );
    let none = format!("ImageId.1={IMAGE}");
    let refused = world.refused("DescribeImageReferences", &none).await;
    assert!(refused.starts_with("MissingParameter"), "{refused}");
    let odd = format!("{none}&ResourceType.1.ResourceType=ec2:Fleet");
    let refused = world.refused("DescribeImageReferences", &odd).await;
    assert!(refused.starts_with("InvalidParameterValue"), "{refused}");
}
