//! DeleteParameter.

use serde_json::{Value, json};

use crate::ssm::model::Service;
use crate::ssm::request::{Failure, Members, not_found};

pub(super) fn answer(
    service: &Service,
    region: &str,
    mut members: Members,
) -> Result<Value, Failure> {
    let name = members.required("Name")?;
    members.finish()?;
    if service.delete(region, &name) {
        Ok(json!({}))
    } else {
        Err(not_found(&name))
    }
}

impl Service {
    /// Deletes a parameter with all of its versions, and says so on the bus; false if there is none.
    pub(super) fn delete(&self, region: &str, name: &str) -> bool {
        let mut state = self.settled();
        let kept = state.region(region);
        let name = &kept.name_of(name);
        // A value that is being validated goes, too.
        kept.pending.remove(name);
        let Some(parameter) = kept.parameters.remove(name) else {
            return false;
        };
        drop(state);
        let kind = parameter.versions.last().map(|last| last.kind.clone());
        let put = crate::ssm::model::Put {
            name: name.to_owned(),
            kind: kind.unwrap_or_default(),
            ..Default::default()
        };
        self.publish(region, &put, "Delete", None);
        true
    }
}
