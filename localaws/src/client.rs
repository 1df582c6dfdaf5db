//! The front door in process: an HTTP client for the AWS SDK that hands requests to the world with no socket.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt;

use crate::clock::Clock;
use crate::lambda::Caller;
use crate::wire::Request;
use crate::world::services::Services;

/// The request may have taken effect, but nobody will ever know from its answer: the connection broke.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("the connection was reset before an answer came")]
pub struct AnswerLost;

/// A client into this world.
pub(crate) fn http_client(services: &Arc<Services>) -> SharedHttpClient {
    SharedHttpClient::new(InProcess { services: Arc::clone(services) })
}

/// A clock for the SDK (`SdkConfig::builder().time_source(…)`), so that signatures carry the world's time.
#[must_use]
pub fn time_source(clock: Clock) -> SharedTimeSource {
    SharedTimeSource::new(WorldTime(clock))
}

/// What the SDK waits with (`SdkConfig::builder().sleep_impl(…)`), so that its back-off takes the world's time.
#[must_use]
pub fn sleep(clock: Clock) -> SharedAsyncSleep {
    SharedAsyncSleep::new(WorldTime(clock))
}

#[derive(Debug)]
struct WorldTime(Clock);

impl TimeSource for WorldTime {
    fn now(&self) -> SystemTime {
        SystemTime::from(self.0.now())
    }
}

impl AsyncSleep for WorldTime {
    fn sleep(&self, duration: Duration) -> Sleep {
        let clock = self.0;
        Sleep::new(async move { clock.sleep(duration).await })
    }
}

struct InProcess {
    services: Arc<Services>,
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("localaws, in process")
    }
}

impl HttpClient for InProcess {
    fn http_connector(&self, settings: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        let services = Arc::clone(&self.services);
        SharedHttpConnector::new(Connector { services, read_timeout: settings.read_timeout() })
    }
}

struct Connector {
    services: Arc<Services>,
    read_timeout: Option<Duration>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector").field("read_timeout", &self.read_timeout).finish_non_exhaustive()
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (services, read_timeout) = (Arc::clone(&self.services), self.read_timeout);
        // Who calls is known where the call begins; the SDK may poll this future elsewhere.
        let caller = Caller::current();
        HttpConnectorFuture::new(async move {
            let request = whole(request).await?;
            let clock = services.clock;
            let answer = services.call(request, caller);
            let answer = match read_timeout {
                None => answer.await,
                Some(limit) => tokio::select! {
                    biased;
                    answer = answer => answer,
                    () = clock.sleep(limit) => return Err(ConnectorError::timeout("the answer took too long".into())),
                },
            };
            let answer = answer.map_err(|lost| ConnectorError::io(lost.into()))?;
            HttpResponse::try_from(answer.map(SdkBody::from)).map_err(|error| ConnectorError::other(error.into(), None))
        })
    }
}

/// The request with its whole body, also of a body that streams.
async fn whole(request: HttpRequest) -> Result<Request, ConnectorError> {
    let request = request.try_into_http1x().map_err(|error| ConnectorError::user(error.into()))?;
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map_err(ConnectorError::user)?.to_bytes();
    Ok(Request::from_parts(parts, body))
}
