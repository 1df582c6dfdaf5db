//! Sequences of manifests, one after the other asked of the same AMI.

use proptest::prelude::*;

use super::*;

fn grants() -> impl Strategy<Value = BTreeSet<Grantee>> {
    let accounts = ["111122223333", "444455556666", "777788889999"];
    let grantee = prop_oneof![
        prop::sample::select(accounts.map(account).to_vec()),
        Just(Grantee::Public),
        Just(Grantee::Organization("arn:o".to_owned())),
    ];
    prop::collection::btree_set(grantee, 0..4)
}

fn desired() -> impl Strategy<Value = Desired> {
    let word = || prop::sample::select(vec!["a", "b", "c"]).prop_map(str::to_owned);
    (
        prop::option::of(word()),
        prop::collection::btree_map(word(), word(), 0..3),
        grants(),
        any::<[bool; 2]>(),
        prop::option::of((1_i64..100).prop_map(at)),
        prop::option::of(prop_oneof![
            Just(Protection::On),
            Just(Protection::WithCooldown)
        ]),
    )
        .prop_map(
            |(description, tags, grants, [exact, copy], deprecate_at, protection)| Desired {
                description,
                tags,
                grants,
                exact,
                copy,
                deprecate_at,
                protection,
                ..Desired::default()
            },
        )
}

proptest! {
    /// Whatever was asked before, the AMI comes to what is asked now; a second look finds nothing to do.
    #[test]
    fn any_sequence_of_manifests_comes_to_rest(sequence in prop::collection::vec(desired(), 1..5), foreign in grants()) {
        let mut ami = Ami::new();
        ami.shown.public = foreign.contains(&Grantee::Public);
        ami.shown.grants = Some(foreign.clone());
        for desired in &sequence {
            ami.bring_to(desired);
            let plan = ami.plan(desired);
            let is_blocked = |it: &(Action, Blocker)| it.1 == Blocker::Public;
            prop_assert!(plan.ready.is_empty() && !plan.is_settling);
            prop_assert!(plan.blocked.iter().all(is_blocked));
            let shown = ami.shown.grants.as_ref().unwrap();
            prop_assert!(desired.grants.is_subset(shown));
            if desired.exact {
                prop_assert_eq!(shown, &desired.grants);
            }
            if let Some(description) = &desired.description {
                prop_assert_eq!(ami.shown.description.as_ref(), Some(description));
            }
        }
    }

    /// Grants that others gave, and that no manifest ever named, are never revoked without `exact`.
    #[test]
    fn foreign_grants_stay(sequence in prop::collection::vec(desired(), 1..5)) {
        let by_hand = account("999999999999");
        let mut ami = Ami::new();
        ami.shown.grants = Some(BTreeSet::from([by_hand.clone()]));
        for mut desired in sequence {
            desired.exact = false;
            ami.bring_to(&desired);
            prop_assert!(ami.shown.grants.as_ref().unwrap().contains(&by_hand));
        }
    }
}
