//! Lambda: GetFunctionConfiguration (Lambda API Reference).

use http::StatusCode;
use serde_json::json;

use super::model::{Answer, Failure, Management};
use crate::ACCOUNT;
use crate::template::role_name;
use crate::wire::Request;

impl Management {
    pub(super) fn function(
        &self,
        region: &str,
        action: &str,
        request: &Request,
    ) -> Result<Answer, Failure> {
        if action != "GetFunctionConfiguration" {
            let what = format!("{} {}", request.method(), request.uri().path());
            return Err(Failure::NotBuilt(what));
        }
        if request
            .uri()
            .query()
            .is_some_and(|it| it.contains("Qualifier"))
        {
            return Err(Failure::NotBuilt(format!("{action} with Qualifier")));
        }
        let name = request.uri().path().split('/').nth(3).unwrap_or_default();
        let mut functions = self.inner.stack.functions.iter();
        let found = functions.find(|it| it.name == name && self.is_here(region));
        let function = found.ok_or_else(|| {
            let arn = self.arn("lambda", &format!("function:{name}"));
            Failure::Refused(
                StatusCode::NOT_FOUND,
                "ResourceNotFoundException",
                format!("Function not found: {arn}"),
            )
        })?;
        let place = &self.inner.place;
        let role = role_name(&place.stack_name, &function.logical_id);
        Ok(Answer::Json(json!({
            "Environment": {"Variables": function.environment},
            "FunctionArn": function.arn,
            "FunctionName": function.name,
            "LastUpdateStatus": "Successful",
            "LoggingConfig": {"LogGroup": function.log_group},
            "MemorySize": function.memory,
            "Role": format!("arn:{}:iam::{ACCOUNT}:role/{role}", place.partition),
            "State": "Active",
            "Timeout": function.timeout.as_secs(),
        })))
    }
}
