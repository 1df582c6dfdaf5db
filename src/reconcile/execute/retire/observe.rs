//! What there is of the AMIs that are to be retired.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::{Aws, AwsError, FILTER_VALUES_MAX, PARAMETERS_MAX, REFERENCED_IDS_MAX, Reference};
use crate::image::observed::ObservedImage;
use crate::image::ownership;
use crate::image::publish::retire::{
    InUse, LAUNCHED_RECENTLY, Seen, Shown, SnapshotSeen, Target, needs_guard, targets,
};
use crate::image::publish::{Observation, is_under_way};
use crate::image::status::{KeptReason, Retire, SnapshotKept, Status};
use crate::manifest::guardrails::is_region;
use crate::manifest::image::Parameter;
use crate::reconcile::context::Error;
use crate::reconcile::step_context::{StepContext, is_final};

use super::shares;
use super::unlisted::not_listed;

/// What EC2 calls a reference by a parameter.
const PARAMETER: &str = "ssm:Parameter";

/// What is in use by so many things is named by the first ones.
const NAMED_MAX: usize = 10;

/// What was seen.
pub(in crate::reconcile::execute) struct Observed {
    pub(in crate::reconcile::execute) targets: Vec<(Target, Seen)>,
    /// Why something in a Region could not be seen.
    pub(in crate::reconcile::execute) errors: BTreeMap<String, AwsError>,
    /// Why something of one AMI could not be seen.
    pub(in crate::reconcile::execute) errors_of: BTreeMap<String, AwsError>,
}

impl Observed {
    /// Why an AMI of this Region could not be seen, or not all of it.
    pub(in crate::reconcile::execute) fn error(
        &self,
        region: &str,
        image: &str,
    ) -> Option<&AwsError> {
        self.errors_of.get(image).or(self.errors.get(region))
    }

    /// The first of all reasons.
    pub(in crate::reconcile::execute) fn into_error(self) -> Option<AwsError> {
        self.errors
            .into_values()
            .chain(self.errors_of.into_values())
            .next()
    }
}

/// Looks at all that are to be retired, with what replaces and what uses them. `moved` are the parameters that name the AMI
/// which replaces them.
pub(in crate::reconcile::execute) async fn all(
    step: &StepContext<'_>,
    moved: &[Parameter],
    asked: Retire,
) -> Result<Observed, Error> {
    let mut seen = these(step, targets(step.status), moved, asked, true).await?;
    let status = step.status;
    if status.build.step.retires() && !status.is_removed() {
        for (target, seen) in &mut seen.targets {
            seen.is_last = status.image_in(&target.region).is_none();
        }
    }
    Ok(seen)
}

/// Looks at these. Whether something uses them is only asked if they are guarded.
pub(in crate::reconcile::execute) async fn these(
    step: &StepContext<'_>,
    targets: Vec<Target>,
    moved: &[Parameter],
    asked: Retire,
    is_guarded: bool,
) -> Result<Observed, Error> {
    let mut by_region: BTreeMap<String, Vec<Target>> = BTreeMap::new();
    for target in targets {
        let region = target.region.clone();
        by_region.entry(region).or_default().push(target);
    }
    let mut observed = Observed {
        targets: Vec::new(),
        errors: BTreeMap::new(),
        errors_of: BTreeMap::new(),
    };
    for (region, targets) in by_region {
        let watch = Watch {
            aws: step.aws().in_region(&region),
            step,
            moved,
            asked,
            is_guarded,
            is_closed: !step.config().opens(&region),
        };
        let seen = Box::pin(watch.region(&region, targets)).await;
        let mut errors = seen.errors.iter().chain(seen.errors_of.values());
        if let Some(error) = errors.find(|it| it.is_rate_limited_locally()) {
            return Err(error.clone().into());
        }
        let first = seen.errors.into_iter().next();
        observed.errors.extend(first.map(|error| (region, error)));
        observed.errors_of.extend(seen.errors_of);
        observed.targets.extend(seen.targets);
    }
    Ok(observed)
}

/// What was seen in one Region.
struct RegionSeen {
    targets: Vec<(Target, Seen)>,
    errors: Vec<AwsError>,
    /// By AMI.
    errors_of: BTreeMap<String, AwsError>,
}

/// Looks at the AMIs of one Region.
struct Watch<'a> {
    aws: Aws,
    step: &'a StepContext<'a>,
    moved: &'a [Parameter],
    asked: Retire,
    is_guarded: bool,
    is_closed: bool,
}

impl Watch<'_> {
    /// Looks at each. What EC2 refuses to show keeps nothing else from being looked at.
    async fn region(&self, region: &str, targets: Vec<Target>) -> RegionSeen {
        let unknown = || Seen {
            is_closed: self.is_closed,
            image: Observation::Unknown,
            in_use: InUse::Unknown,
            has_successor: false,
            is_last: false,
            snapshots: BTreeMap::new(),
            shares: BTreeMap::new(),
        };
        let mut all = RegionSeen {
            targets: targets.into_iter().map(|it| (it, unknown())).collect(),
            errors: Vec::new(),
            errors_of: BTreeMap::new(),
        };
        let seen = &mut all.targets;
        if self.is_closed {
            // It was opened once, unless somebody else wrote that into the status.
            if is_region(region) {
                all.errors.extend(self.begun(seen).await.err());
            }
            return all;
        }
        if let Err(error) = self.images(region, seen).await {
            let is_refused = is_final(&error);
            all.errors.push(error);
            if !is_refused {
                return all;
            }
        }
        let shares = Box::pin(shares::look(&self.aws, (self.step, self.asked), seen)).await;
        all.errors_of.extend(shares);
        all.errors.extend(self.snapshots(seen).await.err());
        all
    }

    /// In a Region that the stack does not open: whether those are there that EC2 may have deregistered before that.
    async fn begun(&self, seen: &mut [(Target, Seen)]) -> Result<(), AwsError> {
        let is_open = |it: &&mut (Target, Seen)| {
            let retiring = &it.0.known.retiring;
            retiring.is_begun() && retiring.deregistered_at.is_none()
        };
        let mut begun: Vec<_> = seen.iter_mut().filter(is_open).collect();
        for begun in begun.chunks_mut(FILTER_VALUES_MAX) {
            let ids: Vec<String> = begun.iter().map(|it| it.0.known.image.clone()).collect();
            let images = self.aws.find_images("image-id", &ids).await?;
            for (target, seen) in begun.iter_mut().map(|it| &mut **it) {
                seen.image = image_seen(self.step.status, target, &images);
            }
        }
        Ok(())
    }

    /// The AMIs that are there, and what uses them.
    async fn images(&self, region: &str, seen: &mut [(Target, Seen)]) -> Result<(), AwsError> {
        let status = self.step.status;
        let is_there = |it: &&(Target, Seen)| it.0.known.retiring.deregistered_at.is_none();
        let ids = seen.iter().filter(is_there);
        let ids: Vec<String> = ids.map(|(target, _)| target.known.image.clone()).collect();
        let mut images = Vec::new();
        if !ids.is_empty() {
            let current = status.image_in(region).map(|known| known.image.clone());
            let current = current.filter(|_| !status.is_removed());
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
        self.guard(&images, seen).await
    }

    /// Whether the AMI that replaces others is available, or is only made once they are gone.
    fn has_successor(&self, region: &str, images: &[ObservedImage]) -> bool {
        let status = self.step.status;
        // The manifest was removed: nothing replaces them.
        if status.is_removed() {
            return true;
        }
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
        if !self.is_guarded {
            seen.iter_mut()
                .for_each(|(_, seen)| seen.in_use = InUse::No);
            return Ok(());
        }
        let mut asked: Vec<&mut (Target, Seen)> = seen
            .iter_mut()
            .filter(|(target, seen)| match &seen.image {
                Observation::Seen(shown) => {
                    seen.has_successor && needs_guard(self.asked, target, shown, self.step.now())
                }
                Observation::Absent | Observation::Unknown => false,
            })
            .collect();
        let mut own = None;
        for asked in asked.chunks_mut(REFERENCED_IDS_MAX) {
            let ids: Vec<String> = asked.iter().map(|it| it.0.known.image.clone()).collect();
            let references = self.aws.image_references(&ids).await?;
            let mut all = references.values().flatten();
            if own.is_none() && all.any(|it| it.kind == PARAMETER) {
                own = Some(self.moved_on().await?);
            }
            let own = own.clone().unwrap_or_default();
            for (target, seen) in asked.iter_mut().map(|it| &mut **it) {
                let id = &target.known.image;
                let found = references.get(id).map(Vec::as_slice).unwrap_or_default();
                let image = images.iter().find(|it| it.id == *id);
                seen.in_use = match in_use(&own, found) {
                    Some(why) => InUse::Yes(why),
                    None => self.launched(image).await?,
                };
            }
        }
        Ok(())
    }

    /// The parameters of this image that are seen to hold the AMI which replaces the others: what refers to those by them is
    /// only late. One that holds something else, or that is left where there is no AMI any more, is in use.
    async fn moved_on(&self) -> Result<BTreeSet<String>, AwsError> {
        let Some(current) = self.step.status.image_in(self.aws.region()) else {
            return Ok(BTreeSet::new());
        };
        let names: Vec<String> = self.moved.iter().map(|it| it.name.clone()).collect();
        let mut own = BTreeSet::new();
        for names in names.chunks(PARAMETERS_MAX) {
            for (name, shown) in Box::pin(self.aws.parameters(names)).await? {
                if shown.is_some_and(|it| it.kind == "String" && it.value == current.image) {
                    own.insert(name.trim_start_matches('/').to_owned());
                }
            }
        }
        Ok(own)
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

    /// The snapshots of the AMIs that are deregistered, and which AMIs use them.
    async fn snapshots(&self, seen: &mut [(Target, Seen)]) -> Result<(), AwsError> {
        let all = seen.iter().flat_map(|(target, _)| left(target));
        let all: BTreeSet<String> = all.cloned().collect();
        let all: Vec<String> = all.into_iter().collect();
        let (mut found, mut users) = (Vec::new(), Vec::new());
        for ids in all.chunks(FILTER_VALUES_MAX) {
            found.extend(self.aws.find_snapshots("snapshot-id", ids).await?);
            let filter = "block-device-mapping.snapshot-id";
            users.extend(self.aws.find_images(filter, ids).await?);
        }
        let mut unlisted = BTreeMap::new();
        for id in &all {
            if found.iter().all(|it| it.id != *id) {
                let seen = Box::pin(not_listed(&self.aws, self.step.config(), id)).await?;
                unlisted.insert(id.clone(), seen);
            }
        }
        for (target, seen) in seen {
            let status = self.step.status;
            for id in left(target) {
                let Some(snapshot) = found.iter().find(|it| it.id == *id) else {
                    let now = unlisted.get(id).cloned();
                    seen.snapshots.extend(now.map(|now| (id.clone(), now)));
                    continue;
                };
                let of = &target.known.image;
                let user = users.iter().find(|it| {
                    it.id != *of && it.state != "deregistered" && it.snapshots.contains(id)
                });
                let digest = target.digest.as_ref();
                let is_ours = ownership::is_of_version(status, digest, &snapshot.tags);
                seen.snapshots.insert(id.clone(), judge(is_ours, user));
            }
        }
        Ok(())
    }
}

/// The snapshots that a deregistered AMI has left.
fn left(target: &Target) -> impl Iterator<Item = &String> {
    let retiring = &target.known.retiring;
    let is_gone = retiring.deregistered_at.is_some();
    retiring.snapshots.iter().filter(move |_| is_gone)
}

/// A snapshot can be deleted if its tags prove that it was made for the AMI's version, and no other AMI uses it.
fn judge(is_ours: bool, user: Option<&ObservedImage>) -> SnapshotSeen {
    match (is_ours, user) {
        (false, _) => SnapshotSeen::Kept(SnapshotKept::Unproven),
        (true, Some(user)) => SnapshotSeen::Kept(SnapshotKept::UsedBy {
            image: user.id.clone(),
        }),
        (true, None) => SnapshotSeen::Free,
    }
}

fn image_seen(status: &Status, target: &Target, images: &[ObservedImage]) -> Observation<Shown> {
    let image = images.iter().find(|it| it.id == target.known.image);
    match image.filter(|it| it.state != "deregistered") {
        None => Observation::Absent,
        Some(image) => Observation::Seen(Shown {
            is_ours: ownership::is_of_version(status, target.digest.as_ref(), &image.tags),
            is_pending: is_under_way(&image.state),
            protection: image.protection.clone(),
            deprecate_at: image.deprecate_at,
            snapshots: image.snapshots.clone(),
        }),
    }
}

/// What uses an AMI, but for the parameters that this image has moved.
fn in_use(own: &BTreeSet<String>, references: &[Reference]) -> Option<KeptReason> {
    let is_own = |reference: &&Reference| {
        let name = reference.arn.split_once(":parameter/");
        reference.kind == PARAMETER && name.is_some_and(|(_, name)| own.contains(name))
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
