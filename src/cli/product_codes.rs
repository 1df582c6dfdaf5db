//! `amiwright product-codes`: the product codes of the instance that it runs on.

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use super::json as output;
use super::options::Options;
use super::text::plain;
use crate::aws::{InstanceMetadata, MetadataError};
use crate::cli::error::Error;

/// Arguments of `amiwright product-codes`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

/// Asks the instance metadata service of this machine, and prints the answer.
///
/// # Errors
/// If nothing answers, the service refuses, or the output cannot be written.
pub(super) async fn run(
    _args: &Args,
    options: &Options,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    list(&InstanceMetadata::from_env(), options.is_json(), out).await?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the product codes of the instance, one a line; nothing if it has none.
///
/// # Errors
/// If nothing answers, the service refuses, or the output cannot be written.
pub async fn list(
    metadata: &InstanceMetadata,
    json: bool,
    out: &mut dyn Write,
) -> Result<(), Error> {
    let codes = metadata.product_codes().await.map_err(cannot_list)?;
    if json {
        let items = codes.iter().map(|code| json!({ "productCode": code }));
        output::write("product-codes", json!({}), items.collect(), out)?;
        return Ok(());
    }
    for code in codes {
        writeln!(out, "{}", plain(&code))?;
    }
    Ok(())
}

fn cannot_list(error: MetadataError) -> Error {
    let hint = match &error {
        MetadataError::Unanswered(_) => {
            "run it on the EC2 instance; in a container there, set the hop limit of the instance's \
             metadata options to 2; elsewhere, `amiwright confirm-product` asks about an instance"
        }
        MetadataError::Refused(_) => {
            "the metadata service is switched off for this instance: \
             aws ec2 modify-instance-metadata-options --http-endpoint enabled --instance-id ID"
        }
        MetadataError::Status { .. } => "try again; a proxy must not answer for 169.254.169.254",
        MetadataError::Other(_) => {
            "if AWS_EC2_METADATA_SERVICE_ENDPOINT is set, it has to be an address such as \
             http://169.254.169.254"
        }
    };
    Error::from_source("cannot read the product codes of this instance", error).with_hint(hint)
}
