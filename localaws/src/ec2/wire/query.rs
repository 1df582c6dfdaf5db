//! A typed reader over the flattened fields of the EC2 Query protocol (`Filter.1.Value.2=…`).
//!
//! What is read is taken out; what is left over at [`Fields::finish`] is a parameter that nothing here acts on.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::ec2::wire::error::{Failure, invalid_value, missing, refuse};
use crate::wire::is_common_field;

/// The deepest field this API has is `BlockDeviceMapping.1.Ebs.SnapshotId`; deeper names are never known ones.
const DEEPEST: usize = 8;

/// Fields below one name, as a tree.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    path: String,
    value: Option<String>,
    below: BTreeMap<String, Fields>,
    /// The most that a page of the answer holds, if it is less than what requests may ask for.
    pub(crate) page_limit: Option<usize>,
}

impl Fields {
    /// The tree of a request's fields, without those that every request has.
    pub(crate) fn new(fields: Vec<(String, String)>) -> Result<Self, Failure> {
        let mut root = Self::default();
        for (name, value) in fields {
            if is_common_field(&name) {
                continue;
            }
            if !value.chars().all(is_xml) {
                let message = format!("The value of {name} contains an invalid character");
                return Err(refuse("InvalidCharacter", message));
            }
            root.insert(&name, value)?;
        }
        Ok(root)
    }

    fn insert(&mut self, name: &str, value: String) -> Result<(), Failure> {
        if name.is_empty() || name.split('.').count() > DEEPEST {
            return Err(unknown(name));
        }
        let mut node = self;
        for part in name.split('.') {
            let path = if node.path.is_empty() {
                part.to_owned()
            } else {
                format!("{}.{part}", node.path)
            };
            node = node.below.entry(part.to_owned()).or_insert_with(|| Self {
                path,
                ..Self::default()
            });
        }
        match node.value.replace(value) {
            None => Ok(()),
            Some(_) => Err(refuse(
                "InvalidQueryParameter",
                format!("The parameter {name} is given more than once"),
            )),
        }
    }

    /// The full name of a field below this one, for messages.
    pub(crate) fn name_of(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    /// This field's own value.
    pub(crate) fn value(&mut self) -> Option<String> {
        self.value.take()
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &str) -> Option<String> {
        self.below.get_mut(name).and_then(Self::value)
    }

    /// A text that must be there.
    pub(crate) fn required(&mut self, name: &str) -> Result<String, Failure> {
        self.text(name).ok_or_else(|| missing(&self.name_of(name)))
    }

    /// Whether there is such a field.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.below.contains_key(name)
    }

    /// A number.
    pub(crate) fn number<T: FromStr>(&mut self, name: &str) -> Result<Option<T>, Failure> {
        self.parsed(name, |text| text.parse().ok(), "an integer")
    }

    /// A Boolean.
    pub(crate) fn flag(&mut self, name: &str) -> Result<Option<bool>, Failure> {
        let read = |text: &str| match text.to_ascii_lowercase().as_str() {
            "true" => Some(true),
            "false" => Some(false),
            _ => None,
        };
        self.parsed(name, read, "true or false")
    }

    fn parsed<T>(
        &mut self,
        name: &str,
        read: impl Fn(&str) -> Option<T>,
        expected: &str,
    ) -> Result<Option<T>, Failure> {
        let full_name = self.name_of(name);
        self.text(name)
            .map(|text| {
                read(&text).ok_or_else(|| {
                    invalid_value(format!(
                        "Invalid value '{text}' for {full_name}. Expecting {expected}."
                    ))
                })
            })
            .transpose()
    }

    /// The members of a list, in the order of their numbers, which may have gaps.
    pub(crate) fn list(&mut self, name: &str) -> Result<Vec<Fields>, Failure> {
        let Some(list) = self.group(name) else {
            return Ok(Vec::new());
        };
        let mut members = BTreeMap::new();
        for (index, member) in list.below {
            let index: u32 = index.parse().map_err(|_| unknown(&member.path))?;
            members.insert(index, member);
        }
        Ok(members.into_values().collect())
    }

    /// A list of texts.
    pub(crate) fn texts(&mut self, name: &str) -> Result<Vec<String>, Failure> {
        let read = |mut member: Fields| {
            let value = member.value();
            member.finish()?;
            value.ok_or_else(|| unknown(&member_name(name)))
        };
        self.list(name)?.into_iter().map(read).collect()
    }

    /// A structure, if any of its fields was sent.
    pub(crate) fn group(&mut self, name: &str) -> Option<Fields> {
        if self.below.get(name)?.value.is_some() {
            None
        } else {
            self.below.remove(name)
        }
    }

    /// All fields in one text, except those of these names: the same for the same request.
    pub(crate) fn fingerprint(&self, except: &[&str]) -> String {
        let below = self.below.iter();
        let below = below.filter(|(name, _)| !except.contains(&name.as_str()));
        let own = self
            .value
            .iter()
            .map(|value| format!("{}={value:?}\n", self.path));
        own.chain(below.map(|(_, field)| field.fingerprint(&[])))
            .collect()
    }

    /// Refuses parameters that the action has not read. EC2 itself may know them, so it is not `UnknownParameter`.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        if self.value.is_some() {
            return Err(Failure::NotBuilt(format!("the parameter {}", self.path)));
        }
        self.below.into_values().try_for_each(Self::finish)
    }
}

/// Whether XML 1.0, and so EC2's answers, can say this character.
fn is_xml(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{fffe}' | '\u{ffff}' => false,
        character => character >= ' ',
    }
}

fn member_name(list: &str) -> String {
    format!("{list}.N")
}

fn unknown(name: &str) -> Failure {
    refuse(
        "UnknownParameter",
        format!("The parameter {name} is not recognized"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(form: &str) -> Fields {
        let pairs = form_urlencoded::parse(form.as_bytes())
            .into_owned()
            .collect();
        Fields::new(pairs).unwrap()
    }

    #[test]
    fn reads_lists_of_structures_and_reports_what_is_left() {
        let mut request = fields(
            "Action=X&Filter.2.Name=b&Filter.1.Name=a&Filter.1.Value.1=v&DryRun=true&Nope.1.Deep=1",
        );
        let mut filters = request.list("Filter").unwrap();
        assert_eq!(filters[0].text("Name").as_deref(), Some("a"));
        assert_eq!(filters[0].texts("Value").unwrap(), ["v"]);
        assert_eq!(filters[1].text("Name").as_deref(), Some("b"));
        assert_eq!(request.flag("DryRun").unwrap(), Some(true));
        let error = request.finish().unwrap_err().to_string();
        assert_eq!(error, "not built: the parameter Nope.1.Deep");
    }

    #[test]
    fn refuses_values_of_the_wrong_type() {
        let error = fields("MaxResults=many")
            .number::<u32>("MaxResults")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("InvalidParameterValue: Invalid value 'many' for MaxResults"),
            "{error}"
        );
        assert!(fields("DryRun=yes").flag("DryRun").is_err());
        assert!(fields("Owner.x=self").texts("Owner").is_err());
        assert!(Fields::new(vec![("A".into(), "1".into()), ("A".into(), "2".into())]).is_err());
    }
}
