//! What the crate promises of itself: nothing below it knows AWS or waits. That imports go one way is held by
//! `tests/it/structure.rs` of the workspace, which reads all of its crates.

use std::collections::{BTreeSet, VecDeque};

/// Read from Cargo.lock: it is there wherever this is built, and needs no cargo and no network. It has the dependencies
/// of every feature and target, so it says too much rather than too little.
#[test]
fn no_aws_and_no_async_runtime_below() {
    let lock = include_str!("../../Cargo.lock");
    let packages: Vec<(&str, Vec<&str>)> = lock
        .split("[[package]]")
        .skip(1)
        .map(|package| {
            let quoted: Vec<&str> = package.split('"').skip(1).step_by(2).collect();
            let dependencies = package
                .split_once("dependencies = [")
                .map_or("", |(_, list)| list);
            let names = dependencies.split('"').skip(1).step_by(2);
            (
                quoted[0],
                names.map(|name| name.split(' ').next().unwrap()).collect(),
            )
        })
        .collect();
    let mut found = BTreeSet::new();
    let mut left = VecDeque::from(["amiwright-manifest"]);
    while let Some(name) = left.pop_front() {
        if found.insert(name) {
            let versions = packages.iter().filter(|(package, _)| *package == name);
            left.extend(versions.flat_map(|(_, dependencies)| dependencies));
        }
    }
    assert!(
        found.contains("serde_json") && found.contains("saphyr-parser"),
        "{found:?}"
    );
    let refused = [
        "aws", "tokio", "async", "futures", "hyper", "mio", "reqwest", "smol",
    ];
    let bad: Vec<_> = found
        .iter()
        .filter(|name| refused.iter().any(|refused| name.starts_with(refused)))
        .collect();
    assert!(bad.is_empty(), "{bad:?}");
}
