//! KMS: DescribeKey (KMS API Reference), of the keys that EC2 knows here.

use http::StatusCode;
use serde_json::json;

use super::model::{Answer, Failure, only};
use crate::ACCOUNT;
use crate::ec2::Ec2;
use crate::wire::Request;

pub(super) fn answer(
    ec2: &Ec2,
    region: &str,
    action: &str,
    request: &Request,
) -> Result<Answer, Failure> {
    if action != "DescribeKey" {
        return Err(Failure::NotBuilt(action.to_owned()));
    }
    let name = only(action, request, "KeyId")?;
    let key = ec2.key(region, &name).ok_or_else(|| {
        Failure::Refused(
            StatusCode::BAD_REQUEST,
            "NotFoundException",
            format!("Key '{name}' does not exist"),
        )
    })?;
    let manager = if key.is_managed { "AWS" } else { "CUSTOMER" };
    let state = if key.is_usable { "Enabled" } else { "Disabled" };
    Ok(Answer::Json(json!({"KeyMetadata": {
        "AWSAccountId": ACCOUNT,
        "Arn": key.arn,
        "Enabled": key.is_usable,
        "KeyId": key.arn.rsplit('/').next(),
        "KeyManager": manager,
        "KeyState": state,
        "KeyUsage": "ENCRYPT_DECRYPT",
    }})))
}
