//! What the functions said.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::response::Response;
use jiff::SignedDuration;
use maud::{Markup, html};
use serde::Deserialize;

use super::app::App;
use super::failed::Failed;
use super::links::encoded;
use super::page::{self, Section, clock};
use crate::cli::logs::{Entry, Tail, cannot_read};
use crate::cli::target::check_key;
use crate::cli::text::plain;

/// Entries that are shown, the latest.
const SHOWN: usize = 300;

/// How far back can be asked for: what is sent, what it is called, and how long it is.
const SPANS: [(&str, &str, SignedDuration); 4] = [
    ("15m", "15 minutes", SignedDuration::from_mins(15)),
    ("1h", "an hour", SignedDuration::from_hours(1)),
    ("6h", "6 hours", SignedDuration::from_hours(6)),
    ("1d", "a day", SignedDuration::from_hours(24)),
];

/// Which entries are to be seen.
#[derive(Debug, Deserialize)]
pub(super) struct Filter {
    /// The key of a manifest; empty for all.
    #[serde(default)]
    key: String,
    #[serde(default)]
    since: String,
}

impl Filter {
    fn since(&self) -> (&'static str, SignedDuration) {
        let found = SPANS.iter().find(|(word, _, _)| *word == self.since);
        let (_, name, span) = found.unwrap_or(&SPANS[0]);
        (name, *span)
    }
}

/// The page.
pub(super) async fn page(State(app): State<Arc<App>>, Query(filter): Query<Filter>) -> Response {
    let (key, since) = (encoded(filter.key.trim()), encoded(&filter.since));
    let live = format!("/logs/list?key={key}&since={since}");
    let list = match listed(&app, &filter).await {
        Ok(list) => list,
        // The form stays: another key may help.
        Err(failed) => failed.markup(),
    };
    let body = html! {
        h1 { "Logs" }
        form.filter action="/logs" method="get" role="search" aria-label="Logs" {
            label for="key" { "Key of a manifest" }
            input #key type="search" name="key" value=(filter.key) maxlength="1024";
            label for="since" { "Since" }
            select #since name="since" {
                @for (word, name, _) in SPANS {
                    option value=(word) selected[filter.since == word] { (name) }
                }
            }
            button type="submit" { "Show" }
        }
        div #list data-live=(live) data-every="10" { (list) }
    };
    page::whole(&app, Section::Logs, "Logs", Ok(body))
}

/// The part of it that changes.
pub(super) async fn list(State(app): State<Arc<App>>, Query(filter): Query<Filter>) -> Response {
    page::part(listed(&app, &filter).await)
}

async fn listed(app: &App, filter: &Filter) -> Result<Markup, Failed> {
    let key = Some(filter.key.trim()).filter(|key| !key.is_empty());
    key.map_or(Ok(()), check_key)?;
    let (name, span) = filter.since();
    let now = app.now();
    let logs = app.logs().await?.to_vec();
    let mut tail = Tail::new(logs, key, now - span);
    let reading = tail.read(&app.polled, now).await;
    let reading = reading.map_err(|error| cannot_read(&app.polled, &error))?;
    let entries = reading.entries.iter().filter(|entry| !entry.is_routine);
    let entries: Vec<&Entry> = entries.collect();
    let shown = entries.iter().rev().take(SHOWN);
    Ok(html! {
        p.counts { (entries.len()) (if entries.len() == 1 { " entry" } else { " entries" }) " in the last " (name.trim_start_matches("an ").trim_start_matches("a ")) }
        @if reading.is_cut || entries.len() > SHOWN {
            p.notice { "There are more than are shown: name a key, or a shorter time." }
        }
        @if entries.is_empty() { p.empty { "Nothing was logged." } } @else {
            ul.log { @for entry in shown { (line(entry)) } }
        }
    })
}

fn line(entry: &Entry) -> Markup {
    let class = match entry.level.as_str() {
        "ERROR" => "failed",
        "WARN" => "waiting",
        _ => "over",
    };
    html! {
        li {
            span.note { (clock(entry.at)) } " "
            span.state.(class) { (plain(&entry.level)) } " "
            strong { (plain(&entry.function)) } " "
            (plain(&entry.message))
            @for (name, value) in &entry.fields {
                " " span.note { (plain(name)) "=" (plain(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))) }
            }
        }
    }
}
