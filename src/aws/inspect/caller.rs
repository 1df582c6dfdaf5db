//! STS: who asks.

use crate::aws::connect::Aws;
use crate::aws::error::{AwsError, classify};

/// Whose credentials these are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account's id.
    pub account: String,
    /// The ARN of the user or of the role's session.
    pub arn: String,
}

impl Aws {
    /// Whose credentials these are. Needs no permission.
    ///
    /// # Errors
    /// If STS does not answer, or refuses: the credentials are missing, wrong or expired.
    pub async fn caller(&self) -> Result<Caller, AwsError> {
        let sts = aws_sdk_sts::Client::new(self.sdk_config());
        let answer = Box::pin(sts.get_caller_identity().send()).await;
        let answer = classify("GetCallerIdentity", "asking who calls", answer)?;
        Ok(Caller {
            account: answer.account.unwrap_or_default(),
            arn: answer.arn.unwrap_or_default(),
        })
    }
}
