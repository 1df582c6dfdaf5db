//! Why a world does not start.

use std::io;
use std::path::PathBuf;

use crate::iam::PolicyError;
use crate::s3;
use crate::template::TemplateError;

/// Why a world did not start.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// The template is wrong, or asks for what is not built here.
    #[error("the template cannot be run here")]
    Template(#[from] TemplateError),
    /// A function's on-failure destination is not a queue of the stack.
    #[error(
        "function {function}: an on-failure destination that is not a queue of the stack is not built here: {arn}"
    )]
    Destination {
        /// Logical id of the function.
        function: String,
        /// ARN of the destination.
        arn: String,
    },
    /// A schedule's expression cannot be read.
    #[error("schedule {schedule}: {problem}")]
    Schedule {
        /// Logical id of the schedule.
        schedule: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A folder or file of the world.
    #[error("cannot use {path}")]
    Directory {
        /// Which one.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A state file is not of this version, or was edited.
    #[error("the saved state {path} cannot be read; move it away to start without it: {problem}")]
    State {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// S3 does not open its buckets.
    #[error("S3 does not start")]
    S3(#[from] s3::Error),
    /// A policy says what is not built here.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A service refused what the stack asks of it.
    #[error("cannot make {what} of the stack: {problem}")]
    Resource {
        /// For example ``bucket `images` ``.
        what: String,
        /// What the service says.
        problem: String,
    },
}
