//! S3: the settings of the stack's buckets, as the template has them. Other buckets have S3's defaults.

use http::StatusCode;

use super::Management;
use crate::faults;
use crate::query::element;
use crate::s3::S3;
use crate::wire::{self, Request, Response};

/// S3's default since April 2023 ("Controlling ownership of objects and disabling ACLs", S3 User Guide).
const DEFAULT_OWNERSHIP: &str = "BucketOwnerEnforced";

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

impl Management {
    /// The answer to a question about a setting; none for all other requests.
    pub(super) fn bucket_setting(
        &self,
        s3: &S3,
        action: &str,
        request: &Request,
    ) -> Option<Response> {
        let path = request.uri().path().trim_matches('/');
        let mut buckets = self.inner.stack.buckets.iter();
        let bucket = buckets.find(|it| it.name == path);
        let (root, content) = match action {
            "GetBucketNotificationConfiguration" => {
                let on = bucket.is_some_and(|bucket| bucket.event_bridge);
                let content = if on {
                    "<EventBridgeConfiguration/>"
                } else {
                    ""
                };
                ("NotificationConfiguration", content.to_owned())
            }
            "GetBucketOwnershipControls" => {
                let own = bucket.and_then(|bucket| bucket.object_ownership.as_deref());
                let rule = element("ObjectOwnership", own.unwrap_or(DEFAULT_OWNERSHIP));
                ("OwnershipControls", format!("<Rule>{rule}</Rule>"))
            }
            _ => return None,
        };
        let id = self.inner.ids.uuid();
        if !s3.has_bucket(path) {
            let error = ("NoSuchBucket", "The specified bucket does not exist");
            let status = StatusCode::NOT_FOUND;
            let method = request.method();
            return Some(faults::refusal("s3", method, status, error, &id));
        }
        let body = format!("<{root} xmlns=\"{NAMESPACE}\">{content}</{root}>");
        let answer = wire::response(StatusCode::OK, "application/xml", body);
        Some(wire::with_request_id(answer, "x-amz-request-id", &id))
    }
}
