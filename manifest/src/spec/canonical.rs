//! Canonical JSON: what two manifests that ask for the same have in common.

use serde::Serialize;
use serde_json::Value;

/// `value` as JSON with sorted keys and no white space. A field without a value is left out, so that a later version of
/// the types with more fields gives the same bytes for the same manifest.
pub(super) fn bytes(value: &impl Serialize) -> Vec<u8> {
    #[expect(
        clippy::expect_used,
        reason = "it fails for maps whose keys are not text, and the halves of a manifest have none"
    )]
    let mut value = serde_json::to_value(value).expect("the halves of a manifest are JSON");
    drop_absent(&mut value);
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, field| !matches!(field, Value::Object(inner) if inner.is_empty()));
    }
    value.sort_all_objects();
    value.to_string().into_bytes()
}

/// Takes out nulls and empty lists, at every depth. Empty mappings can have a meaning: an EBS volume with no settings.
fn drop_absent(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(drop_absent);
            fields.retain(|_, field| {
                !field.is_null() && !matches!(field, Value::Array(items) if items.is_empty())
            });
        }
        Value::Array(items) => items.iter_mut().for_each(drop_absent),
        _ => {}
    }
}

/// Gives a list that EC2 takes as a set one order.
pub(super) fn sort(list: &mut [String]) {
    list.sort_unstable();
}
