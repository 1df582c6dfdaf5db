//! SSM: secrets stored as parameters.

use std::fmt;

use aws_sdk_ssm::types::ParameterType;

use super::connect::Aws;
use super::error::classify;
use super::error::{AwsError, Remedy};
use crate::limits;

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
