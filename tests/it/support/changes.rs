//! What functions change about images, snapshots and parameters, in words.

use localaws::faults::Call;

use super::TestStack;

/// The calls that change something in EC2 or the parameters, as functions made them; `from` is how many calls came before.
pub(crate) fn changes_since(stack: &TestStack, from: u64) -> Vec<Call> {
    let mut calls = stack.world.calls();
    calls.retain(|call| {
        let is_ours = call.function.is_some() && ["ec2", "ssm"].contains(&call.service.as_str());
        call.number > from && is_ours && !call.is_read()
    });
    calls
}

/// The same, by Region and name.
pub(crate) fn changes_by_name(stack: &TestStack, from: u64) -> Vec<String> {
    let calls = changes_since(stack, from).into_iter();
    calls
        .map(|call| format!("{} {}", call.region, call.action))
        .collect()
}

/// A call in one line, the same in every world: without ids.
pub(crate) fn in_words(call: &Call) -> String {
    let mut words = vec![call.region.clone(), call.action.clone()];
    for (list, sign) in [(".Add.", '+'), (".Remove.", '-')] {
        let fields = call.fields.iter();
        let changed = fields.filter(|(name, _)| name.contains(list));
        words.extend(changed.map(|(_, value)| format!("{sign}{value}")));
    }
    let mut tags: Vec<String> = call
        .values("Tag.", ".Key")
        .zip(call.values("Tag.", ".Value"))
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    tags.sort();
    words.extend(tags);
    let named = ["Description.Value", "KmsKeyId", "WithCooldown", "Name"];
    // The name of an AMI has a digest, of ids.
    let makes = ["CopyImage", "RegisterImage"].contains(&call.action.as_str());
    let is_named = |name: &str| named.contains(&name) && !makes;
    for (name, value) in &call.fields {
        if is_named(name) || name == "KmsKeyId" {
            words.push(format!("{name}={value}"));
        }
        if name == "DeprecateAt" {
            words.push(value.chars().take("2027-01-01".len()).collect());
        }
    }
    words.join(" ")
}
