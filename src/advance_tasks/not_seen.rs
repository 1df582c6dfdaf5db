//! What comes of it that EC2 does not answer for images that wait for it.

use futures_util::stream::{self, StreamExt};

use super::beginnings::Changing;
use super::late_notices;
use super::read_ahead::{AT_ONCE, Awaiting};
use super::report::{Polls, leave};
use crate::Failures;
use crate::aws::AwsError;
use crate::reconcile::{self, Context};

/// What comes of it that EC2 did not answer for these images.
pub(super) async fn not_seen(
    context: Context<'_>,
    changing: Changing<'_>,
    images: Vec<Awaiting>,
    error: &AwsError,
) -> Polls {
    const ABOUT: &str = "what is waited for";
    let mut polls = Polls::default();
    if error.is_rate_limited() {
        let keys = images.iter().map(|it| it.marker.manifest_key.clone());
        polls.limited.extend(keys);
        leave(
            &mut polls.report,
            &mut polls.failures,
            images.len(),
            ABOUT,
            error,
        );
    } else {
        polls.report.failed = images.len();
        polls.failures.add(ABOUT, error);
    }
    if error.is_rate_limited_locally() {
        return polls;
    }
    // Others may throttle EC2's answers for hours.
    let told = tell_of_refusal(context, changing, images, error).await;
    polls.failures.append(told);
    polls
}

/// It would go unnoticed otherwise: what cannot be polled does not change. Each image has its turn among all that are
/// `advancing`; those for which there is no time are told of at a later tick.
async fn tell_of_refusal(
    context: Context<'_>,
    changing: Changing<'_>,
    waiting: Vec<Awaiting>,
    error: &AwsError,
) -> Failures {
    let mut failures = Failures::default();
    let kept = waiting.into_iter().map(|image| async move {
        // The room that it takes is kept until it is done.
        let Awaiting {
            loaded,
            marker,
            room: _room,
            ..
        } = image;
        let Some(_turn) = changing.turn().await else {
            return (marker.manifest_key, Ok(()));
        };
        let (etag, has_notice) = (loaded.etag.clone(), loaded.status.unsent().next().is_some());
        let kept = match reconcile::not_observed(context, loaded, error).await {
            Ok(after) => {
                if after.etag == etag && !has_notice {
                    changing.took_no_time();
                }
                late_notices::send(context, after).await
            }
            Err(error) => Err(error),
        };
        (marker.manifest_key, kept)
    });
    let mut kept = stream::iter(kept.collect::<Vec<_>>()).buffered(AT_ONCE);
    while let Some((key, kept)) = kept.next().await {
        if let Err(error) = kept {
            failures.add(&key, &error);
        }
    }
    failures
}
