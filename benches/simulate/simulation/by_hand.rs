//! What people change about AMIs and parameters by hand, past amiwright.

use localaws::ec2::{DeregistrationProtection, Image, ImageState, Permission, SeedLaunchTemplate};

use super::play::Played;
use super::script::{Edit, STRANGER};

/// Another AMI that somebody lets a parameter point to.
pub(super) const OTHER: &str = "ami-0fedcba9876543210";

/// Edits all AMIs of a manifest in a Region.
pub(super) async fn edit(played: &mut Played, key: &str, region: &'static str, edit: Edit) {
    if edit == Edit::Parameter {
        return edit_parameter(played, key, region);
    }
    let ec2 = played.stack.world.ec2().clone();
    let tag = format!("s3://{}/{key}", played.stack.bucket);
    let mut images = ec2.images(region);
    images.retain(|image| {
        let is_pending = image.state == ImageState::Pending;
        let is_meant =
            image.state == ImageState::Available || (is_pending && edit == Edit::Deregister);
        is_meant && image.tags.get("amiwright:manifest") == Some(&tag)
    });
    for image in images {
        let id = image.id.clone();
        match edit {
            Edit::Deregister => {
                // As people would: it is refused if it is protected.
                if image.deregistration_protection != DeregistrationProtection::Disabled {
                    continue;
                }
                // Functions go on meanwhile.
                played.monitor.look_at(region);
                played.monitor.touch(region, &id);
                let aws = played.stack.aws().in_region(region);
                let is_done = aws.deregister_image(&id).await.is_ok();
                // EC2 finds none that it does not show yet, and that one is taken for gone.
                let is_there = ec2.images(region).iter().any(|it| it.id == id);
                if !is_done || is_there {
                    continue;
                }
            }
            Edit::UseInTemplate => {
                let versions = vec![Some(id.clone())];
                let template = SeedLaunchTemplate { id: None, versions };
                ec2.seed_launch_template(region, template);
                played.monitor.use_in_template(&played.stack, region, &id);
                // Nothing about the AMI itself has changed.
                continue;
            }
            Edit::Launch => {
                let now = played.stack.world.clock().now();
                ec2.edit_image(region, &id, |it| it.last_launched_time = Some(now));
                played.monitor.launch(&played.stack, region, &id);
                continue;
            }
            Edit::Unshare => {
                unshare(played, region, &image);
                continue;
            }
            edit => {
                ec2.edit_image(region, &id, |image| change(image, edit));
            }
        }
        if edit == Edit::Revoke {
            played.monitor.is_private(region, &id);
        }
        note(played, region, &id, edit);
    }
}

/// What is seen of this AMI need not be as amiwright left it.
fn note(played: &mut Played, region: &'static str, id: &str, edit: Edit) {
    played.monitor.touch(region, id);
    played.monitor.note_edit(&played.stack, region, id);
    if let Edit::Protect | Edit::Unprotect = edit {
        let is_on = edit == Edit::Protect;
        played.monitor.protect(&played.stack, region, id, is_on);
    }
    let edits = played.edited.entry((region, id.to_owned())).or_default();
    edits.insert(format!("{edit:?}"));
}

/// Ends the shares of an AMI's snapshots, which all AMIs have lost that are of one of them, also those of the other stack.
fn unshare(played: &mut Played, region: &'static str, image: &Image) {
    let ec2 = played.stack.world.ec2().clone();
    // Another account's is shared by that one.
    let theirs = played.sources.theirs.clone();
    for snapshot in image.snapshot_ids().filter(|it| **it != theirs) {
        let mut was_shared = false;
        ec2.edit_snapshot(region, snapshot, |it| {
            was_shared = !it.create_volume_permissions.is_empty();
            it.create_volume_permissions.clear();
        });
        let images = ec2.images(region).into_iter().filter(|_| was_shared);
        for user in images.filter(|it| it.snapshot_ids().any(|it| it == snapshot)) {
            note(played, region, &user.id, Edit::Unshare);
            if let Some(beside) = &mut played.beside {
                note(beside, region, &user.id, Edit::Unshare);
            }
        }
    }
}

fn change(image: &mut Image, edit: Edit) {
    let stranger = Permission::Account(STRANGER.to_owned());
    match edit {
        Edit::Grant => {
            image.launch_permissions.insert(stranger);
        }
        Edit::Revoke => image.launch_permissions.clear(),
        Edit::Tag => {
            image.tags.insert("team".to_owned(), "sales".to_owned());
        }
        Edit::Untag => {
            image.tags.remove("team");
        }
        Edit::Describe => image.description = Some("Mine".to_owned()),
        Edit::Protect => {
            image.deregistration_protection = DeregistrationProtection::EnabledWithoutCooldown;
        }
        Edit::Unprotect => image.deregistration_protection = DeregistrationProtection::Disabled,
        Edit::Deprecate => image.deprecation_time = None,
        Edit::Disable => image.state = ImageState::Disabled,
        Edit::Deregister | Edit::Parameter | Edit::UseInTemplate | Edit::Unshare | Edit::Launch => {
        }
    }
}

fn edit_parameter(played: &mut Played, key: &str, region: &'static str) {
    let manifest = played.manifests.get(key);
    let names = manifest.map(|it| it.parameters(key)).unwrap_or_default();
    for name in names {
        let ssm = played.stack.world.ssm();
        // SSM would refuse it.
        if ssm.is_validating(region, &name) {
            continue;
        }
        ssm.seed_image_parameter(region, &name, OTHER);
        played.edited_parameters.insert((region, name));
    }
}
