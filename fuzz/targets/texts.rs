//! What every text that goes out has to be.

use amiwright::image::message::{Sender, advice, compose, failure_line};
use amiwright::image::status::{Notice, Status};
use amiwright::manifest::text::is_printable;

const SENDER: Sender<'_> = Sender {
    partition: "aws",
    region: "us-east-1",
    account: "123456789012",
};

/// Bytes of the longest notice, as it is sent.
const LONGEST: usize = 64 * 1024;

/// A notice has a subject that SNS takes, and a text in which nothing foreign does anything.
pub(crate) fn notice(status: &Status, notice: &Notice) {
    let message = compose(status, notice, SENDER);
    let subject = &message.subject;
    // Publish, parameter Subject.
    assert!((1..100).contains(&subject.len()), "{subject}");
    assert!(
        subject.chars().all(|c| c == ' ' || c.is_ascii_graphic()),
        "{subject}"
    );
    let mut lines = message.text.lines();
    assert!(
        lines.all(|line| line.chars().all(is_printable)),
        "{}",
        message.text
    );
    let sent = serde_json::json!({"default": message.data.to_string(), "email": message.text});
    assert!(
        sent.to_string().len() < LONGEST,
        "{} bytes",
        sent.to_string().len()
    );
    for value in message.attributes.values() {
        assert!(
            !value.is_empty() && value.chars().all(is_printable),
            "{value}"
        );
    }
}

/// Each failure of a status has a line, and a hint that says what to do.
pub(crate) fn failures(status: &Status) {
    for failure in status.failures() {
        assert!(!failure_line(failure).is_empty());
        let hint = advice::hint(status, failure);
        assert!(!hint.is_empty() && hint.chars().all(is_printable), "{hint}");
    }
}
