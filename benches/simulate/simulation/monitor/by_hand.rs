//! What people do past amiwright, as far as it changes what may be so.

use super::Monitor;
use crate::support::TestStack;

impl Monitor {
    /// Looks at the AMIs of a Region before somebody changes them.
    pub(in crate::simulation) fn look_at(&self, region: &str) {
        self.lock().look(region);
    }

    /// Somebody changes this by hand: what is seen of it need not be as amiwright left it.
    pub(in crate::simulation) fn touch(&self, region: &str, id: &str) {
        self.lock().touched.insert(place(region, id));
    }

    /// A launch template uses this AMI from now on.
    pub(in crate::simulation) fn use_in_template(&self, stack: &TestStack, region: &str, id: &str) {
        let (place, at) = (place(region, id), stack.world.clock().now());
        self.lock().templates.entry(place).or_insert(at);
    }

    /// Somebody has launched an instance from this AMI.
    pub(in crate::simulation) fn launch(&self, stack: &TestStack, region: &str, id: &str) {
        let (place, at) = (place(region, id), stack.world.clock().now());
        self.lock().launched.entry(place).or_insert(at);
    }

    /// Somebody has made this AMI private: whoever launches it now is of this account.
    pub(in crate::simulation) fn is_private(&self, region: &str, id: &str) {
        self.lock().launched.remove(&place(region, id));
    }

    /// Somebody deletes the status of a manifest: notices are counted anew, and who was told of its AMIs is told again.
    pub(in crate::simulation) fn lose(&self, stack: &TestStack, key: &str) {
        let uri = format!("s3://{}/{key}#", stack.bucket);
        let mut state = self.lock();
        state.written.forget(key, &uri);
        state.telling.forget(key, &uri);
    }
}

/// The Region and the id of something.
fn place(region: &str, id: &str) -> (String, String) {
    (region.to_owned(), id.to_owned())
}
