//! What the doctor finds.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};
use tokio::runtime::Handle;

use super::app::App;
use super::failed::Failed;
use super::page::{self, Section};
use crate::cli::doctor::finding::{Check, Finding};
use crate::cli::doctor::{Report, examine};
use crate::cli::error::Error;
use crate::cli::text::plain;

/// The page. It is looked at anew each time: a look takes some dozens of calls, so it is not repeated by itself.
pub(super) async fn page(State(app): State<Arc<App>>) -> Response {
    let body = looked(&app).await;
    page::whole(&app, Section::Health, "Health", body)
}

/// Looks at everything, in a thread of its own: the compiler cannot see that what the doctor holds between its calls may be
/// passed from one thread to another.
async fn looked(app: &Arc<App>) -> Result<Markup, Failed> {
    let (app, runtime) = (Arc::clone(app), Handle::current());
    let looking = tokio::task::spawn_blocking(move || {
        runtime.block_on(examine(&app.polled, &app.stack, None, app.now()))
    });
    let report = looking.await.map_err(|ended| {
        let error = Error::from_source("the doctor did not end its look", ended);
        Failed::from(error)
    })?;
    Ok(markup(&report))
}

fn markup(report: &Report) -> Markup {
    let (ok, todo, unknown) = report.counts();
    let is_ok = |check: &&Check| matches!(check.finding, Finding::Ok(_));
    let (fine, findings): (Vec<&Check>, Vec<&Check>) = report.checks.iter().partition(is_ok);
    html! {
        h1 { "Health" }
        p.counts { (ok) " ok · " (todo) " to do · " (unknown) " could not be looked at" }
        form action="/health" method="get" { button type="submit" { "Look again" } }
        @if findings.is_empty() {
            p.notice.good { "All checks passed." }
        } @else {
            h2 { "What needs attention" }
            ul.checks { @for check in findings { (item(check)) } }
        }
        @if !fine.is_empty() {
            h2 { "What is in order" }
            ul.checks { @for check in fine { (item(check)) } }
        }
    }
}

fn item(check: &Check) -> Markup {
    let (class, word) = match &check.finding {
        Finding::Ok(_) => ("available", "ok"),
        Finding::Todo { .. } => ("failed", "to do"),
        Finding::Unknown { .. } => ("over", "unknown"),
    };
    html! {
        li {
            span.state.(class) { (word) }
            div {
                strong { (plain(&check.subject)) }
                @match &check.finding {
                    Finding::Ok(text) => p { (plain(text)) },
                    Finding::Todo { what, next } => {
                        p { (plain(what)) }
                        p { "What to do: " (plain(next)) }
                    }
                    Finding::Unknown { why } => p { "Could not look: " (plain(why)) },
                }
            }
        }
    }
}
