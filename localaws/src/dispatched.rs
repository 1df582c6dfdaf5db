//! The actions that are built, for tests that go through all of them.

use std::collections::BTreeSet;

/// The actions that this source chooses between: the strings of its match arms.
pub(crate) fn actions(source: &str) -> BTreeSet<&str> {
    let arms = source.lines().filter_map(|line| {
        let (name, _) = line.trim().strip_prefix('"')?.split_once("\" =>")?;
        Some(name)
    });
    arms.collect()
}
