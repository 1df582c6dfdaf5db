//! The frame of all pages.

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};

use super::app::App;
use super::failed::Failed;
use crate::cli::text::{ago, plain};
use crate::version::VERSION;

/// The pages that the navigation leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Images,
    Drop,
    Health,
    Logs,
    Mailbox,
}

impl Section {
    const ALL: [Self; 5] = [
        Self::Images,
        Self::Drop,
        Self::Health,
        Self::Logs,
        Self::Mailbox,
    ];

    fn link(self) -> (&'static str, &'static str) {
        match self {
            Self::Images => ("/images", "Images"),
            Self::Drop => ("/drop", "Drop"),
            Self::Health => ("/health", "Health"),
            Self::Logs => ("/logs", "Logs"),
            Self::Mailbox => ("/mailbox", "Mailbox"),
        }
    }
}

/// A page, or why there is none.
pub(super) fn whole(
    app: &App,
    section: Section,
    title: &str,
    body: Result<Markup, Failed>,
) -> Response {
    let (status, body) = match body {
        Ok(body) => (StatusCode::OK, body),
        Err(failed) => (
            failed.status,
            html! { h1 { (plain(title)) } (failed.markup()) },
        ),
    };
    (status, framed(app, section, title, &body)).into_response()
}

/// A page with this status.
pub(super) fn with_status(
    app: &App,
    section: Section,
    title: &str,
    (status, body): (StatusCode, &Markup),
) -> Response {
    (status, framed(app, section, title, body)).into_response()
}

/// The answer to a form that is not of this console, or of an earlier one.
pub(super) fn old_form(app: &App, section: Section) -> Response {
    let body = html! {
        h1 { "Refused" }
        p { "This form is not of this console, or it was opened before the console was started again. Open the page again." }
    };
    with_status(app, section, "Refused", (StatusCode::FORBIDDEN, &body))
}

/// A part of a page, for the script that puts it in place of what is there.
pub(super) fn part(body: Result<Markup, Failed>) -> Response {
    let (status, body) = match body {
        Ok(body) => (StatusCode::OK, body),
        Err(failed) => (failed.status, failed.markup()),
    };
    (status, text(body)).into_response()
}

fn text(markup: Markup) -> impl axum::response::IntoResponse {
    (
        [(CONTENT_TYPE, "text/html; charset=utf-8")],
        markup.into_string(),
    )
}

fn framed(app: &App, section: Section, title: &str, body: &Markup) -> Response {
    let shown = |it: &Section| *it != Section::Mailbox || app.mailbox.is_some();
    let sections = Section::ALL.into_iter().filter(shown);
    let place = [&app.config.bucket, &app.config.region, &app.stack];
    let body = html! {
        a.skip href="#main" { "Skip to the content" }
        header {
            p.brand { a href="/images" { "amiwright" } }
            nav aria-label="Pages" {
                ul {
                    @for it in sections {
                        @let (link, name) = it.link();
                        li { a href=(link) aria-current=[(it == section).then_some("page")] { (name) } }
                    }
                }
            }
        }
        main #main tabindex="-1" { (body) }
        footer {
            p { "bucket " (plain(place[0])) " · " (plain(place[1])) " · stack " (plain(place[2])) " · amiwright " (VERSION) }
        }
        p #said .hidden role="status" {}
    };
    let markup = document(title, &app.session.csrf(), &body);
    text(markup).into_response()
}

/// A page for who may see nothing.
pub(super) fn bare(title: &str, body: &Markup) -> impl axum::response::IntoResponse {
    text(document(title, "", &html! { main { (body) } }))
}

fn document(title: &str, csrf: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                @if !csrf.is_empty() { meta name="csrf" content=(csrf); }
                title { (plain(title)) " · amiwright" }
                link rel="icon" href="/assets/icon.svg";
                link rel="stylesheet" href="/assets/console.css";
                script src="/assets/console.js" defer {}
            }
            body { (body) }
        }
    }
}

/// The field by which a form shows that it is ours.
pub(super) fn csrf(app: &App) -> Markup {
    html! { input type="hidden" name="csrf" value=(app.session.csrf()); }
}

/// A moment, as how long ago it was.
pub(super) fn when(at: Timestamp, now: Timestamp) -> Markup {
    html! { time datetime=(at) title=(at) { (ago(at, now)) } }
}

/// A moment as a date and a time of day, in UTC.
pub(super) fn clock(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (at.strftime("%Y-%m-%d %H:%M:%S")) } }
}

/// A text of several lines, each safe to show.
pub(super) fn lines(text: &str) -> String {
    let lines = text.lines().map(plain);
    lines.collect::<Vec<_>>().join("\n")
}
