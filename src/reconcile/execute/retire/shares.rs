//! What there is of the shares of snapshots that amiwright granted for AMIs that are to be retired. The snapshots of all of
//! them are looked at together; one that EC2 does not tell of keeps no other from being judged.

use std::collections::{BTreeMap, BTreeSet};

use crate::aws::{Aws, AwsError, FILTER_VALUES_MAX};
use crate::image::ownership;
use crate::image::publish::Observation;
use crate::image::publish::retire::{InUse, Seen, SharesSeen, Target, granted};
use crate::image::status::{Retire, Status};
use crate::reconcile::execute::observe::{Losing, needed_by};
use crate::reconcile::step_context::is_final;

/// A share of an AMI that can be deregistered now, or is.
struct Share {
    /// Which AMI of all that are looked at.
    of: usize,
    image: String,
    snapshot: String,
    /// The accounts that amiwright shared it with.
    ours: BTreeSet<String>,
    /// Whether EC2 shows that the AMI has the snapshot; else its tags have to prove that.
    is_shown: bool,
}

/// Looks at the shares. Returns the AMIs of which something could not be seen, and why.
pub(super) async fn look(
    aws: &Aws,
    (status, asked): (&Status, Retire),
    seen: &mut [(Target, Seen)],
) -> Vec<(String, AwsError)> {
    let shares = shares(asked, seen);
    let tags = tags(aws, shares.iter().filter(|it| !it.is_shown)).await;
    let mut accounts = BTreeMap::new();
    let (mut errors, mut ours) = (Vec::new(), Vec::new());
    let mut down: Option<AwsError> = None;
    for share in shares {
        let (target, seen) = &mut seen[share.of];
        let is_proven = match (share.is_shown, &tags) {
            (true, _) => true,
            (false, Err(error)) => {
                errors.push((share.image, error.clone()));
                continue;
            }
            (false, Ok(tags)) => match tags.get(&share.snapshot) {
                None => {
                    seen.shares.insert(share.snapshot, SharesSeen::Absent);
                    continue;
                }
                Some(tags) => ownership::is_of_version(status, target.digest.as_ref(), tags),
            },
        };
        let known = accounts.remove(&share.snapshot);
        let shown = match (known, &down) {
            (Some(known), _) => known,
            (None, Some(error)) => Err(AwsError::clone(error)),
            (None, None) => aws.snapshot_accounts(&share.snapshot).await,
        };
        // Only a refusal is about one snapshot.
        down = down.or_else(|| shown.as_ref().err().filter(|it| !is_final(it)).cloned());
        match &shown {
            Err(error) => errors.push((share.image, error.clone())),
            Ok(shown) => {
                let shared: BTreeSet<String> = shown & &share.ours;
                let snapshot = share.snapshot.clone();
                if shared.is_empty() {
                    seen.shares.insert(snapshot, SharesSeen::Ended);
                } else if is_proven {
                    let losing = Losing {
                        snapshot,
                        accounts: shared,
                        image: share.image,
                    };
                    ours.push((share.of, losing));
                } else {
                    seen.shares.insert(snapshot, SharesSeen::Kept(shared));
                }
            }
        }
        accounts.insert(share.snapshot, shown);
    }
    let (of, losing): (Vec<usize>, Vec<Losing>) = ours.into_iter().unzip();
    let needed_by = needed_by(aws, &losing).await;
    let gone = gone(seen);
    for ((of, losing), needed_by) in of.into_iter().zip(losing).zip(needed_by) {
        match needed_by {
            Err(error) => errors.push((losing.image, error)),
            Ok(mut needed_by) => {
                needed_by.retain(|image, _| !gone.contains(image));
                let accounts = losing.accounts;
                let ours = SharesSeen::Ours {
                    accounts,
                    needed_by,
                };
                seen[of].1.shares.insert(losing.snapshot, ours);
            }
        }
    }
    errors
}

/// The AMIs that are deregistered: EC2 may show them for a while.
fn gone(seen: &[(Target, Seen)]) -> BTreeSet<String> {
    let known = seen.iter().map(|(target, _)| &target.known);
    let gone = known.filter(|known| known.retiring.deregistered_at.is_some());
    gone.map(|known| known.image.clone()).collect()
}

/// The shares that are to be looked at. What EC2 shows the AMI not to have is settled.
fn shares(asked: Retire, seen: &mut [(Target, Seen)]) -> Vec<Share> {
    let mut shares = Vec::new();
    for (of, (target, seen)) in seen.iter_mut().enumerate() {
        for (snapshot, ours) in granted(target) {
            let is_shown = match (&seen.image, target.known.retiring.deregistered_at) {
                (_, Some(_)) => false,
                (Observation::Seen(shown), None)
                    if shown.is_ours && asked.deregister && seen.in_use == InUse::No =>
                {
                    if !shown.snapshots.contains(snapshot) {
                        seen.shares.insert(snapshot.clone(), SharesSeen::Absent);
                        continue;
                    }
                    true
                }
                // It is not its turn.
                _ => continue,
            };
            shares.push(Share {
                of,
                image: target.known.image.clone(),
                snapshot: snapshot.clone(),
                ours: ours.clone(),
                is_shown,
            });
        }
    }
    shares
}

type Tags = BTreeMap<String, String>;

/// The tags of these snapshots, as far as EC2 lists them.
async fn tags<'a>(
    aws: &Aws,
    of: impl Iterator<Item = &'a Share>,
) -> Result<BTreeMap<String, Tags>, AwsError> {
    let ids: BTreeSet<&String> = of.map(|it| &it.snapshot).collect();
    let ids: Vec<String> = ids.into_iter().cloned().collect();
    let mut tags = BTreeMap::new();
    for ids in ids.chunks(FILTER_VALUES_MAX) {
        let found = aws.find_snapshots("snapshot-id", ids).await?;
        tags.extend(found.into_iter().map(|it| (it.id, it.tags)));
    }
    Ok(tags)
}
