//! No call of any flow is refused, and nothing is granted that no flow uses.

use std::collections::{BTreeMap, BTreeSet};

use localaws::iam::{Grant, Part};

use super::flow::flows;
use super::shared;

/// Actions on resources that no flow uses, and why they are granted all the same: the beginning of the action, a part
/// of the resource.
const EXCEPTIONS: [(&str, &str, &str); 4] = [
    (
        "s3:getobjectversion",
        "",
        "a version that was pinned is read; buckets of localaws have none",
    ),
    (
        "s3:putobjectacl",
        "/bundles/",
        "EC2 may refuse a bundle of its own, too; localaws never does",
    ),
    (
        "s3:getobject",
        "/*.image.yml",
        "the manifests of all flows are YAML with the other ending",
    ),
    (
        "s3:getobject",
        "/*.image.json",
        "the manifests of all flows are YAML",
    ),
];

fn exception(part: &Part) -> Option<usize> {
    let Part::Access { action, resource } = part else {
        return None;
    };
    EXCEPTIONS
        .iter()
        .position(|(start, within, _)| action.starts_with(start) && resource.contains(within))
}

#[tokio::test(start_paused = true)]
async fn what_is_granted_is_used() {
    let mut uses: BTreeMap<(String, String, Part), u64> = BTreeMap::new();
    let mut wrong = Vec::new();
    for flow in flows() {
        let ready = flow.ready().await;
        wrong.extend(ready.play().await.map(|it| format!("{flow:?}: {it}")));
        let shared = shared(ready.stack.world.stack());
        for grant in ready.stack.world.iam().grants() {
            let Grant {
                principal,
                sid,
                part,
                uses: count,
            } = grant;
            let of = match shared.contains(&sid) {
                true => "several functions".to_owned(),
                false => principal,
            };
            *uses.entry((of, sid, part)).or_default() += count;
        }
    }
    assert_eq!(wrong, [""; 0], "a flow did not end as expected");
    let (unused, used): (Vec<_>, Vec<_>) = uses.into_iter().partition(|(_, count)| *count == 0);
    let unneeded: Vec<_> = unused
        .iter()
        .filter(|((_, _, part), _)| exception(part).is_none())
        .collect();
    assert!(
        unneeded.is_empty(),
        "granted, but never used: {unneeded:#?}"
    );
    let excepted: BTreeSet<usize> = unused
        .iter()
        .filter_map(|((_, _, part), _)| exception(part))
        .collect();
    let all: BTreeSet<usize> = (0..EXCEPTIONS.len()).collect();
    assert_eq!(excepted, all, "an exception is not one any more");
    assert!(used.len() > 60, "{} grants are used", used.len());
}
