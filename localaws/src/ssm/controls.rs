//! How SSM is set to behave, what is put into it, and what can be seen past the wire.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::Ssm;
use super::model::{IMAGE, InvalidValue, Put};

impl Ssm {
    /// Puts a parameter into a Region: a new version if there is one of this name. The type is `String`, `StringList`
    /// or `SecureString`.
    pub fn seed_parameter(&self, region: &str, name: &str, kind: &str, value: &str) {
        self.seed(region, name, kind, value, "text");
    }

    /// The same, of the data type `aws:ec2:image`, without any validation.
    pub fn seed_image_parameter(&self, region: &str, name: &str, value: &str) {
        self.seed(region, name, "String", value, IMAGE);
    }

    fn seed(&self, region: &str, name: &str, kind: &str, value: &str, data_type: &str) {
        let put = Put {
            name: name.to_owned(),
            kind: kind.to_owned(),
            value: value.to_owned(),
            data_type: data_type.to_owned(),
            ..Put::default()
        };
        let now = self.service.clock.now();
        let mut state = self.service.settled();
        state.region(region).add(put, now);
    }

    /// The value of a parameter's last version, also of a SecureString.
    #[must_use]
    pub fn parameter(&self, region: &str, name: &str) -> Option<String> {
        let state = self.service.settled();
        let parameter = state.regions.get(region)?.parameters.get(name)?;
        Some(parameter.versions.last()?.value.clone())
    }

    /// Whether a value that was put is still being validated: until then nobody can put another.
    #[must_use]
    pub fn is_validating(&self, region: &str, name: &str) -> bool {
        let mut state = self.service.settled();
        state.region(region).pending.contains_key(name)
    }

    /// The values whose validation has failed, in that order.
    #[must_use]
    pub fn invalid_values(&self) -> Vec<InvalidValue> {
        drop(self.service.settled());
        self.service.invalid().clone()
    }

    /// Whether the parameter of this name is a SecureString.
    pub(crate) fn is_secret(&self, region: &str, name: &str) -> bool {
        let state = self.service.settled();
        let region = state.regions.get(region);
        let parameter = region.and_then(|region| region.parameters.get(name));
        let version = parameter.and_then(|parameter| parameter.versions.last());
        version.is_some_and(|version| version.kind == "SecureString")
    }

    /// Reports whether an image of this Region (first) and id is available. It must not ask SSM anything.
    pub fn set_image_check(&self, check: impl Fn(&str, &str) -> bool + Send + Sync + 'static) {
        self.service.settings().image_check = Arc::new(check);
    }

    /// Reports whether the account can use a Region. It must not ask SSM anything.
    pub fn set_region_check(&self, check: impl Fn(&str) -> bool + Send + Sync + 'static) {
        self.service.settings().region_check = Arc::new(check);
    }

    /// How long the validation of a parameter of the data type `aws:ec2:image` takes, in the world's time; 5 s unless
    /// set, where the real one takes up to minutes.
    pub fn set_validation_time(&self, time: Duration) {
        self.service.settings().validation_time = time;
    }

    /// Whether SSM's request limits hold: `ThrottlingException`.
    pub fn set_request_limits(&self, on: bool) {
        self.service.settings().limited = on;
    }

    /// Returns a Region's parameters that name images, values by name. It does not keep this SSM alive.
    pub fn image_parameters(
        &self,
    ) -> impl Fn(&str) -> BTreeMap<String, String> + Send + Sync + 'static {
        let service = Arc::downgrade(&self.service);
        move |region| {
            let Some(service) = service.upgrade() else {
                return BTreeMap::new();
            };
            let state = service.settled();
            let parameters = state.regions.get(region).map(|region| &region.parameters);
            let parameters = parameters.into_iter().flatten();
            let values = parameters.filter_map(|(name, parameter)| {
                let last = parameter.versions.last()?;
                (last.data_type == IMAGE).then(|| (name.clone(), last.value.clone()))
            });
            values.collect()
        }
    }
}
