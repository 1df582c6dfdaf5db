//! What the values of the stack's parameters may be.

use crate::guardrails::{Guardrails, PARAMETERS, Parameter};

/// A parameter, a value that it does not take, and what is said of it.
const REFUSED: [(&str, &str, &str); 29] = [
    (
        "ShareWith",
        "12345",
        "has `12345`, which is not an account id",
    ),
    ("ShareWith", "123456789012,", "has an empty entry"),
    (
        "ShareWith",
        "123456789012,,123456789013",
        "has an empty entry",
    ),
    (
        "ShareWith",
        "123456789012;123456789013",
        "which is not an account id",
    ),
    ("ShareWith", "all", "has `all`"),
    (
        "ShareWith",
        "arn:aws:organizations::111122223333:organization/*",
        "which is not",
    ),
    (
        "AllowPublic",
        "yes",
        "is `yes`, which is neither true nor false",
    ),
    ("AllowPublic", "True", "neither true nor false"),
    ("CopyRegions", "us-east-1a", "which is not a Region"),
    ("CopyRegions", "*", "which is not a Region"),
    (
        "ParameterPrefix",
        "images",
        "with a slash in front and none behind",
    ),
    (
        "ParameterPrefix",
        "/images/",
        "with a slash in front and none behind",
    ),
    (
        "ParameterPrefix",
        "/",
        "with a slash in front and none behind",
    ),
    ("ParameterPrefix", "/images/*", "which is not a path"),
    ("ParameterPrefix", "/images/../x", "which is not a path"),
    ("ParameterPrefix", "/images,/other", "which is not a path"),
    (
        "ParameterPrefix",
        "/aws/images",
        "cannot start with aws or ssm",
    ),
    ("AllowRetire", "1", "neither true nor false"),
    ("SourceBuckets", "disks", "which is not the ARN of a bucket"),
    (
        "SourceBuckets",
        "arn:aws:s3:::disks/*",
        "which is not the ARN of a bucket",
    ),
    (
        "SourceBuckets",
        "arn:aws:s3:::*",
        "which is not the ARN of a bucket",
    ),
    (
        "StoreBuckets",
        "arn:aws:s3:us-east-1::disks",
        "which is not the ARN of a bucket",
    ),
    ("SourceOwners", "*", "which is not self"),
    ("SourceOwners", "Amazon", "which is not self"),
    (
        "KmsKeys",
        "alias/images",
        "which is not the ARN of a KMS key",
    ),
    (
        "KmsKeys",
        "arn:aws:kms:us-east-1:111122223333:alias/images",
        "which is not the ARN",
    ),
    (
        "KmsKeys",
        "arn:aws:kms:us-east-1:111122223333:key/*",
        "which is not the ARN",
    ),
    ("TagKeys", "aws:team", "which is not a tag's key"),
    ("TagKeys", "AMIwright:manifest", "which is not a tag's key"),
];

#[test]
fn values_of_parameters_are_read_strictly() {
    for (name, value, expected) in REFUSED {
        let parameter = Parameter::named(name).unwrap();
        let error = parameter
            .set(&mut Guardrails::default(), value)
            .unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("the stack's parameter {name} ")),
            "{text}"
        );
        assert!(text.contains(expected), "{value}: {text}");
    }
}

/// An empty value is what the template's defaults come to.
#[test]
fn empty_values_close_everything() {
    let mut guardrails = Guardrails::open();
    for parameter in PARAMETERS {
        parameter.set(&mut guardrails, "").unwrap();
    }
    assert_eq!(guardrails, Guardrails::default());
}
