//! What the actions work on: the state of all Regions, and what it needs to move on.

use std::sync::{Arc, Mutex, MutexGuard};

use std::time::Duration;

use http::StatusCode;
use jiff::{SignedDuration, Timestamp};

use crate::bus::Bus;
use crate::clock::Clock;
use crate::ec2::model::objects::Objects;
use crate::ec2::model::references::ParameterSource;
use crate::ec2::model::region::Store;
use crate::ec2::model::settings::{Era, Settings};
use crate::ec2::model::timeline::{TaskKind, Timeline};
use crate::ec2::wire::error::{Failure, refuse, refuse_with};
use crate::ec2::wire::limits::Limits;
use crate::ec2::wire::query::Fields;
use crate::ids::Ids;
use crate::lock::lock;

/// EC2 of all Regions.
pub(crate) struct Service {
    pub(crate) clock: Clock,
    pub(crate) ids: Ids,
    pub(crate) bus: Bus,
    pub(crate) objects: Arc<dyn Objects>,
    pub(crate) parameters: ParameterSource,
    store: Mutex<Store>,
    settings: Mutex<Settings>,
    limits: Mutex<Limits>,
}

/// One request on its way through an action.
pub(crate) struct Call {
    pub(crate) region: String,
    pub(crate) action: String,
    pub(crate) request_id: String,
    pub(crate) fields: Fields,
}

impl Service {
    /// EC2 with nothing in it.
    pub(crate) fn new(clock: Clock, ids: Ids, bus: Bus, objects: Arc<dyn Objects>) -> Self {
        Self {
            clock,
            ids,
            bus,
            objects,
            parameters: ParameterSource::default(),
            store: Mutex::default(),
            settings: Mutex::default(),
            limits: Mutex::default(),
        }
    }

    /// The end of reading a request: refuses unknown parameters, actions that are denied, and dry runs.
    pub(crate) fn permit(&self, action: &str, mut fields: Fields) -> Result<(), Failure> {
        let dry_run = fields.flag("DryRun")?.unwrap_or(false);
        fields.finish()?;
        if self.settings().denied.contains(action) {
            let message = "You are not authorized to perform this operation.";
            return Err(refuse_with(
                StatusCode::FORBIDDEN,
                "UnauthorizedOperation",
                message,
            ));
        }
        if dry_run {
            let message = "Request would have succeeded, but DryRun flag is set.";
            return Err(refuse_with(
                StatusCode::PRECONDITION_FAILED,
                "DryRunOperation",
                message,
            ));
        }
        Ok(())
    }

    /// BundleInstance and CancelBundleTask are deprecated. The words are those of the API Reference; which code the
    /// live service answers is not known, this one is a guess.
    pub(crate) fn check_era(&self) -> Result<(), Failure> {
        match self.settings().era {
            Era::Classic => Ok(()),
            Era::Today => Err(refuse(
                "UnsupportedOperation",
                "This action is no longer supported. To create an AMI, use CreateImage.",
            )),
        }
    }

    /// The world's time in so long.
    pub(crate) fn later(&self, delay: Duration) -> Timestamp {
        let delay = SignedDuration::try_from(delay).unwrap_or(SignedDuration::MAX);
        self.clock
            .now()
            .checked_add(delay)
            .unwrap_or(Timestamp::MAX)
    }

    /// Until when reads do not show a change that is made now.
    pub(crate) fn stale_until(&self) -> Timestamp {
        let stale_reads = self.settings().stale_reads;
        self.later(stale_reads)
    }

    /// The timeline of a task that begins now.
    pub(crate) fn timeline(&self, kind: TaskKind) -> Timeline {
        let time = self.settings().task_times.get(&kind).copied();
        Timeline {
            started_at: self.clock.now(),
            ends_at: self.later(time.unwrap_or_else(|| kind.usual_time())),
        }
    }

    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        lock(&self.store)
    }

    pub(crate) fn settings(&self) -> MutexGuard<'_, Settings> {
        lock(&self.settings)
    }

    pub(crate) fn limits(&self) -> MutexGuard<'_, Limits> {
        lock(&self.limits)
    }
}
