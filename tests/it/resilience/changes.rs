//! Whatever happens to a manifest, and whenever: nothing is made twice, nothing is left over.

use std::time::Duration;

use crate::support::{Before, TestStack, making, starting_call};
use localaws::ec2::TaskKind;
use localaws::faults::{Call, Fault};

const KEY: &str = "golden/web.image.yaml";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Happens {
    Nothing,
    Removed,
    /// Other settings: nothing more is made.
    Replaced,
    /// Another name: another AMI.
    Renamed,
    RemovedAndPutBack,
    RemovedAndReplaced,
}

impl Happens {
    async fn to(self, stack: &TestStack, manifest: &str) {
        let other = format!("{manifest}description: other\n");
        let soon = Duration::from_secs(5);
        match self {
            Self::Nothing => {}
            Self::Removed => stack.remove(KEY).await,
            Self::Replaced => stack.drop_file(KEY, &other).await,
            Self::Renamed => {
                let renamed = manifest.replacen("name: web", "name: other", 1);
                stack.drop_file(KEY, renamed).await;
            }
            Self::RemovedAndPutBack => {
                stack.remove(KEY).await;
                stack.world.run_for(soon).await;
                stack.drop_file(KEY, manifest).await;
            }
            Self::RemovedAndReplaced => {
                stack.remove(KEY).await;
                stack.world.run_for(soon).await;
                stack.drop_file(KEY, &other).await;
            }
        }
    }
}

async fn play(kind: TaskKind, happens: Happens, at: u64, fault: Option<Fault>) -> Option<String> {
    let (stack, manifest) = making(kind).await;
    let before = Before::of(&stack);
    if let Some(fault) = &fault {
        stack
            .world
            .ec2()
            .set_visibility_delay(Duration::from_secs(150));
        let call = match kind {
            TaskKind::StoreImage => "RegisterImage",
            kind => starting_call(kind),
        };
        stack.world.faults().on("ec2", call, 1, fault.clone());
    }
    stack.drop_file(KEY, &manifest).await;
    stack.world.run_for(Duration::from_secs(at)).await;
    happens.to(&stack, &manifest).await;
    stack.rest().await;
    stack.world.run_for(Duration::from_secs(30 * 60)).await;
    let (images, orphans) = before.now(&stack).await;
    let status = format!("status/{KEY}.json");
    if stack.state_keys(&status).await.is_empty() {
        // It was removed before it was read.
        assert_eq!(
            (happens, images, orphans),
            (Happens::Removed, 0, Vec::new())
        );
        return None;
    }
    let status = stack.status(KEY).await;
    let state = status["state"].as_str().unwrap();
    let why: Vec<&str> = status["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|change| change["why"].as_str().unwrap())
        .collect();
    // A name is taken by the version before: both ends are right.
    let right = match (happens, state) {
        (Happens::Removed, "cancelled") => images == 0,
        // It was made already, and is kept.
        (Happens::Removed, "deleted") => images == 1,
        (Happens::Renamed, "available") => {
            let name = status["build"]["name"].as_str().unwrap();
            name.starts_with("other") && (1..=2).contains(&images)
        }
        (Happens::RemovedAndReplaced, "failed") => {
            images == 1 && status["build"]["failure"]["code"] == "InvalidAMIName.Duplicate"
        }
        // A machine's AMI has its name in a tag: there may be one for each version.
        (Happens::RemovedAndReplaced, "available") => {
            images == 1 || (images == 2 && kind == TaskKind::ImportImage)
        }
        (_, "available") => images == 1,
        _ => false,
    };
    let emails = stack.subjects();
    (!right || !orphans.is_empty()).then(|| {
        format!(
            "{kind:?} {happens:?} at {at} s, {fault:?}: {state}, {images} AMIs, left {orphans:?}, emails {emails:?}\n   {}",
            why.join("\n   ")
        )
    })
}

/// `AMIWRIGHT_ALL_FAULTS=1` tries everything at many moments, which takes minutes.
async fn at_any_time(kind: TaskKind) {
    let all = std::env::var_os("AMIWRIGHT_ALL_FAULTS").is_some();
    let few = |some: &[u64], all_of: &[u64]| if all { all_of.to_vec() } else { some.to_vec() };
    let moments = few(&[75], &[0, 1, 20, 55, 61, 75, 110, 119, 125, 150, 181, 241]);
    let moments_of_faults = few(&[90, 200], &[0, 30, 90, 200]);
    let mut wrong = Vec::new();
    for happens in [
        Happens::Removed,
        Happens::Replaced,
        Happens::Renamed,
        Happens::RemovedAndPutBack,
        Happens::RemovedAndReplaced,
    ] {
        for at in &moments {
            wrong.extend(Box::pin(play(kind, happens, *at, None)).await);
        }
        for at in &moments_of_faults {
            wrong.extend(Box::pin(play(kind, happens, *at, Some(Fault::LoseAnswer))).await);
            if all {
                wrong.extend(Box::pin(play(kind, happens, *at, Some(Fault::Crash))).await);
            }
        }
    }
    wrong.extend(Box::pin(play(kind, Happens::Nothing, 0, Some(Fault::Crash))).await);
    assert!(wrong.is_empty(), "{}: {}", wrong.len(), wrong.join("\n"));
}

macro_rules! kinds {
    ($($(#[$attribute:meta])? $name:ident: $kind:ident;)*) => {
        $(
            $(#[$attribute])?
            #[tokio::test(start_paused = true)]
            async fn $name() {
                at_any_time(TaskKind::$kind).await;
            }
        )*
    };
}

kinds! {
    the_manifest_of_a_disk_changes_at_any_time: ImportSnapshot;
    the_manifest_of_a_machine_changes_at_any_time: ImportImage;
    the_manifest_of_an_instance_changes_at_any_time: BundleInstance;
    the_manifest_of_a_copy_changes_at_any_time: CopyImage;
    the_manifest_of_a_stored_ami_changes_at_any_time: StoreImage;
    the_manifest_of_a_restored_ami_changes_at_any_time: RestoreImage;
}

/// An invocation has seen that the manifest is gone. Before it saves that the import is not wanted, the manifest is back, and
/// another invocation has noted that.
#[tokio::test(start_paused = true)]
async fn a_manifest_that_is_put_back_before_its_removal_is_saved_cancels_nothing() {
    let (stack, manifest) = making(TaskKind::ImportSnapshot).await;
    stack.drop_file(KEY, &manifest).await;
    stack.world.run_for(Duration::from_secs(20)).await;
    assert_eq!(stack.status(KEY).await["build"]["step"], "await-task");

    let (faults, before) = (stack.world.faults(), stack.world.faults().count());
    let reads = |call: &Call| call.action == "GetObject" && call.key.as_deref() == Some(KEY);
    faults.each(reads, Fault::Slow(Duration::from_secs(5)));
    stack.remove(KEY).await;
    stack.world.run_for(Duration::from_secs(1)).await;
    faults.clear();
    let calls = stack.world.calls();
    let calls = calls.iter().filter(|call| call.number > before);
    assert_eq!(calls.filter(|call| reads(call)).count(), 1);
    stack.drop_file(KEY, &manifest).await;
    stack.world.run_for(Duration::from_secs(10)).await;
    let status = stack.status(KEY).await;
    assert!(status["cancel"].is_null(), "{status:#}");

    stack.rest().await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let attempt = &status["build"]["attempt"];
    assert!(attempt.is_null(), "the first one is not written: {attempt}");
    assert_eq!(stack.count("CancelImportTask"), 0);
    assert_eq!(stack.count("ImportSnapshot"), 1);
    let subjects = stack.subjects();
    assert!(
        matches!(&subjects[..], [it] if it.starts_with("Available")),
        "{subjects:?}"
    );
}
