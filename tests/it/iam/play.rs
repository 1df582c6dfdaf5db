//! What happens in each flow, and how it ends.

use std::time::Duration;

use amiwright::cli::retry::retry;
use amiwright::image::apply::request_cancel;
use amiwright::image::words::CancelBy;
use amiwright::reconcile::Context;
use amiwright::status_store::{self, Loaded};
use http::StatusCode;
use localaws::ec2::StateReason;
use localaws::faults::Fault;
use serde_json::json;

use super::flow::Flow;
use super::ready::{
    BUNDLE, COPIED, COPIED_TOO, ENCRYPTED, KEY_HERE, KEY_THERE, OTHER, PART, Ready,
};
use crate::flows::guardrails::foreign_image;
use crate::support::{REGION, meddle, minutes, vmdk, whole_seconds};

pub(super) const KEY: &str = "golden/web.image.yaml";

/// What an AMI that exists can be changed to.
const SETTINGS: &str = "description: Web\ntags: {team: web}\naccess: {accounts: ['111122223333'], copy: true}\n\
                        deprecate: {after: 90d}\nprotect: true\nparameters: [/images/web]\n";

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
        if matches!(
            self.flow,
            Flow::Snapshot | Flow::Replace | Flow::ReplaceCopies
        ) {
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
        if self.flow == Flow::Audit && !self.is_refused() {
            meddle(stack, &[REGION, COPIED], "/images/web").await;
            self.run_for(minutes(20)).await;
            let tick = json!({"task": "audit"});
            stack.world.invoke_later("AdvanceTasks", tick);
            self.run_for(minutes(1)).await;
            self.rest().await;
        }
        if let Some(other) = self.copied().await {
            stack.drop_file("golden/other.image.yaml", other).await;
            self.rest().await;
        }
        // A sweep, after which nothing new may happen.
        self.run_for(minutes(16)).await;
        self.wrong().await
    }

    /// The manifest of a copy of an AMI of another Region, in flows that have one.
    pub(super) async fn copied(&self) -> Option<String> {
        let stack = &self.stack;
        let (id, region) = match self.flow {
            Flow::Copies | Flow::Keys => (stack.image_elsewhere("eu-west-1").await, "eu-west-1"),
            Flow::Foreign => (foreign_image(stack), COPIED),
            _ => return None,
        };
        let key = match self.flow {
            Flow::Keys => format!(", {ENCRYPTED} '{KEY_HERE}'"),
            _ => String::new(),
        };
        let source = format!("source: {{image: {{id: {id}, region: {region}{key}}}}}");
        Some(format!("name: other-{{digest}}\n{source}\n"))
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

    /// What the flow is about, and has not come to.
    fn undone(&self) -> Option<String> {
        let ec2 = self.stack.world.ec2();
        let of = |region: &str| ec2.images(region);
        let (here, there) = (of(REGION), of(COPIED));
        let is_done = match self.flow {
            Flow::Paid => here.iter().all(|image| image.product_codes.len() == 1),
            Flow::Replace => here.len() == 1,
            Flow::ReplaceCopies => {
                let snapshots = ec2.snapshots(COPIED).len();
                (here.len(), there.len(), snapshots) == (1, 1, 1)
            }
            Flow::Audit => here.iter().chain(&there).all(|image| {
                image.description.as_deref() == Some("Web")
                    && image.launch_permissions.len() == 1
                    && image.deprecation_time.is_some()
            }),
            Flow::Keys => {
                let keys = |region| {
                    let snapshots = ec2.snapshots(region).into_iter();
                    let keys = snapshots.filter_map(|it| it.kms_key_id);
                    keys.collect::<Vec<_>>()
                };
                keys(REGION) == [KEY_HERE; 2] && keys(COPIED) == [KEY_THERE] && here.len() == 2
            }
            Flow::Foreign => here.len() == 2,
            Flow::Copies => (there.len(), of(COPIED_TOO).len()) == (1, 1),
            _ => true,
        };
        (!is_done).then(|| format!("{:?}: {here:#?} {there:#?}", self.flow))
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
        if let Some(wrong) = self.undone() {
            return Some(wrong);
        }
        let last = states.iter().find(|(key, _)| key == KEY).or(states.last());
        let ended = last.is_some_and(|(_, state)| state == self.flow.end());
        let is_open = !self.stack.open().await.is_empty();
        (!ended || is_open || self.stack.emails().is_empty())
            .then(|| format!("{:?}: {states:?}, open: {is_open}", self.flow))
    }
}
