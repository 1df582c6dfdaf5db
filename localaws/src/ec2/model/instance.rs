//! Instances: only as much of them as bundle tasks, product codes and references to images need. They are put into the
//! world, not launched.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ec2::model::image::RootDeviceType;
use crate::ec2::wire::tags::Tags;

/// An instance to put into the world, see `Ec2::seed_instance`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SeedInstance {
    /// Its id; none makes one.
    pub id: Option<String>,
    /// `windows`, or nothing for Linux.
    pub platform: Option<String>,
    /// What its root is on.
    pub root_device_type: RootDeviceType,
    /// Where it is in its life.
    pub state: InstanceState,
    /// `i386` or `x86_64`.
    pub architecture: String,
    /// The image that it was launched from.
    #[serde(default)]
    pub image_id: Option<String>,
    /// The product codes attached to it.
    #[serde(default)]
    pub product_codes: Vec<String>,
    /// The account that launched it; none is this world's.
    #[serde(default)]
    pub owner_id: Option<String>,
    /// Whether its metadata service is switched off (`HttpEndpoint` of ModifyInstanceMetadataOptions).
    #[serde(default)]
    pub metadata_disabled: bool,
    /// For example `m3.large`; what is not said here no answer says.
    #[serde(default)]
    pub instance_type: Option<String>,
    /// Its tags, by key.
    #[serde(default)]
    pub tags: Tags,
    /// When it was launched; none is when it is put into the world.
    #[serde(default)]
    pub launched_at: Option<Timestamp>,
}

impl Default for SeedInstance {
    /// A running 64-bit Windows instance with its root on the instance store: what BundleInstance is for.
    fn default() -> Self {
        Self {
            id: None,
            platform: Some("windows".to_owned()),
            root_device_type: RootDeviceType::InstanceStore,
            state: InstanceState::Running,
            architecture: "x86_64".to_owned(),
            image_id: None,
            product_codes: Vec::new(),
            owner_id: None,
            metadata_disabled: false,
            instance_type: None,
            tags: Tags::new(),
            launched_at: None,
        }
    }
}

/// `InstanceStateName` of the EC2 API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// Being launched.
    Pending,
    /// Up.
    Running,
    /// On its way to `terminated`.
    ShuttingDown,
    /// Gone.
    Terminated,
    /// On its way to `stopped`.
    Stopping,
    /// Down, and may be started again.
    Stopped,
}

impl fmt::Display for InstanceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pending => "pending",
            Self::Running => "running",
            Self::ShuttingDown => "shutting-down",
            Self::Terminated => "terminated",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        })
    }
}
