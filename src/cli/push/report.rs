//! What became of each file of a push: a line for people, an item for programs.

use serde_json::{Value, json};

use crate::cli::check::problem_to_json;
use crate::cli::text::{plain, size};
use crate::manifest::Problem;
use crate::manifest::location::s3_uri;

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is in the bucket now.
    Sent {
        /// Its bytes.
        size: u64,
        /// Those of them that were sent by this call, and not by an earlier one that was interrupted.
        now: u64,
    },
    /// The same file was there.
    Same {
        /// Its bytes.
        size: u64,
    },
    /// It is in the bucket and not on this machine, where it would be found here.
    InBucketOnly(String),
    /// It would be sent, unless the same is there.
    Planned {
        /// Its bytes.
        size: u64,
    },
}

/// An object of the manifest bucket, and what became of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) outcome: Outcome,
}

impl Item {
    /// For people.
    #[must_use]
    pub fn line(&self) -> String {
        let text = match &self.outcome {
            Outcome::Sent { size: all, now } if all == now => format!("sent, {}", size(*all)),
            Outcome::Sent { size: all, now } => {
                let (all, now) = (size(*all), size(*now));
                format!("sent, {all}, of which {now} now and the rest before")
            }
            Outcome::Same { size: all } => format!("the same is there already, {}", size(*all)),
            Outcome::InBucketOnly(path) => format!("in the bucket already; there is no {path}"),
            Outcome::Planned { size: all } => format!("{}, unless the same is there", size(*all)),
        };
        plain(&format!("{}: {text}", s3_uri(&self.bucket, &self.key)))
    }

    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let (result, size, now) = match self.outcome {
            Outcome::Sent { size, now } => ("sent", Some(size), now),
            Outcome::Same { size } => ("same", Some(size), 0),
            Outcome::InBucketOnly(_) => ("in-bucket-only", None, 0),
            Outcome::Planned { size } => ("planned", Some(size), 0),
        };
        json!({
            "bucket": self.bucket,
            "key": self.key,
            "result": result,
            "bytes": size,
            "bytesSent": now,
        })
    }
}

/// Why a manifest cannot be pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The file's name.
    pub file: String,
    /// Its content.
    pub content: Vec<u8>,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

impl Refused {
    /// For programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let problems: Vec<Value> = self.problems.iter().map(problem_to_json).collect();
        json!({ "file": self.file, "result": "refused", "problems": problems })
    }
}
