//! What becomes of events and of the schedules' ticks on their way to a function, planned like [`crate::faults`]: one is lost,
//! arrives late, or more than once. EventBridge promises "at least once", and no order ("Event delivery level", EventBridge
//! User Guide).

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::lock::lock;

/// What makes a function run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// An event that met one of its rules.
    Event,
    /// One of its schedules.
    Tick,
}

/// The plan of deliveries. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Deliveries(Arc<Mutex<Vec<Plan>>>);

#[derive(Debug)]
struct Plan {
    trigger: Trigger,
    left: u64,
    delays: Vec<Duration>,
}

impl Deliveries {
    /// Plans for the `nth` delivery (from 1, counted from now) of this kind: it arrives once for each delay, so late. Without
    /// any delay it is lost.
    pub fn on(&self, trigger: Trigger, nth: u64, delays: &[Duration]) {
        lock(&self.0).push(Plan {
            trigger,
            left: nth.max(1),
            delays: delays.to_vec(),
        });
    }

    /// Forgets all plans.
    pub fn clear(&self) {
        lock(&self.0).clear();
    }

    /// When the next delivery of this kind arrives. Of several plans for it the one made first wins.
    pub(crate) fn next(&self, trigger: Trigger) -> Vec<Duration> {
        let mut delays = None;
        lock(&self.0).retain_mut(|plan| {
            if plan.trigger != trigger {
                return true;
            }
            plan.left -= 1;
            if plan.left == 0 {
                delays.get_or_insert_with(|| std::mem::take(&mut plan.delays));
            }
            plan.left > 0
        });
        delays.unwrap_or_else(|| vec![Duration::ZERO])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_plan_meets_its_delivery_once() {
        let deliveries = Deliveries::default();
        let (now, late) = (Duration::ZERO, Duration::from_secs(90));
        deliveries.on(Trigger::Event, 2, &[now, late]);
        deliveries.on(Trigger::Tick, 1, &[]);
        assert_eq!(deliveries.next(Trigger::Event), [now]);
        assert_eq!(deliveries.next(Trigger::Event), [now, late]);
        assert_eq!(deliveries.next(Trigger::Event), [now]);
        assert!(deliveries.next(Trigger::Tick).is_empty());
        assert_eq!(deliveries.next(Trigger::Tick), [now]);
        deliveries.on(Trigger::Tick, 1, &[]);
        deliveries.clear();
        assert_eq!(deliveries.next(Trigger::Tick), [now]);
    }
}
