//! EC2 takes so many copies at once and no more into a Region: those beyond wait for their turn, and nobody is told.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use localaws::ec2::{ImageState, TaskKind};

use crate::support::{TestStack, changes_by_name, minutes};

const REGIONS: [&str; 3] = ["eu-west-1", "us-east-2", "us-west-2"];
const NAMES: [&str; 3] = ["api", "data", "web"];

#[tokio::test(start_paused = true)]
async fn where_one_copy_is_made_at_a_time_all_are_made_one_after_the_other() {
    let stack =
        TestStack::built(|builder| builder.parameter("CopyRegions", &REGIONS.join(","))).await;
    let ec2 = stack.world.ec2();
    ec2.set_copy_limit(1);
    let time = minutes(7);
    ec2.set_task_time(TaskKind::CopyImage, time);
    let regions = REGIONS.map(|region| format!("{region}: {{}}")).join(", ");
    let manifest = |name: &str| format!("{}regions: {{{regions}}}\n", stack.manifest(name));
    let key = |name: &str| format!("golden/{name}.image.yaml");
    for name in NAMES {
        stack.drop_file(&key(name), manifest(name)).await;
    }
    stack.rest().await;
    for name in NAMES {
        let status = stack.status(&key(name)).await;
        assert_eq!(status["state"], "available", "{status:#}");
    }
    let refused = stack.count("CopyImage") - NAMES.len() * REGIONS.len();
    assert!(refused > 0, "no copy had to wait");
    for region in REGIONS {
        let mut images = stack.world.ec2().images(region);
        images.sort_by_key(|image| image.created_at);
        let names: BTreeSet<&str> = images.iter().map(|image| &*image.name).collect();
        assert_eq!(names, NAMES.into(), "{region}");
        assert_eq!(images.len(), NAMES.len(), "{region}");
        let is_available = |image: &localaws::ec2::Image| image.state == ImageState::Available;
        assert!(images.iter().all(is_available), "{region}: {images:#?}");
        for pair in images.windows(2) {
            let between = pair[1].created_at.duration_since(pair[0].created_at);
            let time = SignedDuration::try_from(time).unwrap();
            assert!(between >= time, "{region}: {between:?}");
        }
    }
    assert_eq!(stack.emails().len(), NAMES.len());

    let calls = changes_by_name(&stack, 0);
    for name in NAMES {
        stack.drop_and_rest(&key(name), manifest(name)).await;
    }
    stack.world.run_for(Duration::from_secs(1800)).await;
    assert_eq!(changes_by_name(&stack, 0), calls);
    assert_eq!(stack.emails().len(), NAMES.len());
}
