//! What is published, in which world, and what happens then.

use localaws::ec2::{Era, ImageBlock, Permission, TaskKind};

use crate::support::{
    BUNDLE_MANIFEST, BUNDLE_PART, DISK, REGION, TestStack, meddle, minutes, other_bundle, vmdk,
};

/// The parameter that points to the AMI of each Region.
pub(super) const NAME: &str = "/images/web";

const KEY: &str = "golden/web.image.yaml";
const BUNDLE: &str = "golden/web.manifest.xml";
/// The fixture's bundle names its part so.
const PART: &str = "golden/image.part.0";
const OREGON: &str = "us-west-2";
const IRELAND: &str = "eu-west-1";
/// Somebody's AMI.
const OTHER: &str = "ami-0fedcba9876543210";
/// Who was let in by hand.
const GUEST: &str = "444455556666";
/// A key of each Region.
const KEYS: [&str; 2] = [
    "arn:aws:kms:us-west-2:000000000000:key/1234abcd-12ab-34cd-56ef-123456789001",
    "arn:aws:kms:eu-west-1:000000000000:key/1234abcd-12ab-34cd-56ef-123456789002",
];

const SOLD: &str = "name: web-{digest}\nsource: {bundle: {manifest: web.manifest.xml}}\n";
const NEWER: &str = "register: {imdsSupport: v2.0}\n";
const REGIONS: &str = "regions: {us-west-2: {}}\n";
const DISABLED: &str = "regions: {us-west-2: {}, af-south-1: {required: false}}\n";
const KEYED: &str = "regions: {us-west-2: {kmsKeyId: 'arn:aws:kms:us-west-2:000000000000:key/1234abcd-12ab-34cd-56ef-123456789001'}, \
                     eu-west-1: {kmsKeyId: 'arn:aws:kms:eu-west-1:000000000000:key/1234abcd-12ab-34cd-56ef-123456789002'}}\n";
const UNUSABLE: &str = "regions: {us-west-2: {}, eu-west-1: {required: false, \
                        kmsKeyId: 'arn:aws:kms:eu-west-1:000000000000:key/1234abcd-12ab-34cd-56ef-123456789002'}}\n";

/// What the manifest asks for before, and what happens then.
#[derive(Clone, Copy)]
pub(super) struct Case {
    pub(super) before: Option<&'static str>,
    pub(super) then: Then,
    /// How the subject of the email begins that tells how it ended.
    pub(super) notice: &'static str,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// The manifest asks for this.
    Asked(&'static str),
    /// The same, of the AMI of a bundle: only that can be given a product code. It is not copied.
    Sold(&'static str),
    /// The same, with a copy in two Regions, under a key of each.
    Keyed(&'static str),
    /// The same, with a Region more, which is disabled and not required.
    Disabled(&'static str),
    /// The same, with a Region more, which is not required, and whose key EC2 finds that it cannot use while it copies.
    Unusable(&'static str),
    /// The same; the first copy fails.
    Failing(&'static str),
    /// The same, after somebody has let another account launch the AMIs.
    LetIn(&'static str),
    /// The same, of another version.
    Newer(&'static str),
    /// The same, of another version that has the name of the one before, and is not copied.
    SameName(&'static str),
    /// The same, with its copies.
    SameNames(&'static str),
    /// The manifest asks for this; the parameter is there, with somebody's AMI.
    Conflict(&'static str),
    /// The same, of another version, after somebody has set the parameter back.
    NewerConflict(&'static str),
    /// The bundle of the AMI is overwritten, and the manifest asks for this.
    Overwritten(&'static str),
    /// A bundle without a manifest of ours is overwritten.
    OverwrittenBare,
    /// Others have changed all that can be set back, and it is audited.
    Audited,
    /// The manifest is removed.
    Removed,
    /// The same, of an AMI of a disk: its snapshot was made for it, which its tags prove once it is deregistered.
    RemovedOwn,
}

impl Case {
    /// The key of what is uploaded.
    pub(super) fn key(self) -> &'static str {
        match self.then {
            Then::OverwrittenBare => BUNDLE,
            _ => KEY,
        }
    }

    /// The Regions of its AMIs.
    pub(super) fn regions(self) -> &'static [&'static str] {
        match self.then {
            Then::Sold(_) | Then::SameName(_) | Then::Overwritten(_) | Then::OverwrittenBare => {
                &[REGION]
            }
            Then::Keyed(_) | Then::Unusable(_) => &[REGION, OREGON, IRELAND],
            _ => &[REGION, OREGON],
        }
    }

    fn manifest(self, stack: &TestStack, settings: &str) -> String {
        let of_snapshot = |name, regions| stack.manifest(name) + regions + settings;
        match self.then {
            Then::Sold(_) | Then::Overwritten(_) => format!("{SOLD}{settings}"),
            Then::RemovedOwn => format!("{DISK}{REGIONS}{settings}"),
            Then::Keyed(_) => of_snapshot("web-{digest}", KEYED),
            Then::Disabled(_) => of_snapshot("web-{digest}", DISABLED),
            Then::Unusable(_) => of_snapshot("web-{digest}", UNUSABLE),
            Then::SameName(_) => of_snapshot("web", ""),
            Then::SameNames(_) => of_snapshot("web", REGIONS),
            _ => of_snapshot("web-{digest}", REGIONS),
        }
    }

    /// A world that is at rest before it.
    pub(super) async fn ready(self) -> TestStack {
        let stack = TestStack::built(|builder| {
            builder
                .parameter("ShareWith", "*")
                .parameter("AllowPublic", "true")
                .parameter("AllowRetire", "true")
                .parameter("CopyRegions", "us-west-2,eu-west-1,af-south-1")
                .parameter("KmsKeys", &KEYS.join(","))
                .parameter("ParameterPrefix", "/images")
                // The cases say when.
                .parameter("AuditSchedule", "rate(3000 days)")
        })
        .await;
        let ec2 = stack.world.ec2();
        for region in [REGION, OREGON] {
            ec2.set_image_block(region, ImageBlock::Unblocked);
        }
        match self.then {
            Then::RemovedOwn => stack.drop_silently("golden/web.vmdk", vmdk()),
            Then::Sold(_) | Then::Overwritten(_) => {
                ec2.set_era(Era::Classic);
                stack.drop_silently(PART, BUNDLE_PART);
                stack.drop_silently(BUNDLE, BUNDLE_MANIFEST);
            }
            Then::OverwrittenBare => {
                stack.drop_silently(PART, BUNDLE_PART);
                stack.drop_and_rest(BUNDLE, BUNDLE_MANIFEST).await;
            }
            Then::Unusable(_) => ec2.set_unusable_keys(&KEYS[1..]),
            Then::Failing(_) => ec2.fail_next_task(TaskKind::CopyImage, "Client.InternalError"),
            _ => {}
        }
        if let Some(before) = self.before {
            let manifest = self.manifest(&stack, before);
            stack.drop_and_rest(KEY, manifest).await;
        }
        self.meddle(&stack).await;
        stack
    }

    /// What others do before it.
    async fn meddle(self, stack: &TestStack) {
        match self.then {
            Then::Audited => meddle(stack, &[REGION, OREGON], NAME).await,
            Then::Conflict(_) | Then::NewerConflict(_) => {
                for region in self.regions() {
                    let ssm = stack.world.ssm();
                    ssm.seed_image_parameter(region, NAME, OTHER);
                }
            }
            Then::LetIn(_) => {
                let ec2 = stack.world.ec2();
                for region in self.regions() {
                    for image in ec2.images(region) {
                        ec2.edit_image(region, &image.id, |image| {
                            let guest = Permission::Account(GUEST.to_owned());
                            image.launch_permissions.insert(guest);
                        });
                    }
                }
            }
            _ => {}
        }
    }

    pub(super) async fn play(self, stack: &TestStack) {
        let manifest = match self.then {
            Then::Asked(settings)
            | Then::Sold(settings)
            | Then::Keyed(settings)
            | Then::Disabled(settings)
            | Then::Unusable(settings)
            | Then::Failing(settings)
            | Then::LetIn(settings)
            | Then::Conflict(settings) => self.manifest(stack, settings),
            Then::Newer(settings)
            | Then::SameName(settings)
            | Then::SameNames(settings)
            | Then::NewerConflict(settings) => self.manifest(stack, settings) + NEWER,
            Then::Overwritten(settings) => {
                overwrite(stack).await;
                self.manifest(stack, settings)
            }
            Then::OverwrittenBare => {
                overwrite(stack).await;
                return stack.rest().await;
            }
            Then::Audited => {
                // What the first did not see, or did not live to repair, is the next one's.
                stack.audit().await;
                return stack.audit().await;
            }
            Then::Removed | Then::RemovedOwn => {
                stack.remove(KEY).await;
                return stack.rest().await;
            }
        };
        stack.drop_and_rest(KEY, manifest).await;
    }
}

/// Others come, under the names of the bundle that there is.
async fn overwrite(stack: &TestStack) {
    // What changes in the second in which it was read cannot be told apart.
    stack.world.run_for(minutes(1)).await;
    let (manifest, part) = other_bundle();
    stack.drop_file(PART, part).await;
    stack.drop_file(BUNDLE, manifest).await;
}
