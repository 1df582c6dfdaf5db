//! Every call in the life of every kind of task goes wrong once, in every way; then the world comes to rest: one AMI or
//! none, as it should be, nothing left over, and all notices sent.

use std::time::Duration;

use crate::support::{Before, TestStack, faults, making, starting_call};
use localaws::ec2::TaskKind;
use localaws::faults::Fault;

const KEY: &str = "golden/web.image.yaml";

/// What is made, and how it ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Case {
    kind: TaskKind,
    end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Available,
    /// EC2 fails the task.
    Failed,
    /// The manifest is removed while the task runs.
    Cancelled,
    /// The task is listed no longer while it runs, and continues.
    Unlisted,
}

impl Case {
    /// A world with what the image is made from, and its manifest.
    async fn stack(self) -> (TestStack, String) {
        let (stack, manifest) = making(self.kind).await;
        let ec2 = stack.world.ec2();
        if self.end == End::Failed {
            ec2.fail_next_task(self.kind, "Client.Broken: it broke");
        }
        if matches!(self.end, End::Cancelled | End::Unlisted) {
            ec2.set_task_time(self.kind, Duration::from_secs(600));
        }
        (stack, manifest)
    }

    /// Drops the manifest, and lets happen what the case is about. Returns how many calls there were until it did:
    /// what comes before is another case's.
    async fn play(self, stack: &TestStack, manifest: &str) -> u64 {
        let before = stack.world.faults().count();
        stack.drop_file(KEY, manifest).await;
        match self.end {
            End::Available | End::Failed => {}
            End::Cancelled => {
                stack.world.run_for(Duration::from_secs(150)).await;
                stack.remove(KEY).await;
            }
            End::Unlisted => {
                stack.world.run_for(Duration::from_secs(150)).await;
                let status = stack.status(KEY).await;
                if let Some(id) = status["build"]["tasks"][0]["id"].as_str() {
                    stack.world.ec2().hide_task(id);
                }
            }
        }
        let until = stack.world.faults().count();
        stack.rest().await;
        match self.end {
            End::Available => before,
            End::Failed => self.started_at(stack).unwrap_or(before),
            End::Cancelled | End::Unlisted => until,
        }
    }

    /// The number of the call that started the task.
    fn started_at(self, stack: &TestStack) -> Option<u64> {
        let action = starting_call(self.kind);
        let calls = stack.world.calls();
        let last = calls.iter().rposition(|call| call.action == action)?;
        Some(last as u64)
    }

    fn is_import(self) -> bool {
        matches!(self.kind, TaskKind::ImportSnapshot | TaskKind::ImportImage)
    }

    /// Whether nothing proves that what the task makes is ours: it is reported and left.
    fn is_unproven(self) -> bool {
        self.end == End::Unlisted && self.is_import()
    }

    /// What is wrong in the end.
    async fn wrong(self, stack: &TestStack, before: &Before) -> Vec<String> {
        let mut wrong = Vec::new();
        let status = stack.status(KEY).await;
        let (state, notice) = match self.end {
            // Only its task could prove that what an import made is ours.
            End::Unlisted if self.is_unproven() => ("failed", "Lost"),
            End::Available | End::Unlisted => ("available", "Available"),
            End::Failed if self.kind == TaskKind::StoreImage => {
                ("incomplete", "Available but not stored")
            }
            End::Failed => ("failed", "Failed"),
            End::Cancelled => ("cancelled", "Cancelled"),
        };
        if status["state"] != state {
            wrong.push(format!("is not {state}: {status:#}"));
        }
        // Storing comes after the AMI, which is kept.
        let is_made = state == "available" || self.kind == TaskKind::StoreImage;
        let (images, orphans) = before.now(stack).await;
        // EC2 makes the AMI of a machine itself.
        let is_made = is_made || self.is_unproven() && self.kind == TaskKind::ImportImage;
        if images != usize::from(is_made) {
            wrong.push(format!("{images} AMIs; {status:#}"));
        }
        let reported = status["build"]["orphans"].to_string();
        let is_unreported =
            |orphan: &&String| !(self.is_unproven() && reported.contains(&**orphan));
        wrong.extend(
            orphans
                .iter()
                .filter(is_unreported)
                .map(|orphan| format!("{orphan} is left over")),
        );
        let emails = stack.emails();
        if emails.is_empty() || emails.len() > 2 {
            wrong.push(format!("{} emails", emails.len()));
        }
        if emails
            .iter()
            .any(|email| !email.subject.starts_with(notice))
        {
            wrong.push(format!("emails: {emails:#?}"));
        }
        wrong.extend(twice(stack).await);
        wrong
    }
}

/// Tasks that were started twice.
async fn twice(stack: &TestStack) -> Option<String> {
    // A fault whose call never came must not befall this one.
    stack.world.faults().clear();
    let aws = stack.aws();
    let mut ids: Vec<String> = Vec::new();
    for tasks in [
        aws.list_import_snapshot_tasks().await,
        aws.list_import_image_tasks().await,
        aws.find_bundle_tasks("s3-bucket", std::slice::from_ref(&stack.state_bucket))
            .await,
    ] {
        ids.extend(tasks.unwrap().into_iter().map(|task| task.id));
    }
    (ids.len() > 1).then(|| format!("tasks: {ids:?}"))
}

/// The faults of one call. A test run tries one of them in turn, so that each comes to every sixth call of every case;
/// `AMIWRIGHT_ALL_FAULTS=1 cargo test --test it task_faults` tries them all, which takes six times as long.
fn faults_of(number: u64) -> Vec<Fault> {
    let all = faults();
    if std::env::var_os("AMIWRIGHT_ALL_FAULTS").is_some() {
        return all;
    }
    let context = number as usize % all.len();
    all.into_iter().skip(context).take(1).collect()
}

async fn whatever_goes_wrong_once(kind: TaskKind, end: End) {
    let case = Case { kind, end };
    let (stack, manifest) = case.stack().await;
    let before = Before::of(&stack);
    let first = case.play(&stack, &manifest).await;
    let last = stack.world.faults().count();
    let wrong = case.wrong(&stack, &before).await;
    assert!(wrong.is_empty(), "{case:?} without any fault: {wrong:#?}");
    assert!(last > first + 2, "{case:?}: {first} to {last}");
    let mut all_wrong = Vec::new();
    for number in first + 1..=last {
        for fault in faults_of(number) {
            let (stack, manifest) = case.stack().await;
            let before = Before::of(&stack);
            stack.world.faults().at(number, fault.clone());
            case.play(&stack, &manifest).await;
            assert_eq!(stack.world.faults().pending(), 0, "{case:?}, {number}");
            let wrong = case.wrong(&stack, &before).await;
            if !wrong.is_empty() {
                let calls = stack.world.calls();
                let call = calls.get(number as usize - 1).map(|call| &call.action);
                all_wrong.push(format!("call {number} ({call:?}), {fault:?}: {wrong:#?}"));
            }
        }
    }
    let count = all_wrong.len();
    all_wrong.truncate(5);
    assert!(
        count == 0,
        "{case:?}: {count} wrong, as {}",
        all_wrong.join("\n")
    );
}

macro_rules! cases {
    ($($name:ident: $kind:ident, $end:ident;)*) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                whatever_goes_wrong_once(TaskKind::$kind, End::$end).await;
            }
        )*
    };
}

cases! {
    a_disk_is_imported: ImportSnapshot, Available;
    a_disk_fails: ImportSnapshot, Failed;
    a_disk_is_cancelled: ImportSnapshot, Cancelled;
    a_disk_is_unlisted: ImportSnapshot, Unlisted;
    a_machine_is_imported: ImportImage, Available;
    a_machine_fails: ImportImage, Failed;
    a_machine_is_cancelled: ImportImage, Cancelled;
    a_machine_is_unlisted: ImportImage, Unlisted;
    an_instance_is_bundled: BundleInstance, Available;
    an_instance_fails: BundleInstance, Failed;
    an_instance_is_cancelled: BundleInstance, Cancelled;
    an_instance_is_unlisted: BundleInstance, Unlisted;
    an_ami_is_copied: CopyImage, Available;
    a_copy_fails: CopyImage, Failed;
    a_copy_is_cancelled: CopyImage, Cancelled;
    an_ami_is_stored: StoreImage, Available;
    storing_fails: StoreImage, Failed;
    storing_is_unlisted: StoreImage, Unlisted;
    an_ami_is_restored: RestoreImage, Available;
    a_restoration_fails: RestoreImage, Failed;
    a_restoration_is_cancelled: RestoreImage, Cancelled;
}
