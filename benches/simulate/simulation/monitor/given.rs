//! The parameters of the stack that functions have, which an update changes for those that begin after it.

use jiff::Timestamp;
use localaws::faults::Call;

use super::{Monitor, State};
use crate::simulation::script::Stack;
use crate::support::TestStack;

/// The longest that a function of the template runs, in seconds.
pub(super) const RUNNING_MAX: i64 = 60;

impl Monitor {
    /// The parameters that the stack has from now on: those it is deployed with, or one update later.
    pub(in crate::simulation) fn given(&self, at: Timestamp, given: &Stack) {
        self.lock().given.push((at, given.clone()));
    }

    /// The parameters that a function may have had that has run since a manifest was last uploaded, and since what it says was
    /// uploaded first.
    pub(in crate::simulation) fn given_since(
        &self,
        stack: &TestStack,
        key: &str,
    ) -> (Vec<Stack>, Vec<Stack>) {
        let state = self.lock();
        let uri = format!("s3://{}/{key}", stack.bucket);
        let versions = state.wanted.get(&uri).map_or(&[][..], Vec::as_slice);
        let uploaded_at = state.wanted_at.get(&uri).map_or(&[][..], Vec::as_slice);
        let of_last = versions.iter().zip(uploaded_at);
        let mut of_last = of_last.filter(|(it, _)| versions.last() == Some(it));
        let first = of_last.next().map(|(_, at)| *at);
        let since = |at: Option<Timestamp>| state.given_since(at.unwrap_or(Timestamp::MIN));
        (since(uploaded_at.last().copied()), since(first))
    }
}

impl State {
    /// The parameters that the function had which makes a call: those when it began, whatever they are by now.
    pub(super) fn given(&self, call: &Call) -> &Stack {
        let revision = usize::try_from(call.revision).unwrap();
        &self.given[revision].1
    }

    /// Of each version of a manifest, whether the function that makes a call has to refuse it.
    pub(super) fn refused(&self, call: &Call, manifest: &str) -> impl Iterator<Item = bool> {
        let given = self.given(call);
        let versions = self.wanted.get(manifest).into_iter().flatten();
        versions.map(|it| it.is_refused(given))
    }

    /// The parameters that a function may have had that was running at a time, or began later.
    fn given_since(&self, at: Timestamp) -> Vec<Stack> {
        let ended = self.given.iter().skip(1).map(|(until, _)| Some(*until));
        let held = self.given.iter().zip(ended.chain([None]));
        let may_run = |until: Option<Timestamp>| {
            until.is_none_or(|until| at.as_second() - until.as_second() <= RUNNING_MAX)
        };
        let since = held.filter(|(_, until)| may_run(*until));
        since.map(|((_, given), _)| given.clone()).collect()
    }
}
