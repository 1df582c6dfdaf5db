//! What is known of the parameters that point to the AMI.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::changes::{note, record_change};
use crate::image::message;
use crate::image::observed::ObservedParameter;
use crate::image::outcome::{ReleaseObserved, Written};
use crate::image::status::{
    Action, ParameterId, ParameterPut, ParameterStatus, ParameterType, RegionAction, Status,
};

/// These are about to be written.
pub(super) fn intend(status: &mut Status, puts: BTreeMap<ParameterId, ParameterPut>) {
    for (id, put) in puts {
        let known = status.release.parameters.entry(id).or_default();
        let seen = put.after;
        if let Some(before) = known.put.replace(put) {
            known.may_come_of(&before, seen);
        }
        known.has_reached(seen);
        (known.overwritten, known.left_at) = (None, None);
        status.release.released_at = None;
    }
}

/// SSM was asked to write these. Returns whether that is worth saving.
pub(super) fn performed(
    status: &mut Status,
    written: BTreeMap<ParameterId, Written>,
    now: Timestamp,
) -> bool {
    let any = !written.is_empty();
    let mut raced = Vec::new();
    for (id, written) in written {
        let Some(known) = status.release.parameters.get_mut(&id) else {
            continue;
        };
        let may_be_own = known
            .put
            .as_ref()
            .is_some_and(|put| known.may_pass(put.after));
        match (written, &mut known.put) {
            (Written::Taken(version), Some(put)) => {
                put.version = Some(version);
                if !may_be_own && version != put.after.saturating_add(1) {
                    raced.push((id, version));
                }
                known.was_answered(version);
            }
            (Written::NotTaken, Some(put)) => {
                put.asked_at = None;
                put.attempts = put.attempts.saturating_sub(1);
            }
            (Written::Unanswered, Some(put)) => put.attempts = put.attempts.saturating_sub(1),
            (Written::Refused(failure), put) => {
                if let Some(put) = put {
                    put.asked_at = None;
                }
                known.failure = Some(failure);
            }
            (Written::Unknown | Written::Unanswered | Written::Taken(_) | Written::NotTaken, _) => {
            }
        }
    }
    for (id, version) in raced {
        say_raced(status, &id, version, now);
    }
    any
}

/// The version that was answered, or is shown, is not the one after the one that was read: somebody wrote between.
fn say_raced(status: &mut Status, id: &ParameterId, version: u64, now: Timestamp) {
    let overwritten = version.saturating_sub(1);
    let Some(known) = status.release.parameters.get_mut(id) else {
        return;
    };
    if known.overwritten.replace(overwritten) != Some(overwritten) {
        note(status, message::raced_line(id, overwritten), now);
    }
}

/// The parameters were compared with what the manifest says. Returns whether that is worth saving.
pub(super) fn observed(status: &mut Status, seen: &ReleaseObserved, now: Timestamp) -> bool {
    let mut changed = false;
    for id in &seen.named {
        let parameters = &mut status.release.parameters;
        changed |= !parameters.contains_key(id);
        let known = parameters.entry(id.clone()).or_default();
        changed |= known.left_at.take().is_some();
    }
    for id in &seen.left {
        changed |= leave(status, id, now);
    }
    status.release.forget_left();
    changed |= shown(status, &seen.set, now);
    for (id, failure) in &seen.failed {
        let known = status.release.parameters.entry(id.clone()).or_default();
        changed |= known.failure.as_ref() != Some(failure);
        known.failure = Some(failure.clone());
    }
    changed
}

/// These parameters are as they should be. Returns whether that is worth saving.
pub(super) fn shown(
    status: &mut Status,
    shown: &BTreeMap<ParameterId, ObservedParameter>,
    now: Timestamp,
) -> bool {
    let all = shown.iter();
    all.fold(false, |changed, (id, it)| {
        set(status, id, it, now) | changed
    })
}

/// All that can be set is set.
pub(super) fn finish(status: &mut Status, seen: &ReleaseObserved, now: Timestamp) {
    // A Region that failed and is not required gets no parameter.
    let is_set =
        |id: &ParameterId| seen.set.contains_key(id) || status.failure_in(&id.region).is_some();
    if !seen.is_held && !seen.named.is_empty() && seen.named.iter().all(is_set) {
        status.release.released_at.get_or_insert(now);
    }
}

fn leave(status: &mut Status, id: &ParameterId, now: Timestamp) -> bool {
    let Some(known) = status.release.parameters.get_mut(id) else {
        return false;
    };
    known.left_at = Some(now);
    known.failure = None;
    let left = RegionAction {
        region: id.region.clone(),
        action: Action::LeaveParameter {
            name: id.name.clone(),
            value: known.value.clone(),
        },
    };
    // What was never written is only forgotten.
    if known.value.is_none() && known.put.is_none() {
        status.release.parameters.remove(id);
        return true;
    }
    record_change(status, &left, now);
    true
}

/// SSM took this, and people are told of it, unless it is what they are told last of this parameter.
fn tell(status: &mut Status, id: &ParameterId, put: &ParameterPut, is_text: bool, now: Timestamp) {
    let of_region = status.changes.iter().rev();
    let mut of_region = of_region
        .map(|it| &it.what)
        .filter(|it| it.region == id.region);
    let last = of_region.find_map(|it| match &it.action {
        Action::PutParameter { name, value, .. } if *name == id.name => Some(Some(value)),
        Action::LeaveParameter { name, .. } if *name == id.name => Some(None),
        _ => None,
    });
    if last.flatten() == Some(&put.value) {
        return;
    }
    let data_type = match is_text {
        true => ParameterType::Text,
        false => ParameterType::Image,
    };
    let action = Action::PutParameter {
        name: id.name.clone(),
        value: put.value.clone(),
        after: put.after,
        data_type,
    };
    let region = id.region.clone();
    record_change(status, &RegionAction { region, action }, now);
}

fn set(status: &mut Status, id: &ParameterId, shown: &ObservedParameter, now: Timestamp) -> bool {
    let Some(known) = status.release.parameters.get_mut(id) else {
        return false;
    };
    let put = known.put.take();
    // The version in between may be what was asked for before.
    let may_be_own = put.as_ref().is_some_and(|put| known.may_pass(put.after));
    let is_known = known.value.as_ref() == Some(&shown.value);
    let before = (known.version, known.confirmed_at);
    let mut next = ParameterStatus {
        value: Some(shown.value.clone()),
        version: Some(shown.version),
        confirmed_at: before
            .1
            .filter(|_| is_known && before.0 == Some(shown.version)),
        is_text: shown.data_type == ParameterType::Text.as_str(),
        ..known.clone()
    };
    if let Some(put) = &put {
        next.may_come_of(put, 0);
    }
    next.has_reached(shown.version.saturating_add(1));
    let is_text = next.is_text;
    let changed = put.is_some() || *known != next;
    *known = next;
    known.confirmed_at.get_or_insert(now);
    // The answer was lost that would have said so.
    let unanswered = put
        .as_ref()
        .filter(|put| put.version.is_none() && put.asked_at.is_some() && put.value == shown.value);
    if let Some(put) = unanswered {
        tell(status, id, put, is_text, now);
    }
    let expected =
        put.filter(|put| !may_be_own && put.version.is_none() && put.value == shown.value);
    if expected.is_some_and(|put| put.after.saturating_add(1) < shown.version) {
        say_raced(status, id, shown.version, now);
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::status::ParameterPut;

    fn status() -> Status {
        let now = Timestamp::UNIX_EPOCH;
        let manifest = serde_json::json!({
            "bucket": "images", "key": "web.image.yaml", "etag": "e", "sha256": "0", "uploadedAt": now,
        });
        Status::new(serde_json::from_value(manifest).unwrap(), now)
    }

    fn id() -> ParameterId {
        ParameterId {
            region: "us-east-1".to_owned(),
            name: "/images/web".to_owned(),
        }
    }

    #[test]
    fn what_is_put_again_after_it_was_left_is_told_last_although_no_answer_came() {
        let (mut status, id, now) = (status(), id(), Timestamp::UNIX_EPOCH);
        let put = |after| {
            let put = ParameterPut {
                value: "ami-1".to_owned(),
                after,
                asked_at: Some(now),
                attempts: 1,
                ..ParameterPut::default()
            };
            BTreeMap::from([(id.clone(), put)])
        };
        let shows = |version| ReleaseObserved {
            named: [id.clone()].into(),
            set: BTreeMap::from([(
                id.clone(),
                ObservedParameter {
                    kind: "String".to_owned(),
                    data_type: "aws:ec2:image".to_owned(),
                    value: "ami-1".to_owned(),
                    version,
                },
            )]),
            ..ReleaseObserved::default()
        };
        let leaves = ReleaseObserved {
            left: [id.clone()].into(),
            ..ReleaseObserved::default()
        };
        let listed = |status: &Status| -> Vec<&str> {
            let changes = status.changes.iter();
            let word = changes.map(|it| match it.what.action {
                Action::PutParameter { .. } => "put",
                Action::LeaveParameter { .. } => "left",
                _ => "other",
            });
            word.collect()
        };
        intend(&mut status, put(0));
        observed(&mut status, &shows(1), now);
        observed(&mut status, &shows(1), now);
        assert_eq!(listed(&status), ["put"]);
        observed(&mut status, &leaves, now);
        intend(&mut status, put(1));
        observed(&mut status, &shows(2), now);
        observed(&mut status, &shows(2), now);
        assert_eq!(listed(&status), ["put", "left", "put"]);
        assert_eq!(status.untold, 3);
    }

    fn asked(value: &str, after: u64) -> ParameterPut {
        ParameterPut {
            value: value.to_owned(),
            after,
            asked_at: Some(Timestamp::UNIX_EPOCH),
            attempts: 1,
            ..ParameterPut::default()
        }
    }

    /// A parameter, and what is known of it once versions have asked for these values, one after the other: after which version of
    /// the parameter, and what came of it.
    fn asked_for<const N: usize>(asks: [(&str, u64, Written); N]) -> ParameterStatus {
        let (mut status, id, now) = (status(), id(), Timestamp::UNIX_EPOCH);
        for (value, after, written) in asks {
            status.release = std::mem::take(&mut status.release).for_next();
            intend(
                &mut status,
                BTreeMap::from([(id.clone(), asked(value, after))]),
            );
            performed(&mut status, BTreeMap::from([(id.clone(), written)]), now);
        }
        status.release.parameters[&id].clone()
    }

    fn refused() -> Written {
        Written::Refused(message::release::unseen(&id(), "it is validated"))
    }

    /// SSM takes no other value of a parameter while it validates one.
    #[test]
    fn what_was_taken_before_ssm_refused_to_be_asked_again_may_still_show_in_the_next_version() {
        let known = asked_for([
            ("ami-1", 1, Written::Taken(2)),
            ("ami-1", 1, refused()),
            ("ami-2", 1, refused()),
            ("ami-3", 1, Written::Taken(3)),
            ("ami-4", 1, refused()),
        ]);
        let possible = [("ami-1", 2), ("ami-3", 3)];
        for (value, version) in [
            ("ami-1", 2),
            ("ami-1", 3),
            ("ami-2", 2),
            ("ami-3", 3),
            ("ami-3", 4),
        ] {
            let is_expected = possible.contains(&(value, version));
            assert_eq!(
                known.is_possible(value, version),
                is_expected,
                "{value} {version}: {known:?}"
            );
        }
    }

    #[test]
    fn what_is_not_answered_comes_after_all_that_was_written_before() {
        let lost = || Written::Unanswered;
        // Another value came in between, and was shown in version 3.
        let known = asked_for([("ami-1", 1, lost()), ("ami-2", 3, lost())]);
        assert!(known.is_possible("ami-1", 3), "{known:?}");
        let known = asked_for([
            ("ami-1", 1, Written::Taken(2)),
            ("ami-2", 1, lost()),
            ("ami-3", 2, lost()),
        ]);
        assert!(known.is_possible("ami-2", 3), "{known:?}");
    }

    /// Somebody may set the parameter back by hand later.
    #[test]
    fn what_was_asked_for_in_vain_may_come_to_one_version_and_to_none_after_an_answer() {
        let lost = |value| (value, 0, Written::Unanswered);
        let known = asked_for([lost("ami-1"), lost("ami-1"), lost("ami-1"), lost("ami-2")]);
        assert!(known.is_possible("ami-1", 1), "{known:?}");
        assert!(!known.is_possible("ami-1", 2), "{known:?}");
        let taken = ("ami-2", 0, Written::Taken(1));
        let known = asked_for([lost("ami-1"), taken, lost("ami-3")]);
        assert!(!known.is_possible("ami-1", 1), "{known:?}");
        assert!(known.is_possible("ami-2", 1), "{known:?}");
    }

    #[test]
    fn a_version_in_between_is_somebody_elses_unless_it_may_be_ours() {
        let seen = || ("ami-1", 5, Written::Taken(6));
        let known = asked_for([seen(), ("ami-2", 6, Written::Taken(8))]);
        assert_eq!(known.overwritten, Some(7));
        let known = asked_for([seen(), ("ami-2", 5, Written::Taken(7))]);
        assert_eq!(known.overwritten, None);
    }
}
