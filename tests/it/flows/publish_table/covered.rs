//! Every publishing field that a manifest can have, and every word of one, is in a row of the table.

use std::collections::BTreeSet;

use amiwright_manifest::image::{self, PublishSpec};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::fields::{Before, FIELDS, Field};

/// What is not a setting of an AMI that exists.
const BUILD: [&str; 3] = ["name", "source", "register"];

/// The settings of a manifest of a row.
fn settings(field: &Field, text: &str) -> Value {
    let source = match field.before {
        Before::Bundle => "bundle: {manifest: web.manifest.xml}",
        _ => "snapshot: {id: snap-0123456789abcdef0}",
    };
    let manifest = format!("name: web\nsource: {{{source}}}\n{text}");
    let parsed = image::parse("web.image.yaml", manifest.as_bytes(), now());
    let spec: PublishSpec = parsed.unwrap_or_else(|it| panic!("{text}{it:#?}")).publish;
    json!(spec)
}

fn now() -> Timestamp {
    "2026-11-21T10:00:00Z".parse().unwrap()
}

fn fields(of: &Value) -> impl Iterator<Item = (&String, &Value)> {
    of.as_object().into_iter().flatten()
}

/// The words that a value can be.
fn words(schema: &Value) -> impl Iterator<Item = &str> {
    let words = schema["enum"].as_array().into_iter().flatten();
    words.filter_map(Value::as_str)
}

/// All that can be said at this place, and in it.
fn all(schema: &Value, at: &str, found: &mut BTreeSet<String>) {
    found.insert(at.to_owned());
    found.extend(words(schema).map(|word| format!("{at}: {word}")));
    for (name, inner) in fields(&schema["properties"]) {
        all(inner, &format!("{at}.{name}"), found);
    }
    for inner in ["additionalProperties", "items"] {
        if schema[inner].is_object() {
            all(&schema[inner], &format!("{at}.*"), found);
        }
    }
}

/// What of that one manifest says, and another does not.
fn said(schema: &Value, at: &str, (before, now): (&Value, &Value), found: &mut BTreeSet<String>) {
    if before == now {
        return;
    }
    found.insert(at.to_owned());
    found.extend(now.as_str().map(|word| format!("{at}: {word}")));
    for (name, inner) in fields(&schema["properties"]) {
        let values = (&before[name], &now[name]);
        said(inner, &format!("{at}.{name}"), values, found);
    }
    let inside = format!("{at}.*");
    if schema["additionalProperties"].is_object() {
        for (name, value) in fields(now) {
            let inner = &schema["additionalProperties"];
            said(inner, &inside, (&before[name], value), found);
        }
    }
    for (index, value) in now.as_array().into_iter().flatten().enumerate() {
        said(&schema["items"], &inside, (&before[index], value), found);
    }
}

#[test]
fn every_publishing_field_and_every_word_of_one_has_a_row() {
    let schema = image::schema();
    let mut expected = BTreeSet::new();
    let mut rows = BTreeSet::new();
    let mut names = Map::new();
    for (name, inner) in fields(&schema["properties"]) {
        if BUILD.contains(&name.as_str()) {
            continue;
        }
        names.insert(name.clone(), Value::Null);
        all(inner, name, &mut expected);
        for field in &FIELDS {
            let base = settings(field, field.base);
            for other in [field.with, field.changed] {
                let values = (&base[name], &settings(field, other)[name]);
                said(inner, name, values, &mut rows);
            }
        }
    }
    // What the schema calls settings is what the code does.
    let known = json!(PublishSpec {
        repair: true,
        ..PublishSpec::default()
    });
    let known: BTreeSet<&String> = fields(&known).map(|(name, _)| name).collect();
    assert_eq!(known, names.keys().collect());
    let missing: Vec<&String> = expected.difference(&rows).collect();
    assert_eq!(missing, [""; 0], "no row has these");
}
