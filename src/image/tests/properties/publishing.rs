//! What publishing the AMI may come to.

use super::super::*;
use super::outcomes::Choice;
use crate::image::message::failures;
use crate::image::outcome::{Claim, PublishIntent, PublishPerformed};
use crate::image::status::{Action, CopyRequest, Intended, RegionAction};
use crate::image::words::WaitReason;

/// What publishing the AMI comes to: it is as it should be, or not yet, or never, or is changed.
pub(super) fn publish(choice: &mut Choice, minutes: i64) -> StepOutcome {
    let region = || REGION.to_owned();
    let described = RegionAction {
        region: region(),
        action: Action::SetDescription {
            text: "web".to_owned(),
        },
    };
    let applied = Applied {
        intended: Some(Intended {
            at: after(minutes),
            since: after(minutes),
            settings: Settings::default(),
            revokes: std::collections::BTreeSet::new(),
            earlier: Vec::new(),
            gone: Settings::default(),
        }),
        ..Applied::default()
    };
    let failed = || BTreeMap::from([(region(), failures::settings_gone())]);
    let verified = BTreeMap::from([(region(), Applied::default())]);
    let waits = || WaitReason::SettingsNotVisible { region: region() };
    let pending = BTreeMap::from([(region(), waits())]);
    let observed = |seen: PublishObserved| StepOutcome::Advance(Evidence::PublishObserved(seen));
    choice.of(vec![
        observed(PublishObserved {
            verified: verified.clone(),
            ..PublishObserved::default()
        }),
        observed(PublishObserved {
            verified,
            pending: pending.clone(),
            ..PublishObserved::default()
        }),
        observed(PublishObserved {
            failed: failed(),
            ..PublishObserved::default()
        }),
        StepOutcome::Claim(Claim::Publish(PublishIntent {
            actions: vec![described.clone()],
            applied: BTreeMap::from([(region(), applied)]),
            ..PublishIntent::default()
        })),
        StepOutcome::Advance(Evidence::PublishPerformed(PublishPerformed {
            done: vec![described],
            ..PublishPerformed::default()
        })),
        StepOutcome::Advance(Evidence::PublishPerformed(PublishPerformed {
            failed: failed(),
            later: pending,
            ..PublishPerformed::default()
        })),
        copy(minutes),
        copied("ami-2"),
        copied("nothing of EC2's"),
        copy_removed(),
    ])
}

const ELSEWHERE: &str = "eu-west-1";

fn elsewhere(action: Action) -> RegionAction {
    let region = ELSEWHERE.to_owned();
    RegionAction { region, action }
}

/// A copy is about to be asked for.
fn copy(minutes: i64) -> StepOutcome {
    let request = CopyRequest {
        asked_at: Some(after(minutes)),
        ..CopyRequest::default()
    };
    let action = Action::CopyImage {
        attempt: 0,
        kms_key_id: None,
        image: None,
        was_there: false,
    };
    StepOutcome::Claim(Claim::Publish(PublishIntent {
        actions: vec![elsewhere(action)],
        copies: BTreeMap::from([(ELSEWHERE.to_owned(), request)]),
        ..PublishIntent::default()
    }))
}

/// EC2 has begun a copy.
fn copied(image: &str) -> StepOutcome {
    let action = Action::CopyImage {
        attempt: 0,
        kms_key_id: None,
        image: Some(image.to_owned()),
        was_there: false,
    };
    StepOutcome::Advance(Evidence::PublishPerformed(PublishPerformed {
        done: vec![elsewhere(action)],
        ..PublishPerformed::default()
    }))
}

/// A failed copy is gone.
fn copy_removed() -> StepOutcome {
    let action = Action::RemoveFailedCopy {
        image: "ami-2".to_owned(),
        reason: "it failed".to_owned(),
    };
    StepOutcome::Advance(Evidence::PublishPerformed(PublishPerformed {
        done: vec![elsewhere(action)],
        ..PublishPerformed::default()
    }))
}
