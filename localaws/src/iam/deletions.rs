//! Who may delete which of the objects that one DeleteObjects request names.

use form_urlencoded::Serializer;
use http::{HeaderMap, HeaderValue, Method};

use super::{Caller, Iam, Refused};
use crate::ec2::Ec2;
use crate::route::{Action, Target};
use crate::s3::{MayDelete, Named, S3};
use crate::ssm::Ssm;
use crate::wire::Request;

/// One request and its caller. Each object needs what it would need by a DeleteObject of its own, with the same condition
/// ("Enforce conditional deletes", S3 User Guide).
struct OfRequest {
    iam: Iam,
    caller: Caller,
    services: (Ec2, Ssm, S3),
    target: Target,
    bucket: String,
    headers: HeaderMap,
}

impl Iam {
    /// What decides about the objects of this request.
    pub(crate) fn deletions(
        &self,
        caller: &Caller,
        (ec2, ssm, s3): (&Ec2, &Ssm, &S3),
        (target, action, request): (&Target, &Action, &Request),
    ) -> impl MayDelete + use<> {
        OfRequest {
            iam: self.clone(),
            caller: caller.clone(),
            services: (ec2.clone(), ssm.clone(), s3.clone()),
            target: target.clone(),
            bucket: action.bucket.clone().unwrap_or_default(),
            headers: request.headers().clone(),
        }
    }
}

impl MayDelete for OfRequest {
    fn delete(&self, named: Named<'_>) -> Result<(), String> {
        let mut request = Request::default();
        *request.method_mut() = Method::DELETE;
        request.headers_mut().clone_from(&self.headers);
        if let Some(etag) = named.etag {
            let etag = HeaderValue::from_str(etag).map_err(|error| error.to_string())?;
            request.headers_mut().insert("if-match", etag);
        }
        if let Some(version) = named.version {
            let query = Serializer::new(String::new())
                .append_pair("versionId", version)
                .finish();
            *request.uri_mut() = format!("/?{query}")
                .parse()
                .map_err(|error: http::uri::InvalidUri| error.to_string())?;
        }
        let action = Action {
            name: "DeleteObject".to_owned(),
            bucket: Some(self.bucket.clone()),
            key: Some(named.key.to_owned()),
        };
        let (ec2, ssm, s3) = &self.services;
        let asked = (&self.target, &action, &request);
        let allowed = self.iam.authorize(&self.caller, (ec2, ssm, s3), asked);
        allowed.map_err(Refused::sentence)
    }

    fn know_absence(&self) -> Result<(), String> {
        let known = self.iam.may_know_absence(&self.caller, &self.bucket);
        known.map_err(Refused::sentence)
    }
}
