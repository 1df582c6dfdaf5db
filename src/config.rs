//! A function's configuration: what the template sets in its environment. Read once, at start.

use crate::image::message::Sender;
use crate::manifest::guardrails::{Guardrails, InvalidValue, PARAMETERS, is_account};

/// The name of the stack unless another one is given.
const STACK: &str = "amiwright";

/// A function's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The manifest bucket: people write manifests, disks and bundles into it.
    pub bucket: String,
    /// The state bucket: amiwright keeps statuses, markers and what EC2 bundles in it.
    pub state_bucket: String,
    /// The stack's name: metrics are told apart by it.
    pub stack: String,
    /// The Region of the buckets and of the AMIs.
    pub region: String,
    /// The account that AMIs are registered in, 12 digits.
    pub account_id: Option<String>,
    /// The topic that notices are published to.
    pub topic_arn: Option<String>,
    /// Name of the SSM SecureString with the access key for BundleInstance's upload policy; none if not configured.
    pub bundle_key_parameter: Option<String>,
    /// The role that VM Import assumes; none for EC2's default, `vmimport`.
    pub vm_import_role: Option<String>,
    /// Whether to notify when an image is started.
    pub notify_started: bool,
    /// Whether to notify of objects that look like manifests and are not named as such.
    pub notify_ignored: bool,
    /// What manifests may ask for.
    pub guardrails: Guardrails,
}

/// A variable that is missing or invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {variable} {what}")]
pub struct ConfigError {
    variable: &'static str,
    what: String,
}

impl ConfigError {
    /// A variable that the template sets is missing or invalid.
    fn of_template(variable: &'static str, what: &str) -> Self {
        let what = format!("{what}: set it as template.yaml does");
        Self { variable, what }
    }

    /// A variable of a guardrail has a value that its parameter does not take.
    fn of_guardrail(variable: &'static str, invalid: &InvalidValue) -> Self {
        let what =
            format!("is invalid: {invalid}; correct the parameter and deploy the stack again");
        Self { variable, what }
    }

    /// A variable that Lambda itself sets is missing.
    pub(crate) fn outside_lambda(variable: &'static str) -> Self {
        let what = "is not set: this program is a Lambda function; start it with Lambda or an emulator, which sets the variable";
        Self {
            variable,
            what: what.to_owned(),
        }
    }
}

impl Config {
    /// Whether the stack calls a Region: its own, or one to which its manifests may have AMIs copied.
    #[must_use]
    pub fn opens(&self, region: &str) -> bool {
        region == self.region || self.guardrails.copy_regions.allows(region)
    }

    /// Reads the configuration; `variable` returns an environment variable.
    ///
    /// # Errors
    /// Names the variable that is missing or invalid.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let get = |name: &'static str| variable(name).filter(|value| !value.trim().is_empty());
        let need = |name: &'static str| {
            get(name).ok_or_else(|| ConfigError::of_template(name, "is not set"))
        };
        let (bucket, state_bucket) = (need("AMIWRIGHT_BUCKET")?, need("AMIWRIGHT_STATE_BUCKET")?);
        if bucket == state_bucket {
            // Whoever may write manifests must not be able to write statuses.
            let what = "names the bucket of the manifests, too";
            return Err(ConfigError::of_template("AMIWRIGHT_STATE_BUCKET", what));
        }
        let account_id = get("AMIWRIGHT_ACCOUNT_ID");
        if account_id.as_ref().is_some_and(|id| !is_account(id)) {
            return Err(ConfigError::of_template(
                "AMIWRIGHT_ACCOUNT_ID",
                "is not 12 digits",
            ));
        }
        let flag = |name: &'static str| match get(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(ConfigError::of_template(name, "is neither true nor false")),
        };
        let notify_started = flag("AMIWRIGHT_NOTIFY_STARTED")?;
        let notify_ignored = flag("AMIWRIGHT_NOTIFY_IGNORED")?;
        Ok(Self {
            guardrails: guardrails(&bucket, account_id.clone(), get)?,
            bucket,
            state_bucket,
            // Where it is not set, as in a function that is run manually, measuring is no reason not to start.
            stack: get("AMIWRIGHT_STACK").unwrap_or_else(|| STACK.to_owned()),
            region: need("AWS_REGION")?,
            account_id,
            topic_arn: get("AMIWRIGHT_TOPIC_ARN"),
            bundle_key_parameter: get("AMIWRIGHT_BUNDLE_KEY_PARAMETER"),
            vm_import_role: get("AMIWRIGHT_VM_IMPORT_ROLE"),
            notify_started,
            notify_ignored,
        })
    }

    /// The account that AMIs are registered in.
    ///
    /// # Errors
    /// If it is not configured.
    pub fn account_id(&self) -> Result<&str, ConfigError> {
        let missing = || ConfigError::of_template("AMIWRIGHT_ACCOUNT_ID", "is not set");
        self.account_id.as_deref().ok_or_else(missing)
    }

    /// The topic that notices are published to.
    ///
    /// # Errors
    /// If it is not configured.
    pub fn topic_arn(&self) -> Result<&str, ConfigError> {
        let missing = || ConfigError::of_template("AMIWRIGHT_TOPIC_ARN", "is not set");
        self.topic_arn.as_deref().ok_or_else(missing)
    }

    /// The stack, as emails name it.
    ///
    /// # Errors
    /// If the topic is not configured, or not by its ARN.
    pub fn sender(&self) -> Result<Sender<'_>, ConfigError> {
        let invalid =
            || ConfigError::of_template("AMIWRIGHT_TOPIC_ARN", "is not the ARN of a topic");
        Sender::of_topic(self.topic_arn()?).ok_or_else(invalid)
    }
}

/// What manifests may ask for. A parameter that is not set opens nothing.
fn guardrails(
    bucket: &str,
    account: Option<String>,
    get: impl Fn(&'static str) -> Option<String>,
) -> Result<Guardrails, ConfigError> {
    let mut guardrails = Guardrails {
        bucket: Some(bucket.to_owned()),
        region: get("AWS_REGION"),
        account,
        ..Guardrails::default()
    };
    for parameter in PARAMETERS {
        if let Some(value) = get(parameter.variable) {
            parameter
                .set(&mut guardrails, &value)
                .map_err(|invalid| ConfigError::of_guardrail(parameter.variable, &invalid))?;
        }
    }
    Ok(guardrails)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        Config::read(|name| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).to_owned())
        })
    }

    /// What every function needs.
    const REQUIRED: [(&str, &str); 3] = [
        ("AWS_REGION", "us-east-1"),
        ("AMIWRIGHT_BUCKET", "images"),
        ("AMIWRIGHT_STATE_BUCKET", "images-state"),
    ];

    #[test]
    fn one_bucket_cannot_be_both() {
        let error = read(&[
            ("AWS_REGION", "us-east-1"),
            ("AMIWRIGHT_BUCKET", "images"),
            ("AMIWRIGHT_STATE_BUCKET", "images"),
        ]);
        let error = error.unwrap_err().to_string();
        assert!(error.contains("AMIWRIGHT_STATE_BUCKET"), "{error}");
    }

    #[test]
    fn names_the_variable_that_is_missing() {
        let error = read(&[("AWS_REGION", "us-east-1")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the environment variable AMIWRIGHT_BUCKET is not set: set it as template.yaml does"
        );
        let error = read(&[("AWS_REGION", "us-east-1"), ("AMIWRIGHT_BUCKET", "images")]);
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("AMIWRIGHT_STATE_BUCKET")
        );
        let config = read(&REQUIRED).unwrap();
        assert!(
            config
                .topic_arn()
                .unwrap_err()
                .to_string()
                .contains("AMIWRIGHT_TOPIC_ARN")
        );
    }

    #[test]
    fn refuses_an_invalid_account_id() {
        let mut all = REQUIRED.to_vec();
        all.push(("AMIWRIGHT_ACCOUNT_ID", "42"));
        assert!(
            read(&all)
                .unwrap_err()
                .to_string()
                .contains("is not 12 digits")
        );
    }

    #[test]
    fn reads_the_optional_variables() {
        let with = |more: &[(&str, &str)]| {
            let mut all = REQUIRED.to_vec();
            all.extend_from_slice(more);
            read(&all)
        };
        // The template sets the variable of a parameter without a value to an empty string.
        let config = with(&[("AMIWRIGHT_BUNDLE_KEY_PARAMETER", "")]).unwrap();
        assert_eq!(config.bundle_key_parameter, None);
        assert_eq!(config.vm_import_role, None);
        assert!(!config.notify_started);
        assert_eq!(config.stack, "amiwright");
        let config = with(&[("AMIWRIGHT_STACK", "images")]).unwrap();
        assert_eq!(config.stack, "images");
        let config = with(&[
            ("AMIWRIGHT_BUNDLE_KEY_PARAMETER", "/amiwright/bundle-key"),
            ("AMIWRIGHT_VM_IMPORT_ROLE", "images-import"),
            ("AMIWRIGHT_NOTIFY_STARTED", "true"),
        ])
        .unwrap();
        assert_eq!(
            config.bundle_key_parameter.as_deref(),
            Some("/amiwright/bundle-key")
        );
        assert_eq!(config.vm_import_role.as_deref(), Some("images-import"));
        assert!(config.notify_started);
        let error = with(&[("AMIWRIGHT_NOTIFY_STARTED", "yes")]).unwrap_err();
        assert!(error.to_string().contains("is neither true nor false"));
    }

    #[test]
    fn opens_for_manifests_what_the_parameters_say() {
        let with = |more: &[(&str, &str)]| {
            let mut all = REQUIRED.to_vec();
            all.extend_from_slice(more);
            read(&all)
        };
        let closed = with(&[
            ("AMIWRIGHT_SHARE_WITH", ""),
            ("AMIWRIGHT_TAG_KEYS", ""),
            ("AMIWRIGHT_ACCOUNT_ID", "111122223333"),
        ])
        .unwrap();
        let bucket = Some("images".to_owned());
        assert_eq!(
            closed.guardrails,
            Guardrails {
                bucket,
                region: Some(closed.region.clone()),
                account: closed.account_id.clone(),
                ..Guardrails::default()
            }
        );
        let open = with(&[
            ("AMIWRIGHT_SHARE_WITH", "111122223333,444455556666"),
            ("AMIWRIGHT_ALLOW_PUBLIC", "true"),
            ("AMIWRIGHT_STORE_BUCKETS", "arn:aws:s3:::archive"),
            ("AMIWRIGHT_SOURCE_OWNERS", "self"),
        ])
        .unwrap()
        .guardrails;
        assert!(open.share_with.allows("444455556666") && !open.share_with.allows("444455556667"));
        assert!(open.allow_public && !open.allow_retire);
        assert!(open.store_buckets.allows("archive") && !open.allows_source_bucket("archive"));
        assert!(!open.source_owners.allows("111122223333"));
        let error = with(&[("AMIWRIGHT_SHARE_WITH", "111122223333,all")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the environment variable AMIWRIGHT_SHARE_WITH is invalid: the stack's parameter ShareWith has `all`, which \
             is not an account id (12 digits), the ARN of an organization or an organizational unit, or *; correct the \
             parameter and deploy the stack again"
        );
    }
}
