//! An AMI was changed as its manifest said before: another invocation has taken over other settings meanwhile, and may have
//! seen the AMI as they say before the last of these calls was made.

use jiff::Timestamp;

use super::publishing::begin_again;
use crate::image::publish;
use crate::image::status::{Action, RegionAction, Status};

/// What was done late is ours, so that it is taken back, and all Regions are looked at again.
pub fn publish_after(status: &mut Status, done: &[RegionAction], now: Timestamp) {
    for (region, known) in &mut status.regions {
        let actions = done.iter().filter(|it| it.region == *region);
        let actions: Vec<Action> = actions.map(|it| it.action.clone()).collect();
        if !actions.is_empty() {
            known.applied = publish::intend(&known.applied, &actions, now);
        }
    }
    begin_again(status, "changed as the manifest said before", now);
}
