//! SSM Parameter Store: parameters with versions, in the JSON 1.1 protocol.
//!
//! Built: GetParameter and PutParameter. A SecureString is kept as it is, but only answered `WithDecryption`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ACCOUNT;
use crate::clock::Clock;
use crate::ids::Ids;
use crate::lock::lock;
use crate::wire::{self, Request, Response};

/// "The maximum number of versions of a parameter" (Systems Manager quotas); the oldest one goes.
const MOST_VERSIONS: usize = 100;
/// Characters in the value of a standard parameter (PutParameter, Systems Manager API Reference).
const LONGEST_VALUE: usize = 4096;

/// SSM of all Regions. Cheap to clone; clones share the state.
#[derive(Debug, Clone)]
pub struct Ssm {
    clock: Clock,
    ids: Ids,
    state: Arc<Mutex<State>>,
}

/// Parameters by Region and name.
#[derive(Debug, Default, Serialize, Deserialize)]
struct State {
    regions: BTreeMap<String, BTreeMap<String, Parameter>>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Parameter {
    versions: Vec<Version>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Version {
    number: u64,
    kind: String,
    value: String,
    data_type: String,
    modified_at: Timestamp,
}

/// Why a request is refused: code and message.
type Refusal = (&'static str, String);

impl Ssm {
    /// SSM without parameters.
    #[must_use]
    pub fn new(clock: Clock, ids: Ids) -> Self {
        let state = Arc::default();
        Self { clock, ids, state }
    }

    /// Puts a parameter into a Region: a new version if there is one of this name. The type is `String`, `StringList`
    /// or `SecureString`.
    pub fn seed_parameter(&self, region: &str, name: &str, kind: &str, value: &str) {
        let mut state = self.state();
        let parameters = state.regions.entry(region.to_owned()).or_default();
        self.add(parameters, name, kind, value, "text");
    }

    /// The value of a parameter's last version, also of a SecureString.
    #[must_use]
    pub fn parameter(&self, region: &str, name: &str) -> Option<String> {
        let state = self.state();
        let parameter = state.regions.get(region)?.get(name)?;
        Some(parameter.versions.last()?.value.clone())
    }

    /// Whether the parameter of this name is a SecureString.
    pub(crate) fn is_secret(&self, region: &str, name: &str) -> bool {
        let state = self.state();
        let parameter = state.regions.get(region).and_then(|it| it.get(name));
        let version = parameter.and_then(|parameter| parameter.versions.last());
        version.is_some_and(|version| version.kind == "SecureString")
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
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let answer = match action {
            _ if !body.is_object() => Err((
                "SerializationException",
                "The request is not a JSON object".to_owned(),
            )),
            Some("GetParameter") => self.get(region, &body),
            Some("PutParameter") => self.put(region, &body),
            other => return wire::not_built("SSM", other.unwrap_or_default()),
        };
        let id = self.ids.uuid();
        match answer {
            Ok(answer) => json_response(StatusCode::OK, &answer, &id),
            Err((code, message)) => refusal(StatusCode::BAD_REQUEST, code, &message, &id),
        }
    }

    /// The whole state.
    #[must_use]
    pub fn save(&self) -> Value {
        // The state is maps with text keys, texts and numbers: JSON can always say it.
        serde_json::to_value(&*self.state()).unwrap_or_default()
    }

    /// Replaces the state by one that [`Ssm::save`] gave.
    ///
    /// # Errors
    /// If `saved` is not such a state.
    pub fn load(&self, saved: Value) -> Result<(), serde_json::Error> {
        *self.state() = serde_json::from_value(saved)?;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn get(&self, region: &str, request: &Value) -> Result<Value, Refusal> {
        let asked = text(request, "Name")?;
        let decrypt = request["WithDecryption"].as_bool().unwrap_or(false);
        let arn = format!("arn:aws:ssm:{region}:{ACCOUNT}:parameter");
        let named = match asked.strip_prefix(&arn) {
            // The ARN of `/a/b` ends in `parameter/a/b`, and that of `a` in `parameter/a`.
            Some(name) if name.matches('/').count() == 1 => name.trim_start_matches('/'),
            Some(name) => name,
            None => asked,
        };
        let (name, wanted) = named.split_once(':').unwrap_or((named, ""));
        let state = self.state();
        let parameters = state.regions.get(region);
        let parameter = parameters.and_then(|parameters| parameters.get(name));
        let parameter = parameter.ok_or(("ParameterNotFound", String::new()))?;
        let mut versions = parameter.versions.iter().rev();
        let version =
            versions.find(|version| wanted.is_empty() || version.number.to_string() == wanted);
        let version = version.ok_or_else(|| {
            let message = format!("Systems Manager could not find version {wanted} of {name}.");
            ("ParameterVersionNotFound", message)
        })?;
        let value = match version.kind.as_str() {
            "SecureString" if !decrypt => STANDARD.encode("encrypted, says localaws"),
            _ => version.value.clone(),
        };
        let slash = if name.starts_with('/') { "" } else { "/" };
        Ok(json!({"Parameter": {
            "Name": name,
            "Type": version.kind,
            "Value": value,
            "Version": version.number,
            "LastModifiedDate": version.modified_at.as_second(),
            "ARN": format!("{arn}{slash}{name}"),
            "DataType": version.data_type,
        }}))
    }

    fn put(&self, region: &str, request: &Value) -> Result<Value, Refusal> {
        let (name, value) = (text(request, "Name")?, text(request, "Value")?);
        let overwrite = request["Overwrite"].as_bool().unwrap_or(false);
        let data_type = request["DataType"].as_str().unwrap_or("text");
        if value.chars().count() > LONGEST_VALUE {
            return Err(invalid(format!(
                "Standard tier parameters support a maximum parameter value of {LONGEST_VALUE} characters."
            )));
        }
        let mut state = self.state();
        let parameters = state.regions.entry(region.to_owned()).or_default();
        let current = parameters.get(name).and_then(|it| it.versions.last());
        if current.is_some() && !overwrite {
            let message = "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.";
            return Err(("ParameterAlreadyExists", message.to_owned()));
        }
        let kind = request["Type"].as_str().map(str::to_owned);
        let kind = kind.or_else(|| current.map(|version| version.kind.clone()));
        let kind = kind.ok_or_else(|| {
            invalid("A parameter type is required when you create a parameter.".to_owned())
        })?;
        if !["String", "StringList", "SecureString"].contains(&kind.as_str()) {
            return Err((
                "UnsupportedParameterType",
                format!("The parameter type {kind} is not supported."),
            ));
        }
        let version = self.add(parameters, name, &kind, value, data_type);
        Ok(json!({"Version": version, "Tier": "Standard"}))
    }

    fn add(
        &self,
        parameters: &mut BTreeMap<String, Parameter>,
        name: &str,
        kind: &str,
        value: &str,
        data_type: &str,
    ) -> u64 {
        let parameter = parameters.entry(name.to_owned()).or_insert(Parameter {
            versions: Vec::new(),
        });
        let versions = &mut parameter.versions;
        let number = versions.last().map_or(1, |version| version.number + 1);
        if versions.len() == MOST_VERSIONS {
            versions.remove(0);
        }
        versions.push(Version {
            number,
            kind: kind.to_owned(),
            value: value.to_owned(),
            data_type: data_type.to_owned(),
            modified_at: self.clock.now(),
        });
        number
    }
}

fn text<'a>(request: &'a Value, name: &str) -> Result<&'a str, Refusal> {
    let value = request[name].as_str().filter(|value| !value.is_empty());
    value.ok_or_else(|| invalid(format!("The parameter {name} is missing or empty.")))
}

fn invalid(message: String) -> Refusal {
    ("ValidationException", message)
}

/// A refusal as services of the JSON protocol write it.
pub(crate) fn refusal(status: StatusCode, code: &str, message: &str, request_id: &str) -> Response {
    let body = json!({"__type": code, "message": message});
    json_response(status, &body, request_id)
}

fn json_response(status: StatusCode, body: &Value, request_id: &str) -> Response {
    let response = wire::response(status, "application/x-amz-json-1.1", body.to_string());
    wire::with_request_id(response, "x-amzn-requestid", request_id)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const REGION: &str = "us-east-1";

    fn ssm() -> Ssm {
        let clock = Clock::new("2026-11-21T10:00:00Z".parse().unwrap(), 1.0);
        Ssm::new(clock, Ids::new(1))
    }

    async fn ask(ssm: &Ssm, action: &str, body: &Value) -> (u16, Value) {
        let request = http::Request::post("/")
            .header("x-amz-target", format!("AmazonSSM.{action}"))
            .body(Bytes::from(body.to_string()))
            .unwrap();
        let answer = ssm.handle(REGION, request).await;
        let body = serde_json::from_slice(answer.body()).unwrap_or_default();
        (answer.status().as_u16(), body)
    }

    #[tokio::test(start_paused = true)]
    async fn a_secret_is_read_only_with_decryption() {
        let ssm = ssm();
        ssm.seed_parameter(REGION, "/bundle/key", "SecureString", "hush");
        let get = json!({"Name": "/bundle/key", "WithDecryption": true});
        let (status, answer) = ask(&ssm, "GetParameter", &get).await;
        assert_eq!(
            (status, &answer["Parameter"]["Value"]),
            (200, &"hush".into())
        );
        assert_eq!(
            answer["Parameter"]["ARN"],
            "arn:aws:ssm:us-east-1:000000000000:parameter/bundle/key"
        );
        let by_arn = json!({"Name": answer["Parameter"]["ARN"]});
        let (_, sealed) = ask(&ssm, "GetParameter", &by_arn).await;
        assert_eq!(sealed["Parameter"]["Name"], "/bundle/key");
        assert!(!sealed.to_string().contains("hush"));
        let (status, lost) = ask(&ssm, "GetParameter", &json!({"Name": "/lost"})).await;
        assert_eq!(
            (status, &lost["__type"]),
            (400, &"ParameterNotFound".into())
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_parameter_moves_by_versions() {
        let ssm = ssm();
        let mut put = json!({"Name": "latest", "Value": "ami-1", "Type": "String"});
        assert_eq!(ask(&ssm, "PutParameter", &put).await.1["Version"], 1);
        let (_, again) = ask(&ssm, "PutParameter", &put).await;
        assert_eq!(again["__type"], "ParameterAlreadyExists");
        put = json!({"Name": "latest", "Value": "ami-2", "Overwrite": true});
        assert_eq!(ask(&ssm, "PutParameter", &put).await.1["Version"], 2);
        let old = ask(&ssm, "GetParameter", &json!({"Name": "latest:1"}))
            .await
            .1;
        assert_eq!(old["Parameter"]["Value"], "ami-1");
        let (_, lost) = ask(&ssm, "GetParameter", &json!({"Name": "latest:3"})).await;
        assert_eq!(lost["__type"], "ParameterVersionNotFound");
        let reborn = self::ssm();
        reborn.load(ssm.save()).unwrap();
        assert_eq!(reborn.parameter(REGION, "latest").as_deref(), Some("ami-2"));
        assert_eq!(reborn.parameter("eu-west-1", "latest"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_wrong_or_not_built_is_said_so() {
        let ssm = ssm();
        let new = json!({"Name": "a", "Value": "b"});
        let (status, answer) = ask(&ssm, "PutParameter", &new).await;
        assert_eq!(
            (status, &answer["__type"]),
            (400, &"ValidationException".into())
        );
        let (_, answer) = ask(&ssm, "GetParameter", &json!([])).await;
        assert_eq!(answer["__type"], "SerializationException");
        assert_eq!(ask(&ssm, "DeleteParameter", &new).await.0, 501);
    }
}
