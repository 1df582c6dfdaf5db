//! The step `retire`: AMIs that are deprecated or deregistered because this image replaces them. What is to be done is
//! decided by the pure [`crate::image::publish::retire`]; here is what it needs to see, and who does it.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use crate::aws::{Aws, AwsError, FILTER_VALUES_MAX, REFERENCED_IDS_MAX, Reference};
use crate::image::observed::{DIGEST_TAG, MANIFEST_TAG, ObservedImage};
use crate::image::outcome::{Claim, Evidence, PublishIntent, Retired, StepOutcome};
use crate::image::ownership;
use crate::image::plan::{PUBLISH_GRACE, VISIBILITY_GRACE};
use crate::image::publish::Observation;
use crate::image::publish::retire::{
    InUse, LAUNCHED_RECENTLY, Pending, Plan, Retire, Seen, Shown, SnapshotSeen, Target,
    needs_guard, plan, retirement, targets,
};
use crate::image::status::{
    Action, KeptReason, KeptSnapshot, RegionAction, RetireOutcome, SnapshotKept, Status,
};
use crate::image::words::WaitReason;
use crate::reconcile::context::Error;
use crate::reconcile::spec::{ManifestRead, Spec};
use crate::reconcile::step_context::{StepContext, is_final, retrying};

/// How long a snapshot may be in use by an AMI that was deregistered: minutes are usual (public reports of other tools).
const SNAPSHOT_GRACE: SignedDuration = SignedDuration::from_hours(1);

/// What is in use by so many things is named by the first ones.
const NAMED_MAX: usize = 10;

pub(crate) async fn run(step: StepContext<'_>) -> Result<StepOutcome, Error> {
    if let Some(Claim::Publish(intent)) = step.claimed {
        return Ok(perform_all(&step, &intent.actions).await);
    }
    if is_cooling_down(&step) {
        return Ok(StepOutcome::Unchanged);
    }
    let spec = match step.manifest {
        ManifestRead::Spec(spec) => spec,
        ManifestRead::Invalid(problems) => {
            let first = problems.first().map(ToString::to_string);
            return Ok(not_allowed(&step, first.unwrap_or_default()));
        }
        ManifestRead::Gone | ManifestRead::Unread => {
            let why = "the manifest was removed or replaced before they were retired";
            return Ok(not_allowed(&step, why.to_owned()));
        }
    };
    let Some(asked) = spec.retires() else {
        return Ok(finished(Vec::new()));
    };
    if !is_released(spec) {
        return Ok(StepOutcome::Unchanged);
    }
    let seen = Box::pin(observe(&step, spec, asked)).await?;
    let found = plan(asked, &seen.targets, step.now());
    Ok(decide(&step, found, &seen))
}

/// Whether people who follow the manifest's parameters get the new AMI. Where it has none, there is nothing to wait for.
fn is_released(spec: &Spec) -> bool {
    spec.publish().parameters.is_empty()
}

/// Whether a protection holds for a known time, in which nothing has to be looked at.
fn is_cooling_down(step: &StepContext<'_>) -> bool {
    let waiting = step.status.build.waiting.as_ref();
    matches!(
        waiting.map(|waiting| &waiting.reason),
        Some(WaitReason::ProtectionCooldown { until, .. }) if *until > step.now()
    )
}

/// Nothing may be retired any more: all stay.
fn not_allowed(step: &StepContext<'_>, message: String) -> StepOutcome {
    let why = KeptReason::NotAllowed { message };
    let kept =
        |target: Target| retirement(&target, RetireOutcome::Kept, Some(why.clone()), step.now());
    finished(targets(step.status).into_iter().map(kept).collect())
}

fn finished(ended: Vec<crate::image::status::Retirement>) -> StepOutcome {
    StepOutcome::Advance(Evidence::Retired(Retired {
        ended,
        is_finished: true,
        ..Retired::default()
    }))
}

/// What the difference comes to.
fn decide(step: &StepContext<'_>, plan: Plan, seen: &Observed) -> StepOutcome {
    let mut retired = Retired {
        ended: plan.ended,
        ..Retired::default()
    };
    if !plan.ready.is_empty() {
        return StepOutcome::Claim(Claim::Publish(PublishIntent {
            actions: plan.ready,
            ..PublishIntent::default()
        }));
    }
    for (region, image, why) in plan.pending {
        let reason = wait_reason(step, &region, &image, &why, seen);
        let limit = match why {
            Pending::NotShown => VISIBILITY_GRACE,
            Pending::Unknown | Pending::NoSuccessor | Pending::Cooldown(_) => PUBLISH_GRACE,
        };
        let is_long = step.has_waited(&reason, limit);
        if matches!(why, Pending::Cooldown(_)) || !is_long {
            keep_sooner(&mut retired.later, reason);
            continue;
        }
        let given_up = seen.targets.iter().map(|(target, _)| target);
        let given_up = given_up.filter(|it| it.region == region && it.known.image == image);
        let (outcome, why) = match why {
            Pending::NotShown => (RetireOutcome::Gone, None),
            Pending::NoSuccessor => (RetireOutcome::Kept, Some(KeptReason::NoSuccessor)),
            Pending::Unknown | Pending::Cooldown(_) => {
                let message = message_of(&reason);
                (RetireOutcome::Kept, Some(KeptReason::NotKnown { message }))
            }
        };
        let kept = |it| retirement(it, outcome, why.clone(), step.now());
        retired.ended.extend(given_up.map(kept));
    }
    retired.is_finished = retired.later.is_none();
    StepOutcome::Advance(Evidence::Retired(retired))
}

/// What is to be looked at at the next tick comes before what has a date, and that before what has a later one.
fn keep_sooner(later: &mut Option<WaitReason>, reason: WaitReason) {
    let date = |reason: &WaitReason| match reason {
        WaitReason::ProtectionCooldown { until, .. } => Some(*until),
        _ => None,
    };
    if later
        .as_ref()
        .is_none_or(|known| date(&reason) < date(known))
    {
        *later = Some(reason);
    }
}

fn wait_reason(
    step: &StepContext<'_>,
    region: &str,
    image: &str,
    why: &Pending,
    seen: &Observed,
) -> WaitReason {
    let unproven = |what: &str| WaitReason::Unproven {
        what: what.to_owned(),
    };
    match why {
        Pending::Cooldown(until) => WaitReason::ProtectionCooldown {
            image: image.to_owned(),
            until: *until,
        },
        Pending::NoSuccessor => {
            let current = step.status.image_in(region);
            unproven(current.map_or(image, |it| it.image.as_str()))
        }
        Pending::NotShown => WaitReason::ImageNotVisible {
            image: image.to_owned(),
        },
        Pending::Unknown => match seen.errors.get(region) {
            Some(error) => retrying(error),
            None => unproven(image),
        },
    }
}

fn message_of(reason: &WaitReason) -> String {
    match reason {
        WaitReason::Retrying { message, .. } => message.clone(),
        reason => crate::image::message::wait_text(reason),
    }
}

/// What was seen.
struct Observed {
    targets: Vec<(Target, Seen)>,
    /// Why something in a Region could not be seen.
    errors: BTreeMap<String, AwsError>,
}

async fn observe(step: &StepContext<'_>, spec: &Spec, asked: Retire) -> Result<Observed, Error> {
    let mut by_region: BTreeMap<String, Vec<Target>> = BTreeMap::new();
    for target in targets(step.status) {
        let region = target.region.clone();
        by_region.entry(region).or_default().push(target);
    }
    let mut observed = Observed {
        targets: Vec::new(),
        errors: BTreeMap::new(),
    };
    for (region, targets) in by_region {
        let watch = Watch {
            aws: step.aws().in_region(&region),
            step,
            spec,
            asked,
        };
        let (seen, error) = Box::pin(watch.region(&region, targets)).await;
        match error {
            Some(error) if error.is_rate_limited_locally() => return Err(error.into()),
            Some(error) => {
                observed.errors.insert(region, error);
            }
            None => {}
        }
        observed.targets.extend(seen);
    }
    Ok(observed)
}

/// Looks at the AMIs of one Region.
struct Watch<'a> {
    aws: Aws,
    step: &'a StepContext<'a>,
    spec: &'a Spec,
    asked: Retire,
}

impl Watch<'_> {
    /// What was seen of each; and what kept some of it from being seen.
    async fn region(
        &self,
        region: &str,
        targets: Vec<Target>,
    ) -> (Vec<(Target, Seen)>, Option<AwsError>) {
        let unknown = || Seen {
            image: Observation::Unknown,
            in_use: InUse::Unknown,
            has_successor: false,
            snapshots: BTreeMap::new(),
        };
        let mut seen: Vec<(Target, Seen)> = targets.into_iter().map(|it| (it, unknown())).collect();
        let error = self.look(region, &mut seen).await.err();
        (seen, error)
    }

    async fn look(&self, region: &str, seen: &mut [(Target, Seen)]) -> Result<(), AwsError> {
        let status = self.step.status;
        let is_there = |it: &&mut (Target, Seen)| it.0.known.retiring.deregistered_at.is_none();
        let ids: Vec<String> = seen
            .iter_mut()
            .filter(is_there)
            .map(|(target, _)| target.known.image.clone())
            .collect();
        let mut images = Vec::new();
        if !ids.is_empty() {
            let current = status.image_in(region).map(|known| known.image.clone());
            let all: Vec<String> = ids.into_iter().chain(current).collect();
            for ids in all.chunks(FILTER_VALUES_MAX) {
                images.extend(self.aws.find_images("image-id", ids).await?);
            }
        }
        let has_successor = self.has_successor(region, &images);
        for (target, seen) in seen.iter_mut() {
            seen.has_successor = has_successor;
            seen.image = image_seen(status, target, &images);
        }
        self.guard(&images, seen).await?;
        for (target, seen) in seen.iter_mut() {
            self.snapshots(target, seen).await?;
        }
        Ok(())
    }

    /// Whether the AMI that replaces others is available. A Region that the manifest does not name any more has none, and
    /// wants none.
    fn has_successor(&self, region: &str, images: &[ObservedImage]) -> bool {
        let status = self.step.status;
        let Some(current) = status.image_in(region) else {
            return true;
        };
        let tags = ownership::ownership_tags(status);
        images.iter().any(|it| {
            it.id == current.image
                && it.state == "available"
                && ownership::has_tags(&it.tags, &tags)
        })
    }

    /// Whether those that could be deregistered now are in use.
    async fn guard(
        &self,
        images: &[ObservedImage],
        seen: &mut [(Target, Seen)],
    ) -> Result<(), AwsError> {
        let mut asked: Vec<&mut (Target, Seen)> = seen
            .iter_mut()
            .filter(|(target, seen)| match &seen.image {
                Observation::Seen(shown) => {
                    seen.has_successor && needs_guard(self.asked, target, shown, self.step.now())
                }
                Observation::Absent | Observation::Unknown => false,
            })
            .collect();
        for asked in asked.chunks_mut(REFERENCED_IDS_MAX) {
            let ids: Vec<String> = asked.iter().map(|it| it.0.known.image.clone()).collect();
            let references = self.aws.image_references(&ids).await?;
            for (target, seen) in asked.iter_mut().map(|it| &mut **it) {
                let id = &target.known.image;
                let found = references.get(id).map(Vec::as_slice).unwrap_or_default();
                let image = images.iter().find(|it| it.id == *id);
                seen.in_use = match in_use(self.spec, found) {
                    Some(why) => InUse::Yes(why),
                    None => self.launched(image).await?,
                };
            }
        }
        Ok(())
    }

    /// Instances of other accounts are not shown: of an AMI that is shared its last launch counts.
    async fn launched(&self, image: Option<&ObservedImage>) -> Result<InUse, AwsError> {
        let Some(image) = image else {
            return Ok(InUse::Unknown);
        };
        let now = self.step.now();
        let recent = |at: &jiff::Timestamp| now.duration_since(*at) < LAUNCHED_RECENTLY;
        let Some(at) = image.last_launched_at.filter(recent) else {
            return Ok(InUse::No);
        };
        let is_shared = image.public || !self.aws.launch_permissions(&image.id).await?.is_empty();
        Ok(if is_shared {
            InUse::Yes(KeptReason::Launched { at })
        } else {
            InUse::No
        })
    }

    /// The snapshots of an AMI that is deregistered: they can be deleted if their tags prove that they were made for its
    /// version, and no other AMI uses them.
    async fn snapshots(&self, target: &Target, seen: &mut Seen) -> Result<(), AwsError> {
        let retiring = &target.known.retiring;
        let is_gone = seen.image == Observation::Absent && retiring.asked_at.is_some();
        let is_gone = is_gone || retiring.deregistered_at.is_some();
        if !is_gone || retiring.snapshots.is_empty() {
            return Ok(());
        }
        let ids = &retiring.snapshots;
        let found = self.aws.find_snapshots("snapshot-id", ids).await?;
        let filter = "block-device-mapping.snapshot-id";
        let users = self.aws.find_images(filter, ids).await?;
        let tags = version_tags(self.step.status, target);
        for id in ids {
            let snapshot = found.iter().find(|it| it.id == *id);
            let mut users = users.iter().filter(|it| {
                it.id != target.known.image
                    && it.state != "deregistered"
                    && it.snapshots.contains(id)
            });
            let seen_now = match (snapshot, users.next()) {
                (None, _) => SnapshotSeen::Absent,
                (Some(it), _) if !ownership::has_tags(&it.tags, &tags) => {
                    SnapshotSeen::Kept(SnapshotKept::Unproven)
                }
                (Some(_), Some(user)) => SnapshotSeen::Kept(SnapshotKept::UsedBy {
                    image: user.id.clone(),
                }),
                (Some(_), None) => SnapshotSeen::Free,
            };
            seen.snapshots.insert(id.clone(), seen_now);
        }
        Ok(())
    }
}

/// The tags of what was made for the version that the AMI was of.
fn version_tags(status: &Status, target: &Target) -> BTreeMap<String, String> {
    let manifest = (MANIFEST_TAG.to_owned(), status.manifest.uri());
    let digest = target.digest.iter();
    let digest = digest.map(|digest| (DIGEST_TAG.to_owned(), digest.clone()));
    digest.chain([manifest]).collect()
}

fn image_seen(status: &Status, target: &Target, images: &[ObservedImage]) -> Observation<Shown> {
    let image = images.iter().find(|it| it.id == target.known.image);
    match image.filter(|it| it.state != "deregistered") {
        None => Observation::Absent,
        Some(image) => Observation::Seen(Shown {
            is_ours: ownership::has_tags(&image.tags, &version_tags(status, target)),
            protection: image.protection.clone(),
            deprecate_at: image.deprecate_at,
            snapshots: image.snapshots.clone(),
        }),
    }
}

/// What uses an AMI, but for the parameters that this image has moved.
fn in_use(spec: &Spec, references: &[Reference]) -> Option<KeptReason> {
    let spec = spec.publish();
    let own: BTreeSet<&str> = spec
        .parameters
        .iter()
        .map(|it| it.name.trim_start_matches('/'))
        .collect();
    let is_own = |reference: &&Reference| {
        let name = reference.arn.split_once(":parameter/");
        reference.kind == "ssm:Parameter" && name.is_some_and(|(_, name)| own.contains(name))
    };
    let by: Vec<&String> = references
        .iter()
        .filter(|it| !is_own(it))
        .map(|it| &it.arn)
        .collect();
    let omitted = by.len().saturating_sub(NAMED_MAX);
    (!by.is_empty()).then(|| KeptReason::InUse {
        by: by.into_iter().take(NAMED_MAX).cloned().collect(),
        omitted: u32::try_from(omitted).unwrap_or(u32::MAX),
    })
}

/// Does what was written down.
async fn perform_all(step: &StepContext<'_>, actions: &[RegionAction]) -> StepOutcome {
    let mut retired = Retired::default();
    for what in actions {
        let aws = step.aws().in_region(&what.region);
        match Box::pin(perform(&aws, &what.action)).await {
            Ok(()) => retired.done.push(what.clone()),
            Err(error) if is_for_good(step, what, &error) => {
                refused(step, what, error, &mut retired);
            }
            Err(error) => {
                retired.later.get_or_insert(retrying(&error));
            }
        }
    }
    StepOutcome::Advance(Evidence::Retired(retired))
}

/// What is gone already is as it should be.
pub(super) async fn perform(aws: &Aws, action: &Action) -> Result<(), AwsError> {
    match action {
        Action::DeprecatePrevious { image, at, .. } => aws.set_deprecation(image, Some(*at)).await,
        Action::UnprotectPrevious { image, .. } => aws.set_protection(image, None).await,
        Action::DeregisterPrevious { image, .. } => aws.deregister_image(image).await,
        Action::DeleteSnapshot { snapshot, .. } => aws.delete_snapshot(snapshot).await,
        _ => Ok(()),
    }
}

/// Whether the same request is not sent again. A snapshot stays in use for a while after its AMI is gone.
fn is_for_good(step: &StepContext<'_>, what: &RegionAction, error: &AwsError) -> bool {
    if error.is_rate_limited_locally() {
        return false;
    }
    if !is_final(error) {
        return step.has_waited(&retrying(error), PUBLISH_GRACE);
    }
    let Action::DeleteSnapshot { image, .. } = &what.action else {
        return true;
    };
    let targets = targets(step.status);
    let of = targets.iter().find(|it| it.known.image == *image);
    let retiring = of.map(|target| &target.known.retiring);
    let gone_at = retiring.and_then(|it| it.deregistered_at.or(it.asked_at));
    let is_fresh = gone_at.is_some_and(|at| step.now().duration_since(at) < SNAPSHOT_GRACE);
    !(is_fresh && error.has_code("InvalidSnapshot.InUse"))
}

fn refused(step: &StepContext<'_>, what: &RegionAction, error: AwsError, retired: &mut Retired) {
    let (code, message) = (error.code, error.message);
    let image = match &what.action {
        Action::DeleteSnapshot { image, snapshot } => {
            let kept = KeptSnapshot {
                snapshot: snapshot.clone(),
                why: SnapshotKept::Refused { code, message },
            };
            let of = (what.region.clone(), image.clone(), kept);
            return retired.kept.push(of);
        }
        Action::DeprecatePrevious { image, .. }
        | Action::UnprotectPrevious { image, .. }
        | Action::DeregisterPrevious { image, .. } => image,
        _ => return,
    };
    let why = KeptReason::Refused { code, message };
    let targets = targets(step.status);
    let refused = targets.iter().filter(|it| it.known.image == *image);
    let kept = |it| retirement(it, RetireOutcome::Kept, Some(why.clone()), step.now());
    retired.ended.extend(refused.map(kept));
}
