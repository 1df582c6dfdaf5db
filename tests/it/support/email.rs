//! Emails as they were received.

use mail_parser::MessageParser;

/// An email as it was received.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Email {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) text: String,
}

impl Email {
    pub(crate) fn read(content: &[u8]) -> Self {
        let message = MessageParser::default().parse(content).unwrap();
        let to = message
            .to()
            .and_then(|to| to.first())
            .and_then(|to| to.address())
            .unwrap_or_default()
            .to_owned();
        Self {
            to,
            subject: message.subject().unwrap_or_default().to_owned(),
            text: message
                .body_text(0)
                .unwrap_or_default()
                .replace("\r\n", "\n"),
        }
    }
}
