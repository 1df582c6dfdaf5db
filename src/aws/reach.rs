//! Tries that do not reach a service. The SDK tries again by itself, and says nothing: whoever waits is told at once.

use std::error::Error;
use std::fmt;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use tokio::time::{Instant, timeout};

/// A try that did not reach the service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot reach {endpoint}: {cause}")]
pub struct Unreached {
    /// The service's address, without what was asked for.
    pub endpoint: String,
    /// What happened to the connection.
    pub cause: String,
}

/// How long a try may take without a word. EC2 answers most calls within a second.
const PATIENCE: Duration = Duration::from_secs(2);

/// Which try of a call it is, and how many there are at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Try {
    /// From 1.
    pub number: u32,
    /// The last one's number.
    pub of: u32,
}

impl Try {
    /// What the SDK says of a try in its header `amz-sdk-request`, such as `attempt=1; max=3`.
    fn read(header: Option<&str>) -> Self {
        let field = |name: &str| {
            let mut fields = header.unwrap_or_default().split("; ");
            let value = fields.find_map(|field| field.strip_prefix(name)?.strip_prefix('='))?;
            value.parse().ok()
        };
        let number = field("attempt").unwrap_or(1);
        Self {
            number,
            of: field("max").unwrap_or(number),
        }
    }

    /// The next one; none after the last.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        let number = self.number + 1;
        (number <= self.of).then_some(Self { number, ..self })
    }
}

/// What is told of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The service at this address has not answered for so long, and is waited for.
    Silent(String, Duration),
    /// The try did not reach the service.
    Unreached(Unreached),
}

/// Is told of each try that does not reach the service, or that has no answer for long.
pub(super) type Listener = Arc<dyn Fn(&Trouble, Try) + Send + Sync>;

/// A client whose tries are listened to.
pub(super) fn listened(client: SharedHttpClient, listener: Listener) -> SharedHttpClient {
    let tries = Tries(listener);
    SharedHttpClient::new(Listened { client, tries })
}

#[derive(Clone)]
struct Tries(Listener);

impl fmt::Debug for Tries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tries")
    }
}

impl Tries {
    /// Tells of a failed try. The kind of the error stays: it decides whether the SDK tries again.
    fn fail(&self, endpoint: String, current: Try, error: &ConnectorError) -> ConnectorError {
        // The last cause is what the system said; those before it are the layers of the client.
        let cause = crate::failures::causes(error).last();
        let cause = cause.map_or_else(|| error.to_string(), ToString::to_string);
        let unreached = Unreached { endpoint, cause };
        (self.0)(&Trouble::Unreached(unreached.clone()), current);
        let source: Box<dyn Error + Send + Sync> = Box::new(unreached);
        match error {
            error if error.is_timeout() => ConnectorError::timeout(source),
            error if error.is_io() => ConnectorError::io(source),
            error if error.is_user() => ConnectorError::user(source),
            error => ConnectorError::other(source, error.as_other()),
        }
    }
}

#[derive(Debug)]
struct Listened<T> {
    client: T,
    tries: Tries,
}

impl HttpClient for Listened<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Listened {
            client: self.client.http_connector(settings, components),
            tries: self.tries.clone(),
        })
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.client.connector_metadata()
    }
}

impl HttpConnector for Listened<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let endpoint = endpoint(request.uri());
        let current = Try::read(request.headers().get("amz-sdk-request"));
        // What is read from a file is being sent meanwhile, which takes its time.
        let is_file = request.body().bytes().is_none();
        let what = format!("{} {endpoint}", action(&request));
        let answer = self.client.call(request);
        let (tries, began) = (self.tries.clone(), Instant::now());
        HttpConnectorFuture::new(async move {
            let mut answer = pin!(answer);
            let prompt = async {
                match is_file {
                    true => Ok(answer.as_mut().await),
                    false => timeout(PATIENCE, answer.as_mut()).await,
                }
            };
            let answered = match prompt.await {
                Ok(answered) => answered,
                Err(_) => {
                    (tries.0)(&Trouble::Silent(endpoint.clone(), PATIENCE), current);
                    answer.await
                }
            };
            let took = began.elapsed().as_millis();
            match &answered {
                Ok(answer) => tracing::info!("{what}: {} in {took} ms", answer.status().as_u16()),
                Err(error) => tracing::info!("{what}: {error} after {took} ms"),
            }
            answered.map_err(|error| tries.fail(endpoint, current, &error))
        })
    }
}

/// What is asked for: the action by its protocol (a header of JSON, a field of forms), or the method and path of S3.
fn action(request: &HttpRequest) -> String {
    let target = request.headers().get("x-amz-target");
    let target = target.and_then(|target| target.rsplit('.').next());
    let form = request
        .body()
        .bytes()
        .and_then(|it| std::str::from_utf8(it).ok());
    let field = form
        .and_then(|form| form.strip_prefix("Action="))
        .and_then(|rest| rest.split('&').next());
    let Some(action) = target.or(field) else {
        let uri = request.uri();
        let path = uri.split_once("://").map_or(uri, |(_, rest)| rest);
        let path = path.find('/').map_or("/", |slash| &path[slash..]);
        let path = path.split('?').next().unwrap_or_default();
        return format!("{} {path} at", request.method());
    };
    format!("{action} at")
}

/// Scheme and host: the rest says what was asked for.
fn endpoint(uri: &str) -> String {
    let Some((scheme, rest)) = uri.split_once("://") else {
        return uri.to_owned();
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    format!("{scheme}://{}", &rest[..end])
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use aws_sdk_s3::primitives::SdkBody;

    use super::*;

    #[test]
    fn an_endpoint_is_a_scheme_and_a_host() {
        for (uri, expected) in [
            (
                "http://127.0.0.1:4566/images?list-type=2",
                "http://127.0.0.1:4566",
            ),
            (
                "https://ec2.eu-west-1.amazonaws.com",
                "https://ec2.eu-west-1.amazonaws.com",
            ),
            (
                "https://b.s3.amazonaws.com?x=/",
                "https://b.s3.amazonaws.com",
            ),
        ] {
            assert_eq!(endpoint(uri), expected);
        }
    }

    #[test]
    fn a_call_is_named_by_its_action_or_by_its_path() {
        let request = |uri: &str, body: &str| {
            let mut request = HttpRequest::new(SdkBody::from(body));
            request.set_uri(uri).unwrap();
            request
        };
        let ec2 = request(
            "https://ec2.amazonaws.com/",
            "Action=DescribeImages&Version=1",
        );
        assert_eq!(action(&ec2), "DescribeImages at");
        let s3 = request("https://b.s3.amazonaws.com/status/a%20b?x=/", "");
        assert_eq!(action(&s3), "GET /status/a%20b at");
        let mut ssm = request("https://ssm.amazonaws.com", "{}");
        ssm.headers_mut()
            .insert("x-amz-target", "AmazonSSM.GetParameters");
        assert_eq!(action(&ssm), "GetParameters at");
    }

    #[test]
    fn a_failed_try_is_told_with_the_last_cause_and_keeps_its_kind() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let listener = told.clone();
        let tries = Tries(Arc::new(move |trouble, current| {
            listener.lock().unwrap().push((trouble.clone(), current));
        }));
        let current = Try { number: 1, of: 3 };
        for make in [ConnectorError::io, ConnectorError::timeout] {
            let source = std::io::Error::other("Connection refused");
            let url = "http://127.0.0.1:1".to_owned();
            let failed = tries.fail(url, current, &make(Box::new(source)));
            assert_eq!(failed.is_timeout(), told.lock().unwrap().len() == 2);
            assert_eq!(failed.is_io(), told.lock().unwrap().len() == 1);
        }
        let unreached = Unreached {
            endpoint: "http://127.0.0.1:1".to_owned(),
            cause: "Connection refused".to_owned(),
        };
        let text = "cannot reach http://127.0.0.1:1: Connection refused";
        assert_eq!(unreached.to_string(), text);
        let once = (Trouble::Unreached(unreached), current);
        assert_eq!(*told.lock().unwrap(), [once.clone(), once]);
    }

    #[test]
    fn a_try_is_counted_as_the_sdk_counts_it() {
        let of = |number, of| Try { number, of };
        for (header, expected) in [
            (Some("attempt=1; max=8"), of(1, 8)),
            (Some("ttl=20261126T120000Z; attempt=2; max=3"), of(2, 3)),
            (Some("attempt=2"), of(2, 2)),
            (None, of(1, 1)),
        ] {
            assert_eq!(Try::read(header), expected, "{header:?}");
        }
        assert_eq!(of(2, 3).next(), Some(of(3, 3)));
        assert_eq!(of(3, 3).next(), None);
    }
}
