//! What all commands print as JSON: one object, with what was found in `items`.

use std::io::{self, Write};

use serde_json::{Map, Value, json};

/// The version of the shape. Fields may be added to it; none is changed or removed.
pub(super) const SCHEMA: u32 = 1;

/// Writes `{"schema": 1, "command": …, "items": […]}`, with further fields of the command in between.
pub(super) fn write(
    command: &str,
    facts: Value,
    items: Vec<Value>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut object = Map::new();
    object.insert("schema".to_owned(), json!(SCHEMA));
    object.insert("command".to_owned(), json!(command));
    if let Value::Object(facts) = facts {
        object.extend(facts);
    }
    object.insert("items".to_owned(), Value::Array(items));
    // `{:#}` indents.
    writeln!(out, "{:#}", Value::Object(object))
}
