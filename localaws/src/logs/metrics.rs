//! What CloudWatch makes of the functions' logs: metrics, of lines in its embedded metric format ("Specification: Embedded
//! metric format", Amazon CloudWatch User Guide).
//!
//! Each value goes into the file `metrics.jsonl` of the world, one JSON object a line. A document that is not as the
//! specification says gives none, but the metric `EMFValidationErrors` of its log group, as in an account ("Monitoring
//! with CloudWatch metrics", Amazon CloudWatch Logs User Guide).

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The most metrics of one directive, and the most values of one metric.
const AT_ONCE: usize = 100;

/// The most dimensions of one metric.
const DIMENSIONS: usize = 30;

/// The most characters of a namespace, of the name of a metric, and of the value of a dimension.
const TEXT: usize = 1024;

/// The most characters of the name of a dimension.
const DIMENSION: usize = 250;

/// The units ("MetricDatum", Amazon CloudWatch API Reference), but for those of a second, which are these with `/Second`.
const UNITS: [&str; 16] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "None",
];

/// The units that exist for a second, too.
const BY_SECOND: [&str; 11] = [
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Count",
];

/// Values of one metric at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Datum {
    /// Of what time.
    pub at: Timestamp,
    /// Whose metric it is.
    pub namespace: String,
    /// Its name.
    pub metric: String,
    /// Its dimensions, by name.
    pub dimensions: BTreeMap<String, String>,
    /// What it is counted in.
    pub unit: String,
    /// Usually one.
    pub values: Vec<f64>,
}

/// The file with the metrics of a world whose functions' logs are in this directory.
pub(crate) fn file(logs: &Path) -> PathBuf {
    logs.with_file_name("metrics.jsonl")
}

/// What is in this file, in its order; nothing if it does not exist.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn read(path: &Path) -> io::Result<Vec<Datum>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    BufReader::new(file)
        .lines()
        .map(|line| Ok(serde_json::from_str(&line?)?))
        .collect()
}

/// The metrics of a line of this log group; none of a line that is not in the format. An invalid one counts as such, at
/// this time.
pub(crate) fn of_line(line: &str, log_group: &str, now: Timestamp) -> Vec<Datum> {
    // Most lines are something else.
    if !line.contains("\"CloudWatchMetrics\"") {
        return Vec::new();
    }
    let Ok(Value::Object(root)) = serde_json::from_str(line) else {
        return Vec::new();
    };
    let Some(metadata) = root.get("_aws") else {
        return Vec::new();
    };
    extract(&root, metadata).unwrap_or_else(|problem| {
        tracing::warn!(log_group, problem, line, "no metrics are made of this");
        let group = ("LogGroupName".to_owned(), log_group.to_owned());
        vec![Datum {
            at: now,
            namespace: "AWS/Logs".to_owned(),
            metric: "EMFValidationErrors".to_owned(),
            dimensions: BTreeMap::from([group]),
            unit: "Count".to_owned(),
            values: vec![1.0],
        }]
    })
}

fn extract(root: &Map<String, Value>, metadata: &Value) -> Result<Vec<Datum>, String> {
    let at = metadata.get("Timestamp").and_then(Value::as_i64);
    let at = at.ok_or("_aws.Timestamp is not a whole number")?;
    let at = Timestamp::from_millisecond(at).map_err(|error| error.to_string())?;
    let mut found = Vec::new();
    for directive in list(metadata, "CloudWatchMetrics")? {
        let namespace = text(directive, "Namespace", TEXT)?;
        let sets = list(directive, "Dimensions")?;
        if sets.is_empty() {
            return Err("Dimensions has no set".to_owned());
        }
        let sets = sets.iter().map(|set| dimensions(root, set));
        let sets = sets.collect::<Result<Vec<_>, _>>()?;
        let metrics = list(directive, "Metrics")?;
        if metrics.len() > AT_ONCE {
            return Err(format!("Metrics has more than {AT_ONCE}"));
        }
        for definition in metrics {
            let metric = text(definition, "Name", TEXT)?;
            let unit = unit(definition)?;
            resolution(definition)?;
            let values = values(root, metric)?;
            found.extend(sets.iter().map(|dimensions| Datum {
                at,
                namespace: namespace.to_owned(),
                metric: metric.to_owned(),
                dimensions: dimensions.clone(),
                unit: unit.to_owned(),
                values: values.clone(),
            }));
        }
    }
    Ok(found)
}

fn list<'a>(of: &'a Value, name: &str) -> Result<&'a [Value], String> {
    let list = of.get(name).and_then(Value::as_array);
    list.map(Vec::as_slice)
        .ok_or_else(|| format!("{name} is not a list"))
}

fn text<'a>(of: &'a Value, name: &str, most: usize) -> Result<&'a str, String> {
    let text = of.get(name).and_then(Value::as_str);
    text.filter(|text| (1..=most).contains(&text.chars().count()))
        .ok_or_else(|| format!("{name} is not a text of 1 to {most} characters"))
}

/// A set of dimensions, with what the root says of each.
fn dimensions(root: &Map<String, Value>, set: &Value) -> Result<BTreeMap<String, String>, String> {
    let names = set.as_array().ok_or("a set of Dimensions is not a list")?;
    if names.len() > DIMENSIONS {
        return Err(format!("a set of Dimensions has more than {DIMENSIONS}"));
    }
    let mut known = BTreeMap::new();
    for name in names {
        let name = name.as_str().unwrap_or_default();
        if !(1..=DIMENSION).contains(&name.chars().count()) {
            let problem = format!("a dimension is not a text of 1 to {DIMENSION} characters");
            return Err(problem);
        }
        let value = root.get(name).and_then(Value::as_str);
        let value = value.filter(|value| (1..=TEXT).contains(&value.chars().count()));
        let value = value.ok_or_else(|| format!("the dimension {name} has no value"))?;
        known.insert(name.to_owned(), value.to_owned());
    }
    Ok(known)
}

fn unit(definition: &Value) -> Result<&str, String> {
    let Some(unit) = definition.get("Unit") else {
        return Ok("None");
    };
    let unit = unit.as_str().unwrap_or_default();
    let is_by_second = |unit: &str| BY_SECOND.contains(&unit);
    let is_known = UNITS.contains(&unit) || unit.strip_suffix("/Second").is_some_and(is_by_second);
    is_known
        .then_some(unit)
        .ok_or_else(|| format!("`{unit}` is not a unit"))
}

fn resolution(definition: &Value) -> Result<(), String> {
    match definition.get("StorageResolution").map(Value::as_u64) {
        None | Some(Some(1 | 60)) => Ok(()),
        Some(_) => Err("StorageResolution is neither 1 nor 60".to_owned()),
    }
}

/// The values of a metric: a number, or a list of them.
fn values(root: &Map<String, Value>, metric: &str) -> Result<Vec<f64>, String> {
    let values = match root.get(metric) {
        Some(Value::Array(values)) if values.len() <= AT_ONCE => {
            values.iter().map(Value::as_f64).collect()
        }
        Some(value) => value.as_f64().map(|value| vec![value]),
        None => None,
    };
    let problem = || format!("{metric} is neither a number nor a list of at most {AT_ONCE}");
    values.ok_or_else(problem)
}
