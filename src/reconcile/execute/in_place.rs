//! Before an AMI is registered: an AMI of an earlier version that has to go first. What is to be done is decided by the pure
//! [`crate::image::publish::in_place`].

mod stays;

use std::collections::BTreeSet;

use super::retire::observe::Observed;
use super::retire::{NOTHING, keep_received, not_known, observe, perform_all, wait_reason};
use crate::aws::AwsError;
use crate::image::message::failures;
use crate::image::observed::ObservedImage;
use crate::image::outcome::{Claim, Evidence, Retired, StepOutcome};
use crate::image::ownership;
use crate::image::plan::{PUBLISH_GRACE, REGISTER_GRACE};
use crate::image::publish::in_place::{self, Because, Next};
use crate::image::publish::retire::{PassedOn, Pending, Seen, Target, given_up, heard, targets};
use crate::image::publish::{Replaced, STALE_READS, rehearse_in_place};
use crate::image::status::{Failure, KeptReason, RegionAction, Retire};
use crate::image::words::WaitReason;
use crate::reconcile::context::Error;
use crate::reconcile::identity::{digest, manifest_version};
use crate::reconcile::manifest_reader::{AtKey, at_key};
use crate::reconcile::spec::Spec;
use crate::reconcile::step_context::{StepContext, retrying};
pub(crate) use stays::protecting;
use stays::{claim, ends};

/// Whether this AMI, which has the name, is to be deregistered for the new one: the manifest says so, and it is an earlier
/// version's. One that has lost the tag that says so is nobody's to deregister.
pub(crate) fn is_asked(step: &StepContext<'_>, spec: &Spec, taken: &ObservedImage) -> bool {
    let region = &step.config().region;
    let targets = in_place::of_name(step.status, region, Some(&taken.id));
    let is_target = targets.iter().any(|it| it.known.image == taken.id)
        && ownership::is_of_manifest(step.status, &taken.tags);
    is_target && spec.retires().is_some_and(|asked| asked.deregister)
}

/// AMIs that have to go before the new one is registered, as far as that is known before.
#[derive(Debug)]
pub(crate) struct Replacing {
    /// Why they have to go.
    pub(crate) because: Because,
    /// Their ids.
    pub(crate) images: BTreeSet<String>,
    /// What will become of them; none where the stack retires nothing.
    pub(crate) replaced: Option<Replaced>,
    /// Why they could not be seen.
    pub(crate) error: Option<AwsError>,
}

/// Looks at the AMIs that will have to go; `taken` has the name of the new one.
pub(crate) async fn preview(
    step: &StepContext<'_>,
    spec: &Spec,
    taken: Option<&ObservedImage>,
) -> Result<Vec<Replacing>, Error> {
    let mut all = Vec::new();
    let by_name = by_name(step, spec, taken);
    let by_name = by_name.map(|(asked, targets)| (Because::Name, Some(asked), targets));
    let (asked, targets) = by_bundle(step, spec);
    let asked = Some(asked).filter(|_| step.config().guardrails.allow_retire);
    for (because, asked, targets) in by_name
        .into_iter()
        .chain([(Because::Bundle, asked, targets)])
    {
        if targets.is_empty() {
            continue;
        }
        let images = targets.iter().map(|it| it.known.image.clone()).collect();
        let mut replacing = Replacing {
            because,
            images,
            replaced: None,
            error: None,
        };
        if let Some(asked) = asked {
            let moved = &spec.publish().parameters;
            let is_guarded = because == Because::Name;
            let seen = observe::these(step, targets, moved, asked, is_guarded);
            let seen = Box::pin(seen).await?;
            let replaced = rehearse_in_place(because, asked, &seen.targets, step.now());
            replacing.replaced = Some(replaced);
            replacing.error = seen.into_error();
        }
        all.push(replacing);
    }
    Ok(all)
}

/// The AMIs that have the new one's name, if the manifest asks to deregister them.
fn by_name(
    step: &StepContext<'_>,
    spec: &Spec,
    taken: Option<&ObservedImage>,
) -> Option<(Retire, Vec<Target>)> {
    let asked = spec.retires().filter(|asked| asked.deregister)?;
    let id = taken.map(|image| image.id.as_str());
    let targets = in_place::of_name(step.status, &step.config().region, id);
    Some((asked, targets))
}

/// The AMIs whose bundle was overwritten.
fn by_bundle(step: &StepContext<'_>, spec: &Spec) -> (Retire, Vec<Target>) {
    let delete_snapshots = spec.retires().is_some_and(|asked| asked.delete_snapshots);
    let asked = Retire {
        deregister: true,
        delete_snapshots,
    };
    let targets = in_place::of_bundle(step.status, &step.config().region);
    (asked, targets)
}

/// Does what was written down.
pub(crate) async fn claimed(step: &StepContext<'_>) -> Option<StepOutcome> {
    match step.claimed {
        Some(Claim::Publish(intent)) => Some(perform_all(step, &intent.actions).await),
        _ => None,
    }
}

/// Makes room for the AMI that is to be registered; `taken` has its name. None once there is room.
pub(crate) async fn make_room(
    step: &StepContext<'_>,
    spec: &Spec,
    taken: Option<&ObservedImage>,
) -> Result<Option<StepOutcome>, Error> {
    if let Some((asked, targets)) = by_name(step, spec, taken) {
        let outcome = go(step, spec, Because::Name, asked, targets, taken).await?;
        if outcome.is_some() {
            return Ok(outcome);
        }
    }
    if !step.config().guardrails.allow_retire {
        return Ok(None);
    }
    let (asked, targets) = by_bundle(step, spec);
    go(step, spec, Because::Bundle, asked, targets, None).await
}

async fn go(
    step: &StepContext<'_>,
    spec: &Spec,
    because: Because,
    asked: Retire,
    targets: Vec<Target>,
    taken: Option<&ObservedImage>,
) -> Result<Option<StepOutcome>, Error> {
    if targets.is_empty() {
        return Ok(None);
    }
    // EC2 has refused it for this version already.
    let mut stay = step.status.retired.iter().rev();
    let stays = stay.find(|it| targets.iter().any(|target| target.known.image == it.image));
    if because == Because::Name
        && let Some(kept) = stays
    {
        let why = kept.why.clone().unwrap_or(KeptReason::Unproven);
        let failure = failures::name_kept(step.status, &kept.image, &why);
        return Ok(Some(StepOutcome::Fail(failure)));
    }
    let moved = &spec.publish().parameters;
    let is_guarded = because == Because::Name;
    let seen = Box::pin(observe::these(step, targets, moved, asked, is_guarded)).await?;
    Ok(
        match in_place::next(because, asked, &seen.targets, step.now()) {
            Next::Register => None,
            Next::Do(actions, passed_on) => match asked_now(step, because, &seen.targets).await? {
                AskedNow::Still => {
                    Some(go_now(step, spec, &seen.targets, (actions, passed_on)).await?)
                }
                AskedNow::Withdrawn => {
                    taken.map(|it| ends(&seen, failures::name_taken(step.status, it)))
                }
                AskedNow::Gone => Some(StepOutcome::Unchanged),
            },
            Next::Stays(image, why) => Some(keeps_name(step, &seen, &image, &why)),
            Next::Wait(image, why) => {
                let reason = match (taken, &why) {
                    (Some(taken), Pending::Unknown)
                        if taken.id == image
                            && seen.error(&step.config().region, &image).is_none() =>
                    {
                        WaitReason::DeletionNotVisible
                    }
                    _ => wait_reason(step, &step.config().region, &image, &why, &seen),
                };
                let limit = match (&reason, &why) {
                    (WaitReason::DeletionNotVisible, _) => REGISTER_GRACE,
                    // It was heard, as it seems, unless this read is too old, or misses it.
                    (_, Pending::AskedAndNotShown) => STALE_READS,
                    _ => PUBLISH_GRACE,
                };
                let is_long =
                    !matches!(why, Pending::Cooldown(_)) && step.has_waited(&reason, limit);
                match is_long {
                    true if why == Pending::AskedAndNotShown => Some(deregistered(&seen, &image)),
                    true => unknown_for_long(step, because, taken, (&image, &reason), &seen),
                    false => Some(StepOutcome::Wait(reason)),
                }
            }
        },
    )
}

/// EC2 was asked to deregister this AMI, and has not shown it since.
fn deregistered(seen: &Observed, image: &str) -> StepOutcome {
    let mut of = seen.targets.iter();
    let of = of.find(|(target, _)| target.known.image == image);
    StepOutcome::Advance(Evidence::Retired(Retired {
        done: of
            .and_then(|(target, _)| heard(target))
            .into_iter()
            .collect(),
        ..Retired::default()
    }))
}

/// Deregisters them, and leaves their shares to the AMIs which need them and may go later. Those are looked at first: a share
/// that is left to one that stays would be nobody's.
async fn go_now(
    step: &StepContext<'_>,
    spec: &Spec,
    seen: &[(Target, Seen)],
    (actions, mut passed_on): (Vec<RegionAction>, Vec<PassedOn>),
) -> Result<StepOutcome, Error> {
    let is_seen = |it: &Target| {
        seen.iter()
            .any(|(seen, _)| seen.known.image == it.known.image)
    };
    let mut others = targets(step.status);
    others.retain(|it| {
        let mut shares = passed_on.iter();
        let needs = shares.any(|share| share.region == it.region && share.image == it.known.image);
        needs && !is_seen(it) && it.known.retiring.deregistered_at.is_none()
    });
    let looked = Box::pin(observe::these(step, others, &[], NOTHING, false)).await?;
    let mut all = seen.to_vec();
    all.extend(looked.targets.iter().cloned());
    if let Some(error) = looked.into_error() {
        return Ok(StepOutcome::Wait(retrying(&error)));
    }
    let asked = spec.retires().unwrap_or(NOTHING);
    keep_received(step, Some(&spec.publish()), (asked, &all), &mut passed_on);
    Ok(claim(actions, passed_on))
}

/// This AMI keeps the name. Where somebody has switched its protection on again, which EC2 shows, nothing of what was begun is
/// left: that is written down before this version fails.
fn keeps_name(
    step: &StepContext<'_>,
    seen: &Observed,
    image: &str,
    why: &KeptReason,
) -> StepOutcome {
    let outcome = ends(seen, failures::name_kept(step.status, image, why));
    let mut of = seen.targets.iter();
    let of = of.find(|(target, _)| target.known.image == image);
    match (&outcome, of.filter(|_| *why == KeptReason::ProtectedAgain)) {
        (StepOutcome::Fail(_), Some((target, seen))) => {
            StepOutcome::Advance(Evidence::Retired(Retired {
                ended: vec![given_up(target, Some(seen), why, step.now())],
                ..Retired::default()
            }))
        }
        _ => outcome,
    }
}

/// What the manifest says now, while the AMI is made, of the one that has its name.
enum AskedNow {
    /// As before. What cannot be read as a manifest says nothing else.
    Still,
    /// It is not to be deregistered any more, or is the AMI that is asked for.
    Withdrawn,
    /// Nothing: it was deleted. Its event, or the sweep, cancels this version.
    Gone,
}

/// Asks for it, where an AMI is about to go so that another one gets its name. A manifest that is set back to the version of
/// that AMI asks for the AMI itself, whatever it says of earlier ones.
async fn asked_now(
    step: &StepContext<'_>,
    because: Because,
    going: &[(Target, Seen)],
) -> Result<AskedNow, Error> {
    if because != Because::Name {
        return Ok(AskedNow::Still);
    }
    let (context, status) = (step.context, step.status);
    let object = match at_key(context, &status.manifest).await? {
        AtKey::Nothing => return Ok(AskedNow::Gone),
        AtKey::Meant(object) if object.info.modified_at <= status.manifest.last_uploaded_at() => {
            return Ok(AskedNow::Still);
        }
        // Uploaded once more: what it is made from may be another object by now.
        AtKey::Meant(object) | AtKey::Other(object) => object,
    };
    let upload = manifest_version(context.config, &object);
    let content = object.content.as_deref();
    let (config, owners) = (context.config, &status.build.source_owners);
    let newer = content.and_then(|it| Some((it, Spec::parse(&upload, it, config, owners).ok()?)));
    let Some((content, newer)) = newer else {
        return Ok(AskedNow::Still);
    };
    if newer.retires().is_none_or(|asked| !asked.deregister) {
        return Ok(AskedNow::Withdrawn);
    }
    let digest = digest(context, &newer, status, &upload, content).await?;
    // Other settings of the version that is being made are no other version.
    let other = digest.filter(|it| status.build.digest.as_ref() != Some(it));
    let mut going = going.iter();
    let is_current = other.is_some() && going.any(|(target, _)| target.digest == other);
    Ok(match is_current {
        true => AskedNow::Withdrawn,
        false => AskedNow::Still,
    })
}

/// An AMI of which EC2 has not said for long whether it can go. It keeps a name that is taken; else it stays, which is told,
/// and the new one is registered.
fn unknown_for_long(
    step: &StepContext<'_>,
    because: Because,
    taken: Option<&ObservedImage>,
    (image, reason): (&str, &WaitReason),
    seen: &Observed,
) -> Option<StepOutcome> {
    match (because, taken) {
        (Because::Name, Some(taken)) => {
            // What EC2 still shows although it was deregistered, or another AMI that has to go, says nothing of this one.
            let is_kept = taken.id == image && *reason != WaitReason::DeletionNotVisible;
            let failure = match is_kept {
                true => failures::name_kept(step.status, image, &not_known(reason)),
                // It was looked at: nothing may still come into sight.
                false => Failure {
                    code: None,
                    ..failures::name_taken(step.status, taken)
                },
            };
            // Once its protection is on again, that is waited for once more: by then it may be known.
            Some(ends(seen, failure))
        }
        // What became of it is found out once the new one is finished.
        (Because::Name, None) => None,
        (Because::Bundle, _) => {
            let why = not_known(reason);
            let of = seen
                .targets
                .iter()
                .filter(|(it, _)| it.known.image == image);
            let ended = of.map(|(target, _)| given_up(target, None, &why, step.now()));
            Some(StepOutcome::Advance(Evidence::Retired(Retired {
                ended: ended.collect(),
                ..Retired::default()
            })))
        }
    }
}
