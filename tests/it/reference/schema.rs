//! Every field of manifests, statuses and notices, from the JSON Schemas, which are made from the types.

use std::collections::BTreeSet;

use amiwright::image::{message, status};
use amiwright::manifest::image;
use serde_json::{Map, Value};

use super::{hold, table};

/// The fields of a schema, those of mappings in it by their paths.
struct Fields {
    rows: Vec<Vec<String>>,
}

fn text<'a>(schema: &'a Value, name: &str) -> &'a str {
    schema[name].as_str().unwrap_or_default()
}

fn list<'a>(schema: &'a Value, name: &str) -> &'a [Value] {
    schema[name].as_array().map_or(&[], Vec::as_slice)
}

fn properties(schema: &Value) -> Option<&Map<String, Value>> {
    schema["properties"].as_object()
}

/// A link to the section of a type; `#` is the document itself.
fn link(reference: &str) -> String {
    if reference == "#" {
        return "[the same](#fields)".to_owned();
    }
    let name = reference.trim_start_matches("#/$defs/");
    format!("[{name}](#{})", name.to_lowercase())
}

/// What a field takes, in words.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema["$ref"].as_str() {
        return link(reference);
    }
    let choices = [list(schema, "anyOf"), list(schema, "oneOf")].concat();
    if !choices.is_empty() {
        let choices = choices.iter().filter(|it| it["type"] != "null");
        return choices.map(kind).collect::<Vec<_>>().join(" or ");
    }
    if let Some(value) = schema["const"].as_str() {
        return format!("`{value}`");
    }
    let values = list(schema, "enum").iter().filter_map(Value::as_str);
    let values: Vec<String> = values.map(|value| format!("`{value}`")).collect();
    if !values.is_empty() {
        return values.join(", ");
    }
    if schema["not"].is_object() {
        return "nothing".to_owned();
    }
    let types = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        many => many
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect(),
    };
    let types = types.into_iter().filter(|&it| it != "null");
    types
        .map(|it| of_type(it, schema))
        .collect::<Vec<_>>()
        .join(" or ")
}

fn of_type(name: &str, schema: &Value) -> String {
    let limit = |name: &str| schema[name].as_u64();
    match name {
        "string" if schema["format"] == "date-time" => "time".to_owned(),
        "string" => match limit("maxLength") {
            Some(most) => format!("text, at most {most} characters"),
            None => "text".to_owned(),
        },
        "boolean" => "`true`, `false`".to_owned(),
        "integer" => match (limit("minimum"), limit("maximum")) {
            (Some(least), Some(most)) => format!("{least} to {most}"),
            (Some(least), None) if least > 0 => format!("whole number from {least}"),
            _ => "whole number".to_owned(),
        },
        "number" => "number".to_owned(),
        "array" if properties(&schema["items"]).is_some() => "list".to_owned(),
        "array" => format!("list of {}", kind(&schema["items"])),
        "object" if properties(schema).is_some() => "mapping".to_owned(),
        "object" => match &schema["additionalProperties"] {
            one if one.is_object() && properties(one).is_none() => format!("map of {}", kind(one)),
            _ => "map".to_owned(),
        },
        other => panic!("a type that no manifest has: {other}"),
    }
}

/// What a field means, with what its values mean.
fn meaning(schema: &Value) -> String {
    let mut meaning = text(schema, "description").to_owned();
    let values = list(schema, "enum").iter().filter_map(Value::as_str);
    for (value, said) in values.zip(list(schema, "enumDescriptions")) {
        meaning += &format!(" `{value}`: {}", said.as_str().unwrap_or_default());
    }
    if schema["deprecated"] == true && schema["not"].is_null() {
        meaning = format!("Deprecated. {meaning}");
    }
    meaning
}

impl Fields {
    fn of(schema: &Value) -> Self {
        let mut fields = Self { rows: Vec::new() };
        fields.add(schema, "");
        fields
    }

    fn add(&mut self, schema: &Value, prefix: &str) {
        let required: BTreeSet<&str> = list(schema, "required")
            .iter()
            .filter_map(Value::as_str)
            .collect();
        for (name, field) in properties(schema).into_iter().flatten() {
            let path = format!("{prefix}{name}");
            let needed = if required.contains(name.as_str()) {
                ", **always**"
            } else {
                ""
            };
            self.rows.push(vec![
                format!("`{path}`"),
                kind(field) + needed,
                meaning(field),
            ]);
            self.add(field, &format!("{path}."));
            self.add(&field["items"], &format!("{path}[]."));
            self.add(&field["additionalProperties"], &format!("{path}.*."));
        }
    }

    fn table(&self) -> String {
        match self.rows.is_empty() {
            true => String::new(),
            false => table(&["field", "value", "meaning"], &self.rows) + "\n",
        }
    }
}

/// What a type can be: words, or mappings that are told apart by a word in them.
fn choices(schema: &Value) -> String {
    let choices = [list(schema, "oneOf"), list(schema, "anyOf")].concat();
    let choices = choices.iter().filter(|it| it["type"] != "null");
    let rows: Vec<Vec<String>> = choices.map(choice).collect();
    match rows.is_empty() {
        true => String::new(),
        false => table(&["value", "has", "meaning"], &rows) + "\n",
    }
}

fn choice(schema: &Value) -> Vec<String> {
    let mut words = vec![];
    let mut fields = vec![];
    for (name, field) in properties(schema).into_iter().flatten() {
        match field["const"].as_str() {
            Some(word) => words.push(format!("`{name}: {word}`")),
            None => fields.push(
                format!("`{name}`: {} {}", kind(field), meaning(field))
                    .trim()
                    .to_owned(),
            ),
        }
    }
    if words.is_empty() && properties(schema).is_none() {
        words.push(kind(schema));
    }
    vec![
        words.join(", "),
        fields.join("; "),
        text(schema, "description").to_owned(),
    ]
}

/// The sections of the types that a schema has, without those that another page has.
fn types(schema: &Value, elsewhere: &Value) -> String {
    let mut sections = String::new();
    for (name, part) in schema["$defs"].as_object().unwrap() {
        if elsewhere["$defs"].get(name) == Some(part) {
            continue;
        }
        let (said, fields, choices) = (
            text(part, "description"),
            Fields::of(part).table(),
            choices(part),
        );
        let plain = match fields.is_empty() && choices.is_empty() {
            true => format!("{}\n\n", kind(part)),
            false => String::new(),
        };
        sections += &format!("## {name}\n\n{said}\n\n{plain}{fields}{choices}");
    }
    sections
}

#[test]
fn every_field_of_manifests() {
    let schema = image::schema();
    let rows = Fields::of(&schema).table();
    let content = format!("## Fields\n\n{rows}{}", types(&schema, &Value::Null));
    let introduction = "Every field that a manifest can have, from the types that read it (`amiwright schema`). What they are \
        for, with examples: [Manifests](../manifest.md). A field with **always** is required where its mapping is there.";
    hold(
        "manifest-fields",
        "Fields of manifests",
        introduction,
        &content,
    );
    assert!(content.contains("| `register.bootMode` |") && content.contains("## Vm\n"));
}

#[test]
fn every_field_of_statuses() {
    let schema = status::schema();
    let rows = Fields::of(&schema).table();
    let content = format!("## Fields\n\n{rows}{}", types(&schema, &Value::Null));
    let introduction = "Every field of a status, from the types that write it (`amiwright schema status`). How to read one: \
        [the status document](../operating.md#the-status-document). A field with **always** is always there.";
    hold(
        "status-fields",
        "Fields of statuses",
        introduction,
        &content,
    );
}

#[test]
fn every_field_of_notices() {
    let (schema, status) = (message::schema(), status::schema());
    // Types that statuses have are described on their page.
    let mut content = types(&schema, &status);
    let (known, other) = (&schema["$defs"], &status["$defs"]);
    for (name, part) in known.as_object().unwrap() {
        if other.get(name) == Some(part) {
            let link = link(name);
            let there = link.replace("](#", "](status-fields.md#");
            content = content.replace(&link, &there);
        }
    }
    let introduction = "Every field of a notice, from the types that write it (`amiwright schema notice`): a \
        [Notice](#notice), or a [ShortNotice](#shortnotice) where nothing more could be sent. How to use them: [Notices and \
        statuses for machines](../notices.md).";
    hold("notice-fields", "Fields of notices", introduction, &content);
}
