//! SSM Parameter Store: parameters with versions, in the JSON 1.1 protocol.
//!
//! A SecureString is kept as it is, but only answered `WithDecryption`. Parameters of the data type `aws:ec2:image` are
//! validated late, as the real ones are: an answer with a version proves nothing.
//! ("Native parameter support for Amazon Machine Image IDs", Systems Manager User Guide).
//!
//! Four layers; each imports only from those after it:
//! - [`actions`]: one file per action;
//! - [`filter`]: which parameters a request means;
//! - [`model`]: what is kept per Region, and its rules;
//! - [`request`]: what only SSM's requests have, and errors.

mod actions;
mod controls;
mod filter;
mod model;
mod request;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::StatusCode;
use serde_json::Value;

use self::model::Service;
use self::request::{Failure, Members};
use crate::bus::Bus;
use crate::clock::Clock;
use crate::ids::Ids;
use crate::json_protocol;
use crate::wire::{self, Request, Response};

pub use model::InvalidValue;

/// SSM of all Regions. Cheap to clone; clones share the state.
#[derive(Clone)]
pub struct Ssm {
    service: Arc<Service>,
}

impl Ssm {
    /// SSM without parameters. It knows no images until [`Ssm::set_image_check`] is called.
    #[must_use]
    pub fn new(clock: Clock, ids: Ids, bus: Bus) -> Self {
        Self {
            service: Arc::new(Service::new(clock, ids, bus)),
        }
    }

    /// Answers a request to this Region.
    #[expect(
        clippy::unused_async,
        reason = "all services are asked in the same way"
    )]
    pub async fn handle(&self, region: &str, request: Request) -> Response {
        let target = request.headers().get("x-amz-target");
        let target = target.and_then(|target| target.to_str().ok());
        let action = target.and_then(|target| target.strip_prefix("AmazonSSM."));
        let action = action.unwrap_or_default();
        let id = self.service.ids.uuid();
        let answer = Members::of(action, &request)
            .and_then(|members| actions::answer(&self.service, region, action, members));
        match answer {
            Ok(answer) => json_protocol::answer(StatusCode::OK, &answer, &id),
            Err(Failure::Refused(code, message)) => {
                json_protocol::refusal(StatusCode::BAD_REQUEST, code, &message, &id)
            }
            Err(Failure::NotBuilt(what)) => {
                let sentence = wire::not_built_sentence("SSM", &what);
                let status = StatusCode::NOT_IMPLEMENTED;
                json_protocol::refusal(status, wire::NOT_BUILT, &sentence, &id)
            }
        }
    }

    /// The whole state.
    #[must_use]
    pub fn save(&self) -> Value {
        // The state is maps with text keys, texts and numbers: JSON can always say it.
        serde_json::to_value(&*self.service.settled()).unwrap_or_default()
    }

    /// Replaces the state by one that [`Ssm::save`] gave.
    ///
    /// # Errors
    /// If `saved` is not such a state.
    pub fn load(&self, saved: Value) -> Result<(), serde_json::Error> {
        *self.service.state() = serde_json::from_value(saved)?;
        Ok(())
    }
}
