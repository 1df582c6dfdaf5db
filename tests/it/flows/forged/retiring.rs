//! Statuses that say of AMIs of earlier versions how far they are retired. EC2 does not show them: nothing is sent about them.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{foreign_snapshot, forge};
use crate::support::{REGION, TestStack, minutes};

const KEY: &str = "golden/web.image.yaml";
const PARTNER: &str = "210987654321";
const HIDDEN: &str = "ami-0fedcba9876543210";

/// What functions asked EC2 to change after the status was forged to have this earlier AMI, whose snapshots it has shared;
/// and the status in the end.
async fn changed(retiring: Value) -> (Vec<String>, Value) {
    let stack = TestStack::built(|builder| builder.parameter("AllowRetire", "true")).await;
    let snapshot = foreign_snapshot(&stack);
    let partner = BTreeSet::from([PARTNER.to_owned()]);
    let shared = stack.aws().share_snapshot(&snapshot, &partner).await;
    shared.unwrap();
    let manifest = |settings: &str| format!("{}{settings}", stack.manifest("web-{digest}"));
    stack.drop_and_rest(KEY, manifest("")).await;
    let mut status = stack.status(KEY).await;
    let known = json!({
        "image": HIDDEN, "imageState": "available", "snapshots": [snapshot], "retiring": retiring,
        "applied": {"snapshots": {(snapshot.clone()): [PARTNER]}},
    });
    status["previous"] = json!([{"digest": "00ff", "regions": {REGION: known}}]);
    forge(&stack, KEY, &status).await;
    let before = stack.world.faults().count();
    let asked = manifest("replaces: {previous: deregister, snapshots: delete}\n");
    stack.drop_file(KEY, asked).await;
    stack.world.run_for(minutes(61)).await;
    stack.rest().await;
    let accounts = stack.aws().snapshot_accounts(&snapshot).await.unwrap();
    assert_eq!(accounts, partner);
    let calls = stack.world.calls().into_iter();
    let calls = calls.filter(|it| it.number > before && it.function.is_some());
    let is_change = |action: &str| !action.starts_with("Describe") && !action.starts_with("Get");
    let calls = calls.filter(|it| it.service == "ec2" && is_change(&it.action));
    (calls.map(|it| it.action).collect(), stack.status(KEY).await)
}

#[tokio::test(start_paused = true)]
async fn an_ami_that_is_not_shown_is_taken_as_deregistered_and_nothing_is_sent() {
    let asked = json!({
        "askedAt": "2026-11-21T10:00:00Z", "askedSince": "2026-11-21T10:00:00Z",
        "snapshots": ["snap-0fedcba9876543210"],
    });
    let (changes, status) = changed(asked).await;
    assert_eq!(changes, [""; 0]);
    assert_eq!(status["state"], "available", "{status:#}");
    let ended = &status["retired"][0];
    assert_eq!(ended["outcome"], "deregistered", "{status:#}");
}

#[tokio::test(start_paused = true)]
async fn the_shares_of_a_snapshot_that_nothing_proves_to_be_its_own_stay() {
    let gone = json!({"deregisteredAt": "2026-11-21T10:00:00Z"});
    let (changes, status) = changed(gone).await;
    assert_eq!(changes, [""; 0]);
    let ended = &status["retired"][0];
    let shared = ended["shared"].as_object().unwrap();
    assert_eq!(shared.values().next().unwrap(), &json!([PARTNER]));
}
