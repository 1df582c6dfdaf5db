//! What others do to finished AMIs.

use std::collections::BTreeSet;

use localaws::ec2::{DeregistrationProtection, Permission};

use super::TestStack;

/// Another AMI that somebody lets a parameter point to.
const OTHER: &str = "ami-0fedcba9876543210";

/// Changes all that an audit sets back about the AMIs of these Regions, their snapshots and this parameter.
pub(crate) async fn meddle(stack: &TestStack, regions: &[&str], parameter: &str) {
    let ec2 = stack.world.ec2();
    for region in regions {
        for image in ec2.images(region) {
            ec2.edit_image(region, &image.id, |image| {
                image.description = Some("Mine".to_owned());
                image.tags.insert("team".to_owned(), "sales".to_owned());
                image.launch_permissions.clear();
                image.deprecation_time = None;
                image.deregistration_protection = DeregistrationProtection::Disabled;
            });
        }
        let aws = stack.aws().in_region(region);
        for snapshot in ec2.snapshots(region) {
            let permissions = snapshot.create_volume_permissions.iter();
            let accounts = permissions.filter_map(|permission| match permission {
                Permission::Account(account) => Some(account.clone()),
                _ => None,
            });
            let accounts: BTreeSet<String> = accounts.collect();
            if !accounts.is_empty() {
                aws.revoke_snapshot(&snapshot.id, &accounts).await.unwrap();
            }
        }
        let ssm = stack.world.ssm();
        ssm.seed_image_parameter(region, parameter, OTHER);
    }
}
