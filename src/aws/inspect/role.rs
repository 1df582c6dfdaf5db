//! IAM: roles.

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::aws::connect::Aws;
use crate::aws::error::{AwsError, classify};

impl Aws {
    /// The services that may assume a role, as its trust policy names them; none if there is no such role.
    ///
    /// # Errors
    /// If IAM does not answer, or refuses.
    pub async fn services_of_role(&self, name: &str) -> Result<Option<Vec<String>>, AwsError> {
        let iam = aws_sdk_iam::Client::new(self.sdk_config());
        let doing = format!("reading the role {name}");
        let answer = Box::pin(iam.get_role().role_name(name).send()).await;
        let role = match classify("GetRole", doing, answer) {
            Err(error) if error.has_code("NoSuchEntity") => return Ok(None),
            answer => answer?.role,
        };
        let trust = role.and_then(|role| role.assume_role_policy_document);
        Ok(Some(services(&trust.unwrap_or_default())))
    }
}

/// The services in the statements that allow, of a document that is URL-encoded (GetRole).
fn services(document: &str) -> Vec<String> {
    let document = percent_decode_str(document).decode_utf8_lossy();
    let document: Value = serde_json::from_str(&document).unwrap_or_default();
    let statements = many(&document["Statement"]);
    let allowing = statements.into_iter().filter(|it| it["Effect"] == "Allow");
    let services = allowing.flat_map(|it| many(&it["Principal"]["Service"]));
    services
        .filter_map(|it| it.as_str().map(str::to_owned))
        .collect()
}

/// One value, or all of a list.
fn many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(values) => values.iter().collect(),
        value => vec![value],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_those_of_statements_that_allow() {
        let document = "%7B%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22Service%22%3A%22vmie.amazonaws.com%22%7D%7D%5D%7D";
        assert_eq!(services(document), ["vmie.amazonaws.com"]);
        let many = r#"{"Statement": {"Effect": "Allow", "Principal": {"Service": ["a", "b"]}}}"#;
        assert_eq!(services(many), ["a", "b"]);
        let denied = r#"{"Statement": {"Effect": "Deny", "Principal": {"Service": "a"}}}"#;
        assert!(services(denied).is_empty() && services("no JSON").is_empty());
    }
}
