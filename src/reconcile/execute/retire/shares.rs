//! What there is of the shares of snapshots that amiwright granted for AMIs that are to be retired.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::{Aws, AwsError};
use crate::image::observed::{DIGEST_TAG, MANIFEST_TAG};
use crate::image::ownership;
use crate::image::publish::Observation;
use crate::image::publish::retire::{InUse, Seen, SharesSeen, Target, granted};
use crate::image::status::{Retire, Status};
use crate::reconcile::execute::observe::launchable;

/// Looks at the shares of an AMI that can be deregistered now, or is.
pub(super) async fn look(
    aws: &Aws,
    (status, asked): (&Status, Retire),
    target: &Target,
    seen: &mut Seen,
) -> Result<(), AwsError> {
    let mut shares = BTreeMap::new();
    for (snapshot, ours) in granted(target) {
        let is_proven = match (&seen.image, target.known.retiring.deregistered_at) {
            (_, Some(_)) => by_tags(aws, status, target, snapshot).await?,
            // EC2 shows which snapshots it has.
            (Observation::Seen(shown), None)
                if shown.is_ours && asked.deregister && seen.in_use == InUse::No =>
            {
                shown.snapshots.contains(snapshot).then_some(true)
            }
            // It is not its turn.
            _ => continue,
        };
        let now = match is_proven {
            None => SharesSeen::Absent,
            Some(is_proven) => of(aws, target, (snapshot, ours), is_proven).await?,
        };
        shares.insert(snapshot.clone(), now);
    }
    seen.shares = shares;
    Ok(())
}

/// Whether its tags prove that a snapshot was made for the AMI's version; none where EC2 does not list it.
async fn by_tags(
    aws: &Aws,
    status: &Status,
    target: &Target,
    snapshot: &String,
) -> Result<Option<bool>, AwsError> {
    let ids = std::slice::from_ref(snapshot);
    let found = aws.find_snapshots("snapshot-id", ids).await?;
    let found = found.into_iter().find(|it| it.id == *snapshot);
    Ok(found.map(|it| is_of_version(status, target, &it.tags)))
}

/// The accounts that still have the share.
async fn of(
    aws: &Aws,
    target: &Target,
    (snapshot, ours): (&String, &BTreeSet<String>),
    is_proven: bool,
) -> Result<SharesSeen, AwsError> {
    let shown = aws.snapshot_accounts(snapshot).await?;
    let shared: BTreeSet<String> = &shown & ours;
    if shared.is_empty() {
        return Ok(SharesSeen::Ended);
    }
    let revoked = BTreeMap::from([(snapshot.clone(), shared.clone())]);
    let image = &target.known.image;
    let is_common = is_proven && !launchable(aws, &revoked, image).await?.is_empty();
    Ok(match is_proven && !is_common {
        true => SharesSeen::Ours(shared),
        false => SharesSeen::Kept(shared),
    })
}

/// Whether these tags are of the version that an AMI was of. An older amiwright did not write down which that was: then they
/// have to be of another version than the current one, and of no later attempt.
pub(super) fn is_of_version(
    status: &Status,
    target: &Target,
    tags: &BTreeMap<String, String>,
) -> bool {
    let digest = tags.get(DIGEST_TAG);
    let is_version = match &target.digest {
        Some(known) => digest == Some(known),
        None => {
            let current = ownership::ownership_tags(status);
            digest.is_some_and(|it| current.get(DIGEST_TAG) != Some(it))
                && !ownership::is_later_attempt(status, tags)
        }
    };
    is_version && tags.get(MANIFEST_TAG) == Some(&status.manifest.uri())
}
