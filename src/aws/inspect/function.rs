//! Lambda: functions.

use crate::aws::connect::Aws;
use crate::aws::error::{AwsError, classify};

/// A function as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionState {
    /// Lambda's word for its state, as `Active`.
    pub state: String,
    /// Why it is in that state, if Lambda says.
    pub reason: Option<String>,
    /// Lambda's word for its last update, as `Successful`.
    pub last_update: String,
    /// Name of the log group that its log goes to.
    pub log_group: Option<String>,
}

impl Aws {
    /// A function by its name; none if there is none.
    ///
    /// # Errors
    /// If Lambda does not answer, or refuses.
    pub async fn function_state(&self, name: &str) -> Result<Option<FunctionState>, AwsError> {
        let lambda = aws_sdk_lambda::Client::new(self.sdk_config());
        let request = lambda.get_function_configuration().function_name(name);
        let doing = format!("reading the configuration of the function {name}");
        let answer = Box::pin(request.send()).await;
        let function = match classify("GetFunctionConfiguration", doing, answer) {
            Err(error) if error.has_code("ResourceNotFoundException") => return Ok(None),
            answer => answer?,
        };
        let state = function.state.map(|state| state.as_str().to_owned());
        let update = function.last_update_status;
        let update = update.map(|update| update.as_str().to_owned());
        Ok(Some(FunctionState {
            state: state.unwrap_or_default(),
            reason: function.state_reason,
            last_update: update.unwrap_or_default(),
            log_group: function.logging_config.and_then(|it| it.log_group),
        }))
    }
}
