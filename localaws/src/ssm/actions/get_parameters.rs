//! GetParameters: those that are there, and the names of the others.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::ssm::model::{Service, name};
use crate::ssm::request::{Failure, MOST_NAMES, Members};

pub(super) fn answer(
    service: &Service,
    region: &str,
    mut members: Members,
) -> Result<Value, Failure> {
    let names = members.texts("Names", MOST_NAMES)?;
    let decrypt = members.flag("WithDecryption")?;
    members.finish()?;
    let mut state = service.settled();
    let kept = state.region(region);
    let (mut found, mut lost) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::new();
    for asked in names {
        // One that is named twice comes once.
        if !seen.insert(asked.clone()) {
            continue;
        }
        let selector = kept.among(name::select(region, &asked));
        match kept.version(&selector) {
            Ok(version) => found.push(version.write(region, &selector, decrypt)),
            Err(_) => lost.push(asked),
        }
    }
    Ok(json!({"Parameters": found, "InvalidParameters": lost}))
}
