//! What people change about AMIs and parameters by hand, past amiwright.

use std::collections::BTreeSet;

use localaws::ec2::{DeregistrationProtection, Image, ImageState, Permission, SeedLaunchTemplate};

use super::play::Played;
use super::script::{Edit, PARTNERS, STRANGER};

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
        let is_meant = match (image.state, edit) {
            (state, Edit::Enable) => state == ImageState::Disabled,
            (ImageState::Available, _) | (ImageState::Pending, Edit::Deregister) => true,
            _ => false,
        };
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
                played.monitor.note_edit(&played.stack, region, &id);
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
                unshare(played, region, &image).await;
                continue;
            }
            Edit::Disown => disown(played, region, &image),
            Edit::Offer if image.launch_permissions.contains(&partner()) => continue,
            edit => {
                ec2.edit_image(region, &id, |image| change(image, edit));
            }
        }
        match edit {
            Edit::Grant => played.monitor.grant(&played.stack, region, &id),
            Edit::Offer => played.monitor.offer(region, &id),
            _ => {}
        }
        // Whoever was to have it loses a disabled one, too.
        if [Edit::Revoke, Edit::Disable].contains(&edit) {
            played.monitor.is_private(region, &id);
        }
        note(played, region, &id, edit);
    }
}

/// Takes away the tags that say that an AMI is amiwright's.
fn disown(played: &Played, region: &'static str, image: &Image) {
    played.monitor.disown(&played.stack, region, &image.id);
    let ec2 = played.stack.world.ec2();
    ec2.edit_image(region, &image.id, |it| {
        it.tags.retain(|key, _| !is_own(key));
    });
}

/// Whether a tag is amiwright's own.
fn is_own(key: &str) -> bool {
    key.starts_with("amiwright:")
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
async fn unshare(played: &mut Played, region: &'static str, image: &Image) {
    let ec2 = played.stack.world.ec2().clone();
    // Another account's is shared by that one.
    let theirs = played.sources.theirs.clone();
    for snapshot in image.snapshot_ids().filter(|it| **it != theirs) {
        let readers = readers(played, region, snapshot);
        let mut users = ec2.images(region);
        users.retain(|it| it.snapshot_ids().any(|it| it == snapshot));
        if readers.is_empty() {
            continue;
        }
        // Functions go on meanwhile.
        for user in &users {
            touch(played, region, &user.id);
        }
        let aws = played.stack.aws().in_region(region);
        let _answer = aws.revoke_snapshot(snapshot, &readers).await;
        // A call of a person may fail, too.
        if readers == self::readers(played, region, snapshot) {
            continue;
        }
        for user in users {
            note(played, region, &user.id, Edit::Unshare);
            if let Some(beside) = &mut played.beside {
                note(beside, region, &user.id, Edit::Unshare);
            }
        }
    }
}

/// The accounts that have a snapshot.
fn readers(played: &Played, region: &str, snapshot: &str) -> BTreeSet<String> {
    let snapshots = played.stack.world.ec2().snapshots(region).into_iter();
    let of_it = snapshots.filter(|it| it.id == snapshot);
    let readers = of_it.flat_map(|it| it.create_volume_permissions);
    readers
        .filter_map(|it| match it {
            Permission::Account(account) => Some(account),
            _ => None,
        })
        .collect()
}

/// Somebody is about to change this: what is seen of it need not be as amiwright left it.
fn touch(played: &Played, region: &str, id: &str) {
    played.monitor.touch(region, id);
    if let Some(beside) = &played.beside {
        beside.monitor.touch(region, id);
    }
}

fn partner() -> Permission {
    Permission::Account(PARTNERS[0].to_owned())
}

fn change(image: &mut Image, edit: Edit) {
    let stranger = Permission::Account(STRANGER.to_owned());
    match edit {
        Edit::Grant => {
            image.launch_permissions.insert(stranger);
        }
        Edit::Offer => {
            image.launch_permissions.insert(partner());
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
        // "all the accounts and organizations that the AMI was shared with lose access" (EC2 User Guide, "Disable an AMI").
        Edit::Disable => {
            image.state = ImageState::Disabled;
            image.launch_permissions.clear();
        }
        Edit::Enable => image.state = ImageState::Available,
        Edit::Deregister
        | Edit::Parameter
        | Edit::UseInTemplate
        | Edit::Unshare
        | Edit::Launch
        | Edit::Disown => {}
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
        played.monitor.note_edit(&played.stack, region, &name);
        played.edited_parameters.insert((region, name));
    }
}
