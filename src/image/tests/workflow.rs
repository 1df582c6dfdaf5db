//! The table of steps.

use crate::image::words::{SourceKind, Step};
use crate::image::workflow::{PUBLISH, STORE, next, steps};

#[test]
fn every_source_goes_through_its_steps_in_order_and_ends() {
    for source in SourceKind::ALL {
        for (publishes, stores) in [(false, false), (false, true), (true, false), (true, true)] {
            let mut step = Step::CheckManifest;
            let mut gone = Vec::new();
            while let Some(following) = next(source, publishes, stores, step) {
                gone.push(following);
                assert!(gone.len() < Step::ALL.len(), "{source}: {gone:?}");
                step = following;
            }
            let publish = if publishes { &PUBLISH[..] } else { &[] };
            let store = if stores { &STORE[..] } else { &[] };
            assert_eq!(gone, [steps(source), publish, store].concat(), "{source}");
        }
    }
}

#[test]
fn a_step_that_is_not_of_a_source_has_none_after_it() {
    for source in SourceKind::ALL {
        for step in Step::ALL {
            let belongs = step == Step::CheckManifest || steps(source).contains(&step);
            let last = steps(source).last() == Some(&step);
            assert_eq!(
                next(source, false, false, step).is_some(),
                belongs && !last,
                "{source} {step}"
            );
        }
        assert_eq!(next(source, false, false, Step::StoreImage), None);
        assert_eq!(next(source, true, true, Step::CleanUp), None);
    }
}

#[test]
fn every_image_is_awaited_before_it_is_stored() {
    for source in SourceKind::ALL {
        assert_eq!(steps(source).last(), Some(&Step::AwaitImage), "{source}");
        assert_eq!(
            next(source, false, true, Step::AwaitImage),
            Some(Step::StoreImage),
            "{source}"
        );
        // What is named once cannot be come back to.
        for step in steps(source) {
            let times = steps(source).iter().filter(|it| *it == step).count();
            assert_eq!(times, 1, "{source} {step}");
        }
    }
}
