//! Email: one RFC 5322 file per message and subscriber, in a folder that stands for all subscribers' mailboxes.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::tz::TimeZone;
use mail_builder::MessageBuilder;
use serde_json::{Value, json};

use super::message::Published;
use crate::clock::date;

/// Who SNS says it is.
const SENDER: (&str, &str) = ("AWS Notifications", "no-reply@sns.amazonaws.com");
/// What SNS writes when a message has no subject.
const DEFAULT_SUBJECT: &str = "AWS Notification Message";
/// How much of a subject a file's name shows.
const LONGEST_SLUG: usize = 60;

/// An email to be written.
#[derive(Debug)]
pub(super) struct Email<'a> {
    pub(super) published: &'a Published,
    pub(super) to: &'a str,
    /// The topic's display name, if it has one.
    pub(super) from: Option<&'a str>,
    pub(super) body: String,
    /// Counts the emails, so that those of one second keep their order.
    pub(super) number: u64,
}

impl Email<'_> {
    /// Writes the email into the folder. Readers see it whole or not at all.
    pub(super) fn deliver(&self, mailbox: &Path) -> io::Result<PathBuf> {
        fs::create_dir_all(mailbox)?;
        let name = self.file_name();
        let (draft, path) = (mailbox.join(format!(".{name}.tmp")), mailbox.join(&name));
        fs::write(&draft, self.message()?)?;
        fs::rename(&draft, &path)?;
        Ok(path)
    }

    fn message(&self) -> io::Result<Vec<u8>> {
        MessageBuilder::new()
            .from((self.from.unwrap_or(SENDER.0), SENDER.1))
            .to(self.to)
            .subject(self.subject())
            .date(self.published.at.as_second())
            .message_id(format!(
                "{}.{}@sns.amazonaws.com",
                self.published.message_id, self.number
            ))
            .text_body(self.body.as_str())
            .write_to_vec()
    }

    fn subject(&self) -> &str {
        self.published.subject.as_deref().unwrap_or(DEFAULT_SUBJECT)
    }

    fn file_name(&self) -> String {
        let at = self
            .published
            .at
            .to_zoned(TimeZone::UTC)
            .strftime("%Y%m%dT%H%M%SZ");
        format!("{at}-{:04}-{}.eml", self.number, slug(self.subject()))
    }

    /// The text with SNS's footer. There is no link in it: nothing would answer there.
    pub(super) fn with_footer(message: &str, subscription_arn: &str) -> String {
        format!(
            "{message}\n\n--\nIf you wish to stop receiving notifications from this topic, please unsubscribe:\n\
             {subscription_arn}\n(This email was written by localaws and not sent; there is no link to open.)\n\n\
             Please do not reply directly to this email.\n"
        )
    }
}

/// The document that SNS sends to machines ("Parsing message formats", Amazon SNS Developer Guide).
/// It is not signed and has no links: nothing here could stand behind them.
pub(super) fn notification(published: &Published, message: &str) -> Value {
    let at = date(published.at);
    let mut document = json!({
        "Type": "Notification",
        "MessageId": published.message_id,
        "TopicArn": published.topic_arn,
    });
    if let Some(subject) = &published.subject {
        document["Subject"] = json!(subject);
    }
    document["Message"] = json!(message);
    document["Timestamp"] = json!(at);
    for (name, attribute) in &published.attributes {
        document["MessageAttributes"][name] =
            json!({"Type": attribute.data_type, "Value": attribute.value});
    }
    document
}

/// Letters and digits of a text, and dashes between: safe in a file's name, whatever the text.
fn slug(text: &str) -> String {
    let words = text
        .split(|it: char| !it.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let mut slug = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
    slug.truncate(LONGEST_SLUG);
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_subject_leads_out_of_the_mailbox() {
        assert_eq!(slug("../../etc/passwd"), "etc-passwd");
        assert_eq!(
            slug("AMI web-2026 is available!"),
            "ami-web-2026-is-available"
        );
        assert_eq!(slug("???"), "");
        assert!(slug(&"x".repeat(99)).len() <= LONGEST_SLUG);
    }
}
