//! The front door in process: an HTTP client for the AWS SDK that hands requests to the world with no socket.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep};
use aws_smithy_async::time::{SharedTimeSource, TimeSource};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt;

use crate::clock::Clock;
use crate::lambda::Caller;
use crate::large_body::Outgoing;
use crate::services::Services;
use crate::wire::{Request, Response};

/// The addresses of the instance metadata service, which lead nowhere but on an instance.
const METADATA: [&str; 2] = ["169.254.169.254", "[fd00:ec2::254]"];

/// A client into this world, for a program on this instance or on none.
pub(crate) fn http_client(services: &Arc<Services>, instance: Option<&str>) -> SharedHttpClient {
    SharedHttpClient::new(InProcess {
        services: Arc::clone(services),
        instance: instance.map(str::to_owned),
    })
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

/// The connector alone: one that gives up waiting for an answer after `read_timeout` of the world's time.
#[cfg(test)]
fn connector(services: &Arc<Services>, read_timeout: Option<Duration>) -> SharedHttpConnector {
    SharedHttpConnector::new(Connector {
        services: Arc::clone(services),
        instance: None,
        read_timeout,
    })
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
    instance: Option<String>,
}

impl fmt::Debug for InProcess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("localaws, in process")
    }
}

impl HttpClient for InProcess {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Connector {
            services: Arc::clone(&self.services),
            instance: self.instance.clone(),
            read_timeout: settings.read_timeout(),
        })
    }
}

struct Connector {
    services: Arc<Services>,
    instance: Option<String>,
    read_timeout: Option<Duration>,
}

impl fmt::Debug for Connector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connector")
            .field("read_timeout", &self.read_timeout)
            .finish_non_exhaustive()
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (services, read_timeout) = (Arc::clone(&self.services), self.read_timeout);
        let instance = self.instance.clone();
        // Who calls is known where the call begins; the SDK may poll this future elsewhere.
        let caller = Caller::current();
        HttpConnectorFuture::new(async move {
            let request = whole(request).await?;
            if request
                .uri()
                .host()
                .is_some_and(|host| METADATA.contains(&host))
            {
                let Some(instance) = instance else {
                    return Err(ConnectorError::timeout("nothing answered in time".into()));
                };
                let path = request.uri().path();
                let answer = services.metadata(&instance, path, &request);
                return into_sdk(answer).await;
            }
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
            into_sdk(answer).await
        })
    }
}

async fn into_sdk(mut answer: Response) -> Result<HttpResponse, ConnectorError> {
    if let Some(large) = answer.extensions_mut().remove::<Outgoing>() {
        let body = large.whole().await;
        *answer.body_mut() = body.map_err(|error| ConnectorError::io(error.into()))?;
    }
    HttpResponse::try_from(answer.map(SdkBody::from))
        .map_err(|error| ConnectorError::other(error.into(), None))
}

/// The request with its whole body, also of a body that streams.
async fn whole(request: HttpRequest) -> Result<Request, ConnectorError> {
    let request = request
        .try_into_http1x()
        .map_err(|error| ConnectorError::user(error.into()))?;
    let (parts, body) = request.into_parts();
    let body = body
        .collect()
        .await
        .map_err(ConnectorError::user)?
        .to_bytes();
    Ok(Request::from_parts(parts, body))
}

#[cfg(test)]
mod tests {
    use aws_smithy_runtime_api::client::http::HttpConnector as _;
    use bytes::Bytes;
    use http_body_util::StreamBody;

    use super::*;
    use crate::faults::Fault;
    use crate::world::World;
    use crate::world::tests::{TEMPLATE, signed};

    async fn world() -> World {
        World::builder().template(TEMPLATE).start().await.unwrap()
    }

    fn put(body: SdkBody) -> HttpRequest {
        let request = signed(
            "s3",
            "PUT",
            "https://images.s3.us-east-1.amazonaws.com/a.bin",
            "",
        );
        HttpRequest::try_from(request.map(|_| body)).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_streaming_body_arrives_whole() {
        let world = world().await;
        let frames = ["one ", "two"]
            .map(|part| Ok::<_, std::io::Error>(hyper::body::Frame::data(Bytes::from(part))));
        let body = StreamBody::new(futures_util::stream::iter(frames));
        let answer = connector(world.services(), None)
            .call(put(SdkBody::from_body_1_x(body)))
            .await
            .unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        assert_eq!(
            world.s3().get("images", "a.bin").await.unwrap().unwrap(),
            "one two"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_late_is_a_time_out_but_the_call_took_effect() {
        let world = world().await;
        world
            .faults()
            .on("s3", "PutObject", 1, Fault::Slow(Duration::from_secs(30)));
        let connector = connector(world.services(), Some(Duration::from_secs(10)));
        let before = world.clock().now();
        let error = connector
            .call(put(SdkBody::from("late")))
            .await
            .unwrap_err();
        assert!(error.is_timeout(), "{error:?}");
        assert!(world.clock().now().duration_since(before).as_secs() < 30);
        assert_eq!(
            world.s3().get("images", "a.bin").await.unwrap().unwrap(),
            "late"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_answer_is_a_broken_connection() {
        let world = world().await;
        world.faults().on("s3", "PutObject", 1, Fault::LoseAnswer);
        let error = connector(world.services(), None)
            .call(put(SdkBody::from("x")))
            .await
            .unwrap_err();
        assert!(error.is_io(), "{error:?}");
        assert!(world.s3().get("images", "a.bin").await.unwrap().is_some());
    }
}
