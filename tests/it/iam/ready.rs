//! What each flow begins with.

use localaws::ec2::{ImageBlock, TaskKind};

use super::flow::Flow;
use crate::flows::guardrails::foreign_snapshot;
use crate::support::{REGION, TestStack, making, minutes, vmdk};

pub(super) const BUNDLE: &[u8] = include_bytes!("../../fixtures/image.manifest.xml");
pub(super) const PART: &[u8] = include_bytes!("../../fixtures/image.part.0");
/// A bucket that is not the stack's.
pub(super) const OTHER: &str = "other";

/// A Region that gets copies, and another.
pub(super) const COPIED: &str = "us-west-2";
pub(super) const COPIED_TOO: &str = "eu-central-1";

/// Keys of the account, in the stack's Region and in the one of copies.
pub(super) const KEY_HERE: &str =
    "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890a1";
pub(super) const KEY_THERE: &str =
    "arn:aws:kms:us-west-2:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890a2";
pub(super) const ENCRYPTED: &str = "encrypted: true, kmsKeyId:";

/// A disk, whose snapshot gets the tags of its AMI.
const DISK: &str = "name: web-{digest}\nsource: {disk: {object: web.vmdk, format: vmdk}}\n";

const REPLACES: &str = "replaces: {previous: deregister, snapshots: delete}\nprotect: true\n";

/// All that is set back once others have changed it.
const REPAIRED: &str = "description: Web\ntags: {team: web}\naccess: {accounts: ['111122223333'], copy: true}\n\
                        deprecate: {after: 90d}\nprotect: true\nrepair: true\n\
                        parameters: [{name: /images/web, takeOver: true}]\n";

/// A flow that is about to begin.
pub(super) struct Ready {
    pub(super) flow: Flow,
    pub(super) stack: TestStack,
    pub(super) manifest: String,
}

impl Flow {
    /// The world before it.
    pub(super) async fn ready(self) -> Ready {
        let (stack, manifest) = match self.kind() {
            Some(kind) => {
                let (stack, manifest) = making(kind).await;
                let ec2 = stack.world.ec2();
                match self {
                    Self::Fail(_) => ec2.fail_next_task(kind, "Client.Broken: it broke"),
                    Self::Cancel(_) | Self::Abort(_) | Self::Forget(_) => {
                        ec2.set_task_time(kind, minutes(10));
                    }
                    _ => {}
                }
                (stack, manifest)
            }
            None if self == Self::Paid => paid().await,
            None if matches!(self, Self::OtherDisk | Self::OtherStore) => other_bucket(self).await,
            None => {
                let started = (self == Self::Retry).to_string();
                let copies = match self {
                    Self::Copies | Self::Public => format!("{COPIED},{COPIED_TOO}"),
                    Self::Keys | Self::ReplaceCopies | Self::Audit => COPIED.to_owned(),
                    _ => String::new(),
                };
                let keys = match self {
                    Self::Keys => format!("{KEY_HERE},{KEY_THERE}"),
                    _ => String::new(),
                };
                let owners = match self {
                    Self::Foreign => "111122223333,amazon",
                    _ => "self",
                };
                let public = (self == Self::Public).to_string();
                let retires = match self {
                    Self::Replace | Self::ReplaceCopies => "true",
                    _ => "false",
                };
                // Storing is not open: its grants are not to stand in for those of the manifest bucket.
                let stack = TestStack::built(|builder| {
                    builder
                        .parameter("NotifyStarted", &started)
                        .parameter("AllowRetire", retires)
                        .parameter("ShareWith", "*")
                        .parameter("AllowPublic", &public)
                        .parameter("CopyRegions", &copies)
                        .parameter("KmsKeys", &keys)
                        .parameter("SourceOwners", owners)
                        .parameter("ParameterPrefix", "/images")
                        .parameter("StoreBuckets", "")
                })
                .await;
                let manifest = self.manifest(&stack).await;
                (stack, manifest)
            }
        };
        stack.world.settle().await;
        Ready {
            flow: self,
            stack,
            manifest,
        }
    }

    /// The manifest of a flow that makes an AMI of a snapshot or a disk; what it is made from is there.
    async fn manifest(self, stack: &TestStack) -> String {
        match self {
            Self::Copies => {
                let failed = "Client.InternalError: Copy image failed";
                for _ in [COPIED, COPIED_TOO] {
                    let ec2 = stack.world.ec2();
                    ec2.fail_next_task(TaskKind::CopyImage, failed);
                }
                format!(
                    "{}regions: {{{COPIED}: {{}}, {COPIED_TOO}: {{}}}}\n",
                    stack.manifest("web-{digest}")
                )
            }
            Self::Public => partly_public(stack),
            Self::Settings => {
                stack.drop_file("golden/web.vmdk", vmdk()).await;
                DISK.to_owned()
            }
            Self::Keys => {
                stack.drop_file("golden/web.vmdk", vmdk()).await;
                let disk = format!("object: web.vmdk, format: vmdk, {ENCRYPTED} '{KEY_HERE}'");
                let copy = format!("{COPIED}: {{kmsKeyId: '{KEY_THERE}'}}");
                format!("name: web-{{digest}}\nsource: {{disk: {{{disk}}}}}\nregions: {{{copy}}}\n")
            }
            Self::Encrypted => {
                stack.drop_file("golden/web.vmdk", vmdk()).await;
                let ec2 = stack.world.ec2();
                ec2.set_encryption_by_default(REGION, true, Some(KEY_HERE));
                format!("{DISK}access: {{accounts: ['111122223333']}}\n")
            }
            Self::Foreign => {
                let id = foreign_snapshot(stack);
                format!("name: web-{{digest}}\nsource: {{snapshot: {{id: {id}}}}}\n")
            }
            Self::Replace => {
                let settings = "replaces: {previous: deregister}\nparameters: [/images/web]\n";
                stack.manifest("web-{digest}") + settings
            }
            Self::ReplaceCopies => {
                stack.drop_file("golden/web.vmdk", vmdk()).await;
                format!("{DISK}regions: {{{COPIED}: {{}}}}\n{REPLACES}")
            }
            Self::Audit => {
                stack.drop_file("golden/web.vmdk", vmdk()).await;
                format!("{DISK}regions: {{{COPIED}: {{}}}}\n{REPAIRED}")
            }
            _ => stack.manifest("web-{digest}"),
        }
    }
}

/// A world in which all is encrypted in one Region, and a manifest that is to be public there, too.
fn partly_public(stack: &TestStack) -> String {
    let ec2 = stack.world.ec2();
    for region in [REGION, COPIED_TOO] {
        ec2.set_image_block(region, ImageBlock::Unblocked);
    }
    ec2.set_encryption_by_default(COPIED, true, None);
    let regions = format!("regions: {{{COPIED}: {{}}, {COPIED_TOO}: {{}}}}\n");
    let public = format!("access: {{public: true}}\n{regions}");
    stack.manifest("web-{digest}") + &public
}

/// A world in which a product code can be set on a bundle's AMI.
async fn paid() -> (TestStack, String) {
    let (stack, _) = TestStack::classic_built(|builder| {
        builder
            .parameter("ShareWith", "*")
            .parameter("StoreBuckets", "")
            .parameter("BundleKeyParameter", "")
    })
    .await;
    stack.drop_file("golden/image.part.0", PART).await;
    stack.drop_silently("golden/web.manifest.xml", BUNDLE);
    let source = "source: {bundle: {manifest: web.manifest.xml}}";
    let settings = "productCodes: [774F4FF8]\naccess: {accounts: ['111122223333']}\n";
    (
        stack,
        format!("name: paid-{{digest}}\n{source}\n{settings}"),
    )
}

/// A world in which manifests may name another bucket.
async fn other_bucket(flow: Flow) -> (TestStack, String) {
    let arn = format!("arn:aws:s3:::{OTHER}");
    let opened = match flow {
        Flow::OtherDisk => "SourceBuckets",
        _ => "StoreBuckets",
    };
    let stack = TestStack::built(|builder| builder.parameter(opened, &arn)).await;
    let s3 = stack.world.s3();
    s3.create_bucket(OTHER, false).await.unwrap();
    let manifest = match flow {
        Flow::OtherDisk => {
            format!(
                "name: web\nsource: {{disk: {{object: s3://{OTHER}/web.vmdk, format: vmdk}}}}\n"
            )
        }
        _ => stack.manifest("web") + &format!("store: {{bucket: {OTHER}}}\n"),
    };
    (stack, manifest)
}
