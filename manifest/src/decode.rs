//! The tree to types, through serde: reports every problem and continues with a placeholder, so that one run finds all.
//!
//! A placeholder's path is put in doubt ([`Findings::doubt`]), which keeps later rules from judging it.
//! Conventions: what may be left out is an `Option`, a sequence or a map; an explicit null is as good as nothing;
//! enums are of text, except [`TAGGED`].

mod access;
mod elsewhere;
mod shapes;
mod text;

use std::{cell::RefCell, fmt};

use serde::de::{
    DeserializeOwned, Deserializer, Visitor,
    value::{MapAccessDeserializer, SeqAccessDeserializer, StrDeserializer},
};

use crate::{
    document::{Node, Path, Value},
    findings::{Finding, Findings},
    hint::Hint,
    suggest,
    text::quoted,
};
use access::{Entries, Fields, Items, Tagged};
pub(super) use elsewhere::SOURCES;

/// Enums whose variant is the one key of a mapping; serde does not distinguish them from enums of text.
const TAGGED: [&str; 1] = ["Source"];

/// Reads `T` from the tree; none only if the type itself failed, which is then among the findings.
pub(super) fn decode<T: DeserializeOwned>(root: &Node) -> (Option<T>, Findings) {
    let findings = RefCell::new(Findings::new(root));
    let decoder = Decoder {
        at: At::Node(root),
        path: Path::default(),
        findings: &findings,
    };
    let decoded = T::deserialize(decoder);
    let mut findings = findings.into_inner();
    match decoded {
        Ok(value) => (Some(value), findings),
        Err(error) => {
            findings.add(Finding::new(Path::default(), error.to_string()));
            (None, findings)
        }
    }
}

/// What there is to decode.
#[derive(Clone, Copy)]
enum At<'a> {
    /// A value.
    Node(&'a Node),
    /// No value.
    Missing,
    /// Something that a problem was reported about already: any value will do, without another report.
    Placeholder,
}

#[derive(Clone)]
struct Decoder<'a> {
    at: At<'a>,
    path: Path,
    findings: &'a RefCell<Findings>,
}

impl<'a> Decoder<'a> {
    fn inner(&self, at: At<'a>, path: Path) -> Self {
        Self {
            at,
            path,
            findings: self.findings,
        }
    }

    /// The value; none if a placeholder is needed, whose problem is then reported.
    fn wanted(&self, expected: &str) -> Option<&'a Value> {
        match self.at {
            At::Placeholder => None,
            At::Missing => {
                self.missing(expected);
                None
            }
            At::Node(Node {
                value: Value::Null, ..
            }) => {
                self.refuse(
                    Finding::new(self.path.clone(), format!("needs a value: {expected}")).at_key(),
                );
                None
            }
            At::Node(Node {
                value: Value::Refused,
                ..
            }) => {
                self.findings.borrow_mut().doubt(self.path.clone());
                None
            }
            At::Node(node) => Some(&node.value),
        }
    }

    fn missing(&self, expected: &str) {
        let name = match self.path.0.last() {
            Some(crate::document::Step::Field(name)) => quoted(name),
            _ => "the value".to_owned(),
        };
        self.refuse(
            Finding::new(self.path.clone(), format!("{name} is missing"))
                .hint(format!("add it: {expected}")),
        );
    }

    fn wrong_type(&self, expected: &str, found: &Value, hint: Option<Hint>) {
        let finding = Finding::new(
            self.path.clone(),
            format!("expected {expected}, found {}", found.describe()),
        );
        self.refuse(match hint {
            Some(hint) => finding.hint(hint),
            None => finding,
        });
    }

    /// The value of one of its fields, as JSON.
    fn value(&self, field: &str) -> Option<serde_json::Value> {
        let At::Node(Node {
            value: Value::Mapping(entries),
            ..
        }) = self.at
        else {
            return None;
        };
        let entry = entries.iter().find(|entry| &*entry.key == field)?;
        entry.node.value.to_json()
    }

    fn add(&self, finding: Finding) {
        self.findings.borrow_mut().add(finding);
    }

    /// Reports a problem of this value, and no more than that one.
    fn refuse(&self, finding: Finding) {
        let mut findings = self.findings.borrow_mut();
        findings.add(finding);
        findings.doubt(self.path.clone());
    }

    fn text(&self) -> String {
        match self.wanted("text") {
            Some(Value::String(text)) => text.clone(),
            Some(other) => {
                self.wrong_type("text", other, text::quote_hint(other, &self.path));
                String::new()
            }
            None => String::new(),
        }
    }

    fn truth(&self) -> bool {
        match self.wanted("`true` or `false`") {
            Some(Value::Bool(value)) => *value,
            Some(other) => {
                let hint = text::truth_hint(other, &self.path);
                self.wrong_type("`true` or `false`", other, hint);
                false
            }
            None => false,
        }
    }

    fn whole_number(&self) -> u32 {
        let found = match self.wanted("a whole number") {
            Some(Value::Number(number)) => text::whole_number(number),
            Some(other) => {
                let hint = text::number_hint(other, &self.path);
                self.wrong_type("a whole number", other, hint);
                return 1;
            }
            None => return 1,
        };
        found.unwrap_or_else(|fault| {
            let finding = Finding::new(self.path.clone(), fault.message);
            self.refuse(match fault.hint {
                Some(hint) => finding.hint(hint),
                None => finding,
            });
            1
        })
    }

    fn variant(&self, variants: &'static [&'static str]) -> &'static str {
        let expected = suggest::one_of(variants);
        let first = variants.first().copied().unwrap_or_default();
        match self.wanted(&expected) {
            Some(Value::String(given)) => variants
                .iter()
                .copied()
                .find(|variant| variant == given)
                .unwrap_or_else(|| {
                    let finding = Finding::new(
                        self.path.clone(),
                        format!("{} is not a value of this field", quoted(given)),
                    );
                    let hint = Hint::new(suggest::hint(given, variants, &expected));
                    let meant = suggest::closest(given, variants);
                    self.refuse(
                        finding.hint(match (text::format_hint(given, variants), meant) {
                            (Some(format), _) => Hint::new(format),
                            (None, Some(meant)) => hint.replacing(&self.path, meant),
                            (None, None) => hint,
                        }),
                    );
                    first
                }),
            Some(other) => {
                self.wrong_type(&expected, other, None);
                first
            }
            None => first,
        }
    }
}

impl<'de, 'a: 'de> Deserializer<'de> for Decoder<'a> {
    type Error = Failure;

    /// A value that is written short, or as a mapping with its settings: tells its visitor which, as an enum.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_enum(Tagged::form(self))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_bool(self.truth())
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_u32(self.whole_number())
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_string(self.text())
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_string(self.text())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.at {
            At::Missing | At::Placeholder => visitor.visit_none(),
            At::Node(Node {
                value: Value::Null, ..
            }) => visitor.visit_none(),
            At::Node(Node {
                value: Value::Refused,
                ..
            }) => {
                self.findings.borrow_mut().doubt(self.path.clone());
                visitor.visit_none()
            }
            At::Node(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        SeqAccessDeserializer::new(Items::new(&self)).deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        MapAccessDeserializer::new(Entries::new(self)).deserialize_map(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        visitor.visit_map(Fields::new(&self, fields))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        if TAGGED.contains(&name) {
            visitor.visit_enum(Tagged::new(&self, variants))
        } else {
            visitor.visit_enum(StrDeserializer::new(self.variant(variants)))
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u64 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct identifier
    }
}

/// A type that cannot be decoded this way: a mistake in the types, not in a manifest.
#[derive(Debug)]
struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Failure {}

impl serde::de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}
