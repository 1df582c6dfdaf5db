//! Faults on purpose: every call through either front door is numbered and recorded, and may be planned to go wrong.
//!
//! To fail at *every* call of a scenario: run it once, take `faults().count()`, then run it again that many times
//! in fresh worlds, with a fault at 1, 2, 3 and so on.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http::{Method, StatusCode};
use jiff::Timestamp;

use crate::json_protocol;
use crate::lock::lock;
use crate::wire::{self, Response};

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

/// A call that came through a front door.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// Running number, from 1.
    pub number: u64,
    /// Service as in the signature's scope: `s3`, `ec2`, `sns`, `sts`, …
    pub service: String,
    /// Action by the name its API reference gives it, for example `PutObject` or `RegisterImage`.
    pub action: String,
    /// Region it was sent to.
    pub region: String,
    /// Bucket, of an S3 call.
    pub bucket: Option<String>,
    /// Key (decoded), of an S3 call on an object.
    pub key: Option<String>,
    /// Logical id of the function whose invocation made it, if known.
    pub function: Option<String>,
    /// When it came.
    pub at: Timestamp,
    /// What it asks for, of a call that makes, changes or asks for an image, or changes a snapshot or a parameter.
    pub fields: Vec<(String, String)>,
    /// Whether the service has done it.
    pub done: bool,
}

impl Call {
    /// Whether it only asks, by the words that AWS's actions begin with.
    #[must_use]
    pub fn is_read(&self) -> bool {
        let reads = ["Describe", "Get", "Head", "List"];
        reads.iter().any(|word| self.action.starts_with(word))
    }

    /// The values of the fields whose names begin and end so.
    pub fn values<'a>(&'a self, start: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
        let is_meant = move |name: &str| name.starts_with(start) && name.ends_with(end);
        let fields = self.fields.iter();
        fields
            .filter(move |(name, _)| is_meant(name))
            .map(|(_, value)| value.as_str())
    }

    /// The value of the first field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter();
        let field = fields.find(|(field, _)| field == name);
        field.map(|(_, value)| value.as_str())
    }
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
    Always {
        service: String,
        action: String,
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
        self.plan(
            When::Always {
                service: service.to_owned(),
                action: action.to_owned(),
            },
            fault,
        );
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
        let is_once = |plan: &&Plan| !matches!(plan.when, When::Always { .. } | When::Each(_));
        state.plans.iter().filter(is_once).count()
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
            Self::Always { service, action }
                if *service == call.service && *action == call.action =>
            {
                Met::Again
            }
            Self::Each(Meant(is_meant)) if is_meant(call) => Met::Again,
            _ => Met::No,
        }
    }
}

/// How each service says that there are too many calls: EC2 "Error codes", S3 "Error responses", the Query services'
/// "Common errors".
pub(crate) fn throttled(service: &str) -> (StatusCode, &'static str, &'static str) {
    match service {
        "s3" => (
            StatusCode::SERVICE_UNAVAILABLE,
            "SlowDown",
            "Please reduce your request rate.",
        ),
        "ec2" => (
            StatusCode::SERVICE_UNAVAILABLE,
            "RequestLimitExceeded",
            "Request limit exceeded.",
        ),
        "logs" | "ssm" => (
            StatusCode::BAD_REQUEST,
            "ThrottlingException",
            "Rate exceeded",
        ),
        _ => (StatusCode::BAD_REQUEST, "Throttling", "Rate exceeded"),
    }
}

/// An error in the format of the service: EC2's, S3's, or that of the other Query services.
pub(crate) fn refusal(
    service: &str,
    method: &Method,
    status: StatusCode,
    (code, message): (&str, &str),
    request_id: &str,
) -> Response {
    use quick_xml::escape::escape;
    if ["events", "kms", "lambda", "logs", "ssm"].contains(&service) {
        return json_protocol::refusal(status, code, message, request_id);
    }
    if service == "s3" {
        return wire::s3_error(method, status, (code, message), request_id);
    }
    let (code, message, id) = (escape(code), escape(message), escape(request_id));
    let body = match service {
        "ec2" => format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
             <RequestID>{id}</RequestID></Response>"
        ),
        _ => {
            let by = if status.is_server_error() {
                "Receiver"
            } else {
                "Sender"
            };
            format!(
                "<ErrorResponse><Error><Type>{by}</Type><Code>{code}</Code><Message>{message}</Message></Error>\
                 <RequestId>{id}</RequestId></ErrorResponse>"
            )
        }
    };
    let body = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{body}");
    let response = wire::response(status, "text/xml;charset=UTF-8", body);
    wire::with_request_id(response, "x-amzn-requestid", request_id)
}

#[cfg(test)]
mod tests;
