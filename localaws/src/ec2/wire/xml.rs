//! A small writer of EC2's XML answers.

use std::fmt::Display;

use crate::wire::xml_text;

/// EC2's namespace for the only API version this world speaks.
pub(crate) const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";

/// XML being written, element by element.
#[derive(Debug)]
pub(crate) struct Xml {
    text: String,
}

impl Xml {
    /// A document with nothing but its declaration.
    pub(crate) fn new() -> Self {
        Self {
            text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned(),
        }
    }

    /// The answer to `action`: `<ActionResponse>` with the request id, and what `content` writes.
    pub(crate) fn answer(
        action: &str,
        request_id: &str,
        content: impl FnOnce(&mut Self),
    ) -> String {
        let mut xml = Self::new();
        let name = format!("{action}Response");
        xml.text
            .push_str(&format!("<{name} xmlns=\"{NAMESPACE}\">"));
        xml.text("requestId", request_id);
        content(&mut xml);
        xml.close(&name);
        xml.finish()
    }

    /// `<name>` around what `content` writes.
    pub(crate) fn element(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.text.push('<');
        self.text.push_str(name);
        self.text.push('>');
        content(self);
        self.close(name);
    }

    /// `<name>value</name>`, escaped.
    pub(crate) fn text(&mut self, name: &str, value: impl Display) {
        self.element(name, |xml| xml.text.push_str(&xml_text(&value.to_string())));
    }

    /// The same, or nothing if there is no value.
    pub(crate) fn optional(&mut self, name: &str, value: Option<impl Display>) {
        if let Some(value) = value {
            self.text(name, value);
        }
    }

    /// `<name attribute='value'>` around what `content` writes.
    pub(crate) fn with(
        &mut self,
        name: &str,
        attribute: &str,
        value: &str,
        content: impl FnOnce(&mut Self),
    ) {
        self.text
            .push_str(&format!("<{name} {attribute}='{}'>", xml_text(value)));
        content(self);
        self.close(name);
    }

    /// Text inside of an element.
    pub(crate) fn characters(&mut self, text: &str) {
        self.text.push_str(&xml_text(text));
    }

    /// A list as EC2 writes them: `<name><item>…</item>…</name>`.
    pub(crate) fn items<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        each: impl Fn(&mut Self, T),
    ) {
        self.element(name, |xml| {
            for item in items {
                xml.element("item", |xml| each(xml, item));
            }
        });
    }

    /// The same, or nothing if the list is empty.
    pub(crate) fn items_if_any<T>(
        &mut self,
        name: &str,
        items: &[T],
        each: impl Fn(&mut Self, &T),
    ) {
        if !items.is_empty() {
            self.items(name, items, each);
        }
    }

    /// The document.
    pub(crate) fn finish(self) -> String {
        self.text
    }

    fn close(&mut self, name: &str) {
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_what_people_write() {
        let xml = Xml::answer("Test", "id", |xml| {
            xml.text("name", "a<b>&\"c\"\r");
            xml.optional("none", None::<&str>);
            xml.items("set", ["x"], |xml, item| xml.text("key", item));
        });
        assert!(xml.contains("<name>a&lt;b&gt;&amp;&quot;c&quot;&#13;</name>"));
        assert!(xml.contains("<set><item><key>x</key></item></set></TestResponse>"));
        assert!(!xml.contains("none"));
    }
}
