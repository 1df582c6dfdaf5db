//! How many places the maps of a status take in memory. A map keeps places for eleven entries, each as large as all that may be
//! known of an AMI or of a parameter: a document of the largest size could hold so many maps of one entry each that reading it would
//! take two hundred times its size.

use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// The fields whose maps have large entries.
const LARGE: [&str; 3] = ["regions", "copies", "parameters"];

/// Places of one node of a `BTreeMap`; a map that grows fills at least half of each.
const NODE: usize = 11;

/// Places that the maps of a status may take: some 13 MB. A status that consists of nothing but AMIs of earlier versions, one for
/// each, and of notices that remember them, takes fewer.
const PLACES_MAX: usize = 12 * 1024;

/// Counts the places before any is taken.
///
/// # Errors
/// If there are too many, or the content is not JSON.
pub(super) fn check(content: &[u8]) -> Result<(), String> {
    let found: Result<Found, _> = serde_json::from_slice(content);
    match found {
        Ok(found) if found.places > PLACES_MAX => Err(format!(
            "its maps take {} places in memory, and at most {PLACES_MAX} are read",
            found.places
        )),
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// What was found in a value.
#[derive(Debug, Default, Clone, Copy)]
struct Found {
    /// Places of the maps in it.
    places: usize,
    /// Entries, if it is a map itself.
    entries: usize,
}

impl<'de> Deserialize<'de> for Found {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Counting)
    }
}

/// Walks through any value, and keeps nothing of it.
struct Counting;

impl<'de> Visitor<'de> for Counting {
    type Value = Found;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Found, E> {
        Ok(Found::default())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Found, E> {
        Ok(Found::default())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Found, E> {
        Ok(Found::default())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Found, E> {
        Ok(Found::default())
    }

    fn visit_str<E: Error>(self, _: &str) -> Result<Found, E> {
        Ok(Found::default())
    }

    fn visit_unit<E: Error>(self) -> Result<Found, E> {
        Ok(Found::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Found, A::Error> {
        let mut all = Found::default();
        while let Some(item) = items.next_element::<Found>()? {
            all.places += item.places;
        }
        Ok(all)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Found, A::Error> {
        let mut all = Found::default();
        while let Some(is_large) = fields.next_key_seed(IsLarge)? {
            let value: Found = fields.next_value()?;
            all.entries += 1;
            all.places += value.places;
            if is_large {
                all.places += NODE.max(2 * value.entries);
            }
        }
        Ok(all)
    }
}

/// Whether a field is one of [`LARGE`].
struct IsLarge;

impl<'de> DeserializeSeed<'de> for IsLarge {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for IsLarge {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<bool, E> {
        Ok(LARGE.contains(&name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A document with so many of these entries in a list.
    fn with(field: &str, entry: &str, count: usize) -> String {
        format!("{{\"{field}\":[{}]}}", vec![entry; count].join(","))
    }

    #[test]
    fn maps_of_one_entry_take_a_whole_node() {
        let version = r#"{"regions":{"us-east-1":{"image":"ami-1"}}}"#;
        let most = PLACES_MAX / NODE;
        assert_eq!(check(with("previous", version, most).as_bytes()), Ok(()));
        let more = check(with("previous", version, most + 1).as_bytes()).unwrap_err();
        assert!(more.contains("places in memory"), "{more}");
        // However their names are written.
        let escaped = version.replace("regions", "\\u0072egions");
        assert!(check(with("previous", &escaped, most + 1).as_bytes()).is_err());
    }

    #[test]
    fn entries_of_one_map_take_two_places_each() {
        let map = |count: usize| {
            let entries: Vec<String> = (0..count).map(|it| format!("\"a:{it}\":{{}}")).collect();
            format!(
                "{{\"release\":{{\"parameters\":{{{}}}}}}}",
                entries.join(",")
            )
        };
        assert_eq!(check(map(PLACES_MAX / 2).as_bytes()), Ok(()));
        assert!(check(map(PLACES_MAX / 2 + 1).as_bytes()).is_err());
    }

    #[test]
    fn other_values_take_none() {
        let tags = r#"[{"tags":{"a":"b"},"x":[null,true,-1,1.5,"regions"]}]"#;
        assert_eq!(check(with("changes", tags, 20_000).as_bytes()), Ok(()));
        assert!(check(b"{").is_err());
    }
}
