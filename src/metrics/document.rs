//! Documents of the embedded metric format: what is measured is a member of the document, and `_aws` says of which
//! members CloudWatch makes metrics.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::metric::{Dimensions, Metric, NAMESPACE, SOURCE, STACK};
use super::values::Values;

/// The most values of a metric in one document ("Numeric array metric targets MUST NOT have more than 100 members").
const VALUES_MAX: usize = 100;

/// One line of a log.
#[derive(Serialize)]
struct Document {
    #[serde(rename = "_aws")]
    metadata: Metadata,
    /// Values of dimensions and of metrics.
    #[serde(flatten)]
    members: Map<String, Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    /// Milliseconds since 1970.
    timestamp: i64,
    cloud_watch_metrics: [Directive; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive {
    namespace: &'static str,
    dimensions: [&'static [&'static str]; 1],
    metrics: Vec<Definition>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: String,
    unit: String,
}

/// The documents that say this: one, unless a metric has very many values.
pub(super) fn lines(
    stack: &str,
    source: Option<&str>,
    mut metrics: BTreeMap<Metric, Values>,
    now: Timestamp,
) -> Vec<String> {
    let mut lines = Vec::new();
    while !metrics.is_empty() {
        let mut left = BTreeMap::new();
        for (metric, values) in &mut metrics {
            if let Values::Each(all) = values
                && all.len() > VALUES_MAX
            {
                left.insert(*metric, Values::Each(all.split_off(VALUES_MAX)));
            }
        }
        let document = document(stack, source, &metrics, now);
        match serde_json::to_string(&document) {
            Ok(line) => lines.push(line),
            // Numbers and texts can always be written.
            Err(error) => tracing::error!(%error, "what was measured cannot be written"),
        }
        metrics = left;
    }
    lines
}

fn document(
    stack: &str,
    source: Option<&str>,
    metrics: &BTreeMap<Metric, Values>,
    now: Timestamp,
) -> Document {
    let mut members = Map::new();
    members.insert(STACK.to_owned(), stack.into());
    members.extend(source.map(|source| (SOURCE.to_owned(), source.into())));
    members.extend(
        metrics
            .iter()
            .map(|(metric, values)| (metric.to_string(), value(values))),
    );
    let definitions = metrics.keys().map(|metric| Definition {
        name: metric.to_string(),
        unit: metric.unit().to_string(),
    });
    let dimensions = match source {
        None => Dimensions::Stack,
        Some(_) => Dimensions::StackAndSource,
    };
    let directive = Directive {
        namespace: NAMESPACE,
        dimensions: [dimensions.names()],
        metrics: definitions.collect(),
    };
    Document {
        metadata: Metadata {
            timestamp: now.as_millisecond(),
            cloud_watch_metrics: [directive],
        },
        members,
    }
}

fn value(values: &Values) -> Value {
    match values {
        Values::Count(value) | Values::Largest(value) => (*value).into(),
        Values::Each(values) => match values.as_slice() {
            [value] => (*value).into(),
            values => values.into(),
        },
    }
}
