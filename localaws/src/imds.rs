//! The instance metadata service: what an instance can read about itself, by version 2 of the service only ("Use the
//! Instance Metadata Service", EC2 User Guide): a PUT gives a token for some time, and every GET needs one.

use std::collections::BTreeMap;
use std::sync::Mutex;

use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};

use crate::ec2::{InstanceState, SeedInstance};
use crate::ids::Ids;
use crate::lock::lock;
use crate::wire::{Request, Response, not_built, response};

/// Header of a request for a token, and of its answer: for how many seconds it is good.
const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
/// Header of every other request.
const TOKEN: &str = "x-aws-ec2-metadata-token";
/// The longest time that a token is good: six hours.
const TTL_MAX: u32 = 21_600;

/// The tokens that were given out: each is good on one instance and until some time.
#[derive(Debug, Default)]
pub(crate) struct Imds {
    tokens: Mutex<BTreeMap<String, (String, Timestamp)>>,
}

impl Imds {
    /// Answers a request for `path` of the service of this instance.
    pub(crate) fn answer(
        &self,
        (now, ids): (Timestamp, &Ids),
        (id, instance): (&str, Option<&SeedInstance>),
        path: &str,
        request: &Request,
    ) -> Response {
        let Some(instance) = instance.filter(|it| it.state == InstanceState::Running) else {
            let message = format!("no instance {id} runs in this world\n");
            return response(StatusCode::NOT_FOUND, "text/plain", message);
        };
        if instance.metadata_disabled {
            return empty(StatusCode::FORBIDDEN);
        }
        match (request.method(), path) {
            (&Method::PUT, "/latest/api/token") => self.token((now, ids), id, request),
            (&Method::GET | &Method::HEAD, _) if !self.admits(now, id, request) => {
                empty(StatusCode::UNAUTHORIZED)
            }
            (&Method::GET | &Method::HEAD, path) => data(id, instance, path),
            _ => empty(StatusCode::METHOD_NOT_ALLOWED),
        }
    }

    /// A new token. Requests that a proxy passed on get none: they come from elsewhere.
    fn token(&self, (now, ids): (Timestamp, &Ids), id: &str, request: &Request) -> Response {
        if request.headers().contains_key("x-forwarded-for") {
            return empty(StatusCode::FORBIDDEN);
        }
        let seconds = header(request, TTL).and_then(|text| text.parse::<u32>().ok());
        let Some(seconds) = seconds.filter(|seconds| (1..=TTL_MAX).contains(seconds)) else {
            return empty(StatusCode::BAD_REQUEST);
        };
        let token = ids.hex(56);
        let until = now + SignedDuration::from_secs(i64::from(seconds));
        let mut tokens = lock(&self.tokens);
        tokens.retain(|_, (_, until)| *until > now);
        tokens.insert(token.clone(), (id.to_owned(), until));
        let mut answer = response(StatusCode::OK, "text/plain", token);
        answer.headers_mut().insert(TTL, seconds.into());
        answer
    }

    fn admits(&self, now: Timestamp, id: &str, request: &Request) -> bool {
        let tokens = lock(&self.tokens);
        let given = header(request, TOKEN).and_then(|token| tokens.get(token));
        given.is_some_and(|(of, until)| of == id && *until > now)
    }
}

/// The few items that are known here; an instance has many more.
fn data(id: &str, instance: &SeedInstance, path: &str) -> Response {
    let text = match path {
        "/latest/meta-data/instance-id" => Some(id.to_owned()),
        "/latest/meta-data/ami-id" => instance.image_id.clone(),
        "/latest/meta-data/product-codes" => {
            let codes = &instance.product_codes;
            (!codes.is_empty()).then(|| codes.join("\n"))
        }
        other => return not_built("instance metadata", other),
    };
    text.map_or_else(
        || empty(StatusCode::NOT_FOUND),
        |text| response(StatusCode::OK, "text/plain", text),
    )
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers().get(name)?.to_str().ok()
}

fn empty(status: StatusCode) -> Response {
    response(status, "text/plain", "")
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const ID: &str = "i-0123456789abcdef0";

    struct Machine {
        imds: Imds,
        ids: Ids,
        now: Timestamp,
        instance: SeedInstance,
    }

    impl Machine {
        fn with_codes(codes: &[&str]) -> Self {
            Self {
                imds: Imds::default(),
                ids: Ids::new(7),
                now: "2026-11-21T10:00:00Z".parse().unwrap(),
                instance: SeedInstance {
                    product_codes: codes.iter().map(|&code| code.to_owned()).collect(),
                    ..SeedInstance::default()
                },
            }
        }

        fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
            let mut request = http::Request::builder().method(method).uri(path);
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let request = request.body(Bytes::new()).unwrap();
            let world = (self.now, &self.ids);
            let answer = self
                .imds
                .answer(world, (ID, Some(&self.instance)), path, &request);
            let text = String::from_utf8(answer.body().to_vec()).unwrap();
            (answer.status().as_u16(), text)
        }

        fn token(&self, seconds: &str) -> String {
            let (status, token) = self.ask("PUT", "/latest/api/token", &[(TTL, seconds)]);
            assert_eq!(status, 200);
            token
        }

        fn codes(&self, token: &str) -> (u16, String) {
            let path = "/latest/meta-data/product-codes";
            self.ask("GET", path, &[(TOKEN, token)])
        }
    }

    #[test]
    fn a_token_opens_the_data_for_its_time() {
        let mut machine = Machine::with_codes(&["774F4FF8", "8ED157F9"]);
        let token = machine.token("60");
        assert_eq!(machine.codes(&token), (200, "774F4FF8\n8ED157F9".into()));
        machine.now += SignedDuration::from_secs(60);
        assert_eq!(machine.codes(&token).0, 401);
    }

    #[test]
    fn without_a_token_nothing_is_told() {
        let machine = Machine::with_codes(&["774F4FF8"]);
        let path = "/latest/meta-data/product-codes";
        assert_eq!(machine.ask("GET", path, &[]).0, 401);
        assert_eq!(machine.codes("made-up").0, 401);
    }

    #[test]
    fn a_token_needs_a_time_of_at_most_six_hours_and_no_proxy() {
        let machine = Machine::with_codes(&[]);
        let path = "/latest/api/token";
        assert_eq!(machine.ask("PUT", path, &[]).0, 400);
        for seconds in ["0", "21601", "soon"] {
            assert_eq!(
                machine.ask("PUT", path, &[(TTL, seconds)]).0,
                400,
                "{seconds}"
            );
        }
        let passed_on = [(TTL, "60"), ("x-forwarded-for", "192.0.2.1")];
        assert_eq!(machine.ask("PUT", path, &passed_on).0, 403);
    }

    #[test]
    fn no_codes_is_not_found_and_unknown_data_is_not_built() {
        let machine = Machine::with_codes(&[]);
        let token = machine.token("21600");
        assert_eq!(machine.codes(&token).0, 404);
        let known = machine.ask("GET", "/latest/meta-data/instance-id", &[(TOKEN, &token)]);
        assert_eq!(known, (200, ID.to_owned()));
        let other = machine.ask("GET", "/latest/meta-data/hostname", &[(TOKEN, &token)]);
        assert_eq!(other.0, 501);
        assert_eq!(machine.ask("POST", "/latest/api/token", &[]).0, 405);
    }

    #[test]
    fn a_switched_off_service_and_a_stopped_instance_tell_nothing() {
        let mut machine = Machine::with_codes(&["774F4FF8"]);
        machine.instance.metadata_disabled = true;
        assert_eq!(
            machine.ask("PUT", "/latest/api/token", &[(TTL, "60")]).0,
            403
        );
        machine.instance.state = InstanceState::Stopped;
        assert_eq!(
            machine.ask("PUT", "/latest/api/token", &[(TTL, "60")]).0,
            404
        );
    }
}
