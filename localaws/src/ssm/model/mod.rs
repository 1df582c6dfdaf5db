//! What SSM keeps, and how it behaves.

pub(super) mod limits;
pub(super) mod name;
pub(super) mod parameter;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::limits::Limits;
use self::parameter::Parameter;
pub(super) use self::parameter::{Pending, Put, Region};
use super::request::{Failure, refuse};
use crate::ACCOUNT;
use crate::bus::{Bus, Event};
use crate::clock::Clock;
use crate::ids::Ids;
use crate::lock::lock;

/// The data type whose values are validated.
pub(super) const IMAGE: &str = "aws:ec2:image";
/// How long that takes, unless set otherwise: long enough to be seen, short enough for a demo.
const VALIDATION_TIME: Duration = Duration::from_secs(5);

/// Whether an image of this Region (first) and id is available.
type ImageCheck = Arc<dyn Fn(&str, &str) -> bool + Send + Sync>;

/// Whether the account can use a Region.
type RegionCheck = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// SSM of all Regions.
pub(super) struct Service {
    pub(super) clock: Clock,
    pub(super) ids: Ids,
    bus: Bus,
    state: Mutex<State>,
    settings: Mutex<Settings>,
    limits: Mutex<Limits>,
    invalid: Mutex<Vec<InvalidValue>>,
}

/// A value that was accepted, and was not taken: its validation failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidValue {
    /// The Region.
    pub region: String,
    /// The parameter's name.
    pub name: String,
    /// The value.
    pub value: String,
    /// When its validation ended.
    pub at: Timestamp,
}

/// How this SSM behaves; not part of the saved state.
#[derive(Clone)]
pub(super) struct Settings {
    pub(super) validation_time: Duration,
    pub(super) image_check: ImageCheck,
    pub(super) region_check: RegionCheck,
    pub(super) limited: bool,
}

/// What is kept of all Regions.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct State {
    pub(super) regions: BTreeMap<String, Region>,
}

impl Service {
    pub(super) fn new(clock: Clock, ids: Ids, bus: Bus) -> Self {
        let settings = Settings {
            validation_time: VALIDATION_TIME,
            image_check: Arc::new(|_, _| false),
            region_check: Arc::new(|_| true),
            limited: false,
        };
        Self {
            clock,
            ids,
            bus,
            state: Mutex::default(),
            settings: Mutex::new(settings),
            limits: Mutex::default(),
            invalid: Mutex::default(),
        }
    }

    /// What SSM answers in a Region that is off: as in all others' APIs but EC2's, credentials are not known there.
    pub(super) fn check_enabled(&self, region: &str) -> Result<(), Failure> {
        let is_enabled = Arc::clone(&self.settings().region_check);
        if is_enabled(region) {
            return Ok(());
        }
        let message = "The security token included in the request is invalid.";
        Err(refuse("UnrecognizedClientException", message))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(super) fn settings(&self) -> MutexGuard<'_, Settings> {
        lock(&self.settings)
    }

    pub(super) fn limits(&self) -> MutexGuard<'_, Limits> {
        lock(&self.limits)
    }

    pub(super) fn invalid(&self) -> MutexGuard<'_, Vec<InvalidValue>> {
        lock(&self.invalid)
    }

    /// The state after all validations that are due. One that fails changes nothing.
    pub(super) fn settled(&self) -> MutexGuard<'_, State> {
        let (now, settings) = (self.clock.now(), self.settings().clone());
        let mut state = self.state();
        for (name, region) in &mut state.regions {
            let pending = std::mem::take(&mut region.pending);
            let (due, rest): (BTreeMap<_, _>, BTreeMap<_, _>) =
                pending.into_iter().partition(|(_, it)| it.due <= now);
            region.pending = rest;
            for (_, Pending { put, due }) in due {
                if (settings.image_check)(name, &put.value) {
                    self.apply(name, region, put, due);
                } else {
                    self.publish(name, &put, "", Some("Unable to Describe Resource"));
                    self.invalid().push(InvalidValue {
                        region: name.clone(),
                        name: put.name,
                        value: put.value,
                        at: due,
                    });
                }
            }
        }
        state
    }

    /// Does something with the parameter that a request about tags names.
    pub(super) fn with_tagged<T>(
        &self,
        region: &str,
        name: &str,
        work: impl FnOnce(&mut Parameter) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut state = self.settled();
        let kept = state.region(region);
        let name = kept.name_of(name);
        let parameter = kept.parameters.get_mut(&name);
        work(parameter.ok_or_else(|| refuse("InvalidResourceId", ""))?)
    }

    /// Accepts a value, and gives the version that it has, or will have if it is valid.
    pub(super) fn put(&self, name: &str, region: &mut Region, put: Put) -> u64 {
        let now = self.clock.now();
        if put.data_type != IMAGE {
            return self.apply(name, region, put, now);
        }
        let time = SignedDuration::try_from(self.settings().validation_time);
        let due = now.checked_add(time.unwrap_or(SignedDuration::MAX));
        let due = due.unwrap_or(Timestamp::MAX);
        let version = region.next_version(&put.name);
        region
            .pending
            .insert(put.name.clone(), Pending { put, due });
        version
    }

    fn apply(&self, name: &str, region: &mut Region, put: Put, now: Timestamp) -> u64 {
        let new = !region.parameters.contains_key(&put.name);
        let operation = if new { "Create" } else { "Update" };
        self.publish(name, &put, operation, None);
        region.add(put, self.clock.outside_at(now))
    }

    /// "Reference: Amazon EventBridge event patterns and types for Systems Manager". What `operation` says of a value
    /// that was not valid is not documented.
    pub(super) fn publish(
        &self,
        region: &str,
        put: &Put,
        operation: &str,
        exception: Option<&str>,
    ) {
        let now = self.clock.now();
        let mut detail = json!({"operation": operation, "name": put.name, "type": put.kind});
        if let Some(exception) = exception {
            detail["exception"] = exception.into();
            detail["dataType"] = put.data_type.clone().into();
        } else if let Some(description) = &put.description {
            detail["description"] = description.clone().into();
        }
        self.bus.publish(Event {
            version: "0".to_owned(),
            id: self.ids.uuid(),
            detail_type: "Parameter Store Change".to_owned(),
            source: "aws.ssm".to_owned(),
            account: ACCOUNT.to_owned(),
            time: Timestamp::from_second(now.as_second()).unwrap_or(now),
            region: region.to_owned(),
            resources: vec![name::arn(region, &put.name)],
            detail,
        });
    }
}

impl State {
    /// The Region, made when a request first names it.
    pub(super) fn region(&mut self, name: &str) -> &mut Region {
        self.regions.entry(name.to_owned()).or_default()
    }
}
