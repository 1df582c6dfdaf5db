//! The product code of a paid AMI.

use std::collections::BTreeSet;

use super::*;
use crate::image::publish::{Desired, Difference, Shown, confirm, difference};
use crate::image::status::Action;
use crate::image::words::Blocker;

fn found(desired: Option<&str>, ours: Option<&str>, shown: &[&str]) -> Difference {
    let desired = Desired {
        product_code: desired.map(str::to_owned),
        ..Desired::default()
    };
    let settings = Settings {
        product_code: ours.map(str::to_owned),
        ..Settings::default()
    };
    let applied = Applied {
        settings,
        ..Applied::default()
    };
    let codes: BTreeSet<String> = shown.iter().map(|&code| code.to_owned()).collect();
    let shown = Shown {
        product_codes: Some(codes),
        ..Shown::default()
    };
    difference(&desired, &applied, &shown, after(10))
}

fn set(code: Option<&str>) -> Action {
    Action::SetProductCode {
        code: code.map(str::to_owned),
    }
}

#[test]
fn an_ami_without_a_code_gets_the_one_that_is_asked_for() {
    assert_eq!(found(Some("A"), None, &[]).ready, [set(Some("A"))]);
    assert!(found(Some("A"), None, &["A"]).is_empty());
    assert!(found(None, None, &["A"]).is_empty(), "the bundle's own");
    // A request that was refused set nothing.
    assert!(found(None, Some("A"), &[]).is_empty());
}

#[test]
fn a_code_is_neither_changed_nor_removed() {
    let blocked = |code| [(set(code), Blocker::ProductCode)];
    for ours in [None, Some("A")] {
        let changed = found(Some("B"), ours, &["A"]);
        assert_eq!(changed.blocked, blocked(Some("B")));
        assert!(changed.ready.is_empty());
    }
    assert_eq!(found(None, Some("A"), &["A"]).blocked, blocked(None));
}

#[test]
fn only_what_is_still_asked_for_is_ours() {
    let applied = |code: &str| Applied {
        settings: Settings {
            product_code: Some(code.to_owned()),
            ..Settings::default()
        },
        ..Applied::default()
    };
    let desired = Desired {
        product_code: Some("A".to_owned()),
        ..Desired::default()
    };
    assert_eq!(confirm(&applied("A"), &desired), applied("A"));
    assert_eq!(confirm(&applied("B"), &desired), Applied::default());
}
