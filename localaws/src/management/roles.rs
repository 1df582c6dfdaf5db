//! IAM: GetRole (IAM API Reference), of functions' roles and of those that VM Import may assume.

use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::model::{Answer, Failure, Management, only_field};
use crate::ACCOUNT;
use crate::ec2::Ec2;
use crate::query::{Dialect, Fields, element};
use crate::template::ROLE;

const DIALECT: Dialect = Dialect("https://iam.amazonaws.com/doc/2010-05-08/");

impl Management {
    pub(super) fn role(&self, ec2: &Ec2, action: &str, fields: &Fields) -> Result<Answer, Failure> {
        if action != "GetRole" {
            return Err(Failure::NotBuilt(action.to_owned()));
        }
        let name = only_field(action, fields, "RoleName")?.unwrap_or_default();
        let mut resources = self.inner.stack.resources.iter();
        let trust = if resources.any(|it| it.kind == ROLE && it.physical_id == name) {
            trust("lambda.amazonaws.com", None)
        } else if ec2.has_service_role(name) {
            // "Required service role" (VM Import/Export User Guide).
            trust("vmie.amazonaws.com", Some("vmimport"))
        } else {
            return Err(Failure::Refused(
                StatusCode::NOT_FOUND,
                "NoSuchEntity",
                format!("The role with name {name} cannot be found."),
            ));
        };
        let place = &self.inner.place;
        let arn = format!("arn:{}:iam::{ACCOUNT}:role/{name}", place.partition);
        // "URL-encoded compliant with RFC 3986" (Role, AssumeRolePolicyDocument).
        let document = utf8_percent_encode(&trust.to_string(), NON_ALPHANUMERIC).to_string();
        let role = element("Path", "/")
            + &element("RoleName", name)
            + &element("RoleId", "AROALOCALAWSROLE00000")
            + &element("Arn", &arn)
            + &element("CreateDate", &place.created_at.to_string())
            + &element("AssumeRolePolicyDocument", &document);
        Ok(Answer::Xml(DIALECT, format!("<Role>{role}</Role>")))
    }
}

fn trust(service: &str, external_id: Option<&str>) -> Value {
    let mut statement = json!({
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": "sts:AssumeRole",
    });
    if let Some(id) = external_id {
        statement["Condition"] = json!({"StringEquals": {"sts:Externalid": id}});
    }
    json!({"Version": "2012-10-17", "Statement": [statement]})
}
