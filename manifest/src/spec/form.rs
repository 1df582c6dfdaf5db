//! Values that can be written in two ways.

use std::{borrow::Cow, fmt, marker::PhantomData};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{
        EnumAccess, Error, IntoDeserializer as _, MapAccess, VariantAccess as _, Visitor,
        value::{BoolDeserializer, MapAccessDeserializer, StrDeserializer},
    },
};

use super::schema;

/// A value that is written short, or as a mapping when it has settings.
#[derive(Debug, Clone, Copy, Serialize)]
#[serde(untagged)]
pub(super) enum Form<Short, Full> {
    /// The value alone: text or a truth value.
    Short(Short),
    /// A mapping.
    Full(Full),
}

impl<Short: JsonSchema, Full: JsonSchema> JsonSchema for Form<Short, Full> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}Or{}", Short::schema_name(), Full::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        schema::short_or_mapping(
            &Short::json_schema(generator),
            &Full::json_schema(generator),
        )
    }
}

/// Which of the two is given. A deserializer that wants to report places decides it itself, and says so as an enum.
#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Which {
    Short,
    Full,
}

impl<'de, Short: Deserialize<'de>, Full: Deserialize<'de>> Deserialize<'de> for Form<Short, Full> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FormVisitor(PhantomData))
    }
}

struct FormVisitor<T>(PhantomData<T>);

impl<'de, Short: Deserialize<'de>, Full: Deserialize<'de>> Visitor<'de>
    for FormVisitor<Form<Short, Full>>
{
    type Value = Form<Short, Full>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value, or a mapping with its settings")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        let value: BoolDeserializer<E> = value.into_deserializer();
        Short::deserialize(value).map(Form::Short)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        let value: StrDeserializer<'_, E> = value.into_deserializer();
        Short::deserialize(value).map(Form::Short)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        Full::deserialize(MapAccessDeserializer::new(map)).map(Form::Full)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, form: A) -> Result<Self::Value, A::Error> {
        match form.variant()? {
            (Which::Short, value) => value.newtype_variant().map(Form::Short),
            (Which::Full, value) => value.newtype_variant().map(Form::Full),
        }
    }
}
