//! The table of steps.

use crate::image::words::{SourceKind, Step};
use crate::image::workflow::{After, PUBLISH, RETIRE, STORE, next, steps};

#[test]
fn every_source_goes_through_its_steps_in_order_and_ends() {
    for source in SourceKind::ALL {
        for (publishes, stores, retires) in [
            (false, false, false),
            (false, true, false),
            (true, false, true),
            (true, true, false),
            (true, true, true),
        ] {
            let after = After {
                publishes,
                stores,
                retires,
            };
            let mut step = Step::CheckManifest;
            let mut gone = Vec::new();
            while let Some(following) = next(source, after, step) {
                gone.push(following);
                assert!(gone.len() < Step::ALL.len(), "{source}: {gone:?}");
                step = following;
            }
            let publish = if publishes { &PUBLISH[..] } else { &[] };
            let store = if stores { &STORE[..] } else { &[] };
            let retire = if retires { &RETIRE[..] } else { &[] };
            let all = [steps(source), publish, store, retire].concat();
            assert_eq!(gone, all, "{source}");
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
                next(source, After::default(), step).is_some(),
                belongs && !last,
                "{source} {step}"
            );
        }
        assert_eq!(next(source, After::default(), Step::StoreImage), None);
        let all = After {
            publishes: true,
            stores: true,
            retires: true,
        };
        assert_eq!(next(source, all, Step::CleanUp), None);
        assert_eq!(next(source, all, Step::Retire), None);
    }
}

#[test]
fn every_image_is_awaited_before_it_is_stored() {
    for source in SourceKind::ALL {
        assert_eq!(steps(source).last(), Some(&Step::AwaitImage), "{source}");
        assert_eq!(
            next(
                source,
                After {
                    stores: true,
                    ..After::default()
                },
                Step::AwaitImage
            ),
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
