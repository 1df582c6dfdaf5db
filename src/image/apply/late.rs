//! An AMI was changed as its manifest said before: another invocation has taken over other settings meanwhile, and may have
//! seen the AMI as they say before the last of these calls was made.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::publishing::begin_again;
use crate::image::publish;
use crate::image::status::{Action, RegionAction, Status};
use crate::image::words::State;

/// What was sent late is ours, whether or not EC2 has answered: where it shows, it is taken back. A copy that was begun sets
/// nothing on an AMI that is there.
pub fn made_late(status: &mut Status, sent: &[RegionAction], now: Timestamp) {
    let is_copy = |it: &RegionAction| matches!(it.action, Action::CopyImage { .. });
    let set: Vec<&RegionAction> = sent.iter().filter(|it| !is_copy(it)).collect();
    let regions: BTreeSet<&String> = set.iter().map(|it| &it.region).collect();
    for region in regions {
        let applied = status.applied_in(region);
        if let Some(known) = status.regions.get_mut(region) {
            let actions = set.iter().filter(|it| it.region == *region);
            let actions: Vec<Action> = actions.map(|it| it.action.clone()).collect();
            known.applied = publish::intend(&applied, &actions, None, now);
        }
    }
}

/// All Regions are looked at again. Where people know that the AMI is available, there is no other email, unless something comes
/// of that.
pub fn look_again(status: &mut Status, now: Timestamp) {
    // It is told before others are retired.
    let is_known = match status.state.is_final() {
        true => status.state == State::Available,
        false => status.build.step.retires() || status.looked_at_again,
    };
    begin_again(status, "changed as the manifest said before", now);
    status.looked_at_again = is_known;
}
