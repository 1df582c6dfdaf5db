//! EC2's refusals ("Error codes for the Amazon EC2 API"), and the honest "not built".

use http::StatusCode;

use crate::ec2::wire::xml::Xml;
use crate::wire::{self, Response};

/// An error as EC2 answers it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Ec2Error {
    /// 400 for a client's mistake, 403 and 412 for permissions and dry runs, 503 for throttling.
    pub status: StatusCode,
    /// For example `InvalidAMIID.NotFound`.
    pub code: String,
    /// What EC2 says to people.
    pub message: String,
}

/// Why a request got no answer of its own.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(crate) enum Failure {
    /// EC2 refuses the request.
    #[error(transparent)]
    Refused(#[from] Ec2Error),
    /// EC2 knows what it would answer; this world does not.
    #[error("not built: {0}")]
    NotBuilt(String),
}

/// A refusal with this code, HTTP 400.
pub(crate) fn refuse(code: &str, message: impl Into<String>) -> Failure {
    refuse_with(StatusCode::BAD_REQUEST, code, message)
}

/// A refusal with this status and code.
pub(crate) fn refuse_with(status: StatusCode, code: &str, message: impl Into<String>) -> Failure {
    Failure::Refused(Ec2Error {
        status,
        code: code.to_owned(),
        message: message.into(),
    })
}

/// `InvalidParameterValue`.
pub(crate) fn invalid_value(message: impl Into<String>) -> Failure {
    refuse("InvalidParameterValue", message)
}

/// `InvalidParameterCombination`.
pub(crate) fn invalid_combination(message: impl Into<String>) -> Failure {
    refuse("InvalidParameterCombination", message)
}

/// `InvalidBlockDeviceMapping`.
pub(crate) fn invalid_mapping(message: impl Into<String>) -> Failure {
    refuse("InvalidBlockDeviceMapping", message)
}

/// `InvalidManifest`.
pub(crate) fn invalid_manifest(message: impl Into<String>) -> Failure {
    refuse("InvalidManifest", message)
}

/// `Unavailable`, because S3 is.
pub(crate) fn unavailable() -> Failure {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    refuse_with(status, "Unavailable", "Amazon S3 is unavailable")
}

/// The code that VM Import uses for what it does not like.
pub(crate) fn invalid_parameter(message: impl Into<String>) -> Failure {
    refuse("InvalidParameter", message)
}

/// `MissingParameter` for this parameter.
pub(crate) fn missing(parameter: &str) -> Failure {
    refuse(
        "MissingParameter",
        format!("The request must contain the parameter {parameter}"),
    )
}

/// `InvalidAMIID.NotFound`, which names the ids.
pub(crate) fn image_not_found(ids: &[&str]) -> Failure {
    let message = match ids {
        [id] => format!("The image id '[{id}]' does not exist"),
        ids => format!("The image ids '[{}]' do not exist", ids.join(", ")),
    };
    refuse("InvalidAMIID.NotFound", message)
}

/// `InvalidSnapshot.NotFound`, which names the id.
pub(crate) fn snapshot_not_found(id: &str) -> Failure {
    refuse(
        "InvalidSnapshot.NotFound",
        format!("The snapshot '{id}' does not exist."),
    )
}

/// What is wrong with a bucket that must be in the Region of the request.
pub(crate) fn wrong_bucket(status: StatusCode, bucket: &str) -> Failure {
    match status {
        status if status.is_server_error() => unavailable(),
        StatusCode::MOVED_PERMANENTLY => invalid_value(format!(
            "The bucket {bucket} is not in the Region of the request"
        )),
        _ => invalid_value(format!("The bucket {bucket} does not exist")),
    }
}

impl Failure {
    /// The answer on the wire.
    pub(crate) fn into_response(self, request_id: &str) -> Response {
        let (status, code, message) = match self {
            Failure::NotBuilt(what) => (
                StatusCode::NOT_IMPLEMENTED,
                wire::NOT_BUILT.to_owned(),
                wire::not_built_sentence("EC2", &what),
            ),
            Failure::Refused(error) => (error.status, error.code, error.message),
        };
        let mut xml = Xml::new();
        xml.element("Response", |xml| {
            xml.element("Errors", |xml| {
                xml.element("Error", |xml| {
                    xml.text("Code", &code);
                    xml.text("Message", &message);
                });
            });
            xml.text("RequestID", request_id);
        });
        wire::response(status, "text/xml;charset=UTF-8", xml.finish())
    }
}
