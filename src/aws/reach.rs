//! Tries that do not reach a service. The SDK tries again by itself, and says nothing: whoever waits is told at once.

use std::error::Error;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;

/// A try that did not reach the service.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot reach {endpoint}: {cause}")]
pub struct Unreached {
    /// The service's address, without what was asked for.
    pub endpoint: String,
    /// What happened to the connection.
    pub cause: String,
}

/// Is told of each try that does not reach the service, and how many in a row did not.
pub(super) type Listener = Arc<dyn Fn(&Unreached, u32) + Send + Sync>;

/// A client whose tries are listened to.
pub(super) fn listened(client: SharedHttpClient, listener: Listener) -> SharedHttpClient {
    let tries = Arc::new(Tries {
        failed: AtomicU32::new(0),
        listener,
    });
    SharedHttpClient::new(Listened { client, tries })
}

struct Tries {
    /// How many tries failed since the last that did not.
    failed: AtomicU32,
    listener: Listener,
}

impl fmt::Debug for Tries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tries({:?})", self.failed)
    }
}

impl Tries {
    /// Tells of a failed try. The kind of the error stays: it decides whether the SDK tries again.
    fn fail(&self, endpoint: String, error: &ConnectorError) -> ConnectorError {
        // The last cause is what the system said; those before it are the layers of the client.
        let cause = crate::failures::causes(error).last();
        let cause = cause.map_or_else(|| error.to_string(), ToString::to_string);
        let unreached = Unreached { endpoint, cause };
        let failed = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
        (self.listener)(&unreached, failed);
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
    tries: Arc<Tries>,
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
        let answer = self.client.call(request);
        let tries = self.tries.clone();
        HttpConnectorFuture::new(async move {
            match answer.await {
                Ok(answer) => {
                    tries.failed.store(0, Ordering::Relaxed);
                    Ok(answer)
                }
                Err(error) => Err(tries.fail(endpoint, &error)),
            }
        })
    }
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
    fn a_failed_try_is_told_with_the_last_cause_and_keeps_its_kind() {
        let told = Arc::new(Mutex::new(Vec::new()));
        let listener = told.clone();
        let tries = Tries {
            failed: AtomicU32::new(0),
            listener: Arc::new(move |unreached, failed| {
                listener
                    .lock()
                    .unwrap()
                    .push((unreached.to_string(), failed));
            }),
        };
        for make in [ConnectorError::io, ConnectorError::timeout] {
            let source = std::io::Error::other("Connection refused");
            let failed = tries.fail("http://127.0.0.1:1".to_owned(), &make(Box::new(source)));
            assert_eq!(failed.is_timeout(), told.lock().unwrap().len() == 2);
            assert_eq!(failed.is_io(), told.lock().unwrap().len() == 1);
        }
        let text = "cannot reach http://127.0.0.1:1: Connection refused".to_owned();
        assert_eq!(*told.lock().unwrap(), [(text.clone(), 1), (text, 2)]);
    }
}
