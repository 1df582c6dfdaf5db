//! Reading the tree by name: an element together with its path, and what a manifest may expect of it.

use super::characters::is_xml_space;
use super::findings::Findings;
use super::values::{Wrong, wrong};
use super::xml::Element;
use crate::{Problem, text::quoted};

/// Where the structure of a bundle manifest is laid down.
pub(super) const FORMAT: &str = "AMI tools bundle manifest";

/// An element and its path from the root, as `manifest.image.parts.part[3]`.
#[derive(Debug, Clone)]
pub(super) struct Node<'a> {
    element: &'a Element,
    path: String,
}

impl<'a> Node<'a> {
    /// The root element.
    pub(super) fn root(element: &'a Element) -> Self {
        Self {
            element,
            path: element.name.clone(),
        }
    }

    /// Whether this is the root element that is expected, in no namespace.
    pub(super) fn check_root(&self, findings: &mut Findings<'_>, name: &str) -> Option<()> {
        if self.element.name != name {
            let message = format!(
                "the root element is {}, not {name}",
                quoted(&self.element.name)
            );
            let problem = Problem::new(message).with_hint(format!(
                "a bundle manifest starts with <{name}>, without a prefix"
            ));
            findings.add(self.element.at, problem.with_rule(FORMAT));
            return None;
        }
        if let Some(space) = self
            .element
            .attributes
            .iter()
            .find(|a| a.name == "xmlns" && !a.value.is_empty())
        {
            let problem = Problem::new(format!(
                "the manifest is in the namespace {}",
                quoted(&space.value)
            ));
            let problem = problem
                .with_hint("remove xmlns: a bundle manifest has no namespaces")
                .with_rule(FORMAT);
            findings.add(space.at, problem.with_path(format!("{}@xmlns", self.path)));
        }
        Some(())
    }

    /// Adds a problem with this element as a whole.
    pub(super) fn add(&self, findings: &mut Findings<'_>, problem: Problem) {
        findings.add(self.element.at, problem.with_path(&self.path));
    }

    /// The one child of this name. A second one is a problem.
    pub(super) fn child(&self, findings: &mut Findings<'_>, name: &str) -> Option<Self> {
        let mut named = self
            .element
            .children
            .iter()
            .filter(|child| child.name == name);
        let path = format!("{}.{name}", self.path);
        let first = named.next()?;
        for again in named {
            let problem = Problem::new(format!("<{name}> is given more than once"))
                .with_hint("keep one")
                .with_rule(FORMAT);
            findings.add(again.at, problem.with_path(&path));
        }
        Some(Self {
            element: first,
            path,
        })
    }

    /// The one child of this name, which must be there.
    pub(super) fn required(&self, findings: &mut Findings<'_>, name: &str) -> Option<Self> {
        let child = self.child(findings, name);
        if child.is_none() {
            let suffix = format!(":{name}");
            let prefixed = self
                .element
                .children
                .iter()
                .find(|child| child.name.ends_with(&suffix));
            let hint = match prefixed {
                Some(child) => format!(
                    "write {name}, not {}: a bundle manifest has no namespaces",
                    quoted(&child.name)
                ),
                None => format!("add <{name}> to <{}>", self.element.name),
            };
            let problem = Problem::new(format!("<{name}> is missing"))
                .with_hint(hint)
                .with_rule(FORMAT);
            findings.add(
                self.element.at,
                problem.with_path(format!("{}.{name}", self.path)),
            );
        }
        child
    }

    /// All children of this name, in the order of the text.
    pub(super) fn all<'n>(&'n self, name: &'n str) -> impl Iterator<Item = Self> + 'n {
        let named = self
            .element
            .children
            .iter()
            .filter(move |child| child.name == name);
        named.enumerate().map(move |(n, element)| Self {
            element,
            path: format!("{}.{name}[{n}]", self.path),
        })
    }

    /// Reports text in this element, which may only contain elements.
    pub(super) fn no_text(&self, findings: &mut Findings<'_>) {
        if let Some(at) = self.element.text_at {
            let problem = Problem::new(format!(
                "there is text in <{}>, which only has elements in it",
                self.element.name
            ));
            findings.add(
                at,
                problem
                    .with_path(&self.path)
                    .with_hint("remove the text")
                    .with_rule(FORMAT),
            );
        }
    }

    /// The value of this element by a rule for its text; none if a problem was added.
    pub(super) fn value<T>(
        &self,
        findings: &mut Findings<'_>,
        rule: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        if let Some(child) = self.element.children.first() {
            let problem = Problem::new(format!(
                "there is an element {} where a value belongs",
                quoted(&child.name)
            ));
            findings.add(
                child.at,
                problem
                    .with_path(&self.path)
                    .with_hint("write the value as text")
                    .with_rule(FORMAT),
            );
            return None;
        }
        if self.element.broken {
            return None;
        }
        let text = self.element.text.trim_matches(is_xml_space);
        let checked = if text.is_empty() {
            Err(wrong("the value is empty", "add one"))
        } else {
            rule(text)
        };
        checked
            .map_err(|wrong| {
                let at = self.element.text_at.unwrap_or(self.element.at);
                findings.add(at, Problem::from(wrong).with_path(&self.path));
            })
            .ok()
    }

    /// The value of a child that must be there.
    pub(super) fn required_value<T>(
        &self,
        findings: &mut Findings<'_>,
        name: &str,
        rule: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        self.required(findings, name)?.value(findings, rule)
    }

    /// The value of a child that may be missing.
    pub(super) fn optional_value<T>(
        &self,
        findings: &mut Findings<'_>,
        name: &str,
        rule: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        self.child(findings, name)?.value(findings, rule)
    }

    /// The value of an attribute that must be there, by a rule; its path ends in `@name`.
    pub(super) fn attribute<T>(
        &self,
        findings: &mut Findings<'_>,
        name: &str,
        rule: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<T> {
        let path = format!("{}@{name}", self.path);
        let Some(attribute) = self
            .element
            .attributes
            .iter()
            .find(|attribute| attribute.name == name)
        else {
            let problem =
                Problem::new(format!("the attribute {name} is missing")).with_rule(FORMAT);
            let hint = format!("write <{} {name}=\"…\">", self.element.name);
            findings.add(self.element.at, problem.with_path(path).with_hint(hint));
            return None;
        };
        rule(attribute.value.trim_matches(is_xml_space))
            .map_err(|wrong| findings.add(attribute.at, Problem::from(wrong).with_path(path)))
            .ok()
    }
}
