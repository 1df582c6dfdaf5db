//! Which of the statuses that a process keeps have not changed: one call lists the `ETag`s of a thousand. So a tick reads
//! only what somebody has written since, however many images wait.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::polling_history::PollingHistory;
use crate::aws::ObjectInfo;
use crate::keys;
use crate::reconcile::Context;
use crate::status_store::{self, OpenMarker};

/// Reads that one list costs as much as (S3 pricing: 0.005 USD for 1,000 lists, 0.0004 for 1,000 reads).
const READS_A_LIST: usize = 13;

/// How many reads lists may cost more than they save before the rest is read, as many as four lists cost: statuses of finished
/// images may be between those of open ones, any number of them.
const SPARE_MAX: usize = 4 * READS_A_LIST;

/// How long a tick may list: no image is visited before. A list takes some 100 ms, and 10,000 statuses that lie together ten.
const TIME: Duration = Duration::from_secs(5);

/// The keys of the manifests of open images whose statuses are as this process knows them. A hint for reading: what is written
/// is written only over the status that was read, as ever. What is not listed, because it is few, or because the list would cost
/// more than it saves, is read.
pub(super) async fn list<'a>(
    context: Context<'_>,
    history: &PollingHistory,
    open: &'a [OpenMarker],
) -> HashSet<&'a str> {
    let mut known = history.kept(open, context.now);
    known.sort_by_cached_key(|manifest_key| keys::status_key(manifest_key));
    let (mut rest, mut unchanged) = (&known[..], HashSet::new());
    let mut spare = SPARE_MAX;
    let until = Instant::now() + TIME;
    while spare > 0 && rest.len() >= READS_A_LIST && !context.is_over() {
        // Each page begins at the next that matters: however many others come before it, they are skipped.
        let Some(page) = page(context, rest[0], until).await else {
            spare = 0;
            break;
        };
        let (answered, others) = rest.split_at(listed(rest, &page));
        let etags: HashMap<&str, &str> = page.iter().map(|it| (&*it.key, &*it.etag)).collect();
        unchanged.extend(answered.iter().copied().filter(|manifest_key| {
            let key = keys::status_key(manifest_key);
            history.is_unchanged(&key, etags.get(&*key).copied())
        }));
        // What one page has saved pays for few others.
        spare = (spare + answered.len()).saturating_sub(READS_A_LIST);
        spare = spare.min(SPARE_MAX);
        rest = others;
    }
    if spare == 0 {
        history.record_dear_list(context.now);
    }
    unchanged
}

/// The page from this manifest's status on; none if S3 refuses, or takes too long for a tick.
async fn page(context: Context<'_>, from: &str, until: Instant) -> Option<Vec<ObjectInfo>> {
    let page = status_store::list_page_from(context.aws, context.config, from);
    match timeout_at(until, page).await {
        Ok(Ok(page)) => Some(page),
        Ok(Err(error)) => {
            tracing::warn!(%error, "the ETags of statuses are not known; the statuses are read");
            None
        }
        Err(_) => {
            let seconds = TIME.as_secs();
            tracing::info!(
                seconds,
                "listing ETags takes too long; the statuses are read"
            );
            None
        }
    }
}

/// How many of these a page answers for. An empty one answers for all: nothing comes after it.
fn listed(manifest_keys: &[&str], page: &[ObjectInfo]) -> usize {
    let Some(last) = page.last() else {
        return manifest_keys.len();
    };
    manifest_keys.partition_point(|manifest_key| keys::status_key(manifest_key) <= last.key)
}
