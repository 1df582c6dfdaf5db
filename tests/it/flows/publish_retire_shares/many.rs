//! Several AMIs that are retired together: their snapshots are looked at together.

use std::collections::{BTreeMap, BTreeSet};

use localaws::faults::Fault;

use super::{
    DELETE, DEREGISTER, KEY, MODIFY, SHARED, is_at_rest, readers, set, snapshot_of, stack, version,
};
use crate::support::{TestStack, minutes, refused, vmdk};

/// Three versions from one disk, each with a snapshot of its own.
async fn three(stack: &TestStack) -> Vec<(String, String)> {
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    for number in 1..=3 {
        let named = version(2, SHARED).replace("name: web", &format!("name: web-{number}"));
        stack.drop_and_rest(KEY, named).await;
    }
    let images = stack.images();
    let with_snapshot = images.iter().map(|it| (it.id.clone(), snapshot_of(it)));
    with_snapshot.collect()
}

#[tokio::test(start_paused = true)]
async fn the_snapshots_of_many_amis_are_looked_at_together() {
    let stack = stack().await;
    let before = three(&stack).await;
    assert_eq!(before.len(), 3);
    // After they are deregistered, too.
    let faults = stack.world.faults();
    faults.always("ec2", MODIFY, Fault::Throttle);
    let from = stack.world.faults().count();
    stack.drop_file(KEY, version(2, DEREGISTER)).await;
    for _ in 0..30 {
        stack.minute().await;
        if stack.count("DeregisterImage") == 3 {
            break;
        }
    }
    stack.world.faults().clear();
    stack.rest().await;
    for (_, snapshot) in &before {
        assert_eq!(readers(&stack, snapshot).await, set(&[]));
    }
    let calls = stack.world.calls().into_iter();
    let calls = calls.filter(|it| it.number > from && it.function.is_some());
    let calls: Vec<_> = calls.collect();
    let asks_for_snapshots = |call: &localaws::faults::Call| {
        call.values("Filter.", ".Name")
            .any(|name| name == "block-device-mapping.snapshot-id")
    };
    let of_users = calls
        .iter()
        .filter(|it| it.action == "DescribeImages" && asks_for_snapshots(it));
    let visits = of_users.clone().map(|it| it.at).collect::<BTreeSet<_>>();
    assert_eq!(of_users.count(), visits.len(), "one call a visit");
    let lists = calls.iter().filter(|it| it.action == "DescribeSnapshots");
    let visits = lists.clone().map(|it| it.at).collect::<BTreeSet<_>>();
    assert_eq!(lists.count(), visits.len(), "one call a visit");
    is_at_rest(&stack).await;
}

/// EC2 does not tell who one of the snapshots is shared with: only its AMI waits, and that is shown.
#[tokio::test(start_paused = true)]
async fn a_snapshot_that_ec2_does_not_tell_of_keeps_no_other_from_going() {
    let stack = stack().await;
    stack.expect_refusals();
    let before = three(&stack).await;
    let (kept, hidden) = before[0].clone();
    let of = hidden.clone();
    let is_hidden = move |call: &localaws::faults::Call| {
        call.action == "DescribeSnapshotAttribute" && call.field("SnapshotId") == Some(&of)
    };
    let faults = stack.world.faults();
    faults.each(is_hidden, refused("UnauthorizedOperation"));
    stack.drop_file(KEY, version(2, DELETE)).await;
    stack.world.run_for(minutes(30)).await;
    let there: Vec<String> = stack.images().into_iter().map(|it| it.id).collect();
    assert!(there.contains(&kept), "{there:?}");
    assert_eq!(there.len(), 2, "{there:?}");
    for (_, snapshot) in &before[1..] {
        assert!(!stack.snapshots().contains(snapshot), "{snapshot}");
    }
    let waiting = stack.status(KEY).await["build"]["waiting"].clone();
    assert_eq!(waiting["reason"], "retrying", "{waiting:#}");
    assert_eq!(waiting["code"], "UnauthorizedOperation", "{waiting:#}");
    stack.world.faults().clear();
    stack.rest().await;
    stack.only_image();
    assert!(!stack.snapshots().contains(&hidden));
    is_at_rest(&stack).await;
}

/// Where EC2 does not answer for one of them, it is not asked for the others either: each would take as long.
#[tokio::test(start_paused = true)]
async fn a_region_that_does_not_answer_is_asked_for_one_snapshot_a_visit() {
    for action in ["DescribeSnapshotAttribute", "DescribeSnapshots"] {
        let stack = stack().await;
        let before = three(&stack).await;
        let faults = stack.world.faults();
        if action == "DescribeSnapshots" {
            // They are looked at by their tags once their AMIs are gone.
            faults.always("ec2", MODIFY, Fault::Throttle);
            stack.drop_file(KEY, version(2, DEREGISTER)).await;
            stack.world.run_for(minutes(5)).await;
            assert_eq!(stack.count("DeregisterImage"), 3);
        }
        faults.always("ec2", action, Fault::Throttle);
        let from = faults.count();
        stack.drop_file(KEY, version(2, DEREGISTER)).await;
        stack.world.run_for(minutes(10)).await;
        let calls = stack.world.calls().into_iter();
        let asked = calls.filter(|it| it.number > from && it.action == action);
        let mut of_visits: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for call in asked {
            let visit = call.at.strftime("%H:%M").to_string();
            let snapshot = call.field("SnapshotId").unwrap_or_default().to_owned();
            of_visits.entry(visit).or_default().insert(snapshot);
        }
        assert!(of_visits.len() > 1, "{action}: {of_visits:?}");
        for snapshots in of_visits.values() {
            assert_eq!(snapshots.len(), 1, "{action}: {of_visits:?}");
        }
        faults.clear();
        stack.rest().await;
        stack.only_image();
        for (_, snapshot) in &before {
            assert_eq!(readers(&stack, snapshot).await, set(&[]), "{action}");
        }
        is_at_rest(&stack).await;
    }
}
