//! The answer to a call that makes something is lost, and the SDK's next try is refused: somebody took the permission away
//! meanwhile. What the first try made is looked for, not forgotten.

use std::time::Duration;

use localaws::faults::Fault;

use crate::support::{REGION, TestStack, changes_since, refused};

const KEY: &str = "golden/web.image.yaml";
const OREGON: &str = "us-west-2";

/// The call, and the disk that the AMI is made of; none where it is made of a snapshot.
const CASES: [(&str, Option<&str>); 3] = [
    ("RegisterImage", None),
    ("CopyImage", None),
    ("ImportSnapshot", Some("golden/web.vmdk")),
];

#[tokio::test(start_paused = true)]
async fn what_the_first_try_made_is_found_at_once_or_once_ec2_shows_it() {
    for (action, disk) in CASES {
        for hidden in [0, 100] {
            let stack = TestStack::built(|builder| builder.parameter("CopyRegions", OREGON)).await;
            let ec2 = stack.world.ec2();
            ec2.set_visibility_delay(Duration::from_secs(hidden));
            let faults = stack.world.faults();
            faults.on("ec2", action, 1, Fault::LoseAnswer);
            for later in 2..=4 {
                faults.on("ec2", action, later, refused("UnauthorizedOperation"));
            }
            let mut manifest = stack.manifest("web");
            if let Some(disk) = disk {
                let mut content = b"KDMV".to_vec();
                content.resize(1 << 20, 0);
                stack.drop_silently(disk, content);
                manifest =
                    "name: web\nsource: {disk: {object: web.vmdk, format: vmdk}}\n".to_owned();
            }
            manifest += &format!("regions: {{{OREGON}: {{}}}}\n");
            stack.drop_and_rest(KEY, &manifest).await;
            // The SDK tries only this one again by itself: what the others made is looked for before.
            let is_tried_again = action == "CopyImage";
            assert!(stack.count(action) > 1 || !is_tried_again, "{hidden}");
            stack.world.faults().clear();

            let status = stack.status(KEY).await;
            assert_eq!(status["state"], "available", "{action}: {status:#}");
            for region in [REGION, OREGON] {
                let images = stack.world.ec2().images(region);
                let names: Vec<&str> = images.iter().map(|it| &*it.name).collect();
                assert_eq!(names, ["web"], "{action} in {region}");
                assert_eq!(status["regions"][region]["image"], *images[0].id);
            }
            assert_eq!(stack.emails().len(), 1, "{action}");

            let calls = stack.world.faults().count();
            stack.drop_and_rest(KEY, &manifest).await;
            assert_eq!(changes_since(&stack, calls), []);
            assert_eq!(stack.emails().len(), 1, "{action}");
        }
    }
}
