//! The policy with which a client lets EC2 upload a bundle on its behalf ("POST policy", S3 API Reference).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha1::Sha1;

use http::StatusCode;
use jiff::Timestamp;

use crate::ec2::wire::error::{Failure, refuse_with};

/// ACLs that let EC2 read what it uploads; the first is the older name of the second.
const ACLS: [&str; 2] = ["ec2-bundle-read", "aws-exec-read"];

/// What a policy must allow.
pub(crate) struct Upload<'a> {
    pub(crate) bucket: &'a str,
    pub(crate) prefix: &'a str,
}

/// Verifies the signature of a policy (both as they are in the request) and that the policy allows the upload now.
/// Gives when it expires.
///
/// # Errors
/// `AuthFailure`, in S3's words for such a policy.
pub(crate) fn verify(
    policy: &str,
    signature: &str,
    secret: &str,
    upload: &Upload<'_>,
    now: Timestamp,
) -> Result<Timestamp, Failure> {
    if !is_signed(policy, signature, secret) {
        return Err(auth_failure(
            "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
        ));
    }
    let bytes = STANDARD.decode(policy).ok();
    let policy: Option<Value> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let policy = policy.ok_or_else(|| auth_failure("Invalid Policy: Invalid JSON."))?;
    let expiration = policy["expiration"].as_str();
    let expires_at: Timestamp = expiration
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| auth_failure("Invalid Policy: Invalid 'expiration' value."))?;
    if expires_at <= now {
        return Err(auth_failure("Invalid according to Policy: Policy expired."));
    }
    let conditions = policy["conditions"].as_array();
    let conditions = conditions.map(Vec::as_slice).unwrap_or_default();
    let acl = ACLS.iter().find(|acl| allow(conditions, "acl", acl));
    if acl.is_none() {
        return Err(condition_failed("acl", ACLS[0]));
    }
    if !allow(conditions, "bucket", upload.bucket) {
        return Err(condition_failed("bucket", upload.bucket));
    }
    if !allow(conditions, "key", upload.prefix) {
        return Err(condition_failed("key", upload.prefix));
    }
    Ok(expires_at)
}

fn is_signed(policy: &str, signature: &str, secret: &str) -> bool {
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret.as_bytes()) else {
        return false;
    };
    mac.update(policy.as_bytes());
    STANDARD
        .decode(signature)
        .is_ok_and(|signature| mac.verify_slice(&signature).is_ok())
}

/// Whether there is a condition on this field, and all that there are allow the value.
fn allow(conditions: &[Value], field: &str, value: &str) -> bool {
    let on_field = conditions
        .iter()
        .filter_map(|condition| allows(condition, field, value));
    let mut count = 0;
    let all = on_field.fold(true, |all, allowed| {
        count += 1;
        all && allowed
    });
    count > 0 && all
}

/// Whether this condition allows the value; none if it is on another field.
fn allows(condition: &Value, field: &str, value: &str) -> Option<bool> {
    if let Some(object) = condition.as_object() {
        return Some(object.get(field)?.as_str() == Some(value));
    }
    let parts: Vec<&str> = condition
        .as_array()?
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let [operator, name, wanted] = parts[..] else {
        return None;
    };
    if name.strip_prefix('$')? != field {
        return None;
    }
    Some(match operator {
        "eq" => value == wanted,
        "starts-with" => value.starts_with(wanted),
        _unknown => false,
    })
}

fn condition_failed(field: &str, value: &str) -> Failure {
    auth_failure(&format!(
        "Invalid according to Policy: Policy Condition failed: [\"eq\", \"${field}\", \"{value}\"]"
    ))
}

/// `AuthFailure`: EC2 answers it with 401.
pub(crate) fn auth_failure(message: &str) -> Failure {
    refuse_with(StatusCode::UNAUTHORIZED, "AuthFailure", message)
}

/// The signature of a policy in base64, as a client makes it.
#[cfg(test)]
pub(crate) fn sign(policy: &str, secret: &str) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(policy.as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of "BundleManifest an instance store-backed Windows instance".
    const POLICY: &str = "{\"expiration\": \"2026-05-21T12:00:00.000000Z\",\"conditions\": [{\"bucket\": \"amzn-s3-demo-bucket\"},{\"acl\": \"ec2-bundle-read\"},[\"starts-with\", \"$key\", \"winami\"]]}";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn verified(
        policy: &str,
        signature: &str,
        bucket: &str,
        prefix: &str,
        now: &str,
    ) -> Result<Timestamp, String> {
        let upload = Upload { bucket, prefix };
        let verified = verify(
            &STANDARD.encode(policy),
            signature,
            SECRET,
            &upload,
            now.parse().unwrap(),
        );
        verified.map_err(|error| error.to_string())
    }

    #[test]
    fn verifies_what_aws_gives_as_an_example() {
        let signature = "ulTc+Ky6AdzrIBd+o7ZPAxXegdQ=";
        let early = "2026-05-21T00:00:00Z";
        let checked = |bucket, prefix, now| verified(POLICY, signature, bucket, prefix, now);
        assert_eq!(
            checked("amzn-s3-demo-bucket", "winami-1", early),
            Ok("2026-05-21T12:00:00Z".parse().unwrap())
        );
        let refused = |bucket, prefix, now| checked(bucket, prefix, now).unwrap_err();
        assert!(refused("other", "winami", early).contains("$bucket"));
        assert!(refused("amzn-s3-demo-bucket", "lin", early).contains("$key"));
        assert!(
            refused("amzn-s3-demo-bucket", "winami", "2026-05-21T12:00:00Z")
                .ends_with("Policy expired.")
        );
        let forged = verified(POLICY, "ulTc+Ky6AdzrIBd+o7ZPAxXegdR=", "b", "p", early).unwrap_err();
        assert!(forged.starts_with("AuthFailure: The request signature"));
        let private = POLICY.replace("ec2-bundle-read", "private");
        let signed = sign(&STANDARD.encode(&private), SECRET);
        assert!(
            verified(&private, &signed, "amzn-s3-demo-bucket", "winami", early)
                .unwrap_err()
                .contains("$acl")
        );
    }
}
