//! The schemas that `amiwright schema` prints, held to what the functions write: every notice and every version of every
//! status of every test.
//!
//! A validator of what `schemars` emits, and of nothing else: it fails on keywords that it does not know, and on members
//! that no schema describes.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;
use std::sync::LazyLock;

use amiwright::image::{message, status};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::stack::TestStack;

static NOTICE: LazyLock<Value> = LazyLock::new(message::schema);
static STATUS: LazyLock<Value> = LazyLock::new(status::schema);

impl TestStack {
    /// What is in a notice or a status of this world that its schema does not describe.
    pub(crate) fn undescribed(&self) -> Vec<String> {
        let mut found = Vec::new();
        for published in self.world.sns().published() {
            let bodies: Value = serde_json::from_str(&published.message).unwrap();
            let notice = bodies["default"].as_str().unwrap();
            let notice: Value = serde_json::from_str(notice).unwrap();
            found.extend(check(&NOTICE, &notice).err());
        }
        let s3 = self.world.directory().join("s3");
        let statuses = s3.join(&self.state_bucket).join("status");
        for folder in [statuses, s3.join(".state/versions")] {
            each_file(&folder, &mut |content| {
                // What tests forge may hold anything that is not read.
                if let Ok(status) = status::parse(content) {
                    found.extend(check(&STATUS, &json!(status)).err());
                }
            });
        }
        found
    }
}

fn each_file(folder: &Path, visit: &mut impl FnMut(&[u8])) {
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => each_file(&path, visit),
            false => visit(&std::fs::read(&path).unwrap()),
        }
    }
}

/// Checks that a value is as a schema says, and that the schema describes all of it.
///
/// # Errors
/// The first place where it is not so.
pub(crate) fn check(schema: &Value, value: &Value) -> Result<(), String> {
    Checker { root: schema }.whole(schema, value, Place::Root)
}

struct Checker<'a> {
    root: &'a Value,
}

/// Where a value is in a document. It is written only where something is wrong: that took longer than to check.
#[derive(Clone, Copy)]
enum Place<'p> {
    Root,
    Member(&'p Place<'p>, &'p str),
    Item(&'p Place<'p>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => write!(f, "$"),
            Self::Member(parent, name) => write!(f, "{parent}.{name}"),
            Self::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

/// A value as a message shows it: what has members would fill the screen, and takes long to write.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "[…]".to_owned(),
        Value::Object(_) => "{…}".to_owned(),
        scalar => scalar.to_string(),
    }
}

impl<'a> Checker<'a> {
    /// Checks a value and that all its members are described.
    fn whole(&self, schema: &'a Value, value: &Value, at: Place<'_>) -> Result<(), String> {
        let described = self.described(schema, value, at)?;
        let members = value.as_object().into_iter().flatten();
        match members
            .map(|(name, _)| name)
            .find(|name| !described.contains(name.as_str()))
        {
            Some(name) => Err(format!("{at}.{name} is not described")),
            None => Ok(()),
        }
    }

    /// Checks a value; the members that are described.
    fn described<'v>(
        &self,
        schema: &'a Value,
        value: &'v Value,
        at: Place<'_>,
    ) -> Result<BTreeSet<&'v str>, String>
    where
        'a: 'v,
    {
        let mut described = BTreeSet::new();
        let Value::Object(keywords) = schema else {
            assert_eq!(schema, &json!(true), "at {at}");
            let members = value.as_object().into_iter().flatten();
            return Ok(members.map(|(name, _)| name.as_str()).collect());
        };
        for (keyword, rule) in keywords {
            match keyword.as_str() {
                "$schema" | "$defs" | "title" | "description" | "default" => {}
                "$ref" => {
                    let pointer = rule.as_str().unwrap().strip_prefix('#').unwrap();
                    let target = self.root.pointer(pointer).unwrap();
                    described.extend(self.described(target, value, at)?);
                }
                "allOf" | "anyOf" | "oneOf" => {
                    described.extend(self.some(keyword, rule, value, at)?);
                }
                "properties" => {
                    for (name, rule) in rule.as_object().unwrap() {
                        if let Some(member) = value.get(name) {
                            self.whole(rule, member, Place::Member(&at, name))?;
                            described.insert(name.as_str());
                        }
                    }
                }
                "additionalProperties" => {
                    described.extend(self.additional(keywords, rule, value, at)?);
                }
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.whole(rule, item, Place::Item(&at, index))?;
                    }
                }
                _ => {
                    simple(keyword, rule, value)
                        .map_err(|why| format!("{at} is {}: {why}", shown(value)))?;
                }
            }
        }
        Ok(described)
    }

    /// Checks a value against several schemas.
    fn some<'v>(
        &self,
        keyword: &str,
        rules: &'a Value,
        value: &'v Value,
        at: Place<'_>,
    ) -> Result<BTreeSet<&'v str>, String>
    where
        'a: 'v,
    {
        let rules = rules.as_array().unwrap();
        let checked = rules.iter().map(|rule| self.described(rule, value, at));
        let (right, wrong): (Vec<_>, Vec<_>) = checked.partition(Result::is_ok);
        let is_enough = match keyword {
            "allOf" => wrong.is_empty(),
            "anyOf" => !right.is_empty(),
            _ => right.len() == 1,
        };
        if !is_enough {
            let wrong: Vec<String> = wrong.into_iter().filter_map(Result::err).collect();
            return Err(format!("{at}: {} of {keyword} fit: {wrong:?}", right.len()));
        }
        Ok(right.into_iter().flatten().flatten().collect())
    }

    /// Checks the members that are not among `properties`.
    fn additional<'v>(
        &self,
        keywords: &Map<String, Value>,
        rule: &'a Value,
        value: &'v Value,
        at: Place<'_>,
    ) -> Result<BTreeSet<&'v str>, String>
    where
        'a: 'v,
    {
        let known = keywords.get("properties").and_then(Value::as_object);
        let is_known = |name: &str| known.is_some_and(|known| known.contains_key(name));
        let members = value.as_object().into_iter().flatten();
        let mut described = BTreeSet::new();
        for (name, member) in members.filter(|(name, _)| !is_known(name)) {
            if *rule == json!(false) {
                return Err(format!("{at}.{name} is not allowed"));
            }
            self.whole(rule, member, Place::Member(&at, name))?;
            described.insert(name.as_str());
        }
        Ok(described)
    }
}

/// Checks a value against a keyword that is about it alone.
fn simple(keyword: &str, rule: &Value, value: &Value) -> Result<(), String> {
    let is_type = |kind: &str| match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("unknown type {other}"),
    };
    let is_so = match keyword {
        "type" => match rule {
            Value::Array(kinds) => kinds.iter().any(|kind| is_type(kind.as_str().unwrap())),
            kind => is_type(kind.as_str().unwrap()),
        },
        "enum" => rule.as_array().unwrap().contains(value),
        "const" => rule == value,
        "required" => {
            let mut names = rule.as_array().unwrap().iter();
            !value.is_object() || names.all(|name| value.get(name.as_str().unwrap()).is_some())
        }
        "uniqueItems" => {
            let items = value.as_array().into_iter().flatten();
            let different: BTreeSet<String> = items.clone().map(Value::to_string).collect();
            different.len() == items.count()
        }
        "minimum" => value.as_i64().is_none_or(|it| it >= rule.as_i64().unwrap()),
        "maximum" => value.as_i64().is_none_or(|it| it <= rule.as_i64().unwrap()),
        "format" => match rule.as_str().unwrap() {
            "date-time" => value
                .as_str()
                .is_none_or(|it| it.parse::<Timestamp>().is_ok()),
            // Of numbers: `type` and `minimum` say more.
            "uint" | "uint8" | "uint16" | "uint32" | "uint64" | "int" | "int32" | "int64" => true,
            other => panic!("unknown format {other}"),
        },
        other => panic!("unknown keyword {other}"),
    };
    match is_so {
        true => Ok(()),
        false => Err(format!("{keyword} is {rule}")),
    }
}

/// The texts of every object with properties, and of every one of them.
fn without_description(schema: &Value, at: &str, found: &mut Vec<String>) {
    let Value::Object(keywords) = schema else {
        return;
    };
    let properties = keywords.get("properties").and_then(Value::as_object);
    // What has one value stands for a variant that is described.
    let is_variant = keywords.contains_key("description");
    let properties = properties.filter(|all| all.len() > 1 || !is_variant);
    for (name, rule) in properties.into_iter().flatten() {
        // A tag stands for its variant, which says what it means.
        if rule.get("description").is_none() && rule.get("const").is_none() {
            found.push(format!("{at}.{name}"));
        }
    }
    for (name, rule) in keywords {
        match rule {
            Value::Array(rules) => rules
                .iter()
                .for_each(|rule| without_description(rule, &format!("{at}.{name}[]"), found)),
            rule => without_description(rule, &format!("{at}.{name}"), found),
        }
    }
}

#[test]
fn everything_is_described() {
    for schema in [&*NOTICE, &*STATUS] {
        let mut found = Vec::new();
        without_description(schema, "$", &mut found);
        assert_eq!(found, [""; 0]);
        let definitions = schema["$defs"].as_object().unwrap();
        let mut undescribed = definitions
            .iter()
            .filter(|(_, it)| it.get("description").is_none());
        assert_eq!(undescribed.next(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_as_its_schema_says_is_found() {
    let stack = TestStack::new().await;
    stack
        .drop_and_rest("web.image.yaml", stack.manifest("web"))
        .await;
    let status = stack.status("web.image.yaml").await;
    assert_eq!(check(&STATUS, &status), Ok(()));
    for (pointer, wrong) in [
        ("/state", json!("done")),
        ("/build/step", json!(1)),
        ("/build/startedAt", json!("yesterday")),
        ("/regions/us-east-1", json!({})),
        ("/notices/0/attempts", json!(-1)),
    ] {
        let mut changed = status.clone();
        *changed.pointer_mut(pointer).unwrap() = wrong;
        assert!(check(&STATUS, &changed).is_err(), "{pointer}");
    }
    let mut more = status.clone();
    more["more"] = json!(1);
    assert_eq!(
        check(&STATUS, &more).unwrap_err(),
        "$.more is not described"
    );
    let mut less = status;
    less["build"].as_object_mut().unwrap().remove("step");
    assert!(check(&STATUS, &less).is_err());
}
