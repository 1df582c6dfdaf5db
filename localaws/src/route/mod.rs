//! Which service a request is for, and its one form inside: path style for S3, an origin-form URI, a Host header.
//!
//! All services answer at one address here, so the signature's scope decides, as a signed request always names its
//! service and Region ("Signature Version 4", IAM User Guide). The signature itself is not verified: any credentials
//! will do.

mod action;
mod host;
mod signature;

use http::header::{AUTHORIZATION, HOST};
use http::{StatusCode, Uri};

pub(crate) use action::{Action, action};
pub(crate) use signature::{Refused, refused};

use crate::faults::refusal;
use crate::wire::{Request, Response, is_form};

/// Where a request goes.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Service as in the signature's scope: `s3`, `ec2`, `sns`, `sts`, …
    pub service: String,
    /// Region as in the signature's scope, else of the host name, else the world's own.
    pub region: String,
    /// Access key id of the signature.
    pub access_key: Option<String>,
}

/// Finds the service of a request, and rewrites the request to the form that the services expect.
///
/// # Errors
/// The answer for a request that names no service: 403, and how to sign.
pub fn route(request: Request, home_region: &str) -> Result<(Target, Request), Box<Response>> {
    let host = host::read(&host_of(&request));
    let scope = scope(&request);
    let Some(service) = service(&request, scope.as_ref(), &host) else {
        return Err(Box::new(unsigned(&request)));
    };
    let region = scope
        .as_ref()
        .and_then(|scope| scope.region.clone())
        .or(host.region);
    let target = Target {
        region: region.unwrap_or_else(|| home_region.to_owned()),
        access_key: scope.map(|scope| scope.access_key),
        service,
    };
    let bucket = host.bucket.filter(|_| target.service == "s3");
    let request = inside(request, bucket.as_deref());
    Ok((target, request))
}

/// The scope of a signature: `AKID/DATE/REGION/SERVICE/aws4_request`.
#[derive(Debug, PartialEq)]
struct Scope {
    access_key: String,
    region: Option<String>,
    service: Option<String>,
}

fn scope(request: &Request) -> Option<Scope> {
    let header = request
        .headers()
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok());
    let in_header = header
        .and_then(|header| header.split_once("Credential="))
        .map(|(_, rest)| {
            let end = rest.find([',', ' ']).unwrap_or(rest.len());
            rest[..end].to_owned()
        });
    let credential = in_header.or_else(|| {
        let query = request.uri().query()?.as_bytes();
        let mut pairs = form_urlencoded::parse(query);
        pairs
            .find(|(name, _)| name == "X-Amz-Credential")
            .map(|(_, value)| value.into_owned())
    });
    if let Some(credential) = credential {
        let mut parts: Vec<&str> = credential.rsplitn(5, '/').collect();
        parts.reverse();
        let (access_key, region, service) = match parts[..] {
            [access_key, _, region, service, "aws4_request"] => {
                (access_key, Some(region), Some(service))
            }
            // Signature Version 4A is for several Regions at once and names none.
            [access_key, _, service, "aws4_request"] => (access_key, None, Some(service)),
            _ => return None,
        };
        let (region, service) = (region.map(str::to_owned), service.map(str::to_owned));
        return Some(Scope {
            access_key: access_key.to_owned(),
            region,
            service,
        });
    }
    let access_key = version_2(request, header)?;
    let service = Some("s3".to_owned());
    Some(Scope {
        access_key,
        region: None,
        service,
    })
}

/// The access key of Signature Version 2, which only S3 still takes; boto3 presigns URLs with it unless set.
fn version_2(request: &Request, header: Option<&str>) -> Option<String> {
    if let Some((access_key, _)) =
        header.and_then(|header| header.strip_prefix("AWS ")?.split_once(':'))
    {
        return Some(access_key.to_owned());
    }
    let query = request.uri().query()?.as_bytes();
    let mut pairs = form_urlencoded::parse(query);
    pairs
        .find(|(name, _)| name == "AWSAccessKeyId")
        .map(|(_, value)| value.into_owned())
}

fn service(request: &Request, scope: Option<&Scope>, host: &host::Host) -> Option<String> {
    if let Some(service) = scope.and_then(|scope| scope.service.clone()) {
        return Some(service);
    }
    if let Some(service) = &host.service {
        return Some(service.clone());
    }
    is_form(request.method(), request.headers()).then(|| "s3".to_owned())
}

/// The authority of an absolute URI (as the SDK's client sends it), else the Host header.
fn host_of(request: &Request) -> String {
    let header = || {
        request
            .headers()
            .get(HOST)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let authority = request
        .uri()
        .authority()
        .map(|authority| authority.as_str().to_owned());
    authority.or_else(header).unwrap_or_default()
}

fn inside(request: Request, bucket: Option<&str>) -> Request {
    let host = host_of(&request);
    let (mut parts, body) = request.into_parts();
    let rest = parts.uri.path_and_query().map_or("/", |rest| rest.as_str());
    let rest = if rest.starts_with('/') {
        rest.to_owned()
    } else {
        format!("/{rest}")
    };
    let path = bucket.map_or(rest.clone(), |bucket| format!("/{bucket}{rest}"));
    // Both parts came out of a valid URI, so together they are one.
    parts.uri = Uri::try_from(path).unwrap_or(parts.uri);
    // With the bucket in the path, the host must not name it a second time.
    let host = if bucket.is_some() { "localhost" } else { &host };
    if let Ok(host) = host.parse() {
        parts.headers.insert(HOST, host);
    }
    Request::from_parts(parts, body)
}

fn unsigned(request: &Request) -> Response {
    let message = "This request names no AWS service: it has no signature. Use an AWS client with this address as \
                   its endpoint, for example `aws --endpoint-url http://127.0.0.1:PORT s3 ls`; any credentials will \
                   do. The state of this world is at /_local/health.";
    refusal(
        "s3",
        request.method(),
        StatusCode::FORBIDDEN,
        ("AccessDenied", message),
        "-",
    )
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn request(uri: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = http::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Bytes::new()).unwrap()
    }

    fn signed(service: &str, region: &str) -> String {
        format!(
            "AWS4-HMAC-SHA256 Credential=AKID/20261121/{region}/{service}/aws4_request, SignedHeaders=host, Signature=00"
        )
    }

    #[test]
    fn the_signature_decides() {
        let authorization = signed("ec2", "eu-west-1");
        let request = request(
            "/",
            &[
                ("host", "127.0.0.1:4566"),
                ("authorization", &authorization),
            ],
        );
        let (target, _) = route(request, "us-east-1").unwrap();
        assert_eq!(target.service, "ec2");
        assert_eq!(target.region, "eu-west-1");
        assert_eq!(target.access_key.as_deref(), Some("AKID"));
    }

    #[test]
    fn a_presigned_url_names_its_service_too() {
        let uri = "/b/k?X-Amz-Credential=AKID%2F20261121%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Expires=60";
        let (target, request) =
            route(request(uri, &[("host", "localhost:4566")]), "us-east-1").unwrap();
        assert_eq!(
            (target.service.as_str(), target.region.as_str()),
            ("s3", "eu-west-1")
        );
        assert_eq!(request.uri().path(), "/b/k");
    }

    #[test]
    fn the_older_signature_is_for_s3() {
        let presigned = request("/b/k?AWSAccessKeyId=AKID&Signature=00&Expires=1", &[]);
        let in_header = request("/b/k", &[("authorization", "AWS AKID:00")]);
        for request in [presigned, in_header] {
            let (target, _) = route(request, "us-east-1").unwrap();
            assert_eq!(target.service, "s3");
            assert_eq!(target.access_key.as_deref(), Some("AKID"));
        }
    }

    #[test]
    fn virtual_hosts_become_paths() {
        let authorization = signed("s3", "us-east-1");
        for (uri, host) in [
            ("https://images.s3.us-east-1.amazonaws.com/a%20b?acl", None),
            ("/a%20b?acl", Some("images.s3.amazonaws.com")),
            ("/a%20b?acl", Some("images.localhost:4566")),
            ("/images/a%20b?acl", Some("127.0.0.1:4566")),
            ("https://s3.us-east-1.amazonaws.com/images/a%20b?acl", None),
        ] {
            let mut headers = vec![("authorization", authorization.as_str())];
            headers.extend(host.map(|host| ("host", host)));
            let (target, inside) = route(request(uri, &headers), "us-east-1").unwrap();
            assert_eq!(inside.uri(), "/images/a%20b?acl", "{uri} {host:?}");
            assert_eq!(target.service, "s3");
            assert!(!inside.headers()[HOST].to_str().unwrap().contains("images"));
        }
    }

    #[test]
    fn an_unsigned_request_for_no_service_is_refused_with_a_hint() {
        let answer = route(
            request("/images/key", &[("host", "127.0.0.1:4566")]),
            "us-east-1",
        )
        .unwrap_err();
        assert_eq!(answer.status(), StatusCode::FORBIDDEN);
        assert!(String::from_utf8_lossy(answer.body()).contains("--endpoint-url"));
    }

    #[test]
    fn the_host_name_helps_where_there_is_no_signature() {
        let (target, _) = route(
            request("https://sns.eu-central-1.amazonaws.com/", &[]),
            "us-east-1",
        )
        .unwrap();
        assert_eq!(
            (target.service.as_str(), target.region.as_str()),
            ("sns", "eu-central-1")
        );
    }
}
