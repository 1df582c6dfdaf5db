//! What was seen of an image, and what that means where nothing can be done about it.

use std::collections::BTreeMap;

use super::blockers::AccountSettings;
use super::settings::Shown;
use crate::image::observed::ObservedParameter;
use crate::image::status::ParameterId;

/// What was seen of a thing in AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation<T> {
    /// This.
    Seen(T),
    /// It is not there.
    Absent,
    /// That cannot be said: the call failed, or shows something that is not proven to be ours.
    Unknown,
}

/// What was seen of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observed {
    /// Its AMI in each Region.
    pub regions: BTreeMap<String, Observation<Shown>>,
    /// What the account has set in the Regions in which something is about to be shared.
    pub accounts: BTreeMap<String, AccountSettings>,
    /// The parameters that point to it. One that was not looked at is unknown.
    pub parameters: BTreeMap<ParameterId, Observation<ObservedParameter>>,
}

/// Why a Region is not done, and will be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pending {
    /// What was changed a moment ago does not show yet.
    Settling,
    /// There is no AMI yet.
    NoImage,
    /// The copy is being made, which takes as long as it takes.
    Copying,
    /// The AMI is not available, and is not being made.
    NotAvailable,
    /// It could not be seen.
    Unknown,
}

/// Why there will be no copy in a Region, or not as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CopyFault {
    /// The AMI is made from a bundle in S3. EC2 would put its copy into buckets that it makes in the account, with the
    /// caller's permissions ("Copy an AMI", EC2 User Guide).
    InstanceStore,
    /// This copy was finished, and somebody deregistered it since; or it was lost as often as it was made.
    Deregistered(String),
    /// Somebody has disabled this AMI, which takes it out of service: it is not enabled again without a person.
    Disabled(String),
    /// This copy was finished, and EC2 shows it as broken now. It may be in use, or come back.
    Broken {
        /// The copy.
        image: String,
        /// EC2's word for its state.
        state: String,
        /// Why, in EC2's words.
        reason: Option<String>,
    },
    /// This copy was made with another KMS key than is asked for, which EC2 cannot change.
    OtherKey {
        /// The copy.
        image: String,
        /// The key that it was made with; none for none that was named.
        key: Option<String>,
        /// The key that is asked for; none for none that is named.
        asked: Option<String>,
    },
}
