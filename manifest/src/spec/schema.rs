//! The JSON Schema of the image manifest, in the form that gives editors a message about the one place that is wrong.
//!
//! A validator that finds that none of several schemas matches says just that ("not valid under any of the given schemas"),
//! whatever is wrong inside. So there is one schema for each place: `null`, which stands for nothing, and the short form of
//! a value are types of it, and the values of an enum are a list.

use schemars::Schema;
use serde_json::{Map, Value, json};

use super::flat::Document;

/// The JSON Schema of the image manifest.
#[must_use]
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Document).to_value();
    let mut definitions = match schema["$defs"].take() {
        Value::Object(definitions) => definitions,
        _ => Map::new(),
    };
    definitions.values_mut().for_each(list_values);
    let known = definitions.clone();
    for definition in definitions.values_mut() {
        in_one_schema(definition, &known);
    }
    in_one_schema(&mut schema, &known);
    // What nothing refers to any more stands where it was referred to.
    let text = format!("{schema}{}", Value::Object(definitions.clone()));
    definitions.retain(|name, _| text.contains(&format!("\"#/$defs/{name}\"")));
    schema["$defs"] = Value::Object(definitions);
    schema
}

/// For an enum of mappings with one field each: a mapping with exactly one of these fields.
pub(super) fn exactly_one(schema: &mut Schema) {
    let variants = schema.remove("oneOf");
    let variants = variants.iter().filter_map(Value::as_array).flatten();
    let mut properties = Map::new();
    for variant in variants {
        for (name, value) in variant["properties"].as_object().into_iter().flatten() {
            let mut value = value.clone();
            for keyword in ["description", "deprecated"] {
                if let Some(given) = variant.get(keyword) {
                    value[keyword] = given.clone();
                }
            }
            properties.insert(name.clone(), value);
        }
    }
    let names: Vec<String> = properties.keys().map(|name| format!("`{name}`")).collect();
    let message = format!("exactly one of {}", names.join(", "));
    for (keyword, value) in [
        ("type", json!("object")),
        ("additionalProperties", json!(false)),
        ("properties", Value::Object(properties)),
        ("minProperties", json!(1)),
        ("maxProperties", json!(1)),
        ("errorMessage", json!(message)),
    ] {
        schema.insert(keyword.to_owned(), value);
    }
}

/// For a field that is known so that the refusal can say what to do instead.
pub(super) fn refused(schema: &mut Schema) {
    let message = schema.get("description").cloned().unwrap_or_default();
    *schema = Schema::default();
    for (keyword, value) in [
        ("description", message.clone()),
        ("deprecated", json!(true)),
        ("not", json!({})),
        ("errorMessage", message),
    ] {
        schema.insert(keyword.to_owned(), value);
    }
}

/// A value that is written short, or as a mapping.
pub(super) fn short_or_mapping(short: &Schema, mapping: &Schema) -> Schema {
    let mut both = mapping.clone();
    let short = short.get("type").cloned().unwrap_or_default();
    both.insert("type".to_owned(), json!([short, "object"]));
    both
}

/// An enum of texts as a list of its values: with `oneOf`, a validator does not say which there are.
fn list_values(definition: &mut Value) {
    let variants = definition["oneOf"].as_array().cloned();
    let is_text = |it: &Value| it["const"].is_string();
    let Some(variants) = variants.filter(|variants| variants.iter().all(is_text)) else {
        return;
    };
    let of_each = |keyword: &str| -> Vec<Value> {
        let variants = variants.iter();
        variants.map(|variant| variant[keyword].clone()).collect()
    };
    let listed = json!({
        "description": definition["description"],
        "type": "string",
        "enum": of_each("const"),
        "enumDescriptions": of_each("description"),
    });
    *definition = listed;
}

/// Replaces every `anyOf` of something and `null`, here and inside, by a schema of which `null` is one type.
fn in_one_schema(schema: &mut Value, known: &Map<String, Value>) {
    match schema {
        Value::Array(items) => {
            for item in items {
                in_one_schema(item, known);
            }
        }
        Value::Object(fields) => {
            let choices = fields.get("anyOf").and_then(Value::as_array);
            let optional = choices.and_then(|choices| match choices.as_slice() {
                [value, null] if null["type"] == "null" => Some(value.clone()),
                _ => None,
            });
            if let Some(optional) = optional {
                fields.remove("anyOf");
                for (keyword, value) in or_null(resolved(optional, known)) {
                    fields.entry(keyword).or_insert(value);
                }
            }
            for value in fields.values_mut() {
                in_one_schema(value, known);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What a reference refers to; anything else is itself.
fn resolved(schema: Value, known: &Map<String, Value>) -> Value {
    let name = schema["$ref"].as_str();
    let name = name.and_then(|reference| reference.strip_prefix("#/$defs/"));
    name.and_then(|name| known.get(name).cloned())
        .unwrap_or(schema)
}

/// The keywords of a schema that lets `null` through, too.
fn or_null(schema: Value) -> Map<String, Value> {
    let Value::Object(mut keywords) = schema else {
        return Map::new();
    };
    let mut types = match keywords.remove("type") {
        Some(Value::Array(types)) => types,
        Some(only) => vec![only],
        None => Vec::new(),
    };
    types.push(json!("null"));
    keywords.insert("type".to_owned(), Value::Array(types));
    if let Some(Value::Array(values)) = keywords.get_mut("enum") {
        values.push(Value::Null);
    }
    keywords
}
