//! Two invocations at once, where the AMI that exists is shared, released, or followed by the retirement of the one before:
//! while one of them waits for the answer to any of its calls, the other one does all that it can. What is done is done once.

use std::future::Future;
use std::time::Duration;

use amiwright::advance_tasks::{self, PollingHistory};
use amiwright::metrics::Meter;
use futures_util::future::join;
use localaws::ec2::ImageState;
use localaws::faults::Fault;
use serde_json::{Value, json};

use crate::support::{REGION, TestStack, minutes, vmdk, whole_seconds};

const KEY: &str = "golden/web.image.yaml";
const NAME: &str = "/images/web";

/// For how long an answer is held, and how much later the other invocation begins.
const HELD: Duration = Duration::from_secs(6);
const LATER: Duration = Duration::from_secs(3);

/// What is under way.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stage {
    Share,
    Release,
    Retire,
}

/// The other invocation.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Other {
    /// Of the schedule.
    Tick,
    /// For a repeated event of the same upload.
    Upload,
}

impl Stage {
    fn settings(self) -> &'static str {
        match self {
            Self::Share => "access: {accounts: ['111122223333'], copy: true}\n",
            Self::Release => "parameters: [/images/web]\n",
            Self::Retire => "replaces: {previous: deregister, snapshots: delete}\n",
        }
    }

    /// The call without whose answer it does not begin.
    fn first_call(self) -> (&'static str, &'static str) {
        match self {
            Self::Share => ("ec2", "DescribeImageAttribute"),
            Self::Release => ("ssm", "GetParameters"),
            Self::Retire => ("ec2", "DescribeImageReferences"),
        }
    }

    /// What is done, and how often.
    fn calls(self) -> &'static [(&'static str, usize)] {
        match self {
            Self::Share => &[("ModifyImageAttribute", 1), ("ModifySnapshotAttribute", 1)],
            Self::Release => &[("PutParameter", 1)],
            Self::Retire => &[("DeregisterImage", 1), ("DeleteSnapshot", 1)],
        }
    }

    /// How the email begins that tells of it.
    fn told(self) -> &'static str {
        match self {
            Self::Share | Self::Release => "Changed",
            Self::Retire => "Previous AMIs retired",
        }
    }

    /// The stack at the moment before it: nothing ticks by itself.
    async fn ready(self) -> TestStack {
        let stack = TestStack::built(|builder| {
            builder
                .schedules(false)
                .parameter("AllowRetire", "true")
                .parameter("ShareWith", "*")
                .parameter("ParameterPrefix", "/images")
        })
        .await;
        stack.drop_file("golden/web.vmdk", vmdk()).await;
        let disk = "name: web-{digest}\nsource: {disk: {object: web.vmdk, format: vmdk}}\n";
        stack.drop_file(KEY, disk).await;
        rest(&stack).await;
        let (service, action) = self.first_call();
        stack
            .world
            .faults()
            .always(service, action, Fault::Throttle);
        let next = match self {
            Self::Share | Self::Release => disk.to_owned(),
            Self::Retire => format!("{disk}register: {{imdsSupport: v2.0}}\n"),
        };
        stack.drop_file(KEY, next + self.settings()).await;
        for _ in 0..120 {
            minute(&stack).await;
            let status = stack.status(KEY).await;
            if status["build"]["waiting"]["reason"] == "retrying" {
                stack.world.faults().clear();
                return stack;
            }
        }
        panic!("{:#}", stack.status(KEY).await);
    }
}

async fn tick(stack: &TestStack) {
    tick_of(stack, "advance").await;
}

/// A tick of this schedule.
pub(super) async fn tick_of(stack: &TestStack, task: &str) {
    let (aws, config, history) = (stack.aws(), stack.config(), PollingHistory::default());
    let (now, meter) = (whole_seconds(stack.world.clock().now()), Meter::default());
    let event = json!({"task": task});
    let report = advance_tasks::handle(&aws, &config, &history, &event, now, None, &meter);
    // Boxed, here and below: futures this deep are too large for the stack of a test's thread.
    Box::pin(report).await.unwrap();
}

async fn minute(stack: &TestStack) {
    stack.world.settle().await;
    stack.world.run_for(minutes(1)).await;
    tick(stack).await;
    stack.world.settle().await;
}

pub(super) async fn rest(stack: &TestStack) {
    for _ in 0..120 {
        minute(stack).await;
        if stack.open().await.is_empty() {
            return;
        }
    }
    panic!("still open: {:#}", stack.status(KEY).await);
}

impl Other {
    async fn go(self, stack: &TestStack) {
        match self {
            Self::Tick => tick(stack).await,
            Self::Upload => {
                let event = stack.object_created(KEY);
                stack.world.invoke("RegisterImage", event).await.unwrap();
            }
        }
    }
}

/// What was done since the call of this number.
fn done(stack: &TestStack, action: &str, since: u64) -> usize {
    let calls = stack.world.calls();
    let calls = calls.iter().filter(|call| call.number > since);
    // What is asked for twice at once is refused the second time.
    calls.filter(|it| it.action == action && it.done).count()
}

/// Does this while a tick waits for the answer to its nth call. Returns how many calls that tick made before, if there were
/// fewer.
pub(super) async fn during<F: Future<Output = ()>>(
    stack: &TestStack,
    nth: u64,
    other: F,
) -> Option<u64> {
    let faults = stack.world.faults();
    let before = faults.count();
    faults.at(before + nth, Fault::Slow(HELD));
    let later = async {
        stack.world.run_for(LATER).await;
        let made = faults.count() - before;
        other.await;
        made
    };
    let ((), made) = join(Box::pin(tick(stack)), Box::pin(later)).await;
    (made < nth).then_some(made)
}

fn told(stack: &TestStack, stage: Stage) -> usize {
    let subjects = stack.subjects();
    let told = subjects.iter().filter(|it| it.starts_with(stage.told()));
    told.count()
}

fn is_right(stack: &TestStack, stage: Stage, status: &Value, about: &str) {
    assert_eq!(status["state"], "available", "{about}: {status:#}");
    let image = &status["regions"][REGION]["image"];
    match stage {
        Stage::Share => {
            let applied = &status["regions"][REGION]["applied"];
            assert_eq!(applied["grants"][0]["account"], "111122223333", "{about}");
            assert_eq!(applied["intended"], Value::Null, "{about}: {status:#}");
        }
        Stage::Release => {
            let held = stack.world.ssm().parameter(REGION, NAME);
            assert_eq!(json!(held), *image, "{about}");
            let known = &status["release"]["parameters"][format!("{REGION}:{NAME}")];
            assert_eq!(known["value"], *image, "{about}: {status:#}");
            assert_eq!(
                (&known["version"], &known["put"]),
                (&json!(1), &Value::Null)
            );
        }
        Stage::Retire => {
            assert_eq!(*image, json!(stack.only_image().id), "{about}");
            assert_eq!(status["previous"], Value::Null, "{about}: {status:#}");
            let retired = status["retired"].as_array().unwrap();
            assert_eq!(retired.len(), 1, "{about}: {status:#}");
            assert_eq!(retired[0]["outcome"], "deregistered");
            assert_eq!(retired[0]["deleted"].as_array().unwrap().len(), 1);
            // That of the seeded one, and that of the new AMI.
            assert!(stack.snapshots().contains(&stack.snapshot), "{about}");
            assert_eq!(stack.snapshots().len(), 2, "{about}");
        }
    }
}

async fn at_any_call(stage: Stage, other: Other) {
    for nth in 1.. {
        let about = format!("{stage:?} {other:?} {nth}");
        let stack = stage.ready().await;
        let before = stack.world.faults().count();
        let made = Box::pin(during(&stack, nth, other.go(&stack))).await;
        stack.world.faults().clear();
        rest(&stack).await;
        for (action, times) in stage.calls() {
            assert_eq!(done(&stack, action, before), *times, "{about}: {action}");
        }
        is_right(&stack, stage, &stack.status(KEY).await, &about);
        assert_eq!(told(&stack, stage), 1, "{about}: {:?}", stack.subjects());

        let (before, emails) = (stack.world.faults().count(), stack.emails().len());
        for _ in 0..3 {
            minute(&stack).await;
        }
        for (action, _) in stage.calls() {
            assert_eq!(done(&stack, action, before), 0, "{about}: {action}");
        }
        assert_eq!(stack.emails().len(), emails, "{about}");
        if let Some(made) = made {
            assert!(made > 5, "{about}: {made}");
            return;
        }
    }
}

macro_rules! at_any_call {
    ($($name:ident: $stage:ident, $other:ident;)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            Box::pin(at_any_call(Stage::$stage, Other::$other)).await;
        }
    )*};
}

at_any_call! {
    two_ticks_share_once: Share, Tick;
    a_tick_and_an_upload_share_once: Share, Upload;
    two_ticks_release_once: Release, Tick;
    a_tick_and_an_upload_release_once: Release, Upload;
    two_ticks_retire_once: Retire, Tick;
    a_tick_and_an_upload_retire_once: Retire, Upload;
}

/// What somebody does to an AMI that was just described.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Gone {
    Not,
    Deregistered,
    Disabled,
    Untagged,
}

impl Gone {
    async fn go(self, stack: &TestStack) {
        let images = stack.images();
        let id = &images.last().unwrap().id;
        let ec2 = stack.world.ec2();
        let edited = match self {
            Self::Not => true,
            Self::Deregistered => {
                stack.deregister(id).await;
                true
            }
            Self::Disabled => ec2.edit_image(REGION, id, |image| {
                image.state = ImageState::Disabled;
            }),
            Self::Untagged => ec2.edit_image(REGION, id, |image| image.tags.clear()),
        };
        assert!(edited, "{self:?}");
    }
}

/// A tick describes the AMIs of many images together, and may get to one of them much later.
#[tokio::test(start_paused = true)]
async fn no_parameter_is_written_for_an_ami_that_went_after_it_was_described_with_others() {
    let taken = "parameters: [{name: /images/web, takeOver: true}]\n";
    for gone in [
        Gone::Not,
        Gone::Deregistered,
        Gone::Disabled,
        Gone::Untagged,
    ] {
        for (exists, is_new) in [(false, false), (true, false), (false, true), (true, true)] {
            let about = format!("{gone:?} {exists} {is_new}");
            let stack = TestStack::built(|builder| {
                builder
                    .schedules(false)
                    .parameter("ParameterPrefix", "/images")
            })
            .await;
            let ssm = stack.world.ssm();
            if exists {
                ssm.seed_image_parameter(REGION, NAME, "ami-0fedcba9876543210");
            }
            let before = ssm.parameter(REGION, NAME);
            let manifest = stack.manifest("web-{digest}");
            // The tick is the first to see that the AMI is available.
            let rule = "AdvanceTasksImageStateChange";
            assert!(stack.world.set_rule_enabled(rule, false));
            if !is_new {
                stack.drop_file(KEY, &manifest).await;
                rest(&stack).await;
                let faults = stack.world.faults();
                faults.always("ssm", "GetParameters", Fault::Throttle);
            }
            stack.drop_file(KEY, manifest + taken).await;
            stack.world.settle().await;
            stack.world.faults().clear();
            stack.world.run_for(minutes(1)).await;
            // The first that asks for the AMI is the tick's, for all images.
            let faults = stack.world.faults();
            faults.on("ec2", "DescribeImages", 1, Fault::Slow(HELD));
            let meanwhile = async {
                stack.world.run_for(LATER).await;
                gone.go(&stack).await;
            };
            join(Box::pin(tick(&stack)), Box::pin(meanwhile)).await;
            assert_eq!(faults.pending(), 0, "{about}");
            if gone == Gone::Not {
                assert_eq!(stack.count("PutParameter"), 1, "{about}");
                continue;
            }
            assert_eq!(stack.count("PutParameter"), 0, "{about}");
            assert_eq!(ssm.parameter(REGION, NAME), before, "{about}");
            for _ in 0..10 {
                minute(&stack).await;
            }
            assert_eq!(stack.count("PutParameter"), 0, "{about}");
            assert_ne!(stack.status(KEY).await["state"], "available", "{about}");
        }
    }
}
