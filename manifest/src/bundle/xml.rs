//! XML, as much of it as a bundle manifest needs: text in, a small tree of elements with their places out.
//!
//! Hostile input is the normal case here, since whoever may write to the bucket writes manifests. So: no DOCTYPE
//! and no entities beyond the five of XML itself, and limits on depth, elements and attributes.

use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;
use quick_xml::{XmlVersion, escape};

use super::characters::{is_xml_character, is_xml_name, is_xml_space};
use super::findings::Findings;
use crate::{
    Problem,
    text::{cut, quoted},
};

/// Deepest nesting: a manifest needs 5 (`manifest`, `image`, `parts`, `part`, `digest`), other tools' additions a few more.
const DEEPEST: usize = 16;
/// Elements at most: 1,024 parts of three elements, several times over.
const MOST_ELEMENTS: usize = 20_000;
/// Attributes an element may have; a manifest's have one.
const MOST_ATTRIBUTES: usize = 16;
const RULE: &str = "XML 1.0";

/// An element with what is in it.
#[derive(Debug)]
pub(super) struct Element {
    /// Name as written, prefix included.
    pub(super) name: String,
    /// Byte offset of its `<`.
    pub(super) at: usize,
    /// In the order of the text.
    pub(super) attributes: Vec<Attribute>,
    /// Its own text, references resolved, CDATA included, that of its children not.
    pub(super) text: String,
    /// Byte offset of the first character of `text` that is not white space.
    pub(super) text_at: Option<usize>,
    /// A problem with its text is already known: there is no use in another about the value.
    pub(super) broken: bool,
    /// In the order of the text.
    pub(super) children: Vec<Element>,
}

/// An attribute of an element.
#[derive(Debug)]
pub(super) struct Attribute {
    pub(super) name: String,
    pub(super) value: String,
    /// Byte offset of the value.
    pub(super) at: usize,
}

/// The text cannot be read further; the finding that says why is already kept.
struct Stop;

/// The root element, if the text has one that is complete. What is wrong is added to `findings`.
pub(super) fn read<'t>(text: &'t str, findings: &mut Findings<'t>) -> Option<Element> {
    let mut tree = Tree {
        text,
        findings,
        open: Vec::new(),
        root: None,
        elements: 0,
    };
    tree.check_characters();
    // After a Stop there may still be a whole root element, with something unreadable after it.
    let _ = tree.read_all();
    tree.root
}

struct Tree<'t, 'f> {
    text: &'t str,
    findings: &'f mut Findings<'t>,
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
}

impl Tree<'_, '_> {
    fn check_characters(&mut self) {
        if let Some((at, character)) = self
            .text
            .char_indices()
            .find(|(_, c)| !is_xml_character(*c))
        {
            let code = u32::from(character);
            self.add(
                at,
                format!("the character U+{code:04X} may not be in XML"),
                "remove it",
            );
        }
    }

    fn read_all(&mut self) -> Result<(), Stop> {
        let mut reader = Reader::from_str(self.text);
        reader.config_mut().enable_all_checks(true);
        loop {
            let at = offset(reader.buffer_position());
            match reader.read_event() {
                Ok(Event::Eof) => break,
                Ok(event) => self.take(event, at)?,
                Err(error) => {
                    let at = offset(reader.error_position()).max(at);
                    self.add(
                        at,
                        format!("this is not well-formed XML: {}", brief(&error)),
                        "upload the whole file as the tool wrote it",
                    );
                    return Err(Stop);
                }
            }
        }
        if let Some(element) = self.open.pop() {
            let message = format!("<{}> is never closed", brief(&element.name));
            self.add(
                element.at,
                message,
                "the file may have been cut short: upload it again",
            );
        } else if self.root.is_none() {
            self.add(
                self.text.len(),
                "the manifest has no root element",
                "a bundle manifest starts with <manifest>",
            );
        }
        Ok(())
    }

    fn take(&mut self, event: Event<'_>, at: usize) -> Result<(), Stop> {
        match event {
            Event::Start(start) => self.start(&start, at)?,
            Event::Empty(start) => {
                self.start(&start, at)?;
                self.end();
            }
            Event::End(_) => self.end(),
            Event::Text(text) => self.text(&text, at),
            // 9 bytes of `<![CDATA[`
            Event::CData(text) => self.text(&text, at + 9),
            Event::GeneralRef(reference) => self.reference(&reference, at),
            Event::Decl(declaration) => self.declaration(&declaration, at),
            Event::DocType(_) => {
                self.add(
                    at,
                    "a DOCTYPE is not allowed in a bundle manifest",
                    "remove it",
                );
            }
            Event::PI(_) => self.add(
                at,
                "processing instructions are not allowed in a bundle manifest",
                "remove it",
            ),
            Event::Comment(_) | Event::Eof => {}
        }
        Ok(())
    }

    fn start(&mut self, start: &BytesStart<'_>, at: usize) -> Result<(), Stop> {
        if self.open.is_empty() && self.root.is_some() {
            self.add(
                at,
                "there is a second root element",
                "a manifest ends with </manifest>",
            );
            return Err(Stop);
        }
        if self.open.len() >= DEEPEST {
            self.add(
                at,
                format!("elements are nested more than {DEEPEST} deep"),
                "a bundle manifest needs 5 levels",
            );
            return Err(Stop);
        }
        self.elements += 1;
        if self.elements > MOST_ELEMENTS {
            self.add(
                at,
                format!("there are more than {MOST_ELEMENTS} elements"),
                "a bundle has at most 1024 parts",
            );
            return Err(Stop);
        }
        let name = start.name();
        self.check_name(name.as_ref(), at);
        let attributes = self.attributes(start, at);
        self.open.push(Element {
            name: name.as_ref().to_owned(),
            at,
            attributes,
            text: String::new(),
            text_at: None,
            broken: false,
            children: Vec::new(),
        });
        Ok(())
    }

    fn end(&mut self) {
        // The reader checks that end tags match, so there is always one open.
        let Some(element) = self.open.pop() else {
            return;
        };
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
    }

    fn attributes(&mut self, start: &BytesStart<'_>, at: usize) -> Vec<Attribute> {
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            if attributes.len() == MOST_ATTRIBUTES {
                self.add(
                    at,
                    format!("there are more than {MOST_ATTRIBUTES} attributes"),
                    "a manifest's elements have at most one",
                );
                break;
            }
            let attribute = match attribute {
                Ok(attribute) => attribute,
                Err(error) => {
                    self.add(
                        at,
                        format!("an attribute is not well-formed: {}", brief(&error)),
                        "write attributes as name=\"value\"",
                    );
                    break;
                }
            };
            // The value is a slice of the text unless the library had to build it: then the position of the tag is used.
            let place = attribute
                .value
                .as_ptr()
                .addr()
                .wrapping_sub(self.text.as_ptr().addr());
            let place = if place < self.text.len() { place } else { at };
            self.check_name(attribute.key.as_ref(), at);
            if attribute.value.contains('<') {
                self.add(place, "an attribute's value has a < in it", "write &lt;");
            }
            let value = match attribute.normalized_value(XmlVersion::Implicit1_0) {
                Ok(value) if value.chars().all(is_xml_character) => value.into_owned(),
                Ok(_) => {
                    self.add(
                        place,
                        "an attribute's value has a character that may not be in XML",
                        "remove it",
                    );
                    continue;
                }
                Err(error) => {
                    self.add(
                        place,
                        format!("an attribute's value cannot be read: {}", brief(&error)),
                        ENTITIES,
                    );
                    continue;
                }
            };
            attributes.push(Attribute {
                name: attribute.key.as_ref().to_owned(),
                value,
                at: place,
            });
        }
        attributes
    }

    fn text(&mut self, text: &str, at: usize) {
        let visible = text.find(|c| !is_xml_space(c)).map(|start| at + start);
        match self.open.last_mut() {
            Some(element) => {
                element.text_at = element.text_at.or(visible);
                element.text.push_str(text);
            }
            None => {
                if let Some(at) = visible {
                    self.outside(at);
                }
            }
        }
    }

    fn reference(&mut self, reference: &BytesRef<'_>, at: usize) {
        let resolved = match reference.resolve_char_ref() {
            Ok(Some(character)) if is_xml_character(character) => Some(character.to_string()),
            Ok(Some(_)) | Err(_) => None,
            Ok(None) => escape::resolve_xml_entity(reference).map(str::to_owned),
        };
        if resolved.is_none() {
            self.add(
                at,
                format!(
                    "the entity reference {} is not supported",
                    quoted(&format!("&{};", &**reference))
                ),
                ENTITIES,
            );
        }
        let Some(element) = self.open.last_mut() else {
            return self.outside(at);
        };
        element.text_at = element.text_at.or(Some(at));
        match resolved {
            Some(text) => element.text.push_str(&text),
            None => element.broken = true,
        }
    }

    fn declaration(&mut self, declaration: &BytesDecl<'_>, at: usize) {
        if at != 0 {
            self.add(
                at,
                "the XML declaration is not at the very start",
                "remove what is before it, or the declaration",
            );
        }
        match declaration.version() {
            Ok(version) if version == "1.0" => {}
            Ok(version) => self.add(
                at,
                format!("this is XML {}", quoted(&version)),
                "write version=\"1.0\"",
            ),
            Err(error) => self.add(
                at,
                format!("the XML declaration cannot be read: {}", brief(&error)),
                "write <?xml version=\"1.0\"?>",
            ),
        }
        match declaration.encoding() {
            None => {}
            Some(Ok(encoding))
                if ["utf-8", "us-ascii", "ascii"]
                    .iter()
                    .any(|known| encoding.eq_ignore_ascii_case(known)) => {}
            Some(Ok(encoding)) => {
                self.add(
                    at,
                    format!("the encoding {} is not supported", quoted(&encoding)),
                    "save the manifest as UTF-8 and declare that, or remove the declaration",
                );
            }
            Some(Err(error)) => {
                self.add(
                    at,
                    format!("the XML declaration cannot be read: {}", brief(&error)),
                    "write <?xml version=\"1.0\"?>",
                );
            }
        }
    }

    fn check_name(&mut self, name: &str, at: usize) {
        if !is_xml_name(name) {
            self.add(
                at,
                format!("{} is not a valid XML name", quoted(name)),
                "names are letters, digits, _ - and .",
            );
        }
    }

    fn outside(&mut self, at: usize) {
        let place = if self.root.is_some() {
            "after"
        } else {
            "before"
        };
        self.add(
            at,
            format!("there is text {place} the root element"),
            "a manifest is from <manifest> to </manifest> and nothing else",
        );
    }

    fn add(&mut self, at: usize, message: impl Into<String>, hint: &str) {
        self.findings
            .add(at, Problem::new(message).with_hint(hint).with_rule(RULE));
    }
}

const ENTITIES: &str =
    "use &amp; &lt; &gt; &apos; &quot; or a reference to a character that XML allows";

/// A text that may have names from the manifest in it, which may be as long as the manifest.
fn brief(text: &impl ToString) -> String {
    cut(&text.to_string(), 160)
}

fn offset(position: u64) -> usize {
    usize::try_from(position).unwrap_or(usize::MAX)
}
