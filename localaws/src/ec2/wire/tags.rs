//! Tags in requests and answers ("Tag your Amazon EC2 resources", EC2 User Guide).

use std::collections::BTreeMap;

use crate::ec2::wire::error::{Failure, invalid_value, missing, refuse};
use crate::ec2::wire::query::Fields;
use crate::ec2::wire::xml::Xml;

/// Characters in a key ("Tag", EC2 API Reference).
const LONGEST_KEY: usize = 127;
/// Characters in a value ("Tag", EC2 API Reference).
const LONGEST_VALUE: usize = 256;
/// Tags on one resource ("Tag restrictions", EC2 User Guide).
const MOST_TAGS: usize = 50;

/// Tags by key.
pub(crate) type Tags = BTreeMap<String, String>;

/// Tags to be put on what a call makes.
#[derive(Debug, Default)]
pub(crate) struct TagSpecifications {
    pub(crate) image: Tags,
    pub(crate) snapshot: Tags,
}

/// The `Tag.N.Key` and `Tag.N.Value` fields; a value left out is empty.
pub(crate) fn read(fields: &mut Fields) -> Result<Tags, Failure> {
    read_named(fields, "Tag")
}

/// The same, of an action that calls them otherwise.
pub(crate) fn read_named(fields: &mut Fields, name: &str) -> Result<Tags, Failure> {
    let mut tags = Tags::new();
    for mut tag in fields.list(name)? {
        let key = tag
            .text("Key")
            .filter(|key| !key.is_empty())
            .ok_or_else(|| missing(&tag.name_of("Key")))?;
        let value = tag.text("Value").unwrap_or_default();
        tag.finish()?;
        check(&key, &value)?;
        if tags.insert(key.clone(), value).is_some() {
            return Err(invalid_value(format!(
                "Duplicate tag key '{key}' specified."
            )));
        }
    }
    if tags.len() > MOST_TAGS {
        return Err(too_many());
    }
    Ok(tags)
}

/// The `TagSpecification.N` fields of an action that tags images and their snapshots only.
pub(crate) fn read_specifications(fields: &mut Fields) -> Result<TagSpecifications, Failure> {
    let mut tags = read_specifications_of(fields, &["image", "snapshot"])?;
    Ok(TagSpecifications {
        image: tags.remove("image").unwrap_or_default(),
        snapshot: tags.remove("snapshot").unwrap_or_default(),
    })
}

/// The `TagSpecification.N` fields, by resource type, of an action that tags these types.
pub(crate) fn read_specifications_of(
    fields: &mut Fields,
    types: &[&str],
) -> Result<BTreeMap<String, Tags>, Failure> {
    let mut specifications = BTreeMap::new();
    for mut specification in fields.list("TagSpecification")? {
        let resource_type = specification
            .text("ResourceType")
            .ok_or_else(|| invalid_value("Tag specification resource type must have a value"))?;
        let tags = read(&mut specification)?;
        specification.finish()?;
        if tags.is_empty() {
            return Err(invalid_value(
                "Tag specification must have at least one tag",
            ));
        }
        if !types.contains(&resource_type.as_str()) {
            let message = format!(
                "'{resource_type}' is not a valid taggable resource type for this operation."
            );
            return Err(invalid_value(message));
        }
        if specifications.insert(resource_type.clone(), tags).is_some() {
            return Err(invalid_value(format!(
                "Tag specification resource type '{resource_type}' is given twice"
            )));
        }
    }
    Ok(specifications)
}

/// Puts more tags on a resource.
pub(crate) fn add(to: &mut Tags, more: &Tags) -> Result<(), Failure> {
    let mut all = to.clone();
    all.extend(more.clone());
    if all.len() > MOST_TAGS {
        return Err(too_many());
    }
    *to = all;
    Ok(())
}

/// The `tagSet` of an answer.
pub(crate) fn write(xml: &mut Xml, tags: &Tags) {
    if tags.is_empty() {
        return;
    }
    xml.items("tagSet", tags, |xml, (key, value)| {
        xml.text("key", key);
        xml.text("value", value);
    });
}

fn check(key: &str, value: &str) -> Result<(), Failure> {
    if key.to_ascii_lowercase().starts_with("aws:") {
        return Err(invalid_value(
            "Tag keys starting with 'aws:' are reserved for internal use",
        ));
    }
    if key.chars().count() > LONGEST_KEY {
        return Err(invalid_value(format!(
            "Tag key exceeds the maximum length of {LONGEST_KEY} characters"
        )));
    }
    if value.chars().count() > LONGEST_VALUE {
        return Err(invalid_value(format!(
            "Tag value exceeds the maximum length of {LONGEST_VALUE} characters"
        )));
    }
    Ok(())
}

fn too_many() -> Failure {
    refuse(
        "TagLimitExceeded",
        "The maximum number of Tags for a resource has been reached.",
    )
}
