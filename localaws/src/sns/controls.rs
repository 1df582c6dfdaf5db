//! What people do about subscriptions behind a client's back.

use super::Sns;

impl Sns {
    /// Whether the subscriptions of an endpoint are confirmed; as long as they are not, nothing is delivered to it.
    pub fn set_confirmed(&self, endpoint: &str, confirmed: bool) {
        let mut state = self.lock();
        let subscriptions = state.subscriptions.iter_mut();
        for subscription in subscriptions.filter(|it| it.endpoint == endpoint) {
            subscription.pending = !confirmed;
        }
    }
}
