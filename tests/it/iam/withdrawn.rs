//! With any one statement taken away from one function, a flow that uses it fails.

use std::collections::{BTreeMap, BTreeSet};

use super::flow::{Flow, flows};
use super::play::KEY;
use super::shared;

/// A function and the Sid of one of its statements.
type Held = (String, String);

/// The flows that use each statement, those that take long last; and the statements that several functions have.
async fn uses() -> (BTreeMap<Held, Vec<Flow>>, BTreeSet<String>) {
    let mut of_several = BTreeSet::new();
    let mut uses: BTreeMap<Held, Vec<Flow>> = BTreeMap::new();
    let mut flows = flows();
    flows.sort_by_key(|flow| *flow == Flow::Crowd);
    for flow in flows {
        let ready = flow.ready().await;
        assert_eq!(ready.play().await, None);
        of_several.extend(shared(ready.stack.world.stack()));
        for grant in ready.stack.world.iam().grants() {
            let flows = uses.entry((grant.principal, grant.sid)).or_default();
            if grant.uses > 0 && flows.last() != Some(&flow) {
                flows.push(flow);
            }
        }
    }
    (uses, of_several)
}

#[tokio::test(start_paused = true)]
async fn without_any_one_statement_a_flow_fails() {
    let (uses, of_several) = uses().await;
    let (mut needed, mut unneeded) = (BTreeSet::new(), Vec::new());
    for ((function, sid), flows) in &uses {
        if any_fails_without(function, sid, flows).await {
            needed.insert(sid);
        } else {
            unneeded.push((function, sid));
        }
    }
    // Of a policy that functions have in common, one may need what the other does not.
    unneeded.retain(|(_, sid)| !(of_several.contains(*sid) && needed.contains(sid)));
    assert_eq!(unneeded, [], "every flow does without these");
    assert!(uses.len() > 40, "{} statements", uses.len());
}

/// Whether one of the flows fails if the function has not this statement.
async fn any_fails_without(function: &str, sid: &str, flows: &[Flow]) -> bool {
    for flow in flows {
        let ready = flow.ready().await;
        ready.stack.expect_refusals();
        assert!(ready.stack.world.iam().withdraw(function, sid));
        if ready.play().await.is_some() {
            return true;
        }
    }
    false
}

/// What the emails say where the template grants less than a manifest needs.
#[tokio::test(start_paused = true)]
async fn who_names_a_key_or_an_owner_that_is_not_granted_is_told_what_was_refused() {
    let cases = [
        (Flow::Keys, "UseKeysThroughEc2", "kms:Decrypt", "KmsKeys"),
        (
            Flow::Keys,
            "LendKeysToVolumes",
            "kms:CreateGrant",
            "KmsKeys",
        ),
        (
            Flow::Foreign,
            "RegisterFromSnapshots",
            "ec2:RegisterImage",
            "allow",
        ),
        (Flow::Foreign, "CopyImages", "ec2:CopyImage", "allow"),
    ];
    for (flow, sid, action, advice) in cases {
        let ready = flow.ready().await;
        ready.stack.expect_refusals();
        for function in ["RegisterImage", "AdvanceTasks"] {
            assert!(ready.stack.world.iam().withdraw(function, sid), "{sid}");
        }
        let manifest = match sid {
            "CopyImages" => ready.copied().await.unwrap(),
            _ => ready.manifest.clone(),
        };
        ready.stack.drop_and_rest(KEY, manifest).await;
        let emails = ready.stack.emails();
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let emails: Vec<String> = emails.iter().map(|it| words(&it.text)).collect();
        let tells = |it: &&String| {
            let (_, next) = it.split_once("What to do:").unwrap_or_default();
            let refused = format!("is not authorized to perform: {action} on resource:");
            it.contains(&refused) && next.contains(advice)
        };
        assert_eq!(emails.iter().filter(tells).count(), 1, "{sid}: {emails:#?}");
    }
}
