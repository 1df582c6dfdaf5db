//! What tests share: the stack of a test, its emails, what images are made from, what can go wrong.

mod bundle;
mod by_hand;
mod changes;
mod email;
mod functions;
mod making;
mod measured;
mod meddling;
mod order;
mod protecting;
mod schema;
mod scratch;
mod seen;
mod stack;
mod uploads;

use std::time::Duration;

use http::StatusCode;
use localaws::faults::Fault;

pub(crate) use bundle::{BUNDLE_MANIFEST, BUNDLE_PART, other_bundle};
pub(crate) use changes::{changes_by_name, changes_since, in_words};
pub(crate) use email::Email;
pub(crate) use functions::whole_seconds;
pub(crate) use making::{Before, importing, making, starting_call};
pub(crate) use meddling::meddle;
pub(crate) use stack::{EMAIL, KEY_ID, REGION, SECRET, STORE_BUCKET, TestStack};
pub(crate) use uploads::etag;

/// A disk file that starts as its format says.
pub(crate) fn vmdk() -> Vec<u8> {
    let mut disk = b"KDMV".to_vec();
    disk.resize(4096, 0);
    disk
}

/// A manifest that makes an AMI of [`vmdk`], dropped beside it as `web.vmdk`.
pub(crate) const DISK: &str =
    "name: web-{date}\nsource:\n  disk: {object: web.vmdk, format: vmdk}\ntags: {team: web}\n";

pub(crate) fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

/// EC2 or S3 answers with this error code.
pub(crate) fn refused(code: &str) -> Fault {
    Fault::Refuse {
        status: StatusCode::BAD_REQUEST,
        code: code.to_owned(),
        message: "You may not".to_owned(),
    }
}

/// Every way in which one call can go wrong.
pub(crate) fn faults() -> Vec<Fault> {
    vec![
        Fault::Throttle,
        Fault::LoseAnswer,
        Fault::Crash,
        Fault::CrashBefore,
        Fault::Slow(Duration::from_secs(30)),
        Fault::Refuse {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: "InternalError".to_owned(),
            message: "We encountered an internal error. Please try again.".to_owned(),
        },
    ]
}
