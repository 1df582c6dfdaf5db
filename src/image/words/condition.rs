//! Why a condition is as it is.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Why a condition is as it is, as one word for scripts: in Kubernetes' form, as it is written in the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub enum ConditionReason {
    /// The AMI is available.
    ImageAvailable,
    /// It is being worked on.
    InProgress,
    /// `build.waiting` says for what.
    Waiting,
    /// What was made for an image that will not come to be is being deleted.
    CleaningUp,
    /// `build.failure` says why.
    Failed,
    /// Its cancellation was requested.
    Cancelled,
    /// `problems` says why.
    ManifestRejected,
    /// Another manifest decides.
    Superseded,
    /// Its AMIs are deregistered, because its manifest was deleted.
    Deregistered,
    /// Everything is as the manifest says.
    AsInManifest,
    /// A Region or a setting failed for good.
    Incomplete,
    /// An audit saw that it is not as its manifest says any more; `drift` says how.
    Drifted,
    /// Somebody else has written a parameter that is to point to the AMI.
    ParameterConflict,
    /// A parameter was written and did not show the AMI: Systems Manager did not accept it.
    ParameterNotValidated,
    /// Systems Manager refused to write, or to read, a parameter.
    ParameterNotSet,
    /// A Region that is required is not as the manifest says: no parameter is set before it is.
    HeldBack,
    /// Something that was to be retired stays.
    Kept,
}

impl fmt::Display for ConditionReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A variant's name is how it is written.
        fmt::Debug::fmt(self, f)
    }
}
