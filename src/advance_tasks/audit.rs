//! The audit: finished AMIs are compared with their manifests, many with one call. As it reads every status, it also finds the
//! images that are not finished and that no tick comes to.

use futures_util::stream::{self, FuturesOrdered, StreamExt};

use super::read_ahead::{AT_ONCE, ReadAhead, Room};
use super::report::{Report, fail};
use crate::Failures;
use crate::aws::{AwsError, FILTER_VALUES_MAX, Remedy};
use crate::failures::chain;
use crate::reconcile::{self, Auditing, Candidate, Context, Described, Error, ListedMarkers};
use crate::status_store::{self, AuditMark, Loaded};

/// Images whose permissions are read at once: so few wait for a token that none waits too long (`src/aws/rate_limiter.rs`).
const COMPARED_AT_ONCE: usize = 8;

/// Audits the finished images, in the order of their keys, from where an earlier invocation ran out of time. Where this one
/// does, the next audit or sweep goes on.
pub(super) async fn run(context: Context<'_>, report: &mut Report, failures: &mut Failures) {
    let Context { aws, config, .. } = context;
    let listed = async {
        let mark = status_store::load_audit_mark(aws, config).await?;
        let keys = status_store::list_status_keys_from(aws, config, &mark.next).await?;
        Ok::<_, AwsError>((mark, keys))
    };
    let (mark, (keys, is_complete)) = match listed.await {
        Ok(listed) => listed,
        Err(error) => return failures.add("the audit", &error),
    };
    let last = keys.last().filter(|_| !is_complete).cloned();
    let next = audit_all(context, keys, report, failures).await.or(last);
    if let Err(error) = keep_mark(context, &mark, next).await {
        failures.add("where the audit stopped", &error);
    }
}

async fn keep_mark(
    context: Context<'_>,
    mark: &AuditMark,
    next: Option<String>,
) -> Result<(), AwsError> {
    let Context { aws, config, .. } = context;
    match next {
        Some(next) => status_store::save_audit_mark(aws, config, mark, &next).await,
        None => status_store::delete_audit_mark(aws, config, mark).await,
    }
}

/// An image that was read.
struct Read {
    candidate: Box<Candidate>,
    /// What it takes, for as long as it is held.
    _room: Room,
}

/// Audits these images. Returns the first for which there was no time.
async fn audit_all(
    context: Context<'_>,
    keys: Vec<String>,
    report: &mut Report,
    failures: &mut Failures,
) -> Option<String> {
    let (read_ahead, open) = (ReadAhead::default(), ListedMarkers::default());
    let (read_ahead, open) = (&read_ahead, &open);
    let (mut keys, mut reads) = (keys.into_iter(), FuturesOrdered::new());
    let (mut batch, mut stopped) = (Vec::new(), None);
    loop {
        let room = AT_ONCE - reads.len();
        let next = keys.by_ref().take(room);
        reads.extend(next.map(|key| Box::pin(read_in_time(context, read_ahead, open, key))));
        let Some((key, read)) = reads.next().await else {
            break;
        };
        match read {
            None => {
                stopped = Some(key);
                break;
            }
            Some(Ok(Some(read))) => batch.push(read),
            Some(Ok(None)) => {}
            Some(Err(error)) => fail(report, failures, &key, &error),
        }
        if batch.len() >= FILTER_VALUES_MAX || read_ahead.is_short() {
            let full = std::mem::take(&mut batch);
            if let Some(first) = audit_batch(context, full, report, failures).await {
                return Some(first);
            }
        }
    }
    // What was being read meanwhile takes room, and is read again.
    drop(reads);
    audit_batch(context, batch, report, failures)
        .await
        .or(stopped)
}

/// Reads an image, if there is time for it.
async fn read_in_time(
    context: Context<'_>,
    read_ahead: &ReadAhead,
    open: &ListedMarkers,
    key: String,
) -> (String, Option<Result<Option<Read>, Error>>) {
    let room = read_ahead.room().await;
    if context.is_over() {
        return (key, None);
    }
    let read = read(context, open, room, &key).await;
    (key, Some(read))
}

/// The image, if it is to be audited.
async fn read(
    context: Context<'_>,
    open: &ListedMarkers,
    mut room: Room,
    key: &str,
) -> Result<Option<Read>, Error> {
    let object = status_store::load_object(context.aws, context.config, key).await?;
    let Some(object) = object else {
        return Ok(None);
    };
    room.keep(object.content.len());
    let loaded = object.read(context.config, key)?;
    drop(object);
    let loaded = Box::pin(reconcile::mark_lost(context, open, loaded)).await?;
    match candidate(context, loaded).await? {
        Auditing::Now(candidate) => Ok(Some(Read {
            candidate,
            _room: room,
        })),
        Auditing::No => Ok(None),
        Auditing::Outdated => {
            Box::pin(reconcile::reconcile(context, key, None)).await?;
            Ok(None)
        }
    }
}

async fn candidate(context: Context<'_>, loaded: Loaded) -> Result<Auditing, Error> {
    Box::pin(reconcile::candidate(context, loaded)).await
}

/// Audits images that were read, in their order: one call for each Region and for ten parameters, and those that some of
/// them need of their own.
/// Returns the first for which there was no time.
async fn audit_batch(
    context: Context<'_>,
    batch: Vec<Read>,
    report: &mut Report,
    failures: &mut Failures,
) -> Option<String> {
    let candidates = batch.iter().map(|read| &*read.candidate);
    let described = describe(context, candidates).await;
    for (region, error) in described.errors() {
        failures.add(&about(region), error);
    }
    let described = &described;
    let compared = batch.into_iter().map(|read| async move {
        let key = read.candidate.manifest_key().to_owned();
        if context.is_over() {
            return (key, None);
        }
        let audited = Box::pin(reconcile::audit(context, read.candidate, described)).await;
        (key, Some(audited))
    });
    let mut compared = stream::iter(compared.collect::<Vec<_>>()).buffered(COMPARED_AT_ONCE);
    let mut first = None;
    while let Some((key, audited)) = compared.next().await {
        match audited {
            Some(Ok((changed, error))) => {
                report.audited += 1;
                report.advanced += usize::from(changed);
                if let Some(error) = error {
                    fail(report, failures, &key, &Error::Aws(error));
                }
            }
            Some(Err(Error::Aws(error))) if error.is_rate_limited_locally() => {
                first = first.or(Some(key));
            }
            Some(Err(error)) => fail(report, failures, &key, &error),
            None => first = first.or(Some(key)),
        }
    }
    first
}

/// Audits one image, of which something is known to have changed. Returns whether its status changed.
pub(super) async fn one(
    context: Context<'_>,
    loaded: Loaded,
    failures: &mut Failures,
) -> Result<bool, Error> {
    let Auditing::Now(candidate) = candidate(context, loaded).await? else {
        return Ok(false);
    };
    let described = describe(context, std::iter::once(&*candidate)).await;
    for (region, error) in described.errors() {
        // This is about one event: what passes is left to the schedule.
        if error.remedy == Remedy::Never {
            failures.add(&about(region), error);
        } else {
            tracing::warn!(region, error = chain(error), "not looked at for an event");
        }
    }
    let (changed, error) = Box::pin(reconcile::audit(context, candidate, &described)).await?;
    match error {
        Some(error) => Err(error.into()),
        None => Ok(changed),
    }
}

/// Looks again at an image whose settings an audit has seen to differ, if that is due. Returns whether its status changed.
pub(super) async fn again(context: Context<'_>, loaded: Loaded) -> Result<bool, Error> {
    let key = loaded.status.manifest.key.clone();
    let candidate = match candidate(context, loaded).await? {
        Auditing::Now(candidate) => candidate,
        Auditing::No => return Ok(false),
        Auditing::Outdated => {
            let outcome = Box::pin(reconcile::reconcile(context, &key, None)).await?;
            return Ok(outcome.has_advanced());
        }
    };
    let described = describe(context, std::iter::once(&*candidate)).await;
    let refused = described.errors().next().map(|(_, error)| error.clone());
    let (changed, error) = Box::pin(reconcile::audit(context, candidate, &described)).await?;
    match refused.or(error) {
        Some(error) if !changed => Err(error.into()),
        _ => Ok(changed),
    }
}

/// The AMIs of these images, as EC2 shows them, and what points to them. A Region that does not answer is left out, and so is what the
/// stack does not open, whatever a status says.
async fn describe(
    context: Context<'_>,
    candidates: impl Iterator<Item = &Candidate> + Clone,
) -> Described {
    let images = candidates.clone().flat_map(Candidate::images);
    let images = images.filter(|(region, _)| context.config.opens(region));
    let parameters = candidates.flat_map(Candidate::parameters);
    let described = Described::of(context.aws, images).await;
    described.with_parameters(context.aws, parameters).await
}

fn about(region: &str) -> String {
    format!("the audit in {region}")
}
