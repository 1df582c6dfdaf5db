//! Checks of parameter values that several actions share.

use crate::ec2::wire::error::{Failure, invalid_value, refuse};

/// "ImageDescriptionRequest", EC2 API Reference.
const LONGEST_DESCRIPTION: usize = 255;

/// `InvalidAMIID.Malformed` unless the id has an AMI id's form.
pub(crate) fn check_image_id(id: &str) -> Result<(), Failure> {
    check_id(id, "ami", "InvalidAMIID.Malformed")
}

/// Refuses an id that is not `prefix-` and 8 or 17 hex digits, as EC2's ids are.
pub(crate) fn check_id(id: &str, prefix: &str, code: &str) -> Result<(), Failure> {
    let digits = id
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_prefix('-'));
    let well_formed = |digits: &str| {
        matches!(digits.len(), 8 | 17)
            && digits
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    match digits {
        Some(digits) if well_formed(digits) => Ok(()),
        Some(_) => Err(refuse(code, format!("Invalid id: \"{id}\""))),
        None => Err(refuse(
            code,
            format!("Invalid id: \"{id}\" (expecting \"{prefix}-...\")"),
        )),
    }
}

/// "3-128 alphanumeric characters, parentheses, square brackets, spaces, periods, slashes, dashes, single quotes,
/// at-signs, or underscores" (RegisterImage, EC2 API Reference).
pub(crate) fn check_name(name: &str) -> Result<(), Failure> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "()[] ./-'@_".contains(c);
    if (3..=128).contains(&name.chars().count()) && name.chars().all(allowed) {
        return Ok(());
    }
    // EC2's own words; they leave out some of the characters that it allows.
    let message = "AMI names must be between 3 and 128 characters long, and may contain letters, numbers, \
                   '(', ')', '.', '-', '/' and '_'";
    Err(refuse("InvalidAMIName.Malformed", message))
}

/// Refuses text that EC2 does not take: its descriptions are of ASCII. The words are those that it is reported to say.
pub(crate) fn check_ascii(parameter: &str, text: Option<&str>) -> Result<(), Failure> {
    match text.filter(|text| !text.is_ascii()) {
        Some(text) => Err(invalid_value(format!(
            "Value ({text}) for parameter {parameter} is invalid. Character sets beyond ASCII are not supported."
        ))),
        None => Ok(()),
    }
}

/// Refuses a description that is too long, or has other characters than EC2 takes.
pub(crate) fn check_description(description: Option<&str>) -> Result<(), Failure> {
    check_ascii("description", description)?;
    match description {
        Some(text) if text.chars().count() > LONGEST_DESCRIPTION => Err(invalid_value(format!(
            "Description exceeds the maximum length of {LONGEST_DESCRIPTION} characters"
        ))),
        _ => Ok(()),
    }
}

/// Refuses what is not a possible value.
pub(crate) fn check_one_of(
    parameter: &str,
    value: Option<&str>,
    allowed: &[&str],
) -> Result<(), Failure> {
    match value {
        Some(value) if !allowed.contains(&value) => Err(invalid_value(format!(
            "Invalid value '{value}' for {parameter}."
        ))),
        _ => Ok(()),
    }
}

/// Refuses what is neither `alias` nor an account id.
pub(crate) fn check_user(user: &str, alias: &str) -> Result<(), Failure> {
    if user == alias || (user.len() == 12 && user.bytes().all(|b| b.is_ascii_digit())) {
        return Ok(());
    }
    Err(refuse(
        "InvalidUserID.Malformed",
        format!("Invalid user id: \"{user}\""),
    ))
}

/// KmsKeyId says how to encrypt, not whether to.
pub(crate) fn check_key(encrypted: bool, kms_key_id: Option<&str>) -> Result<(), Failure> {
    match kms_key_id {
        Some(_) if !encrypted => Err(refuse(
            "InvalidParameterDependency",
            "The parameter KmsKeyId requires the parameter Encrypted to be set.",
        )),
        _ => Ok(()),
    }
}
