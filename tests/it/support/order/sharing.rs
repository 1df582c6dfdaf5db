//! Snapshots are shared before their AMI, and revoked after it; of an AMI that is retired, after it is deregistered.

use localaws::ec2::Image;
use localaws::faults::Call;

use super::{DIGEST_TAG, Happened, MANIFEST_TAG, snapshots};

fn is_shared(call: &Call, snapshot: &str, how: &str, account: &str) -> bool {
    let start = format!("CreateVolumePermission.{how}.");
    call.field("SnapshotId") == Some(snapshot)
        && call.values(&start, ".UserId").any(|id| id == account)
}

fn changes(call: &Call, how: &str, account: &str) -> bool {
    let start = format!("LaunchPermission.{how}.");
    let mut fields = call.fields.iter();
    fields.any(|(name, value)| name.starts_with(&start) && value == account)
}

impl Happened<'_> {
    /// Whether several AMIs were made of a snapshot: it may be shared for the one, and revoked for the other.
    fn has_several(&self, snapshot: &str) -> bool {
        let uses = |call: &Call| {
            let mut ids = call.values("BlockDeviceMapping.", ".Ebs.SnapshotId");
            call.action == "RegisterImage" && ids.any(|id| id == snapshot)
        };
        let made = self.calls.iter().filter(|call| uses(call)).count();
        let images = self.ever();
        made > 1
            || images
                .filter(|image| snapshots(image).contains(snapshot))
                .count()
                > 1
    }

    pub(super) fn sharing(&self, wrong: &mut Vec<String>) {
        for (call, lately, before) in self.done(&["ModifySnapshotAttribute"]) {
            let snapshot = call.field("SnapshotId").unwrap_or_default();
            if self.has_several(snapshot) {
                continue;
            }
            for image in self.ever().filter(|it| snapshots(it).contains(snapshot)) {
                let id = &image.id;
                let is_of_image = |it: &&&Call| {
                    it.action == "ModifyImageAttribute" && it.field("ImageId") == Some(id)
                };
                let of_image = lately.iter().filter(is_of_image);
                let was_shared = |account: &str, number: u64| {
                    let earlier = before.partition_point(|it| it.number < number);
                    let mut earlier = before.iter().take(earlier).rev();
                    let last = earlier.find(|it| {
                        ["Add", "Remove"]
                            .iter()
                            .any(|how| is_shared(it, snapshot, how, account))
                    });
                    last.is_some_and(|it| is_shared(it, snapshot, "Add", account))
                };
                for account in call.values("CreateVolumePermission.Add.", ".UserId") {
                    let is_first = !is_revoked_by_others(before, snapshot, account);
                    let is_revoked = |since: u64| {
                        let mut after = lately.iter().filter(|it| it.number > since);
                        after.any(|it| is_shared(it, snapshot, "Remove", account))
                    };
                    let mut shared = of_image.clone().filter(|it| changes(it, "Add", account));
                    // What somebody has taken since is given once more.
                    let is_early =
                        |it: &Call| !is_revoked(it.number) && !was_shared(account, it.number);
                    if is_first && shared.any(|it| is_early(it)) {
                        wrong.push(format!(
                            "{id} was shared with {account} before its {snapshot}"
                        ));
                    }
                }
            }
        }
    }

    pub(super) fn revoking(&self, wrong: &mut Vec<String>) {
        for (call, lately, before) in self.done(&["ModifyImageAttribute"]) {
            let id = call.field("ImageId").unwrap_or_default();
            let Some(image) = self.ever().find(|image| image.id == id) else {
                continue;
            };
            for snapshot in snapshots(image) {
                if self.has_several(snapshot) {
                    continue;
                }
                let accounts = call.values("LaunchPermission.Remove.", ".UserId");
                for account in accounts {
                    let is_again = |since: u64| {
                        let mut after = lately.iter().filter(|it| it.number > since);
                        after.any(|it| {
                            it.field("ImageId") == Some(id) && changes(it, "Add", account)
                        })
                    };
                    // Another invocation may have revoked both, and this one does it once more.
                    let is_early = |it: &&Call| {
                        is_shared(it, snapshot, "Remove", account)
                            && !is_again(it.number)
                            && !was_taken_back(before, id, account, it.number)
                    };
                    let mut lately = lately.iter();
                    if lately.any(is_early) {
                        wrong.push(format!(
                            "{snapshot} was revoked from {account} before its {id}"
                        ));
                    }
                }
            }
        }
    }

    /// Whether a share was revoked before the AMI was begun that an AMI was deregistered for: while its own version was
    /// published, which is finished although another one was uploaded.
    fn is_before_the_next(&self, image: &Image, revoked: &Call, deregistered: &Call) -> bool {
        let between = revoked.number..deregistered.number;
        let mut calls = self.all.calls.iter();
        calls.any(|it| between.contains(&it.number) && makes_other_version(it, image))
    }

    /// Until an AMI is deregistered, it may come into use, and is to be copied as before: by those it is shared with.
    pub(super) fn ending(&self, wrong: &mut Vec<String>) {
        for (call, lately, before) in self.done(&["DeregisterImage"]) {
            let id = call.field("ImageId").unwrap_or_default();
            let Some(image) = self.ever().find(|image| image.id == id) else {
                continue;
            };
            for snapshot in snapshots(image) {
                if self.has_several(snapshot) {
                    continue;
                }
                let revoked = lately.iter().flat_map(|&it| {
                    let is_of = it.field("SnapshotId") == Some(snapshot);
                    let accounts = it.values("CreateVolumePermission.Remove.", ".UserId");
                    accounts.filter(move |account| {
                        let is_of_publishing = || self.is_before_the_next(image, it, call);
                        let is_taken_back = || was_taken_back(before, id, account, it.number);
                        is_of && !is_taken_back() && !is_of_publishing()
                    })
                });
                for account in revoked {
                    wrong.push(format!(
                        "{snapshot} was revoked from {account} before {id} was deregistered"
                    ));
                }
            }
        }
    }
}

/// Whether a request makes an AMI of another version of the manifest that this one is of.
fn makes_other_version(call: &Call, image: &Image) -> bool {
    let has = |tag: &str| {
        let keys = call.values("TagSpecification.1.Tag.", ".Key");
        let values = call.values("TagSpecification.1.Tag.", ".Value");
        let mut tags = keys.zip(values).filter(|(key, _)| *key == tag);
        let of_image = image.tags.get(tag).map(String::as_str);
        tags.next().map(|(_, value)| Some(value) == of_image)
    };
    has(MANIFEST_TAG) == Some(true) && has(DIGEST_TAG) == Some(false)
}

/// Whether an AMI was shared with an account and is not any more at the time of a call: what its manifest asks for has
/// changed before the AMI was retired.
fn was_taken_back(before: &[&Call], image: &str, account: &str, number: u64) -> bool {
    let earlier = before.iter().take_while(|it| it.number <= number);
    let last = earlier
        .filter(|it| it.field("ImageId") == Some(image))
        .filter_map(|it| {
            changes(it, "Remove", account)
                .then_some(true)
                .or_else(|| changes(it, "Add", account).then_some(false))
        });
    last.last().unwrap_or(false)
}

/// Whether nobody's function has revoked a share that there was: it is shared again, after an audit.
fn is_revoked_by_others(before: &[&Call], snapshot: &str, account: &str) -> bool {
    let mut after = before
        .iter()
        .skip_while(|call| !is_shared(call, snapshot, "Add", account));
    after.any(|call| call.function.is_none() && is_shared(call, snapshot, "Remove", account))
}
