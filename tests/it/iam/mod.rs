//! What the template grants is what its functions use. Both tests run every flow on the local AWS, which holds each call
//! against the template's policies.

mod flow;
mod granted;
mod play;
mod ready;
mod withdrawn;

use std::collections::BTreeSet;

use localaws::template::stack::Stack;
use serde_json::Value;

/// The Sids of statements that several functions have, because they have a policy in common.
fn shared(stack: &Stack) -> BTreeSet<String> {
    let mut seen: Vec<&Value> = Vec::new();
    let mut shared = BTreeSet::new();
    for statement in stack.functions.iter().flat_map(|it| &it.policies) {
        if seen.contains(&statement) {
            shared.extend(statement["Sid"].as_str().map(str::to_owned));
        }
        seen.push(statement);
    }
    shared
}
