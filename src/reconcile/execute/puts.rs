//! How many parameters one visit writes: SSM takes so few requests a second that the time of a function is over after some dozens.

use std::collections::{BTreeMap, BTreeSet};

use crate::image::publish::{PendingParameter, Plan};
use crate::image::status::{RegionAction, Status};
use crate::reconcile::context::REGIONS_AT_ONCE;

/// Parameters that are written one after the other in one visit, which takes ten seconds at half of SSM's rate
/// (`src/aws/rate_limiter.rs`).
const ONE_AFTER_THE_OTHER: usize = 15;

/// Leaves of the parameters that are to be written as many as one visit has time for. The next one writes the others, those that
/// SSM was asked least often for first: what it does not take keeps no other from being written.
pub(super) fn keep_some(status: &Status, plan: &mut Plan) {
    let puts = plan.ready.iter().filter(|what| what.parameter().is_some());
    let mut by_region: BTreeMap<String, Vec<(u32, usize)>> = BTreeMap::new();
    for (place, what) in puts.enumerate() {
        let of_region = by_region.entry(what.region.clone()).or_default();
        of_region.push((attempts(status, what), place));
    }
    let rounds = by_region.len().div_ceil(REGIONS_AT_ONCE).max(1);
    let most = (ONE_AFTER_THE_OTHER / rounds).max(1);
    let mut kept = BTreeSet::new();
    for mut of_region in by_region.into_values() {
        of_region.sort_unstable();
        kept.extend(of_region.into_iter().take(most).map(|(_, place)| place));
    }
    let mut place = 0;
    let later = plan.ready.extract_if(.., |what| {
        let is_put = what.parameter().is_some();
        let is_kept = !is_put || kept.contains(&place);
        place += usize::from(is_put);
        !is_kept
    });
    let later: Vec<_> = later.filter_map(|what| what.parameter()).collect();
    for id in later {
        plan.release
            .pending
            .insert(id, PendingParameter::NotConfirmed);
    }
}

/// How often SSM was asked for this value of a parameter.
fn attempts(status: &Status, what: &RegionAction) -> u32 {
    let known = what.parameter();
    let known = known.and_then(|id| status.release.parameters.get(&id));
    let put = known.and_then(|known| known.put.as_ref());
    put.map_or(0, |put| put.attempts)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::image::status::{
        Action, ManifestVersion, ParameterPut, ParameterStatus, ParameterType,
    };

    fn status() -> Status {
        let manifest = ManifestVersion {
            bucket: "images".to_owned(),
            key: "web.image.yaml".to_owned(),
            etag: "\"0\"".to_owned(),
            version_id: None,
            sha256: "0".to_owned(),
            publish_digest: None,
            uploaded_at: Timestamp::UNIX_EPOCH,
            repeated_at: None,
        };
        Status::new(manifest, Timestamp::UNIX_EPOCH)
    }

    fn put(region: &str, name: usize) -> RegionAction {
        RegionAction {
            region: region.to_owned(),
            action: Action::PutParameter {
                name: format!("/images/{name:03}"),
                value: "ami-1".to_owned(),
                after: 0,
                data_type: ParameterType::Image,
            },
        }
    }

    /// The names of those that are written.
    fn written(status: &Status, ready: Vec<RegionAction>) -> Vec<String> {
        let mut plan = Plan {
            ready,
            ..Plan::default()
        };
        let all = plan.ready.len();
        keep_some(status, &mut plan);
        let ids = plan.ready.iter().filter_map(RegionAction::parameter);
        let names: Vec<String> = ids.map(|id| id.to_string()).collect();
        assert_eq!(names.len() + plan.release.pending.len(), all);
        names
    }

    #[test]
    fn a_visit_writes_as_many_as_it_has_time_for() {
        let few: Vec<RegionAction> = (0..15).map(|name| put("us-east-1", name)).collect();
        assert_eq!(written(&status(), few).len(), 15);
        let many = (0..200).map(|name| put("us-east-1", name)).collect();
        assert_eq!(written(&status(), many).len(), 15);
        // Eight Regions at once, so four rounds.
        let regions: Vec<String> = (0..30).map(|it| format!("us-east-{it}")).collect();
        let all = regions
            .iter()
            .flat_map(|region| (0..20).map(move |name| put(region, name)));
        assert_eq!(written(&status(), all.collect()).len(), 90);
    }

    #[test]
    fn what_ssm_was_asked_least_often_for_comes_first() {
        let mut status = status();
        for name in 0..20 {
            let id = put("us-east-1", name).parameter().unwrap();
            let known = ParameterStatus {
                put: Some(ParameterPut {
                    value: "ami-1".to_owned(),
                    attempts: 1,
                    ..ParameterPut::default()
                }),
                ..ParameterStatus::default()
            };
            let parameters = &mut status.release.parameters;
            parameters.insert(id, known);
        }
        let names = written(
            &status,
            (0..30).map(|name| put("us-east-1", name)).collect(),
        );
        assert_eq!(names.len(), 15);
        for name in 20..30 {
            let name = format!("us-east-1:/images/{name:03}");
            assert!(names.contains(&name), "{name}: {names:?}");
        }
    }
}
