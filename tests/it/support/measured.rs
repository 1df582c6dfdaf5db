//! What CloudWatch would make of what the functions printed.

use std::collections::BTreeMap;

use amiwright::metrics::{Metric, NAMESPACE, SOURCE};
use localaws::logs::Datum;

use super::stack::TestStack;

impl TestStack {
    /// The functions' metrics so far.
    pub(crate) fn measured(&self) -> Vec<Datum> {
        let mut all = self.world.logs().metrics().unwrap();
        all.retain(|datum| datum.namespace == NAMESPACE);
        all
    }

    /// All values of a metric: by source, or under an empty name where it has none.
    pub(crate) fn values_of(&self, metric: Metric) -> BTreeMap<String, Vec<f64>> {
        let mut found = BTreeMap::<String, Vec<f64>>::new();
        for datum in self.measured() {
            if datum.metric == metric.to_string() {
                let source = datum.dimensions.get(SOURCE).cloned();
                let values = found.entry(source.unwrap_or_default()).or_default();
                values.extend(datum.values);
            }
        }
        found
    }

    /// The log groups of which a line was no valid document of the embedded metric format.
    pub(crate) fn invalid_metrics(&self) -> Vec<String> {
        let all = self.world.logs().metrics().unwrap();
        let invalid = all.into_iter().filter(|it| it.namespace != NAMESPACE);
        invalid.map(|it| format!("{it:?}")).collect()
    }
}
