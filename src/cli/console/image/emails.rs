//! The emails about an image.

use maud::{Markup, html};

use super::super::app::App;
use super::super::mailbox::{self, Email};
use super::super::page::{clock, lines};
use crate::cli::text::plain;
use crate::image::Status;
use crate::image::message::{Sender, compose};
use crate::image::status::Notice;

/// What is shown of a notice.
struct Shown {
    subject: String,
    text: String,
    /// Whether it is what was sent, word for word.
    is_sent: bool,
}

/// The emails, the latest first: as they were sent, where there is a mailbox to look into or they are still to be sent.
pub(super) async fn section(app: &App, status: &Status) -> Markup {
    let sent = match &app.mailbox {
        Some(folder) => mailbox::read(folder.clone()).await.unwrap_or_default(),
        None => Vec::new(),
    };
    let sender = match app.config.sender() {
        Ok(sender) => sender,
        // Only functions know their topic; the account of who asks is usually the same.
        Err(_) => Sender {
            partition: partition(&app.config.region),
            region: &app.config.region,
            account: app.caller().await.map_or("-", |it| it.account.as_str()),
        },
    };
    html! {
        section aria-labelledby="emails" {
            h2 #emails { "Emails" }
            @if status.notices.is_empty() { p { "None yet." } }
            @for notice in status.notices.iter().rev() {
                (email(notice, &shown(status, notice, sender, &sent)))
            }
        }
    }
}

fn shown(status: &Status, notice: &Notice, sender: Sender<'_>, sent: &[Email]) -> Shown {
    let id = notice.message_id.as_deref();
    let known = sent
        .iter()
        .find(|email| id.is_some_and(|id| email.has_id(id)));
    match known {
        Some(email) => Shown {
            subject: email.subject.clone(),
            text: email.text.clone(),
            is_sent: true,
        },
        None => {
            let message = compose(status, notice, sender);
            Shown {
                subject: message.subject,
                text: message.text,
                is_sent: notice.sent_at.is_none(),
            }
        }
    }
}

fn email(notice: &Notice, shown: &Shown) -> Markup {
    html! {
        details {
            summary {
                (plain(&shown.subject)) " "
                @match notice.sent_at {
                    Some(at) => span.note { "sent " (clock(at)) },
                    None => span.note { "not sent yet" },
                }
            }
            @if !shown.is_sent {
                p.note { "Written anew from what is known now: what was sent may have said less or more." }
            }
            pre.text tabindex="0" { (lines(&shown.text)) }
        }
    }
}

/// The partition of a Region ("Amazon Resource Names", AWS General Reference): links in emails lead to its console.
fn partition(region: &str) -> &'static str {
    match region {
        _ if region.starts_with("cn-") => "aws-cn",
        _ if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}
