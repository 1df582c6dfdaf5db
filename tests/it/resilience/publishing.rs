//! Every call that publishes an AMI goes wrong once, in every way, in the stack's Region and in that of a copy; then the
//! world comes to rest: the AMIs are as asked for, by just the changes that are needed, and the status shows it.

mod case;
mod cases;
mod picture;

use std::time::Duration;

use localaws::faults::{Call, Fault};

use crate::support::{faults, minutes};
use case::{Case, Then};
use picture::{Picture, differences};

/// Whether a call is one of those that go wrong here: EC2's and SSM's, and those by which a function writes down what it is
/// about to do, or has done. Others are other loops' (`faults`, `task_faults`).
fn is_meant(case: Case, call: &Call) -> bool {
    // An audit decides by what it reads of many.
    let is_audited = matches!(case.then, Then::Audited) && call.action == "GetObject";
    let is_status = call.action == "PutObject"
        && call
            .key
            .as_ref()
            .is_some_and(|key| key.starts_with("status/"));
    match call.function.as_deref() {
        None | Some("Notify" | "notify") => false,
        Some(_) => ["ec2", "ssm"].contains(&call.service.as_str()) || is_status || is_audited,
    }
}

/// The faults of each call. A test run tries one of them in turn, at each change and at one of four reads;
/// `AMIWRIGHT_ALL_FAULTS=1 cargo test --test it resilience::publishing` tries them all at each call.
fn planned<'a>(calls: &[&'a Call]) -> Vec<(&'a Call, Vec<Fault>)> {
    let all = faults();
    if std::env::var_os("AMIWRIGHT_ALL_FAULTS").is_some() {
        return calls.iter().map(|call| (*call, all.clone())).collect();
    }
    let mut reads = 0;
    let mut chosen = calls.to_vec();
    chosen.retain(|call| {
        reads += usize::from(call.is_read());
        !call.is_read() || reads % 4 == 1
    });
    let turn = chosen.into_iter().zip(all.iter().cycle());
    turn.map(|(call, fault)| (call, vec![fault.clone()]))
        .collect()
}

async fn whatever_goes_wrong_once(case: Case) {
    let quiet = case.ready().await;
    let (first, told) = (quiet.world.faults().count(), quiet.emails().len());
    case.play(&quiet).await;
    let expected = Picture::of(&quiet, case, (first, told), None).await;
    assert_eq!(expected.notices, 1, "{expected:#?}");
    assert_eq!(expected.twice, [""; 0]);
    let calls = quiet.world.calls();
    let mut meant: Vec<&Call> = calls.iter().filter(|call| is_meant(case, call)).collect();
    meant.retain(|call| call.number > first);
    for region in case.regions() {
        let mut meant = meant.iter();
        assert!(meant.any(|call| call.region == *region), "{region}");
    }
    let mut wrong = Vec::new();
    for (call, faults) in planned(&meant) {
        for fault in faults {
            let stack = case.ready().await;
            assert_eq!(stack.world.faults().count(), first);
            stack.world.faults().at(call.number, fault.clone());
            case.play(&stack).await;
            // An event may be lost with the invocation that it started.
            stack.world.run_for(minutes(16)).await;
            stack.rest().await;
            assert_eq!(stack.world.faults().pending(), 0, "{call:?} did not come");
            let seen = Picture::of(&stack, case, (first, told), Some(&fault)).await;
            if seen != expected {
                let what = format!("call {} ({} {})", call.number, call.region, call.action);
                wrong.push(format!(
                    "{what}, {fault:?}: {}",
                    differences(&seen, &expected)
                ));
            }
        }
    }
    let count = wrong.len();
    wrong.truncate(4);
    assert!(count == 0, "{count} wrong, as {}", wrong.join("\n"));
}

/// For a while after each change EC2 shows what was before it: nothing else is done, and nothing is done twice.
async fn however_late_reads_are(case: Case) {
    let quiet = case.ready().await;
    let (first, told) = (quiet.world.faults().count(), quiet.emails().len());
    case.play(&quiet).await;
    let expected = Picture::of(&quiet, case, (first, told), None).await;
    for seconds in [5, 20, 60, 150] {
        let stack = case.ready().await;
        let ec2 = stack.world.ec2();
        ec2.set_stale_reads(Duration::from_secs(seconds));
        case.play(&stack).await;
        stack.world.run_for(minutes(16)).await;
        stack.rest().await;
        let seen = Picture::of(&stack, case, (first, told), None).await;
        let differ = differences(&seen, &expected);
        assert!(seen == expected, "after {seconds} s: {differ}");
    }
}
