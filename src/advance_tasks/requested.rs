//! Requests of operators whose event was lost or is late.

use futures_util::{StreamExt, stream};

use crate::Failures;
use crate::reconcile::{self, Context};

/// Requests that are answered at once.
const AT_ONCE: usize = 8;

/// Answers requests, before the open images are listed: what they ask for is done by the same tick.
pub(super) async fn answer_all(context: Context<'_>, keys: Vec<String>, failures: &mut Failures) {
    let mut answers = stream::iter(keys)
        .take_while(|_| std::future::ready(!context.is_over()))
        .map(|key| async move {
            let answer = reconcile::answer_request(context, &key).await;
            (key, answer)
        })
        .buffer_unordered(AT_ONCE);
    while let Some((key, answer)) = answers.next().await {
        match answer {
            Err(error) if error.lasts() => failures.add_lasting(&key, &error),
            Err(error) => failures.add(&key, &error),
            Ok(_) => {}
        }
    }
}
