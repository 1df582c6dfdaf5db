//! The emails of a local world.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use mail_parser::{Address, MessageParser};
use maud::{Markup, html};

use super::app::App;
use super::failed::Failed;
use super::page::{self, Section, lines};
use crate::cli::error::Error;
use crate::cli::text::plain;
use crate::image::words::counted;

/// Emails that are read, the latest.
const READ: usize = 300;

/// An email.
#[derive(Debug, Clone, Default)]
pub(super) struct Email {
    pub(super) subject: String,
    pub(super) text: String,
    from: String,
    to: String,
    at: String,
    id: String,
}

impl Email {
    /// Whether it is of the published message with this id of SNS.
    pub(super) fn has_id(&self, id: &str) -> bool {
        self.id.split('.').next() == Some(id)
    }
}

/// The page.
pub(super) async fn page(State(app): State<Arc<App>>) -> Response {
    let body = listed(&app).await.map(|list| {
        html! {
            h1 { "Mailbox" }
            p { "The emails of this local world. None was sent to anybody." }
            div #list data-live="/mailbox/list" { (list) }
        }
    });
    page::whole(&app, Section::Mailbox, "Mailbox", body)
}

/// The part of it that changes.
pub(super) async fn list(State(app): State<Arc<App>>) -> Response {
    page::part(listed(&app).await)
}

async fn listed(app: &App) -> Result<Markup, Failed> {
    let Some(folder) = &app.mailbox else {
        let error = Error::new("there is no mailbox: SNS sends the emails");
        return Err(Failed::from(error).with_status(StatusCode::NOT_FOUND));
    };
    let emails = read(folder.clone()).await.map_err(|error| {
        let message = format!("cannot read the mailbox {}", folder.display());
        Error::from_source(message, error)
    })?;
    let counted = counted(emails.len(), "email");
    Ok(html! {
        p.counts data-say=(counted) { (counted) }
        @if emails.is_empty() { p.empty { "No email yet." } }
        @for email in &emails {
            details id=(email.id) {
                summary id={ "s-" (email.id) } { (plain(&email.subject)) " " span.note { (plain(&email.at)) } }
                dl {
                    dt { "From" } dd { (plain(&email.from)) }
                    dt { "To" } dd { (plain(&email.to)) }
                }
                pre.text id={ "t-" (email.id) } tabindex="0" { (lines(&email.text)) }
            }
        }
    })
}

/// The emails of a folder, the latest first.
pub(super) async fn read(folder: PathBuf) -> io::Result<Vec<Email>> {
    let read = tokio::task::spawn_blocking(move || read_now(&folder)).await;
    read.unwrap_or_else(|ended| Err(io::Error::other(ended)))
}

fn read_now(folder: &Path) -> io::Result<Vec<Email>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        // It is made with the first email.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|it| it == "eml"))
        .collect();
    // Their names begin with the time, and a number.
    paths.sort();
    let latest = paths.iter().rev().take(READ);
    // One that is being removed, or cannot be read, does not hide the others.
    let contents = latest.filter_map(|path| fs::read(path).ok());
    Ok(contents.map(|content| parse(&content)).collect())
}

fn parse(content: &[u8]) -> Email {
    let Some(message) = MessageParser::default().parse(content) else {
        return Email::default();
    };
    let address = |address: Option<&Address<'_>>| {
        let first = address.and_then(Address::first);
        let first = first.and_then(|it| it.address.as_deref());
        first.unwrap_or_default().to_owned()
    };
    Email {
        subject: message.subject().unwrap_or_default().to_owned(),
        text: message.body_text(0).unwrap_or_default().into_owned(),
        from: address(message.from()),
        to: address(message.to()),
        at: message.date().map(ToString::to_string).unwrap_or_default(),
        id: message.message_id().unwrap_or_default().to_owned(),
    }
}
