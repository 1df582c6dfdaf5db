//! Faults on purpose: every call through either front door is numbered and recorded, and may be planned to go wrong.
//!
//! To fail at *every* call of a scenario: run it once, take `faults().count()`, then run it again that many times
//! in fresh worlds, with a fault at 1, 2, 3 and so on.

mod call;
mod refusal;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http::StatusCode;

pub(crate) use self::call::is_read;
pub use self::call::{Call, Exchange};
pub(crate) use self::refusal::{refusal, throttled};
use crate::lock::lock;

/// How many calls are remembered: more than any test makes, and little memory for a world that runs for weeks.
const KEPT: usize = 100_000;

/// What goes wrong with a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Fault {
    /// Refused before any effect, with this status, error code and message in the service's own format.
    Refuse {
        /// HTTP status.
        status: StatusCode,
        /// The service's error code.
        code: String,
        /// The service's error message.
        message: String,
    },
    /// Refused before any effect because there are too many calls: `RequestLimitExceeded` (EC2), `SlowDown` (S3),
    /// `ThrottlingException` (SSM, CloudWatch Logs), `Throttling` (SNS, STS).
    Throttle,
    /// It takes effect, but the client sees a broken connection in place of the answer.
    LoseAnswer,
    /// It takes effect, and the answer comes this much of the world's time later.
    Slow(Duration),
    /// The invocation that makes the call dies before it takes effect. A call from outside of any function sees a
    /// broken connection.
    CrashBefore,
    /// It takes effect, then the invocation that made the call dies. A call from outside of any function sees a
    /// broken connection.
    Crash,
}

/// The record of calls and the plan of faults. Clones share both.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    count: u64,
    calls: VecDeque<Call>,
    plans: Vec<Plan>,
}

#[derive(Debug)]
struct Plan {
    when: When,
    fault: Fault,
}

#[derive(Debug)]
enum When {
    Number(u64),
    Nth {
        service: String,
        action: String,
        left: u64,
    },
    Each(Meant),
}

/// Which calls are meant.
struct Meant(Box<dyn Fn(&Call) -> bool + Send + Sync>);

impl fmt::Debug for Meant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Meant")
    }
}

impl Faults {
    /// Plans `fault` for the call with this running number (the first call of a world is 1).
    pub fn at(&self, number: u64, fault: Fault) {
        self.plan(When::Number(number), fault);
    }

    /// Plans `fault` for the `nth` call (from 1, counted from now) of this service's action.
    pub fn on(&self, service: &str, action: &str, nth: u64, fault: Fault) {
        let (service, action) = (service.to_owned(), action.to_owned());
        self.plan(
            When::Nth {
                service,
                action,
                left: nth.max(1),
            },
            fault,
        );
    }

    /// Plans `fault` for every call of this service's action from now on, until [`Faults::clear`].
    pub fn always(&self, service: &str, action: &str, fault: Fault) {
        let (service, action) = (service.to_owned(), action.to_owned());
        let is_meant = move |call: &Call| call.service == service && call.action == action;
        self.each(is_meant, fault);
    }

    /// Plans `fault` for every call that is meant, from now on, until [`Faults::clear`].
    pub fn each(&self, is_meant: impl Fn(&Call) -> bool + Send + Sync + 'static, fault: Fault) {
        self.plan(When::Each(Meant(Box::new(is_meant))), fault);
    }

    /// Forgets all plans. The record of calls stays.
    pub fn clear(&self) {
        self.lock().plans.clear();
    }

    /// How many planned faults have not happened yet, without those of [`Faults::always`] and [`Faults::each`].
    #[must_use]
    pub fn pending(&self) -> usize {
        let state = self.lock();
        let is_once = |plan: &&Plan| !matches!(plan.when, When::Each(_));
        state.plans.iter().filter(is_once).count()
    }

    /// Whether anything is to go wrong, once or always.
    #[must_use]
    pub fn are_planned(&self) -> bool {
        !self.lock().plans.is_empty()
    }

    /// The calls so far; of very many the last 100,000.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.iter().cloned().collect()
    }

    /// The number of calls so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.lock().count
    }

    /// Notes that the service has done what the call with this running number asked for.
    pub(crate) fn done(&self, number: u64) {
        let mut state = self.lock();
        // The last ones are asked for.
        let mut calls = state.calls.iter_mut().rev();
        if let Some(call) = calls.find(|call| call.number == number) {
            call.done = true;
        }
    }

    /// Numbers and records a call; answers its number, and what is to go wrong with it. Of several plans for one call the
    /// one made first wins.
    pub(crate) fn record(&self, mut call: Call) -> (u64, Option<Fault>) {
        let mut state = self.lock();
        state.count += 1;
        let number = state.count;
        call.number = number;
        let mut fault = None;
        state.plans.retain_mut(|plan| match plan.when.meets(&call) {
            Met::No => true,
            Met::Once => {
                fault.get_or_insert_with(|| plan.fault.clone());
                false
            }
            Met::Again => {
                fault.get_or_insert_with(|| plan.fault.clone());
                true
            }
        });
        if state.calls.len() == KEPT {
            state.calls.pop_front();
        }
        state.calls.push_back(call);
        (number, fault)
    }

    fn plan(&self, when: When, fault: Fault) {
        self.lock().plans.push(Plan { when, fault });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

enum Met {
    No,
    Once,
    Again,
}

impl When {
    fn meets(&mut self, call: &Call) -> Met {
        match self {
            Self::Number(number) if *number == call.number => Met::Once,
            Self::Nth {
                service,
                action,
                left,
            } if *service == call.service && *action == call.action => {
                *left -= 1;
                if *left == 0 { Met::Once } else { Met::No }
            }
            Self::Each(Meant(is_meant)) if is_meant(call) => Met::Again,
            _ => Met::No,
        }
    }
}
