//! The policy with which BundleInstance may put a bundle into the bucket, signed with a key of a person's choosing
//! ("Bundle an instance store-backed Windows instance", EC2 User Guide; "POST policy", S3 API Reference).

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use sha1::Sha1;

/// How long a policy holds. EC2 shuts the instance down, bundles a disk of up to 10 GiB and uploads all of it under the
/// one policy: the EC2 API Reference asks for 12 hours at least, and 24 are usual. Longer would only serve a thief.
pub const POLICY_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// How the ids of temporary keys begin (IAM User Guide, "IAM identifiers").
const TEMPORARY: &str = "ASIA";

/// A long-lived access key, of a user who may only put objects under the bundles' prefix.
#[derive(Clone, PartialEq, Eq)]
pub struct BundleKey {
    /// The access key's id, which BundleInstance is given.
    pub access_key_id: String,
    secret: String,
}

/// Why a text is not a usable key. It says nothing of the text, which may hold a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleKeyError {
    /// There is nothing in it.
    #[error("it is empty: {FORM}")]
    Empty,
    /// It is not of a form that is known.
    #[error("not an access key: {FORM}")]
    Malformed,
    /// The key only works with a session token.
    #[error(
        "it is a temporary key, which cannot work: BundleInstance has no field for its session token. Use the long-lived key of a user who may only put objects under the bundles' prefix"
    )]
    Temporary,
}

/// What would be right.
const FORM: &str = "a JSON object with accessKeyId and secretAccessKey is needed, or what `aws iam create-access-key` prints";

/// What `aws iam create-access-key` prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Created {
    access_key: Pair,
}

/// The parts of a key, in the spelling of either form.
#[derive(Deserialize)]
struct Pair {
    #[serde(rename = "accessKeyId", alias = "AccessKeyId")]
    access_key_id: String,
    #[serde(rename = "secretAccessKey", alias = "SecretAccessKey")]
    secret: String,
    #[serde(default, rename = "sessionToken", alias = "SessionToken")]
    session_token: Option<String>,
}

impl BundleKey {
    /// Reads a key from a parameter's value: `{"accessKeyId": "…", "secretAccessKey": "…"}`, or what
    /// `aws iam create-access-key` prints, as it is.
    ///
    /// # Errors
    /// If it is neither, or a temporary key.
    pub fn parse(text: &str) -> Result<Self, BundleKeyError> {
        if text.trim().is_empty() {
            return Err(BundleKeyError::Empty);
        }
        let pair = serde_json::from_str::<Created>(text)
            .map(|created| created.access_key)
            .or_else(|_| serde_json::from_str::<Pair>(text))
            .map_err(|_| BundleKeyError::Malformed)?;
        if pair.access_key_id.is_empty() || pair.secret.is_empty() {
            return Err(BundleKeyError::Empty);
        }
        let with_token = pair.session_token.is_some_and(|token| !token.is_empty());
        if with_token || pair.access_key_id.starts_with(TEMPORARY) {
            return Err(BundleKeyError::Temporary);
        }
        // IAM API Reference, AccessKey. Lengths are left to the service: those of EC2-compatible clouds differ.
        let is_id = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        let is_secret = |byte: u8| byte.is_ascii_graphic();
        if !pair.access_key_id.bytes().all(is_id) || !pair.secret.bytes().all(is_secret) {
            return Err(BundleKeyError::Malformed);
        }
        Ok(Self {
            access_key_id: pair.access_key_id,
            secret: pair.secret,
        })
    }
}

impl fmt::Debug for BundleKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BundleKey")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// The policy that lets EC2 put objects whose keys start with `prefix` into `bucket`, readable by EC2, until
/// `expires_at` ([`POLICY_LIFE`] from now). It is what BundleInstance's UploadPolicy takes, before base64.
#[must_use]
pub fn policy(bucket: &str, prefix: &str, expires_at: Timestamp) -> String {
    // The names may hold quotes: as JSON values they stay what they are.
    let (bucket, prefix) = (Value::from(bucket), Value::from(prefix));
    let expiration = expires_at.strftime("%Y-%m-%dT%H:%M:%S.%6fZ");
    format!(
        r#"{{"expiration": "{expiration}","conditions": [{{"bucket": {bucket}}},{{"acl": "ec2-bundle-read"}},["starts-with", "$key", {prefix}]]}}"#
    )
}

/// BundleInstance's UploadPolicySignature for a [`policy`]: base64 of the HMAC-SHA1 of the base64 of the policy.
#[must_use]
pub fn sign(policy: &str, key: &BundleKey) -> String {
    #[expect(
        clippy::expect_used,
        reason = "HMAC takes keys of any length (RFC 2104); only the trait can fail"
    )]
    let mut mac = Hmac::<Sha1>::new_from_slice(key.secret.as_bytes()).expect("a key of any length");
    mac.update(STANDARD.encode(policy).as_bytes());
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn key() -> BundleKey {
        let text = json!({"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": SECRET});
        BundleKey::parse(&text.to_string()).unwrap()
    }

    #[test]
    fn makes_what_aws_gives_as_an_example() {
        let policy = policy(
            "amzn-s3-demo-bucket",
            "winami",
            "2026-05-21T12:00:00Z".parse().unwrap(),
        );
        assert_eq!(
            policy,
            r#"{"expiration": "2026-05-21T12:00:00.000000Z","conditions": [{"bucket": "amzn-s3-demo-bucket"},{"acl": "ec2-bundle-read"},["starts-with", "$key", "winami"]]}"#
        );
        assert_eq!(sign(&policy, &key()), "ulTc+Ky6AdzrIBd+o7ZPAxXegdQ=");
    }

    #[test]
    fn hostile_names_stay_names() {
        let hostile = [
            r#"x"},{"acl": "public-read"},{"bucket": "y"#,
            "back\\slash",
            "new\nline\0",
            "wäb/$key",
        ];
        for name in hostile {
            let text = policy(name, name, Timestamp::UNIX_EPOCH);
            let policy: Value = serde_json::from_str(&text).unwrap();
            let expected = json!({
                "expiration": "1970-01-01T00:00:00.000000Z",
                "conditions": [{"bucket": name}, {"acl": "ec2-bundle-read"}, ["starts-with", "$key", name]],
            });
            assert_eq!(policy, expected);
        }
    }

    #[test]
    fn takes_what_the_aws_cli_prints() {
        let printed = format!(
            r#"{{
    "AccessKey": {{
        "UserName": "bundles",
        "AccessKeyId": "AKIAIOSFODNN7EXAMPLE",
        "Status": "Active",
        "SecretAccessKey": "{SECRET}",
        "CreateDate": "2026-11-21T10:00:00+00:00"
    }}
}}
"#
        );
        assert_eq!(BundleKey::parse(&printed), Ok(key()));
    }

    #[test]
    fn refuses_what_cannot_work() {
        let refused = |id: &str, secret: &str| {
            let text = json!({"accessKeyId": id, "secretAccessKey": secret}).to_string();
            BundleKey::parse(&text).unwrap_err()
        };
        assert_eq!(
            refused("ASIAIOSFODNN7EXAMPLE", SECRET),
            BundleKeyError::Temporary
        );
        assert_eq!(refused("", SECRET), BundleKeyError::Empty);
        assert_eq!(refused("AKIAIOSFODNN7EXAMPLE", ""), BundleKeyError::Empty);
        assert_eq!(refused("AKIA IOSFODNN7", SECRET), BundleKeyError::Malformed);
        assert_eq!(
            refused("AKIAIOSFODNN7EXAMPLE", "two words"),
            BundleKeyError::Malformed
        );
        let with_token =
            json!({"accessKeyId": "AKID", "secretAccessKey": SECRET, "sessionToken": "t"});
        assert_eq!(
            BundleKey::parse(&with_token.to_string()),
            Err(BundleKeyError::Temporary)
        );
        for text in ["", " \n"] {
            assert_eq!(BundleKey::parse(text), Err(BundleKeyError::Empty));
        }
        for text in [
            SECRET,
            "{}",
            "[]",
            "null",
            r#"{"accessKeyId": 1}"#,
            r#"{"AccessKey": {}}"#,
        ] {
            assert_eq!(
                BundleKey::parse(text),
                Err(BundleKeyError::Malformed),
                "{text}"
            );
        }
    }

    #[test]
    fn tells_no_secret() {
        assert!(!format!("{:?}", key()).contains(SECRET));
        let texts = [
            SECRET.to_owned(),
            format!(r#"{{"accessKeyId": "ASIASECRET", "secretAccessKey": "{SECRET}"}}"#),
            format!(r#"{{"accessKeyId": "AKIA SECRET", "secretAccessKey": "{SECRET}"}}"#),
            format!(r#"{{"accessKeyId": "AKIASECRET", "secretAccessKey": "{SECRET}""#),
        ];
        for text in texts {
            let error = BundleKey::parse(&text).unwrap_err();
            for shown in [error.to_string(), format!("{error:?}")] {
                assert!(
                    !shown.contains(SECRET) && !shown.contains("SECRET"),
                    "{shown}"
                );
            }
        }
    }
}
