//! How serde walks sequences, mappings, structs and enums of the tree.

use serde::de::{
    DeserializeSeed, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
    value::{StrDeserializer, StringDeserializer},
};

use super::{At, Decoder, Failure, elsewhere, shapes};
use crate::{
    document::{Entry, Value},
    findings::Finding,
    hint::Hint,
    limits, suggest,
    text::quoted,
};

/// The items of a sequence; none if there is no sequence.
pub(super) struct Items<'a> {
    items: std::vec::IntoIter<Decoder<'a>>,
}

impl<'a> Items<'a> {
    pub(super) fn new(decoder: &Decoder<'a>) -> Self {
        let found = match optional(decoder, "a list") {
            Some(Value::Sequence(items)) => items.as_slice(),
            Some(other) => {
                decoder.wrong_type("a list", other, shapes::list_hint(other, &decoder.path));
                &[]
            }
            None => &[],
        };
        let items = found.iter().enumerate();
        let items =
            items.map(|(index, node)| decoder.inner(At::Node(node), decoder.path.join(index)));
        Self {
            items: items.collect::<Vec<_>>().into_iter(),
        }
    }
}

/// The value of a list or map, which may be left out.
fn optional<'a>(decoder: &Decoder<'a>, expected: &str) -> Option<&'a Value> {
    match decoder.at {
        At::Missing => None,
        At::Node(node) if node.value == Value::Null => None,
        _ => decoder.wanted(expected),
    }
}

impl<'de, 'a: 'de> SeqAccess<'de> for Items<'a> {
    type Error = Failure;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Failure> {
        self.items
            .next()
            .map(|item| seed.deserialize(item))
            .transpose()
    }
}

/// The entries of a map with free keys.
pub(super) struct Entries<'a> {
    entries: std::slice::Iter<'a, Entry>,
    value: Option<Decoder<'a>>,
    decoder: Decoder<'a>,
}

impl<'a> Entries<'a> {
    pub(super) fn new(decoder: Decoder<'a>) -> Self {
        let entries = match optional(&decoder, "a mapping") {
            Some(Value::Mapping(entries)) => entries.as_slice(),
            Some(other) => {
                decoder.wrong_type("a mapping", other, shapes::map_hint(other, &decoder.path));
                &[]
            }
            None => &[],
        };
        Self {
            entries: entries.iter(),
            value: None,
            decoder,
        }
    }
}

impl<'de, 'a: 'de> MapAccess<'de> for Entries<'a> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Failure> {
        let Some(entry) = self.entries.next() else {
            return Ok(None);
        };
        self.value = Some(
            self.decoder
                .inner(At::Node(&entry.node), self.decoder.path.join(&entry.key)),
        );
        seed.deserialize(StringDeserializer::<Failure>::new(entry.key.to_string()))
            .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        next_value(&mut self.value, seed)
    }
}

fn next_value<'de, 'a: 'de, V: DeserializeSeed<'de>>(
    value: &mut Option<Decoder<'a>>,
    seed: V,
) -> Result<V::Value, Failure> {
    match value.take() {
        Some(decoder) => seed.deserialize(decoder),
        None => Err(serde::de::Error::custom(
            "a value was asked for before its key",
        )),
    }
}

/// The fields of a struct: all of them, so that a missing one is seen here and gets a placeholder.
pub(super) struct Fields<'a> {
    fields: std::vec::IntoIter<(&'static str, Decoder<'a>)>,
    value: Option<Decoder<'a>>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(decoder: &Decoder<'a>, fields: &'static [&'static str]) -> Self {
        let entries = match decoder.wanted("a mapping") {
            Some(Value::Mapping(entries)) => Some(entries),
            Some(other) => {
                let hint = shapes::fields_hint(other, fields, &decoder.path);
                decoder.wrong_type("a mapping", other, Some(hint));
                None
            }
            None => None,
        };
        if let Some(entries) = entries {
            unknown(decoder, entries, fields);
        }
        let found = |field: &str| match entries {
            None => At::Placeholder,
            Some(entries) => match entries.iter().find(|entry| &*entry.key == field) {
                Some(entry) => At::Node(&entry.node),
                None => At::Missing,
            },
        };
        let all = fields.iter().map(|field| {
            (
                *field,
                decoder.inner(found(field), decoder.path.join(*field)),
            )
        });
        Self {
            fields: all.collect::<Vec<_>>().into_iter(),
            value: None,
        }
    }
}

/// Refuses fields that the struct does not have. The field that was probably meant is put in doubt: it is not missing.
fn unknown(decoder: &Decoder<'_>, entries: &[Entry], fields: &'static [&'static str]) {
    let given = |field: &str| entries.iter().any(|entry| &*entry.key == field);
    let free: Vec<&str> = fields
        .iter()
        .copied()
        .filter(|field| !given(field))
        .collect();
    let unknown = entries
        .iter()
        .filter(|entry| !fields.contains(&&*entry.key));
    for entry in unknown.take(limits::PROBLEMS) {
        if decoder.findings.borrow().is_full() {
            return;
        }
        let meant =
            suggest::closest(&entry.key, &free).or_else(|| suggest::closest(&entry.key, fields));
        // A text is no list and no mapping.
        let meant = meant.filter(|meant| {
            let is_scalar = !matches!(entry.node.value, Value::Sequence(_) | Value::Mapping(_));
            !(is_scalar && matches!(*meant, "source" | "register" | "regions"))
        });
        let here = decoder.path.join(&entry.key);
        let hint = match (elsewhere::of(&entry.key, decoder), meant) {
            (Some(hint), _) => hint,
            (None, Some(meant)) if free.contains(&meant) => {
                let hint = Hint::new(format!("did you mean `{meant}`?"));
                hint.moving(&here, &decoder.path.join(meant))
            }
            (None, Some(meant)) => {
                Hint::new(format!("remove it: `{meant}` is given, too")).removing(&here)
            }
            (None, None) => Hint::new(format!("the fields here are {}", suggest::list(fields))),
        };
        let message = format!("unknown field {}", quoted(&entry.key));
        decoder.add(
            Finding::new(decoder.path.join(&entry.key), message)
                .hint(hint)
                .at_key(),
        );
        for moved in elsewhere::targets(&entry.key, decoder) {
            decoder.findings.borrow_mut().doubt(moved);
        }
        if let Some(meant) = meant.filter(|meant| free.contains(meant)) {
            decoder
                .findings
                .borrow_mut()
                .doubt(decoder.path.join(meant));
        }
    }
}

impl<'de, 'a: 'de> MapAccess<'de> for Fields<'a> {
    type Error = Failure;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Failure> {
        let Some((field, decoder)) = self.fields.next() else {
            return Ok(None);
        };
        self.value = Some(decoder);
        seed.deserialize(StrDeserializer::<Failure>::new(field))
            .map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        next_value(&mut self.value, seed)
    }
}

/// A variant, and what is in it: the one key of a mapping and its value, or a form of a value and the value itself.
pub(super) struct Tagged<'a> {
    variant: &'static str,
    content: Decoder<'a>,
}

impl<'a> Tagged<'a> {
    pub(super) fn new(decoder: &Decoder<'a>, variants: &'static [&'static str]) -> Self {
        let expected = format!("exactly one of {}", suggest::list(variants));
        let entries = match decoder.wanted(&expected) {
            Some(Value::Mapping(entries)) => entries,
            Some(other) => {
                let hint = elsewhere::source_of_id(other, &decoder.path);
                decoder.wrong_type(&format!("a mapping with {expected}"), other, hint);
                return Self::placeholder(decoder, variants);
            }
            None => return Self::placeholder(decoder, variants),
        };
        let known = |entry: &'a Entry| {
            Some((
                *variants.iter().find(|variant| **variant == &*entry.key)?,
                entry,
            ))
        };
        let given: Vec<_> = entries.iter().filter_map(known).collect();
        for entry in entries
            .iter()
            .filter(|entry| known(entry).is_none())
            .take(limits::PROBLEMS)
        {
            let message = format!("unknown {} {}", last(decoder), quoted(&entry.key));
            let here = decoder.path.join(&entry.key);
            let hint = match suggest::closest(&entry.key, variants) {
                _ if !given.is_empty() => {
                    Hint::new(format!("remove it: it takes {expected}")).removing(&here)
                }
                Some(meant) => Hint::new(suggest::hint(&entry.key, variants, &expected))
                    .moving(&here, &decoder.path.join(meant)),
                None => Hint::new(suggest::hint(&entry.key, variants, &expected)),
            };
            decoder.add(Finding::new(here, message).hint(hint).at_key());
        }
        let Some((variant, entry)) = given.first() else {
            if entries.is_empty() {
                decoder.add(Finding::new(
                    decoder.path.clone(),
                    format!("empty; {expected} is needed"),
                ));
            }
            decoder.findings.borrow_mut().doubt(decoder.path.clone());
            return Self::placeholder(decoder, variants);
        };
        if let Some((second, _)) = given.get(1) {
            let names: Vec<_> = given.iter().map(|(name, _)| *name).collect();
            let message = format!(
                "{} are given, but only one {} can be",
                suggest::list(&names),
                last(decoder)
            );
            let path = decoder.path.join(*second);
            let hint = Hint::new(format!("keep {expected}")).removing(&path);
            decoder.add(Finding::new(path, message).hint(hint).at_key());
        }
        let path = decoder.path.join(*variant);
        Self {
            variant,
            content: decoder.inner(At::Node(&entry.node), path),
        }
    }

    /// A value of two forms; all but a mapping is the short one.
    pub(super) fn form(decoder: Decoder<'a>) -> Self {
        let is_mapping =
            matches!(decoder.at, At::Node(node) if matches!(node.value, Value::Mapping(_)));
        Self {
            variant: if is_mapping { "full" } else { "short" },
            content: decoder,
        }
    }

    fn placeholder(decoder: &Decoder<'a>, variants: &'static [&'static str]) -> Self {
        let variant = variants.first().copied().unwrap_or_default();
        Self {
            variant,
            content: decoder.inner(At::Placeholder, decoder.path.clone()),
        }
    }
}

/// The name of the field that is decoded.
fn last(decoder: &Decoder<'_>) -> String {
    let path = decoder.path.to_string();
    path.rsplit('.').next().unwrap_or_default().to_owned()
}

impl<'de, 'a: 'de> EnumAccess<'de> for Tagged<'a> {
    type Error = Failure;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Failure> {
        let variant = seed.deserialize(StrDeserializer::<Failure>::new(self.variant))?;
        Ok((variant, self))
    }
}

impl<'de, 'a: 'de> VariantAccess<'de> for Tagged<'a> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        seed.deserialize(self.content)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Failure> {
        Err(serde::de::Error::custom("tuple variants are not used"))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Failure> {
        Err(serde::de::Error::custom("struct variants are not used"))
    }
}
