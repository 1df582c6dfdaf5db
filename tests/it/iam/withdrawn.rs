//! With any one statement taken away from one function, a flow that uses it fails.

use std::collections::BTreeMap;

use super::flow::{Flow, flows};

/// What one function does not use of the policies that it shares with another, which does: function and statement. And
/// what only buckets with versions need, which those of localaws are not.
const UNUSED: [(&str, &str); 9] = [
    ("AdvanceTasks", "ReadManifestVersions"),
    ("RegisterImage", "CleanUpBundles"),
    ("RegisterImage", "DeleteMarkers"),
    ("RegisterImage", "ReadManifestVersions"),
    ("RegisterImage", "ReadSnapshotsToStore"),
    ("RegisterImage", "StoreInOtherBuckets"),
    ("RegisterImage", "StoreOwnImages"),
    ("RegisterImage", "TagWhatWasImported"),
    ("RegisterImage", "WriteStoredImages"),
];

/// A function and the Sid of one of its statements.
type Held = (String, String);

/// The flows that use each statement; those that take long come last.
async fn uses() -> BTreeMap<Held, Vec<Flow>> {
    let mut uses: BTreeMap<Held, Vec<Flow>> = BTreeMap::new();
    let mut flows = flows();
    flows.sort_by_key(|flow| *flow == Flow::Crowd);
    for flow in flows {
        let ready = flow.ready().await;
        assert_eq!(ready.play().await, None);
        for grant in ready.stack.world.iam().grants() {
            let flows = uses.entry((grant.principal, grant.sid)).or_default();
            if grant.uses > 0 && flows.last() != Some(&flow) {
                flows.push(flow);
            }
        }
    }
    uses
}

#[tokio::test(start_paused = true)]
async fn without_any_one_statement_a_flow_fails() {
    let mut unneeded = Vec::new();
    let mut unused = Vec::new();
    for ((function, sid), flows) in uses().await {
        if flows.is_empty() {
            unused.push((function, sid));
            continue;
        }
        let mut fails = false;
        for flow in flows {
            let ready = flow.ready().await;
            ready.stack.expect_refusals();
            assert!(ready.stack.world.iam().withdraw(&function, &sid));
            fails = ready.play().await.is_some();
            if fails {
                break;
            }
        }
        if !fails {
            unneeded.push((function, sid));
        }
    }
    assert_eq!(unneeded, [], "every flow that uses these does without them");
    let known = UNUSED.map(|(function, sid)| (function.to_owned(), sid.to_owned()));
    assert_eq!(unused, known);
}
