//! What the account has set in a Region that decides what may be shared there. It is read only where something is about to
//! be shared.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt};

use crate::aws::{Aws, AwsError};
use crate::image::publish::{
    AccountSettings, Asked, AskedRegion, Encryption, Observation, Plan, PublicBlock, Shown,
};
use crate::image::status::Grantee;
use crate::manifest::ids::is_managed_key;
use crate::reconcile::step_context::StepContext;

use super::observe::Seen;
use crate::reconcile::context::REGIONS_AT_ONCE;

/// What is about to be shared in a Region.
enum Sharing<'a> {
    /// The AMI that is there.
    Image(&'a Shown),
    /// A copy of this AMI that is still to be made.
    CopyOf(&'a Shown),
}

/// Adds it to what was seen, for every Region in which it matters. A Region in which it cannot be read counts as not seen.
pub(super) async fn add(step: &StepContext<'_>, asked: &Asked, seen: &mut Seen) {
    let mut reads = Vec::new();
    for (region, wanted) in &asked.regions {
        if let Some(sharing) = sharing(step, asked, region, seen) {
            reads.push(Box::pin(in_region(step, region, wanted, sharing)));
        }
    }
    let read: Vec<_> = stream::iter(reads)
        .buffer_unordered(REGIONS_AT_ONCE)
        .collect()
        .await;
    let (mut accounts, mut errors) = (BTreeMap::new(), BTreeMap::new());
    for (region, answer) in read {
        match answer {
            Ok(account) => {
                accounts.insert(region.to_owned(), account);
            }
            Err(error) => {
                errors.insert(region.to_owned(), error);
            }
        }
    }
    seen.observed.accounts = accounts;
    for (region, error) in errors {
        let regions = &mut seen.observed.regions;
        regions.insert(region.clone(), Observation::Unknown);
        seen.errors.insert(region, error);
    }
}

/// What is about to be shared in a Region; none if that is nothing, or is not certain yet.
fn sharing<'a>(
    step: &StepContext<'_>,
    asked: &Asked,
    region: &str,
    seen: &'a Seen,
) -> Option<Sharing<'a>> {
    let wanted = asked.regions.get(region)?;
    if wanted.desired.grants.is_empty() || step.status.failure_in(region).is_some() {
        return None;
    }
    match seen.observed.regions.get(region)? {
        Observation::Seen(shown) if shown.is_available => {
            let grants = shown.grants.as_ref()?;
            let is_new = !wanted.desired.grants.is_subset(grants);
            is_new.then_some(Sharing::Image(shown))
        }
        Observation::Absent if *region != asked.home => {
            let copy = step.status.copies.get(region);
            let is_new = step.status.image_in(region).is_none()
                && copy.is_none_or(|copy| !copy.may_be_heard());
            match seen.observed.regions.get(&asked.home) {
                Some(Observation::Seen(home)) if home.is_available && is_new => {
                    Some(Sharing::CopyOf(home))
                }
                _ => None,
            }
        }
        _ => None,
    }
}

async fn in_region<'a>(
    step: &StepContext<'_>,
    region: &'a str,
    wanted: &AskedRegion,
    sharing: Sharing<'_>,
) -> (&'a str, Result<AccountSettings, AwsError>) {
    let aws = step.aws().in_region(region);
    let read = match sharing {
        Sharing::Image(shown) => of_image(&aws, wanted, shown).await,
        Sharing::CopyOf(home) => match step.aws().is_enabled_region(region).await {
            Ok(true) => of_copy(&aws, wanted, home).await,
            // Whoever asks for the copy is told so.
            Ok(false) => Ok(AccountSettings::default()),
            Err(error) => Err(error),
        },
    };
    (region, read)
}

async fn of_image(
    aws: &Aws,
    wanted: &AskedRegion,
    shown: &Shown,
) -> Result<AccountSettings, AwsError> {
    let mut account = AccountSettings::default();
    let grants = shown.grants.as_ref();
    let is_public = grants.is_some_and(|grants| grants.contains(&Grantee::Public));
    if is_public_wanted(wanted) && !is_public {
        account.public_block = public_block(aws).await?;
    }
    Ok(account)
}

async fn of_copy(
    aws: &Aws,
    wanted: &AskedRegion,
    home: &Shown,
) -> Result<AccountSettings, AwsError> {
    let encryption = Encryption::of_new(home.is_encrypted, wanted.kms_key_id.is_some());
    let mut account = encrypting(aws, encryption).await?;
    if is_public_wanted(wanted) {
        account.public_block = public_block(aws).await?;
    }
    Ok(account)
}

/// What decides how that is encrypted which is made there so.
pub(in crate::reconcile) async fn encrypting(
    aws: &Aws,
    encryption: Encryption,
) -> Result<AccountSettings, AwsError> {
    let mut account = AccountSettings::default();
    if encryption == Encryption::ByAccount {
        account.encrypts_by_default = aws.encrypts_by_default().await?;
    }
    if encryption.takes_default_key(account) {
        account.has_managed_key = is_managed_key(&aws.default_key().await?);
    }
    Ok(account)
}

fn is_public_wanted(wanted: &AskedRegion) -> bool {
    wanted.desired.grants.contains(&Grantee::Public)
}

/// Finds the Regions that the account has disabled since its AMIs were made there: EC2 and SSM answer as if the credentials
/// were wrong. Nothing else is waited for in such a Region. Where DescribeRegions does not answer, it is asked at the next look.
pub(super) async fn disabled(
    step: &StepContext<'_>,
    asked: &Asked,
    plan: &mut Plan,
    seen: &mut Seen,
) {
    let images = seen.errors.iter();
    let parameters = seen.parameter_errors.iter();
    let errors = images.chain(parameters.map(|(id, error)| (&id.region, error)));
    let refusing: BTreeSet<String> = errors
        .filter(|(region, error)| {
            error.refuses_credentials() && asked.regions.contains_key(*region)
        })
        .map(|(region, _)| region.clone())
        .collect();
    for region in refusing {
        if let Ok(false) = step.aws().is_enabled_region(&region).await {
            let parameters = &mut plan.release.pending;
            parameters.retain(|id, _| id.region != region);
            plan.pending.remove(&region);
            seen.disabled.insert(region);
        }
    }
}

async fn public_block(aws: &Aws) -> Result<Option<PublicBlock>, AwsError> {
    let block = aws.image_block().await?;
    Ok(PublicBlock::of(block.is_on(), block.by_policy))
}
