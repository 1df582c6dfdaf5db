//! SSM: secrets stored as parameters, and parameters that point to AMIs.

use std::collections::BTreeMap;
use std::fmt;

use aws_sdk_ssm::config::Builder;
use aws_sdk_ssm::config::retry::RetryConfig;
use aws_sdk_ssm::types::{Parameter, ParameterTier, ParameterType};

use super::connect::Aws;
use super::error::classify;
use super::error::{AwsError, Remedy};
use crate::image::observed::ObservedParameter;
use crate::image::status;
use crate::limits;

/// The most names in one request (GetParameters, Names).
pub const PARAMETERS_MAX: usize = 10;

/// Versions on a page of a parameter's history (GetParameterHistory, MaxResults).
const HISTORY_PAGE: i32 = 50;

/// Pages of a parameter's history that are read: 100 versions are kept ("Working with parameter versions", Systems Manager
/// User Guide), and a page may have fewer than it could.
const HISTORY_PAGES_MAX: usize = 10;

/// A text that debug output does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret itself: for a signature or a request, never for a message.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Aws {
    /// The value of a `SecureString` parameter; none if it does not exist.
    ///
    /// # Errors
    /// If SSM does not answer, or refuses; or if the parameter has another type: then its value is not secret.
    pub async fn secure_parameter(&self, name: &str) -> Result<Option<Secret>, AwsError> {
        let doing = format!("reading the parameter {name}");
        let request = self.ssm().get_parameter().name(name).with_decryption(true);
        let answer = match classify("GetParameter", &doing, Box::pin(request.send()).await) {
            Ok(answer) => answer,
            Err(error) if error.has_code("ParameterNotFound") => return Ok(None),
            Err(error) => return Err(error),
        };
        let refused =
            |message: &str| AwsError::unexplained("GetParameter", &doing, Remedy::Never, message);
        let parameter = answer
            .parameter
            .ok_or_else(|| refused("SSM's answer has no parameter"))?;
        match (parameter.r#type, parameter.value) {
            (Some(ParameterType::SecureString), Some(value))
                if value.len() > limits::PARAMETER_BYTES =>
            {
                Err(refused("its value is larger than any that SSM keeps"))
            }
            (Some(ParameterType::SecureString), Some(value)) => Ok(Some(Secret(value))),
            (Some(ParameterType::SecureString), None) => Err(refused("SSM's answer has no value")),
            (other, _) => {
                let kind = other.as_ref().map_or("unknown", ParameterType::as_str);
                Err(refused(&format!(
                    "its type is {kind}, so anyone who can read parameters can see it: store it as SecureString"
                )))
            }
        }
    }
}

impl Aws {
    /// The parameters of these names, at most [`PARAMETERS_MAX`], without the values of those that are not a `String`.
    /// None for one that does not exist; one of which SSM says nothing is left out.
    ///
    /// # Errors
    /// If SSM does not answer, or refuses.
    pub async fn parameters(
        &self,
        names: &[String],
    ) -> Result<BTreeMap<String, Option<ObservedParameter>>, AwsError> {
        let request = self.ssm().get_parameters().set_names(Some(names.to_vec()));
        let doing = format!("reading parameters in {}", self.region());
        let answer = self
            .send_ec2("GetParameters", doing, Box::pin(request.send()))
            .await?;
        let absent = answer.invalid_parameters.unwrap_or_default();
        let absent = absent.into_iter().map(|name| (name, None));
        let found = answer.parameters.unwrap_or_default();
        let found = found.into_iter().filter_map(observed);
        Ok(absent.chain(found).collect())
    }

    /// The description that a parameter's version was written with, or kept from the version before it; none if it has none,
    /// or is not kept any more.
    ///
    /// # Errors
    /// If SSM does not answer, or refuses.
    pub async fn parameter_description(
        &self,
        name: &str,
        version: u64,
    ) -> Result<Option<String>, AwsError> {
        let mut token = None;
        for _ in 0..HISTORY_PAGES_MAX {
            let request = self.ssm().get_parameter_history().name(name);
            let request = request.max_results(HISTORY_PAGE).set_next_token(token);
            let doing = format!(
                "reading the history of the parameter {name} in {}",
                self.region()
            );
            let sent = Box::pin(request.send());
            let page = self.send_ec2("GetParameterHistory", doing, sent).await?;
            let mut versions = page.parameters.unwrap_or_default().into_iter();
            if let Some(found) = versions.find(|it| u64::try_from(it.version) == Ok(version)) {
                return Ok(found.description);
            }
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        Ok(None)
    }

    /// Writes a parameter that points to an AMI, with a description that proves whose it is, and returns its version: that proves nothing where the data type has the
    /// value validated later. `overwrite` says whether there is one that is to be overwritten; if not, none is.
    ///
    /// It is sent once: a repetition by the SDK would be one more version, or be refused because of the first.
    ///
    /// # Errors
    /// If SSM does not answer, or refuses.
    pub async fn put_image_parameter(
        &self,
        name: &str,
        (image, description): (&str, &str),
        data_type: status::ParameterType,
        overwrite: bool,
    ) -> Result<u64, AwsError> {
        let mut request = self
            .ssm()
            .put_parameter()
            .name(name)
            .value(image)
            .description(description)
            .r#type(ParameterType::String)
            .data_type(data_type.as_str())
            .overwrite(overwrite);
        if !overwrite {
            // Whatever the account's default is: this one is free. One that exists keeps its own, which may not go back.
            request = request.tier(ParameterTier::Standard);
        }
        let request = request
            .customize()
            .config_override(Builder::new().retry_config(RetryConfig::disabled()));
        let doing = format!("setting the parameter {name} in {}", self.region());
        let answer = self
            .send_ec2("PutParameter", doing, Box::pin(request.send()))
            .await?;
        Ok(u64::try_from(answer.version).unwrap_or_default())
    }
}

fn observed(parameter: Parameter) -> Option<(String, Option<ObservedParameter>)> {
    let kind = parameter.r#type.map(|kind| kind.as_str().to_owned());
    let kind = kind.unwrap_or_default();
    let is_string = kind == ParameterType::String.as_str();
    let value = parameter.value.filter(|_| is_string).unwrap_or_default();
    let observed = ObservedParameter {
        data_type: parameter.data_type.unwrap_or_default(),
        value,
        version: u64::try_from(parameter.version).unwrap_or_default(),
        kind,
    };
    Some((parameter.name?, Some(observed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_omits_the_secret() {
        let secret = Secret::new("wJalrXUtnFEMI");
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        assert_eq!(secret.expose(), "wJalrXUtnFEMI");
    }
}
