//! What refers to an image, besides instances: launch templates, and parameters of Parameter Store.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

/// A launch template to put into the world, see `Ec2::seed_launch_template`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedLaunchTemplate {
    /// Its id; none makes one.
    pub id: Option<String>,
    /// The image that each version names, oldest version first; a version may name none.
    pub versions: Vec<Option<String>>,
}

/// Values of a Region's parameters that name images, by the parameter's name.
pub(crate) type ImageParameters = Arc<dyn Fn(&str) -> BTreeMap<String, String> + Send + Sync>;

/// Where EC2 looks up the parameters; nowhere until a world has Parameter Store.
#[derive(Default)]
pub(crate) struct ParameterSource(Mutex<Option<ImageParameters>>);

impl ParameterSource {
    /// Looks them up there from now on.
    pub(crate) fn set(&self, source: ImageParameters) {
        *crate::lock::lock(&self.0) = Some(source);
    }

    /// The parameters of a Region, as they are now.
    pub(crate) fn read(&self, region: &str) -> BTreeMap<String, String> {
        let source = crate::lock::lock(&self.0).clone();
        source.map(|source| source(region)).unwrap_or_default()
    }
}
