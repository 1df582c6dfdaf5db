//! How many Describe calls a tick makes at once: fewer, once EC2 throttles them.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use crate::aws::AwsError;

/// Describe calls that are made at once. EC2 answers each after some 300 ms, so ten thousand images are described in a few
/// seconds. Those that wait for a token of one action wait for less than a second, so none is left for the next tick for that
/// (`src/aws/rate_limiter.rs`), but where images are stored: of that EC2 takes one call in two seconds.
const CALLS_AT_ONCE: usize = 8;

/// The turns of a tick's Describe calls.
#[derive(Debug)]
pub(super) struct Turns {
    free: Semaphore,
    /// How many there are, free or taken: at least one.
    all: AtomicUsize,
}

impl Default for Turns {
    fn default() -> Self {
        Self {
            free: Semaphore::new(CALLS_AT_ONCE),
            all: AtomicUsize::new(CALLS_AT_ONCE),
        }
    }
}

impl Turns {
    /// Makes a call in its turn. Each answer that throttles takes a turn away: what is left of the tick asks for less at once.
    pub(super) async fn take<T>(
        &self,
        call: impl Future<Output = Result<T, AwsError>>,
    ) -> Result<T, AwsError> {
        // The semaphore is never closed.
        let turn = self.free.acquire().await.ok();
        let answer = call.await;
        if answer.as_ref().is_err_and(AwsError::is_throttled)
            && self.take_one_away()
            && let Some(turn) = turn
        {
            turn.forget();
        }
        answer
    }

    /// Whether one more may be taken away.
    fn take_one_away(&self) -> bool {
        let fewer = |all: usize| all.checked_sub(1).filter(|fewer| *fewer > 0);
        self.all
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fewer)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::future::join_all;
    use tokio::time::{Instant, timeout};

    use super::*;
    use crate::aws::Remedy;

    const CALL: Duration = Duration::from_millis(300);

    fn throttled() -> AwsError {
        let code = Some("RequestLimitExceeded");
        AwsError::of_one("DescribeImages", "looking for AMIs", code, None)
    }

    async fn answer<T>(answer: T) -> T {
        let never = std::future::pending::<()>();
        assert!(timeout(CALL, never).await.is_err());
        answer
    }

    /// How long so many calls take that are answered.
    async fn times(turns: &Turns, calls: usize) -> u128 {
        let begun = Instant::now();
        let calls = (0..calls).map(|_| turns.take(answer(Ok(()))));
        join_all(calls).await;
        begun.elapsed().as_millis() / CALL.as_millis()
    }

    #[tokio::test(start_paused = true)]
    async fn each_throttled_answer_takes_a_turn_away_and_one_is_left() {
        let turns = Turns::default();
        assert_eq!(times(&turns, 2 * CALLS_AT_ONCE).await, 2);
        for left in (1..CALLS_AT_ONCE).rev() {
            assert!(turns.take(answer(Err::<(), _>(throttled()))).await.is_err());
            assert_eq!(times(&turns, left).await, 1, "{left}");
            assert_eq!(times(&turns, left + 1).await, 2, "{left}");
        }
        for _ in 0..3 {
            assert!(turns.take(answer(Err::<(), _>(throttled()))).await.is_err());
        }
        assert_eq!(times(&turns, 3).await, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn other_errors_take_none_away() {
        let turns = Turns::default();
        let refused = AwsError::of_one(
            "DescribeImages",
            "looking",
            Some("UnauthorizedOperation"),
            None,
        );
        assert_eq!(refused.remedy, Remedy::Never);
        for _ in 0..CALLS_AT_ONCE {
            assert!(
                turns
                    .take(answer(Err::<(), _>(refused.clone())))
                    .await
                    .is_err()
            );
        }
        assert_eq!(times(&turns, CALLS_AT_ONCE).await, 1);
    }
}
