//! Several looks at once.

use futures_util::stream::{self, StreamExt as _};

/// How many looks there are at once. EC2 allows 50 calls of an action before it refuses ("Request throttling for the
/// Amazon EC2 API"), and there are at most a dozen of each Region.
const AT_ONCE: usize = 8;

/// What these looks find, in their order.
pub(super) async fn in_order<T>(looks: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    stream::iter(looks).buffered(AT_ONCE).collect().await
}

#[cfg(test)]
mod tests {
    use tokio::sync::Barrier;

    use super::*;

    #[tokio::test]
    async fn looks_wait_for_each_other_and_keep_their_order() {
        let together = Barrier::new(AT_ONCE);
        let looks = (0..AT_ONCE).map(async |number| {
            together.wait().await;
            number
        });
        let found = in_order(looks).await;
        assert_eq!(found, (0..AT_ONCE).collect::<Vec<_>>());
    }
}
