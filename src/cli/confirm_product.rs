//! `amiwright confirm-product CODE INSTANCE`: whether an instance has a product code of the caller's.

use std::io::Write;
use std::process::ExitCode;

use serde_json::json;

use super::hints::{CHECK_NETWORK, credentials_hint};
use super::json as output;
use super::options::Options;
use super::target::Endpoint;
use super::text::plain;
use crate::aws::{Aws, AwsError, Confirmed};
use crate::cli::error::Error;
use crate::cli::exit_code::Exit;
use crate::manifest::ids::{PRODUCT_CODE_MAX, is_product_code, is_resource_id};

/// Arguments of `amiwright confirm-product`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Product code, such as 774F4FF8; it has to be one of the account that asks
    #[arg(value_parser = product_code)]
    code: String,
    /// Id of the instance, of any account
    #[arg(value_parser = instance_id)]
    instance: String,
    #[command(flatten)]
    endpoint: Endpoint,
}

fn product_code(text: &str) -> Result<String, String> {
    match is_product_code(text) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "a product code has at most {PRODUCT_CODE_MAX} letters and digits, such as 774F4FF8"
        )),
    }
}

fn instance_id(text: &str) -> Result<String, String> {
    match is_resource_id(text, "i") {
        true => Ok(text.to_owned()),
        false => Err("an instance's id is `i-` and 8 or 17 hexadecimal digits".to_owned()),
    }
}

/// Asks, and prints the answer.
///
/// # Errors
/// If no Region is given, EC2 refuses or does not answer, or the output cannot be written.
pub(super) async fn run(
    args: &Args,
    options: &Options,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    let aws = args.endpoint.connect(options).await?;
    let confirmed = confirm(&aws, &args.code, &args.instance, options.is_json(), out).await?;
    Ok(if confirmed { Exit::Done } else { Exit::ToDo }.into())
}

/// Asks EC2 and writes one line: the code, the instance, and `true` with the account of the instance, or `false`. Whether
/// it has the code.
///
/// # Errors
/// If EC2 refuses or does not answer, or the output cannot be written.
pub async fn confirm(
    aws: &Aws,
    code: &str,
    instance: &str,
    json: bool,
    out: &mut dyn Write,
) -> Result<bool, Error> {
    let answer = aws.confirm_product_instance(code, instance).await;
    let (confirmed, owner) = match answer.map_err(|error| cannot_confirm(code, &error))? {
        Confirmed::Yes { owner } => (true, owner),
        Confirmed::No => (false, None),
    };
    if json {
        let answer = json!({
            "productCode": code, "instance": instance, "confirmed": confirmed, "ownerId": owner,
        });
        output::write("confirm-product", json!({}), vec![answer], out)?;
    } else {
        let owner = owner.map_or_else(String::new, |owner| format!(" {}", plain(&owner)));
        writeln!(out, "{code} {instance} {confirmed}{owner}")?;
    }
    Ok(confirmed)
}

fn cannot_confirm(code: &str, error: &AwsError) -> Error {
    let hint = match error.code.as_deref() {
        // Credentials that EC2 does not know have the same code.
        Some("AuthFailure") if !error.refuses_credentials() => format!(
            "only the owner of a product code can ask: use credentials of the account that owns {code}"
        ),
        Some("InvalidInstanceID.NotFound") => {
            "check the id, and use --region for the Region of the instance; EC2 forgets an \
             instance about an hour after it was terminated"
                .to_owned()
        }
        _ if error.is_denied() => {
            "allow ec2:ConfirmProductInstance on all resources (`*`)".to_owned()
        }
        _ => match credentials_hint(error) {
            Some(hint) => hint.to_owned(),
            None if error.is_unanswered() => {
                return Error::new(plain(&error.to_string()))
                    .with_hint(CHECK_NETWORK)
                    .with_exit(Exit::Unreachable);
            }
            None => return Error::new(plain(&error.to_string())),
        },
    };
    Error::new(plain(&error.to_string())).with_hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_checked_before_anything_is_asked() {
        assert_eq!(product_code("774F4FF8").as_deref(), Ok("774F4FF8"));
        assert!(product_code("774F-4FF8").is_err());
        assert_eq!(instance_id("i-10a64379").as_deref(), Ok("i-10a64379"));
        assert!(instance_id("ami-10a64379").is_err());
    }
}
