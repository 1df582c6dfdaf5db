//! Image manifests, as YAML and as JSON: a specification or problems with places, and the same specification from its own
//! canonical JSON.

use amiwright_manifest::guardrails::Guardrails;
use amiwright_manifest::image::{self, ImageManifest};
use amiwright_manifest::{Change, Problem};
use jiff::Timestamp;
use serde_json::Value;

use super::places;

const KEYS: [&str; 2] = ["a.image.yaml", "a.image.json"];

/// 2026-11-21T12:00:00Z
const NOW: Timestamp = Timestamp::constant(1_795_262_400, 0);

/// Checks these bytes as a manifest.
pub(crate) fn run(data: &[u8]) {
    let parsed = KEYS.map(|key| in_format(key, data));
    if let [Some(yaml), Some(json)] = &parsed {
        assert_eq!(digests(yaml), digests(json), "YAML and JSON differ");
    }
    for manifest in parsed.iter().flatten() {
        canonical(manifest);
    }
}

fn in_format(key: &str, data: &[u8]) -> Option<ImageManifest> {
    let _ = image::looks_like(key, data);
    let closed = Guardrails {
        account: Some("123456789012".to_owned()),
        bucket: Some("images".to_owned()),
        region: Some("us-east-1".to_owned()),
        ..Guardrails::default()
    };
    let within = image::parse_within(key, data, NOW, &closed);
    let parsed = image::parse(key, data, NOW);
    if let Err(problems) = &within {
        places::check(data, problems);
    }
    match parsed {
        Ok(manifest) => {
            let warnings = image::warnings(key, data);
            if !warnings.is_empty() {
                places::check(data, &warnings);
            }
            if let Ok(within) = within {
                assert_eq!(
                    digests(&within),
                    digests(&manifest),
                    "guardrails change nothing"
                );
            }
            Some(manifest)
        }
        Err(problems) => {
            places::check(data, &problems);
            if key.ends_with(".json") {
                obey(data, &problems);
            }
            None
        }
    }
}

fn digests(manifest: &ImageManifest) -> (String, String) {
    (manifest.build.digest(), manifest.publish.digest())
}

/// What a manifest asks for, written as a manifest, asks for the same.
fn canonical(manifest: &ImageManifest) {
    let mut document: Value = serde_json::from_slice(&manifest.build.canonical()).unwrap();
    let publish: Value = serde_json::from_slice(&manifest.publish.canonical()).unwrap();
    let (Value::Object(fields), Value::Object(published)) = (&mut document, publish) else {
        panic!("both halves are objects");
    };
    fields.extend(published);
    let text = document.to_string();
    for key in KEYS {
        match image::parse(key, text.as_bytes(), NOW) {
            Ok(again) => assert_eq!(digests(&again), digests(manifest), "{key} {text}"),
            Err(problems) => panic!("{key} {text} {problems:?}"),
        }
    }
}

/// Every change that a hint proposes can be made.
fn obey(data: &[u8], problems: &[Problem]) {
    let Ok(document) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    for suggestion in problems.iter().flat_map(|problem| &problem.suggestions.0) {
        let mut document = document.clone();
        for change in &suggestion.changes {
            match change {
                Change::Add { path, value } => add(&mut document, path, value.clone()),
                Change::Replace { path, value } => {
                    let place = document.pointer_mut(path);
                    *place.unwrap_or_else(|| panic!("{path} is replaced")) = value.clone();
                }
                Change::Remove { path } => drop(remove(&mut document, path)),
                Change::Move { from, path } => {
                    let value = remove(&mut document, from);
                    add(&mut document, path, value);
                }
            }
        }
        let _ = image::parse(KEYS[1], document.to_string().as_bytes(), NOW);
    }
}

fn parent<'a>(document: &'a mut Value, path: &str) -> (&'a mut Value, String) {
    let (parent, name) = path.rsplit_once('/').unwrap();
    let name = name.replace("~1", "/").replace("~0", "~");
    let parent = document.pointer_mut(parent);
    (
        parent.unwrap_or_else(|| panic!("{path} has a parent")),
        name,
    )
}

fn add(document: &mut Value, path: &str, value: Value) {
    match parent(document, path) {
        (Value::Object(fields), name) => drop(fields.insert(name, value)),
        (Value::Array(items), name) if name == "-" => items.push(value),
        (_, name) => panic!("{path}: {name} is added"),
    }
}

fn remove(document: &mut Value, path: &str) -> Value {
    match parent(document, path) {
        (Value::Object(fields), name) => fields.shift_remove(&name).unwrap(),
        (Value::Array(items), name) => items.remove(name.parse().unwrap()),
        (_, name) => panic!("{path}: {name} is removed"),
    }
}
