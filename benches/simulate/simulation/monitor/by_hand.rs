//! What people do past amiwright, as far as it changes what may be so.

use localaws::ec2::Permission;
use localaws::faults::Call;
use serde_json::Value;

use super::images::{is_shared_by, made_for};
use super::{Monitor, State, text};
use crate::simulation::script::{PARTNERS, STRANGER};
use crate::support::TestStack;

/// Reads may be two and a half minutes old, a function runs for one, and clocks are off by two, in seconds.
const GRANT_TO_SEEN_MAX: i64 = 6 * 60;

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

    /// Somebody has shared this AMI with whom no manifest names.
    pub(in crate::simulation) fn grant(&self, stack: &TestStack, region: &str, id: &str) {
        let (place, at) = (place(region, id), stack.world.clock().now());
        self.lock().claims.granted_at.insert(place, at);
    }

    /// Somebody shares this AMI with the first partner.
    pub(in crate::simulation) fn offer(&self, region: &str, id: &str) {
        let mut state = self.lock();
        state.look(region);
        let place = place(region, id);
        let made = state.images.get(&place).and_then(made_for);
        let versions = made.and_then(|(manifest, _)| state.wanted.get(manifest));
        let mut versions = versions.into_iter().flatten();
        let is_first = !versions.any(|it| is_shared_by(it, PARTNERS[0]));
        state.claims.offered.insert(place, is_first);
    }

    /// Whether the first partner has this AMI from somebody, and no function has shared it with them since.
    pub(in crate::simulation) fn is_offered(&self, region: &str, id: &str) -> bool {
        self.lock().claims.offered.contains_key(&place(region, id))
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

impl State {
    /// An AMI is not said to be as its manifest says which others may launch although that says `exact`.
    pub(super) fn judge_exact(
        &mut self,
        call: &Call,
        key: &str,
        (before, status): (&Value, &Value),
    ) {
        let version = self.version(key, text(status, "/manifest/sha256"));
        if !version.is_some_and(|it| it.exact) {
            return;
        }
        let stranger = Permission::Account(STRANGER.to_owned());
        for (region, known) in status["regions"].as_object().into_iter().flatten() {
            let (id, was) = (text(known, "/image"), &before["regions"][region]);
            let is_new = known["verifiedAt"].is_string()
                && known["verifiedAt"] != was["verifiedAt"]
                && known["image"] == was["image"];
            let granted_at = self.claims.granted_at.get(&place(region, id));
            let is_long = granted_at
                .is_some_and(|at| call.at.as_second() - at.as_second() > GRANT_TO_SEEN_MAX);
            let mut images = self.eyes().ec2.images(region).into_iter();
            let mut is_granted =
                || images.any(|it| it.id == id && it.launch_permissions.contains(&stranger));
            if is_new && is_long && is_granted() {
                let what = format!("{id} in {region} counts as exact, and {STRANGER} has it");
                self.wrong(call, &what);
            }
        }
    }
}

/// The Region and the id of something.
fn place(region: &str, id: &str) -> (String, String) {
    (region.to_owned(), id.to_owned())
}
