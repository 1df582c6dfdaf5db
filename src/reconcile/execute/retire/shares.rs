//! What there is of the shares of snapshots that amiwright granted for AMIs that are to be retired. The snapshots of all of
//! them are looked at together; one that EC2 does not tell of keeps no other from being judged.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use crate::aws::{Aws, AwsError, FILTER_VALUES_MAX};
use crate::config::Config;
use crate::image::ownership;
use crate::image::publish::Observation;
use crate::image::publish::retire::{InUse, Seen, SharesSeen, SnapshotSeen, Target, granted};
use crate::image::status::{Retire, Status};
use crate::reconcile::execute::observe::{Losing, needed_by};
use crate::reconcile::step_context::{StepContext, is_final};

use super::unlisted::not_listed;

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
    (step, asked): (&StepContext<'_>, Retire),
    seen: &mut [(Target, Seen)],
) -> Vec<(String, AwsError)> {
    let shares = shares(asked, seen);
    let unshown = shares.iter().filter(|it| !it.is_shown);
    let listed = Box::pin(listed(aws, step.config(), unshown)).await;
    let mut accounts = BTreeMap::new();
    let (mut errors, mut ours) = (Vec::new(), Vec::new());
    let mut down: Option<AwsError> = None;
    for share in shares {
        let (target, seen) = &mut seen[share.of];
        let is_proven = match proof(step.status, target, &share, &listed) {
            Proof::Is(is_proven) => is_proven,
            Proof::Needless(settled) => {
                seen.shares.insert(share.snapshot, settled);
                continue;
            }
            Proof::Unknown(error) => {
                errors.extend(error.map(|error| (share.image, error)));
                continue;
            }
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
                let losing = judge(&share, shown, is_proven, seen);
                ours.extend(losing.map(|it| (share.of, it)));
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

/// What there is of the shares of a snapshot that these accounts have. Returns those that can be ended.
fn judge(
    share: &Share,
    shown: &BTreeSet<String>,
    is_proven: bool,
    seen: &mut Seen,
) -> Option<Losing> {
    let shared: BTreeSet<String> = shown & &share.ours;
    let (snapshot, image) = (share.snapshot.clone(), share.image.clone());
    if !shared.is_empty() && is_proven {
        return Some(Losing {
            snapshot,
            accounts: shared,
            image,
        });
    }
    let settled = match shared.is_empty() {
        true => SharesSeen::Ended,
        false => SharesSeen::Kept(shared),
    };
    seen.shares.insert(snapshot, settled);
    None
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
                        seen.shares.insert(snapshot.clone(), SharesSeen::NotIts);
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

/// What EC2 tells of a snapshot whose AMI it does not show any more.
enum Listed {
    /// It is the account's.
    With(Tags),
    /// It is not listed as the account's.
    Not(SnapshotSeen),
}

/// By snapshot.
type AllListed = BTreeMap<String, Result<Listed, AwsError>>;

/// What EC2 tells of these snapshots. One that it does not list is looked at once more, by its id.
async fn listed<'a>(
    aws: &Aws,
    config: &Config,
    of: impl Iterator<Item = &'a Share>,
) -> Result<AllListed, AwsError> {
    let ids: BTreeSet<&String> = of.map(|it| &it.snapshot).collect();
    let ids: Vec<String> = ids.into_iter().cloned().collect();
    let mut all = AllListed::new();
    for ids in ids.chunks(FILTER_VALUES_MAX) {
        let found = aws.find_snapshots("snapshot-id", ids).await?;
        let found = found
            .into_iter()
            .map(|it| (it.id, Ok(Listed::With(it.tags))));
        all.extend(found);
    }
    let mut down: Option<AwsError> = None;
    for id in ids {
        if let Entry::Vacant(unlisted) = all.entry(id) {
            let seen = match &down {
                Some(error) => Err(AwsError::clone(error)),
                None => Box::pin(not_listed(aws, config, unlisted.key())).await,
            };
            // Only a refusal is about one snapshot.
            down = down.or_else(|| seen.as_ref().err().filter(|it| !is_final(it)).cloned());
            unlisted.insert(seen.map(Listed::Not));
        }
    }
    Ok(all)
}

/// Whether a snapshot is the AMI's.
enum Proof {
    /// Whether that is proven.
    Is(bool),
    /// What there is of its shares is known without that.
    Needless(SharesSeen),
    /// That cannot be said.
    Unknown(Option<AwsError>),
}

fn proof(
    status: &Status,
    target: &Target,
    share: &Share,
    listed: &Result<AllListed, AwsError>,
) -> Proof {
    if share.is_shown {
        return Proof::Is(true);
    }
    let listed = match listed {
        Ok(listed) => listed.get(&share.snapshot),
        Err(error) => return Proof::Unknown(Some(error.clone())),
    };
    match listed {
        Some(Ok(Listed::With(tags))) => {
            let digest = target.digest.as_ref();
            Proof::Is(ownership::is_of_version(status, digest, tags))
        }
        Some(Ok(Listed::Not(SnapshotSeen::Absent))) => Proof::Needless(SharesSeen::Absent),
        Some(Ok(Listed::Not(SnapshotSeen::Kept(_)))) => Proof::Needless(SharesSeen::NotIts),
        Some(Ok(Listed::Not(_))) | None => Proof::Unknown(None),
        Some(Err(error)) => Proof::Unknown(Some(error.clone())),
    }
}
