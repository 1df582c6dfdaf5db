//! `amiwright status [KEY]`: what the statuses in the bucket say.

mod details;
mod table;

use std::io::Write;
use std::process::ExitCode;

use jiff::Timestamp;
use serde_json::json;

use super::Error;
use super::text::plain;
use crate::aws::{Aws, AwsError};
use crate::config::Config;
use crate::keys::StatePrefix;
use crate::store::{self, Listed, StoreError};

/// Least likeness (Jaro-Winkler, 0 to 1) of a key that is offered in place of one that is not there.
const LIKENESS: f64 = 0.8;

/// Arguments of `amiwright status`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Key of a manifest, or s3://BUCKET/KEY; without it all are listed.
    key: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    place: Place,
}

/// Where the statuses are.
#[derive(Debug, clap::Args)]
struct Place {
    /// The stack's bucket.
    #[arg(long, env = "AMIWRIGHT_BUCKET")]
    bucket: Option<String>,
    /// The stack's state prefix.
    #[arg(long, env = "AMIWRIGHT_STATE_PREFIX", default_value = "amiwright/")]
    state_prefix: String,
    /// The bucket's Region; else AWS_REGION or AWS_DEFAULT_REGION.
    #[arg(long)]
    region: Option<String>,
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Query<'a> {
    /// One manifest; none for all.
    pub manifest_key: Option<&'a str>,
    /// JSON in place of text.
    pub json: bool,
}

/// Shows one status or all.
///
/// # Errors
/// If nobody says which bucket, or it cannot be read, or there is no such status.
pub async fn run(args: Args, now: Timestamp, out: &mut dyn Write) -> Result<ExitCode, Error> {
    let (bucket_of_key, key) = match args.key.as_deref().map(bucket_and_key) {
        Some((bucket, key)) => (bucket, Some(key)),
        None => (None, None),
    };
    let config = args
        .place
        .config(bucket_of_key, |name| std::env::var(name).ok())?;
    let aws = Aws::from_env(&config.region, None).await;
    show(
        &aws,
        &config,
        Query {
            manifest_key: key,
            json: args.json,
        },
        now,
        out,
    )
    .await?;
    Ok(ExitCode::SUCCESS)
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

impl Place {
    fn config(
        self,
        bucket_of_key: Option<&str>,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Config, Error> {
        let bucket = bucket_of_key
            .map(str::to_owned)
            .or(self.bucket)
            .filter(|bucket| !bucket.is_empty());
        let bucket = bucket.ok_or_else(|| {
            Error::new("which bucket?").with_hint(
                "--bucket NAME, or AMIWRIGHT_BUCKET; the stack's output BucketName has its name",
            )
        })?;
        let variable = |name: &str| variable(name).filter(|value| !value.is_empty());
        let region = self
            .region
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
            bucket,
            state,
            region,
            account_id: None,
            topic_arn: None,
            bundle_key_parameter: None,
            vm_import_role: None,
            tell_started: false,
        })
    }
}

/// Writes out what is asked for.
///
/// # Errors
/// If the bucket cannot be read, or there is no such status.
pub async fn show(
    aws: &Aws,
    config: &Config,
    query: Query<'_>,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<(), Error> {
    match query.manifest_key {
        Some(key) => show_one(aws, config, key, query.json, out).await,
        None => show_all(aws, config, query.json, now, out).await,
    }
}

async fn show_all(
    aws: &Aws,
    config: &Config,
    json: bool,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let listed = store::list_statuses(aws, config)
        .await
        .map_err(|error| cannot_read(config, &error))?;
    if json {
        let entries: Vec<_> = listed.iter().map(entry).collect();
        return print_json(&json!(entries), out);
    }
    if listed.is_empty() {
        writeln!(
            out,
            "No image yet. Drop a manifest into s3://{}/ to make one.",
            config.bucket
        )?;
        return Ok(());
    }
    writeln!(out, "{}", table::render(&listed, now))?;
    Ok(())
}

/// One status of the list, for machines.
fn entry(listed: &Listed) -> serde_json::Value {
    match &listed.status {
        Ok(loaded) => {
            json!({ "key": listed.manifest_key, "changedAt": listed.modified_at, "status": loaded.status })
        }
        Err(error) => {
            json!({ "key": listed.manifest_key, "changedAt": listed.modified_at, "error": error.to_string() })
        }
    }
}

async fn show_one(
    aws: &Aws,
    config: &Config,
    key: &str,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let loaded = match store::load(aws, config, key).await {
        Ok(Some(loaded)) => loaded,
        Ok(None) => return Err(no_status(aws, config, key).await),
        Err(StoreError::Aws(error)) => return Err(cannot_read(config, &error)),
        Err(error) => return Err(Error::new(error.to_string())),
    };
    if json {
        return print_json(&json!(loaded.status), out);
    }
    details::write(&loaded.status, out)?;
    Ok(())
}

fn print_json(value: &serde_json::Value, out: &mut dyn Write) -> Result<(), Error> {
    // `{:#}` of a JSON value is its text over several lines.
    writeln!(out, "{value:#}")?;
    Ok(())
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
fn cannot_read(config: &Config, error: &AwsError) -> Error {
    let bucket = &config.bucket;
    let hint = match error.code.as_deref() {
        Some("NoSuchBucket") => format!("there is no bucket {bucket}; the stack's output BucketName has its name"),
        Some("AccessDenied" | "AllAccessDisabled" | "Forbidden") => {
            format!("allow s3:ListBucket on {bucket}, and s3:GetObject on {bucket}/{}*", config.state.as_str())
        }
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
        }
    }

    #[test]
    fn the_region_comes_from_the_flag_or_the_environment() {
        let variable = |name: &str| (name == "AWS_DEFAULT_REGION").then(|| "eu-west-1".to_owned());
        assert_eq!(
            place(Some("images"), None)
                .config(None, variable)
                .unwrap()
                .region,
            "eu-west-1"
        );
        assert_eq!(
            place(Some("images"), Some("us-east-1"))
                .config(None, variable)
                .unwrap()
                .region,
            "us-east-1"
        );
        let error = place(Some("images"), None)
            .config(None, |_| None)
            .unwrap_err();
        assert!(error.report().contains("--region"), "{}", error.report());
        let error = place(None, None).config(None, variable).unwrap_err();
        assert!(error.report().contains("BucketName"), "{}", error.report());
    }

    #[test]
    fn a_uri_names_the_bucket_too() {
        assert_eq!(
            bucket_and_key("s3://images/golden/web.image.yaml"),
            (Some("images"), "golden/web.image.yaml")
        );
        assert_eq!(
            bucket_and_key("golden/web.image.yaml"),
            (None, "golden/web.image.yaml")
        );
        let config = place(Some("other"), Some("us-east-1"))
            .config(Some("images"), |_| None)
            .unwrap();
        assert_eq!(config.bucket, "images");
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
