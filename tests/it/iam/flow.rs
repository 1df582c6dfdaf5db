//! The flows that between them need all that the template grants: what each begins with, what happens, how it ends.

use std::time::Duration;

use amiwright::cli::retry::retry;
use amiwright::image::apply::request_cancel;
use amiwright::image::words::CancelBy;
use amiwright::reconcile::Context;
use amiwright::status_store::{self, Loaded};
use http::StatusCode;
use localaws::ec2::{ImageBlock, StateReason, TaskKind};
use localaws::faults::Fault;

use crate::support::{REGION, TestStack, making, minutes, vmdk, whole_seconds};

pub(super) const KEY: &str = "golden/web.image.yaml";
const BUNDLE: &[u8] = include_bytes!("../../fixtures/image.manifest.xml");
const PART: &[u8] = include_bytes!("../../fixtures/image.part.0");
/// A bucket that is not the stack's.
const OTHER: &str = "other";

/// A Region that gets copies.
const COPIED: &str = "us-west-2";

/// A disk, whose snapshot gets the tags of its AMI.
const DISK: &str = "name: web-{digest}\nsource: {disk: {object: web.vmdk, format: vmdk}}\n";

/// What an AMI that exists can be changed to.
const SETTINGS: &str = "description: Web\ntags: {team: web}\naccess: {accounts: ['111122223333'], copy: true}\n\
                        deprecate: {after: 90d}\nprotect: true\nparameters: [/images/web]\n";

/// What happens to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// Registered from a snapshot, and a newer version of it.
    Snapshot,
    /// The email cannot be sent for a while.
    Unsent,
    /// EC2 fails the AMI.
    Unregistered,
    /// A newer version takes the place of the one before, which is deregistered.
    Replace,
    /// Its settings are added, and removed again.
    Settings,
    /// It is copied to another Region, where the first copy fails, and its settings are changed there, too; and an AMI of
    /// another Region is copied to the stack's.
    Copies,
    /// It is made public, but not in a Region in which everything is encrypted.
    Public,
    /// EC2 refuses at first; a person asks for a new attempt.
    Retry,
    /// So much is open that a tick runs out of time.
    Crowd,
    /// Markers without a status, as a crash or a person may leave them.
    Orphans,
    /// A bundle of the AMI tools.
    Tools,
    /// A bundle of the AMI tools to which its image manifest comes later.
    ToolsTwice,
    /// A task of this kind is made.
    Make(TaskKind),
    /// The event of its manifest is lost, so that the schedule does all of it.
    Sweep(TaskKind),
    /// EC2 fails it.
    Fail(TaskKind),
    /// Its manifest is removed meanwhile.
    Cancel(TaskKind),
    /// A person cancels it meanwhile, by the command.
    Abort(TaskKind),
    /// EC2's listing forgets it.
    Forget(TaskKind),
    /// A disk in another bucket.
    OtherDisk,
    /// An AMI is stored in another bucket, and restored from there.
    OtherStore,
}

/// All of them.
pub(super) fn flows() -> Vec<Flow> {
    use Flow::*;
    use TaskKind::*;
    let mut all = vec![
        Snapshot,
        Unsent,
        Unregistered,
        Replace,
        Settings,
        Copies,
        Public,
        Retry,
        Crowd,
        Orphans,
        Tools,
        ToolsTwice,
        OtherDisk,
        OtherStore,
    ];
    let tasks = [
        ImportSnapshot,
        ImportImage,
        BundleInstance,
        CopyImage,
        RestoreImage,
    ];
    for kind in tasks {
        all.extend([
            Make(kind),
            Sweep(kind),
            Fail(kind),
            Cancel(kind),
            Abort(kind),
        ]);
    }
    all.extend([Make(StoreImage), Fail(StoreImage), Forget(StoreImage)]);
    all.extend([ImportSnapshot, ImportImage, BundleInstance].map(Forget));
    all
}

/// A flow that is about to begin.
pub(super) struct Ready {
    flow: Flow,
    pub(super) stack: TestStack,
    manifest: String,
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
            None if matches!(self, Self::OtherDisk | Self::OtherStore) => other_bucket(self).await,
            None => {
                let started = (self == Self::Retry).to_string();
                let copies = match self {
                    Self::Copies | Self::Public => COPIED,
                    _ => "",
                };
                let public = (self == Self::Public).to_string();
                let retires = match self {
                    Self::Replace => "true",
                    _ => "false",
                };
                // Storing is not open: its grants are not to stand in for those of the manifest bucket.
                let stack = TestStack::built(|builder| {
                    builder
                        .parameter("NotifyStarted", &started)
                        .parameter("AllowRetire", retires)
                        .parameter("ShareWith", "*")
                        .parameter("AllowPublic", &public)
                        .parameter("CopyRegions", copies)
                        .parameter("ParameterPrefix", "/images")
                        .parameter("StoreBuckets", "")
                })
                .await;
                let manifest = match self {
                    Self::Copies => {
                        let failed = "Client.InternalError: Copy image failed";
                        stack
                            .world
                            .ec2()
                            .fail_next_task(TaskKind::CopyImage, failed);
                        format!(
                            "{}regions: {{{COPIED}: {{}}}}\n",
                            stack.manifest("web-{digest}")
                        )
                    }
                    Self::Public => partly_public(&stack),
                    Self::Settings => {
                        stack.drop_file("golden/web.vmdk", vmdk()).await;
                        DISK.to_owned()
                    }
                    Self::Replace => {
                        let settings =
                            "replaces: {previous: deregister}\nparameters: [/images/web]\n";
                        stack.manifest("web-{digest}") + settings
                    }
                    _ => stack.manifest("web-{digest}"),
                };
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

    fn kind(self) -> Option<TaskKind> {
        match self {
            Self::Make(kind)
            | Self::Sweep(kind)
            | Self::Fail(kind)
            | Self::Cancel(kind)
            | Self::Abort(kind)
            | Self::Forget(kind) => Some(kind),
            _ => None,
        }
    }

    /// How its image ends.
    fn end(self) -> &'static str {
        match self {
            Self::Public | Self::Fail(TaskKind::StoreImage) => "incomplete",
            Self::Unregistered | Self::Fail(_) => "failed",
            // Only its task could prove what an import has made.
            Self::Forget(TaskKind::ImportSnapshot | TaskKind::ImportImage) => "failed",
            Self::Cancel(_) | Self::Abort(_) => "cancelled",
            _ => "available",
        }
    }
}

/// A world in which all is encrypted in one Region, and a manifest that is to be public.
fn partly_public(stack: &TestStack) -> String {
    let ec2 = stack.world.ec2();
    ec2.set_image_block(REGION, ImageBlock::Unblocked);
    ec2.set_encryption_by_default(COPIED, true, None);
    let public = format!("access: {{public: true}}\nregions: {{{COPIED}: {{}}}}\n");
    stack.manifest("web-{digest}") + &public
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

impl Ready {
    /// Plays the flow to its end, or until a call is refused. Returns what is wrong.
    pub(super) async fn play(&self) -> Option<String> {
        let stack = &self.stack;
        match self.flow {
            Flow::Sweep(_) => {
                stack.drop_silently(KEY, &self.manifest);
                self.run_for(minutes(16)).await;
            }
            Flow::Tools => {
                stack.drop_file("golden/image.part.0", PART).await;
                stack.drop_file("golden/image.manifest.xml", BUNDLE).await;
                // Finalized by `notify`, because no tick has to visit it.
                stack
                    .drop_file("golden/broken.manifest.xml", "broken")
                    .await;
            }
            Flow::ToolsTwice => {
                stack.drop_file("golden/image.manifest.xml", BUNDLE).await;
                self.run_for(minutes(2)).await;
                let manifest =
                    "name: paid-{digest}\nsource: {bundle: {manifest: image.manifest.xml}}\n";
                stack.drop_file(KEY, manifest).await;
                self.run_for(minutes(2)).await;
                stack.drop_file("golden/image.part.0", PART).await;
            }
            Flow::Crowd => self.crowd().await,
            Flow::Orphans => self.orphans().await,
            flow => {
                self.before(flow);
                stack.drop_file(KEY, &self.manifest).await;
                self.meanwhile(flow).await;
            }
        }
        self.rest().await;
        if matches!(self.flow, Flow::Snapshot | Flow::Replace) {
            let newer = format!("{}register: {{imdsSupport: v2.0}}\n", self.manifest);
            stack.drop_file(KEY, newer).await;
            self.rest().await;
        }
        if matches!(self.flow, Flow::Settings | Flow::Copies) {
            for settings in [SETTINGS, ""] {
                let changed = format!("{}{settings}", self.manifest);
                stack.drop_file(KEY, changed).await;
                self.rest().await;
            }
        }
        if self.flow == Flow::Copies {
            let id = stack.image_elsewhere("eu-west-1").await;
            let source = format!("source: {{image: {{id: {id}, region: eu-west-1}}}}");
            let other = format!("name: other-{{digest}}\n{source}\n");
            stack.drop_file("golden/other.image.yaml", other).await;
            self.rest().await;
        }
        // A sweep, after which nothing new may happen.
        self.run_for(minutes(16)).await;
        self.wrong().await
    }

    /// More open markers than one call to EC2 asks for, and no time for all of them.
    async fn crowd(&self) {
        let stack = &self.stack;
        stack.drop_file(KEY, &self.manifest).await;
        self.rest().await;
        for number in 0..220 {
            stack.write_state(&format!("open/crowd/{number}.image.yaml.open"), "");
        }
        let slow = Fault::Slow(Duration::from_secs(20));
        let faults = stack.world.faults();
        faults.always("s3", "GetObject", slow);
        self.run_for(minutes(2)).await;
        faults.clear();
    }

    async fn orphans(&self) {
        let stack = &self.stack;
        stack.drop_file(KEY, &self.manifest).await;
        self.rest().await;
        let due = "due/gone.image.yaml.due";
        stack.write_state(due, "");
        stack.world.invoke_later("Notify", stack.state_created(due));
        self.run_for(minutes(1)).await;
        stack.write_state("open/gone.image.yaml.open", "");
        stack.write_state(due, "");
        self.run_for(minutes(31)).await;
    }

    fn before(&self, flow: Flow) {
        let faults = self.stack.world.faults();
        match flow {
            Flow::Unsent => {
                let down = Fault::Refuse {
                    status: StatusCode::INTERNAL_SERVER_ERROR,
                    code: "InternalError".to_owned(),
                    message: "We are down".to_owned(),
                };
                faults.always("sns", "Publish", down);
            }
            Flow::Unregistered => {
                let reason = StateReason {
                    code: "Client.InternalError".to_owned(),
                    message: "the snapshot is broken".to_owned(),
                };
                self.stack.world.ec2().fail_next_registration(reason);
            }
            Flow::Retry => {
                let refused = crate::support::refused("UnauthorizedOperation");
                faults.on("ec2", "RegisterImage", 1, refused);
            }
            _ => {}
        }
    }

    /// What happens while the image is under way.
    async fn meanwhile(&self, flow: Flow) {
        let stack = &self.stack;
        match flow {
            // Both functions see first that the disk is not there.
            Flow::OtherDisk => {
                self.run_for(minutes(2)).await;
                let s3 = stack.world.s3();
                s3.put(OTHER, "web.vmdk", vmdk()).await.unwrap();
            }
            Flow::Unsent => {
                self.run_for(minutes(10)).await;
                stack.world.faults().clear();
            }
            Flow::Retry => {
                self.rest().await;
                if !self.is_refused() {
                    let (aws, config) = (stack.aws(), stack.config());
                    let now = whole_seconds(stack.world.clock().now());
                    let asked = retry(Context::new(&aws, &config, now), KEY).await;
                    asked.map_err(|error| error.report()).unwrap();
                }
            }
            Flow::Abort(_) => {
                self.run_for(Duration::from_secs(330)).await;
                let (aws, config) = (stack.aws(), stack.config());
                let loaded = status_store::load(&aws, &config, KEY).await.unwrap();
                if let Some(Loaded { mut status, etag }) = loaded.filter(|_| !self.is_refused()) {
                    let now = whole_seconds(stack.world.clock().now());
                    request_cancel(&mut status, CancelBy::Command, now).unwrap();
                    let saved = status_store::save(&aws, &config, &status, Some(&etag));
                    saved.await.unwrap();
                }
            }
            Flow::Cancel(_) => {
                self.run_for(Duration::from_secs(330)).await;
                stack.remove(KEY).await;
            }
            Flow::Forget(_) => {
                self.run_for(Duration::from_secs(150)).await;
                let statuses = stack.state_keys("status/").await;
                if !statuses.is_empty() {
                    let status = stack.status(KEY).await;
                    if let Some(id) = status["build"]["tasks"][0]["id"].as_str() {
                        stack.world.ec2().hide_task(id);
                    }
                }
            }
            _ => {}
        }
    }

    /// Whether a permission was missing so far.
    pub(super) fn is_refused(&self) -> bool {
        !self.stack.world.iam().denials().is_empty()
    }

    /// Lets time pass, unless a permission was missing: then the flow has shown what it can.
    async fn run_for(&self, time: Duration) {
        if !self.is_refused() {
            self.stack.world.run_for(time).await;
            self.stack.world.settle().await;
        }
    }

    /// Lets time pass until nothing is open, or a permission was missing.
    async fn rest(&self) {
        for _ in 0..240 {
            if self.is_refused() {
                return;
            }
            self.stack.minute().await;
            if self.stack.open().await.is_empty() {
                return;
            }
        }
    }

    async fn wrong(&self) -> Option<String> {
        let denials = self.stack.world.iam().denials();
        if !denials.is_empty() {
            return Some(format!("{denials:?}"));
        }
        let statuses = self.stack.state_keys("status/").await;
        let mut states = Vec::new();
        for key in statuses {
            let key = amiwright::keys::manifest_of_status(&key)
                .unwrap()
                .to_owned();
            let state = self.stack.status(&key).await["state"].clone();
            states.push((key, state));
        }
        let last = states.iter().find(|(key, _)| key == KEY).or(states.last());
        let ended = last.is_some_and(|(_, state)| state == self.flow.end());
        let is_open = !self.stack.open().await.is_empty();
        (!ended || is_open || self.stack.emails().is_empty())
            .then(|| format!("{:?}: {states:?}, open: {is_open}", self.flow))
    }
}
