//! Where the statuses are, and how they are read: what `status`, `cancel` and `watch` share.

use super::Error;
use super::text::plain;
use crate::aws::{Aws, AwsError};
use crate::config::Config;
use crate::keys::StatePrefix;
use crate::store::{self, Loaded, StoreError};

/// Least likeness (Jaro-Winkler, 0 to 1) of a key that is offered in place of one that is not there.
const LIKENESS: f64 = 0.8;

/// Where the statuses are.
#[derive(Debug, clap::Args)]
pub(super) struct Place {
    /// The stack's bucket.
    #[arg(long, env = "AMIWRIGHT_BUCKET")]
    bucket: Option<String>,
    /// The stack's state prefix.
    #[arg(long, env = "AMIWRIGHT_STATE_PREFIX", default_value = "amiwright/")]
    state_prefix: String,
    /// The bucket's Region; else AWS_REGION or AWS_DEFAULT_REGION.
    #[arg(long)]
    region: Option<String>,
    /// Where AWS answers, such as http://127.0.0.1:4566 for `amiwright local`; else AWS_ENDPOINT_URL, if it is set.
    #[arg(long)]
    endpoint_url: Option<String>,
}

impl Place {
    /// The configuration, where nobody names a manifest.
    ///
    /// # Errors
    /// If nobody says which bucket, or which Region.
    pub(super) fn config(&self) -> Result<Config, Error> {
        self.config_from(None, environment)
    }

    /// The configuration for a manifest that is named by its key or by `s3://BUCKET/KEY`, and its key.
    ///
    /// # Errors
    /// If nobody says which bucket, or which Region.
    pub(super) fn config_for<'a>(&self, named: &'a str) -> Result<(Config, &'a str), Error> {
        let (bucket, key) = bucket_and_key(named);
        Ok((self.config_from(bucket, environment)?, key))
    }

    /// The way to AWS.
    pub(super) async fn connect(&self, config: &Config) -> Aws {
        Aws::from_env(&config.region, self.endpoint_url.as_deref()).await
    }

    fn config_from(
        &self,
        bucket_of_key: Option<&str>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Config, Error> {
        let bucket = bucket_of_key
            .or(self.bucket.as_deref())
            .filter(|bucket| !bucket.is_empty());
        let bucket = bucket.ok_or_else(|| {
            Error::new("which bucket?").with_hint(
                "--bucket NAME, or AMIWRIGHT_BUCKET; the stack's output BucketName has its name",
            )
        })?;
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let region = self
            .region
            .clone()
            .or_else(|| variable("AWS_REGION"))
            .or_else(|| variable("AWS_DEFAULT_REGION"));
        let region = region.ok_or_else(|| {
            Error::new("which Region?").with_hint("--region NAME, AWS_REGION or AWS_DEFAULT_REGION")
        })?;
        let state = StatePrefix::new(&self.state_prefix).ok_or_else(|| {
            Error::new("the state prefix is only slashes")
                .with_hint("the stack's parameter StatePrefix has it")
        })?;
        Ok(Config {
            bucket: bucket.to_owned(),
            state,
            region,
            account_id: None,
            topic_arn: None,
            bundle_key_parameter: None,
            vm_import_role: None,
            notify_started: false,
        })
    }
}

fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// `s3://BUCKET/KEY` in its two parts; anything else is a key.
fn bucket_and_key(text: &str) -> (Option<&str>, &str) {
    match text
        .strip_prefix("s3://")
        .and_then(|rest| rest.split_once('/'))
    {
        Some((bucket, key)) => (Some(bucket), key),
        None => (None, text),
    }
}

/// Reads the status of a manifest that should have one.
///
/// # Errors
/// If the bucket cannot be read, or there is no such status: then with the one that may have been meant.
pub(super) async fn load(aws: &Aws, config: &Config, key: &str) -> Result<Loaded, Error> {
    match store::load(aws, config, key).await {
        Ok(Some(loaded)) => Ok(loaded),
        Ok(None) => Err(no_status(aws, config, key).await),
        Err(error) => Err(cannot_load(config, &error)),
    }
}

/// A status cannot be worked with.
pub(super) fn cannot_load(config: &Config, error: &StoreError) -> Error {
    match error {
        StoreError::Aws(error) => cannot_read(config, error),
        error => Error::new(error.to_string()),
    }
}

/// There is no status: says which one may have been meant, or whether the manifest was not taken up yet.
async fn no_status(aws: &Aws, config: &Config, key: &str) -> Error {
    let error = Error::new(format!(
        "there is no status for {key} in s3://{}",
        config.bucket
    ));
    let known = match store::list_status_keys(aws, config).await {
        Ok(known) => known,
        Err(problem) => return cannot_read(config, &problem),
    };
    match nearest(key, &known) {
        Some(near) => error.with_hint(format!("did you mean {near}?")),
        None if known.is_empty() => error.with_hint("there is no status at all: was a manifest dropped, and is the bucket the stack's?"),
        None => error.with_hint("`amiwright status` lists them all; a manifest that was just uploaded takes a few seconds"),
    }
}

/// The known key that was most likely meant: the only one that contains it, else the one most like it.
fn nearest<'a>(key: &str, known: &'a [String]) -> Option<&'a str> {
    let containing: Vec<&String> = known.iter().filter(|known| known.contains(key)).collect();
    if let [only] = containing.as_slice() {
        return Some(only);
    }
    let like = |known: &String| strsim::jaro_winkler(key, known);
    let best = known
        .iter()
        .max_by(|one, other| like(one).total_cmp(&like(other)))?;
    (like(best) >= LIKENESS).then_some(best)
}

/// The bucket cannot be read: the usual reasons have a hint.
pub(super) fn cannot_read(config: &Config, error: &AwsError) -> Error {
    let bucket = &config.bucket;
    let own = config.state.as_str();
    unreachable(
        config,
        error,
        &format!("allow s3:ListBucket on {bucket}, and s3:GetObject on {bucket}/{own}*"),
    )
}

/// The bucket cannot be written to: the usual reasons have a hint.
pub(super) fn cannot_write(config: &Config, error: &AwsError) -> Error {
    let bucket = &config.bucket;
    let own = config.state.as_str();
    unreachable(
        config,
        error,
        &format!("allow s3:GetObject and s3:PutObject on {bucket}/{own}*"),
    )
}

fn unreachable(config: &Config, error: &AwsError, what_to_allow: &str) -> Error {
    let bucket = &config.bucket;
    let hint = match error.code.as_deref() {
        Some("NoSuchBucket") => format!("there is no bucket {bucket}; the stack's output BucketName has its name"),
        Some("AccessDenied" | "AllAccessDisabled" | "Forbidden") => what_to_allow.to_owned(),
        Some("InvalidAccessKeyId" | "SignatureDoesNotMatch" | "ExpiredToken" | "InvalidToken") => {
            "the credentials are not valid (any more): renew them".to_owned()
        }
        Some("PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException") => {
            format!("the bucket is in another Region than {}: --region NAME", config.region)
        }
        None if error.message.contains("credentials") => "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and its companions \
             (for SSO: eval \"$(aws configure export-credentials --format env)\")"
            .to_owned(),
        None => "is AWS_ENDPOINT_URL right, if it is set, and does anything answer there? (`amiwright local` does)".to_owned(),
        Some(_) => return Error::new(plain(&error.to_string())),
    };
    Error::new(plain(&error.to_string())).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(bucket: Option<&str>, region: Option<&str>) -> Place {
        Place {
            bucket: bucket.map(str::to_owned),
            state_prefix: "amiwright/".to_owned(),
            region: region.map(str::to_owned),
            endpoint_url: None,
        }
    }

    #[test]
    fn the_region_comes_from_the_flag_or_the_environment() {
        let variable = |name: &str| (name == "AWS_DEFAULT_REGION").then(|| "eu-west-1".to_owned());
        let region = |place: &Place| place.config_from(None, variable).unwrap().region;
        assert_eq!(region(&place(Some("images"), None)), "eu-west-1");
        assert_eq!(
            region(&place(Some("images"), Some("us-east-1"))),
            "us-east-1"
        );
        let error = place(Some("images"), None)
            .config_from(None, |_| None)
            .unwrap_err();
        assert!(error.report().contains("--region"), "{}", error.report());
        let error = place(None, None).config_from(None, variable).unwrap_err();
        assert!(error.report().contains("BucketName"), "{}", error.report());
    }

    #[test]
    fn a_uri_names_the_bucket_too() {
        let place = place(Some("other"), Some("us-east-1"));
        let (config, key) = place
            .config_for("s3://images/golden/web.image.yaml")
            .unwrap();
        assert_eq!((&*config.bucket, key), ("images", "golden/web.image.yaml"));
        let (config, key) = place.config_for("golden/web.image.yaml").unwrap();
        assert_eq!((&*config.bucket, key), ("other", "golden/web.image.yaml"));
    }

    #[test]
    fn the_nearest_key_is_offered() {
        let known = ["golden/web.image.yaml", "golden/db.image.yaml"].map(str::to_owned);
        assert_eq!(nearest("web", &known), Some("golden/web.image.yaml"));
        assert_eq!(
            nearest("golden/wep.image.yaml", &known),
            Some("golden/web.image.yaml")
        );
        assert_eq!(nearest("xyz", &known), None);
        assert_eq!(nearest("x", &[]), None);
    }
}
