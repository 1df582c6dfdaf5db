//! What is there: the AMI in each Region, with as much as the difference needs.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt};
use jiff::{SignedDuration, Timestamp};

use crate::aws::{Aws, AwsError, FILTER_VALUES_MAX};
use crate::image::observed::ObservedImage;
use crate::image::ownership;
use crate::image::publish::{Asked, Desired, Observation, Observed, Shown, is_left_unfinished};
use crate::image::status::{Grantee, ParameterId, Settings, Status};
use crate::manifest::image::PublishSpec;
use crate::reconcile::context::{Context, Error, REGIONS_AT_ONCE};
use crate::reconcile::proof::{self, is_own_image};
use crate::reconcile::step_context::{StepContext, is_final};

/// For how long a copy that was just begun is not looked at: EC2 needs longer to make it.
const JUST_BEGUN: SignedDuration = SignedDuration::from_secs(30);

/// What was seen.
pub(super) struct Seen {
    pub(super) observed: Observed,
    /// The AMIs as EC2 shows them.
    pub(super) images: BTreeMap<String, ObservedImage>,
    /// Why a Region could not be seen.
    pub(super) errors: BTreeMap<String, AwsError>,
    /// Why a parameter could not be seen.
    pub(super) parameter_errors: BTreeMap<ParameterId, AwsError>,
    /// The Regions that the account has disabled.
    pub(super) disabled: BTreeSet<String>,
    /// When the AMI of the stack's Region was made.
    pub(super) created_at: Option<Timestamp>,
}

/// Looks at the AMI in each Region that has one, or is to have one: in several Regions at once. What was verified since
/// the AMI began to be published is not looked at again, but for the AMI that copies are made of.
pub(super) async fn all(step: &StepContext<'_>, spec: &PublishSpec) -> Result<Seen, Error> {
    let asked = Asked::of(spec, &step.config().region, None);
    let home = &asked.home;
    let nothing = Desired::default();
    let mut looks = Vec::new();
    for (region, wanted) in &asked.regions {
        if is_looked_at(step.context, step.status, region) {
            looks.push(Box::pin(in_region(step, region, &wanted.desired)));
        }
    }
    // What the stack does not open is not called, whatever a status says.
    let opened = &step.config().guardrails.copy_regions;
    let left = step.status.regions.keys();
    let left = left.filter(|it| !asked.regions.contains_key(*it) && opened.allows(it));
    for region in left.filter(|it| is_left_unfinished(step.status, it, step.now())) {
        looks.push(Box::pin(in_region(step, region, &nothing)));
    }
    let looks: Vec<_> = stream::iter(looks)
        .buffer_unordered(REGIONS_AT_ONCE)
        .collect()
        .await;
    let mut seen = Seen {
        observed: Observed::default(),
        images: BTreeMap::new(),
        errors: BTreeMap::new(),
        parameter_errors: BTreeMap::new(),
        disabled: BTreeSet::new(),
        created_at: None,
    };
    for (region, look) in looks {
        let observation = match look {
            Ok((observation, image)) => {
                if let Some(image) = image {
                    if region == home {
                        seen.created_at = image.created_at;
                    }
                    seen.images.insert(region.clone(), image);
                }
                observation
            }
            Err(error) if region == home && error.is_rate_limited_locally() => {
                return Err(error.into());
            }
            Err(error) => {
                seen.errors.insert(region.clone(), error);
                Observation::Unknown
            }
        };
        seen.observed.regions.insert(region.clone(), observation);
    }
    Ok(seen)
}

/// The AMIs that are to be looked at, with their Regions, as far as that is known without the manifest. What the stack does not open
/// is not called, whatever a status says.
pub(crate) fn awaited<'a>(
    context: Context<'a>,
    status: &'a Status,
) -> impl Iterator<Item = (&'a str, &'a str)> {
    let all = status.regions.iter();
    let all = all.filter(move |(region, _)| context.config.opens(region));
    let awaited = all.filter(move |(region, known)| match known.unlisted_since {
        None => is_looked_at(context, status, region),
        Some(_) => is_left_unfinished(status, region, context.now),
    });
    awaited.map(|(region, known)| (region.as_str(), known.image.as_str()))
}

fn is_looked_at(context: Context<'_>, status: &Status, region: &str) -> bool {
    let is_done = status.is_verified_now(region)
        || has_just_begun(context, status, region)
        || status.failure_in(region).is_some();
    region == context.config.region || !is_done
}

fn has_just_begun(context: Context<'_>, status: &Status, region: &str) -> bool {
    let copy = status.copies.get(region);
    let asked_at = copy.and_then(|copy| copy.asked_at);
    let just_begun = context.time_scale.scaled(JUST_BEGUN);
    let image = status.image_in(region);
    image.is_some_and(|image| image.image_state == "pending")
        && asked_at.is_some_and(|at| context.now.duration_since(at) < just_begun)
}

async fn in_region<'a>(
    step: &StepContext<'_>,
    region: &'a String,
    desired: &Desired,
) -> (&'a String, Result<Look, AwsError>) {
    let aws = step.aws().in_region(region);
    (region, one(step, &aws, region, desired).await)
}

/// What was seen of an AMI.
pub(in crate::reconcile) type Look = (Observation<Shown>, Option<ObservedImage>);

async fn one(
    step: &StepContext<'_>,
    aws: &Aws,
    region: &str,
    desired: &Desired,
) -> Result<Look, AwsError> {
    let Some(known) = step.status.image_in(region) else {
        return Ok((Observation::Absent, None));
    };
    let at_hand = match step.observed {
        Some(proof::Observed::Image(image)) if image.id == known.image => Some(image.clone()),
        _ => None,
    };
    let described = step.described.and_then(|it| it.image(region, &known.image));
    let image = match (at_hand, described) {
        (Some(image), _) => Some(image),
        (None, Some(answer)) => answer.map_err(Clone::clone)?.cloned(),
        (None, None) => {
            let found = aws.find_images("image-id", std::slice::from_ref(&known.image));
            found.await?.into_iter().next()
        }
    };
    look(step.status, aws, desired, image).await
}

/// Looks closer at the AMI of a Region, as DescribeImages shows it: who may use it is asked apart. Not where it was
/// verified since it began to be published.
pub(in crate::reconcile) async fn look(
    status: &Status,
    aws: &Aws,
    desired: &Desired,
    image: Option<ObservedImage>,
) -> Result<Look, AwsError> {
    let region = aws.region();
    // A deregistered AMI may be shown for a while.
    let Some(image) = image.filter(|image| image.state != "deregistered") else {
        return Ok((Observation::Absent, None));
    };
    if !is_own_image(status, &image) {
        return Ok((Observation::Unknown, None));
    }
    let mut shown = Shown {
        is_of_other_attempt: ownership::is_of_other_attempt(status, &image),
        ..shown(&image)
    };
    let is_left = status.is_verified_now(region) || status.failure_in(region).is_some();
    if shown.is_available && !is_left {
        let applied = status.applied_in(region).settings;
        if needs_grants(desired, &applied) {
            let grants = aws.launch_permissions(&image.id).await?;
            // What DescribeImages says of it may be older.
            shown.public = grants.contains(&Grantee::Public);
            shown.grants = Some(grants);
        }
        if desired.product_code.is_some() || applied.product_code.is_some() {
            shown.product_codes = Some(aws.product_codes(&image.id).await?);
            // Where codes are set on request, what has one may be public: EC2 says so when it is shared.
            shown.has_product_code &= desired.product_code.is_none();
        }
        for snapshot in snapshots_to_read(desired, &applied, &image) {
            let accounts = aws.snapshot_accounts(&snapshot).await?;
            shown.snapshots.insert(snapshot, accounts);
        }
        shown.common_snapshots = common(aws, desired, &applied, &shown, &image.id).await?;
    }
    Ok((Observation::Seen(shown), Some(image)))
}

fn shown(image: &ObservedImage) -> Shown {
    let reason = image
        .reason
        .clone()
        .map(|(code, message)| match code.as_str() {
            "" => message,
            code => format!("{code}: {message}"),
        });
    Shown {
        common_snapshots: BTreeMap::new(),
        description: image.description.clone(),
        tags: image.tags.clone(),
        product_codes: None,
        grants: None,
        snapshots: BTreeMap::new(),
        created_at: image.created_at,
        deprecate_at: image.deprecate_at,
        protection: image.protection.clone(),
        public: image.public,
        is_available: image.state == "available",
        state: image.state.clone(),
        reason,
        is_instance_store: image.is_instance_store,
        is_encrypted: image.is_encrypted,
        has_product_code: !image.billing.product_codes.is_empty(),
        is_of_other_attempt: false,
    }
}

/// Whether it matters who may launch the AMI.
fn needs_grants(desired: &Desired, applied: &Settings) -> bool {
    desired.exact || !desired.grants.is_empty() || !applied.grants.is_empty()
}

fn grantee(account: &str) -> Grantee {
    Grantee::Account(account.to_owned())
}

/// The snapshots that are to be revoked from somebody, with the other AMIs that have them and the accounts that may launch
/// those. Where nothing is to be revoked, nothing is asked.
async fn common(
    aws: &Aws,
    desired: &Desired,
    applied: &Settings,
    shown: &Shown,
    image: &str,
) -> Result<BTreeMap<String, BTreeMap<String, BTreeSet<String>>>, AwsError> {
    let is_wanted = |account: &&String| desired.copy && desired.grants.contains(&grantee(account));
    let revoked = |id: &String| {
        let ours = applied.snapshots.get(id).cloned().unwrap_or_default();
        let ours = ours
            .into_iter()
            .filter(|it| shown.snapshots[id].contains(it));
        ours.filter(|it| !is_wanted(&it)).collect::<BTreeSet<_>>()
    };
    let losing: Vec<Losing> = shown
        .snapshots
        .keys()
        .map(|snapshot| Losing {
            snapshot: snapshot.clone(),
            accounts: revoked(snapshot),
            image: image.to_owned(),
        })
        .filter(|it| !it.accounts.is_empty())
        .collect();
    let mut common = BTreeMap::new();
    let needed_by = needed_by(aws, &losing).await;
    for (it, images) in losing.into_iter().zip(needed_by) {
        common.insert(it.snapshot, images?);
    }
    Ok(common)
}

/// Who is to lose the share of a snapshot, for the sake of an AMI that has it.
pub(super) struct Losing {
    pub(super) snapshot: String,
    pub(super) accounts: BTreeSet<String>,
    pub(super) image: String,
}

/// Other AMIs, with the accounts that may launch them, or why they could not be seen.
type Others = Result<BTreeMap<String, BTreeSet<String>>, AwsError>;

/// The other AMIs that need each of these: they have the snapshot, too, and some of the accounts may launch them. Where there
/// are none to lose it, nothing is asked.
pub(super) async fn needed_by(aws: &Aws, losing: &[Losing]) -> Vec<Others> {
    let ids: BTreeSet<&String> = losing.iter().map(|it| &it.snapshot).collect();
    let ids: Vec<String> = ids.into_iter().cloned().collect();
    let mut needed_by = vec![Ok(BTreeMap::new()); losing.len()];
    for ids in ids.chunks(FILTER_VALUES_MAX) {
        let filter = "block-device-mapping.snapshot-id";
        let found = match aws.find_images(filter, ids).await {
            Ok(found) => found,
            Err(error) => {
                fail(&mut needed_by, losing, &error, |it| {
                    ids.contains(&it.snapshot)
                });
                continue;
            }
        };
        for other in found.iter().filter(|it| it.state != "deregistered") {
            let is_meant = |it: &Losing| {
                let is_of_other = it.image != other.id && ids.contains(&it.snapshot);
                is_of_other && other.snapshots.contains(&it.snapshot)
            };
            if !losing.iter().any(is_meant) {
                continue;
            }
            let grants = match aws.launch_permissions(&other.id).await {
                Ok(grants) => grants,
                Err(error) if is_final(&error) => {
                    fail(&mut needed_by, losing, &error, is_meant);
                    continue;
                }
                // The Region is not asked for the others either.
                Err(error) => {
                    fail(&mut needed_by, losing, &error, |_| true);
                    return needed_by;
                }
            };
            for (it, images) in losing.iter().zip(&mut needed_by) {
                let accounts = it.accounts.iter();
                let may_launch = accounts.filter(|it| grants.contains(&grantee(it)));
                let may_launch: BTreeSet<String> = may_launch.cloned().collect();
                if let Ok(images) = images
                    && is_meant(it)
                    && !may_launch.is_empty()
                {
                    images.insert(other.id.clone(), may_launch);
                }
            }
        }
    }
    needed_by
}

fn fail(
    needed_by: &mut [Others],
    losing: &[Losing],
    error: &AwsError,
    is_meant: impl Fn(&Losing) -> bool,
) {
    for (it, others) in losing.iter().zip(needed_by) {
        if is_meant(it) {
            *others = Err(error.clone());
        }
    }
}

/// The snapshots of which it matters who they are shared with.
fn snapshots_to_read(
    desired: &Desired,
    applied: &Settings,
    image: &ObservedImage,
) -> BTreeSet<String> {
    // Of its own alone, as EC2 shows them, whatever the status names.
    let own = image.snapshots.iter();
    own.filter(|id| desired.copy || applied.snapshots.contains_key(*id))
        .cloned()
        .collect()
}
