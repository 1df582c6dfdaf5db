//! What uploading the manifest of an image once more would change.

use axum::http::StatusCode;
use maud::{Markup, html};

use super::super::app::App;
use super::super::failed::Failed;
use crate::aws::Which;
use crate::cli::error::Error;
use crate::cli::hints::cannot_find_manifest;
use crate::cli::plan::document::Document;
use crate::cli::plan::lines::{Line, Sign};
use crate::cli::plan::{Upload, planned, screen};
use crate::cli::text::plain;
use crate::limits;

/// The plan of a manifest as it is in the bucket.
///
/// # Errors
/// If the manifest is not there or too large, or AWS cannot be asked.
pub(super) async fn of(app: &App, key: &str) -> Result<Markup, Failed> {
    let bucket = &app.config.bucket;
    let read = app
        .aws
        .get_object(bucket, key, Which::Current, limits::MANIFEST_BYTES);
    let object = read
        .await
        .map_err(|error| cannot_find_manifest(&app.config, &error))?;
    let content = object.and_then(|object| object.content);
    let Some(content) = content else {
        let error = Error::new(format!("there is no manifest {key}, or it is too large"));
        return Err(Failed::from(error).with_status(StatusCode::NOT_FOUND));
    };
    let upload = Upload {
        file: key,
        key,
        content: &content,
        known: &app.config.guardrails,
    };
    Ok(markup(&Box::pin(planned(app.context(), &upload)).await?))
}

fn markup(document: &Document) -> Markup {
    html! {
        p { strong { (plain(&screen::heading(document))) } }
        @for problem in &document.problems { p.notice.bad { (plain(&problem.to_string())) } }
        (lines("Changes", &document.changes))
        (lines("Not as the manifest says, and not changed by uploading it again", &document.drift))
        @for note in &document.notes { p.note { "Note: " (plain(note)) } }
        p { (plain(&screen::totals(document))) }
    }
}

fn lines(title: &str, lines: &[Line]) -> Markup {
    html! {
        @if !lines.is_empty() {
            div.scroll tabindex="0" role="region" aria-label=(title) {
                table.plan {
                    caption { (title) }
                    thead { tr { @for name in ["", "Region", "AMI", "What", "Values"] { th scope="col" { (name) @if name.is_empty() { span.hidden { "Change" } } } } } }
                    tbody {
                        @for line in lines {
                            tr.(class(line.change)) {
                                td { span aria-hidden="true" { (line.change.to_string()) } span.hidden { (word(line.change)) } }
                                td { (plain(&line.region)) }
                                td { @match &line.image { Some(image) => code { (plain(image)) }, None => "new" } }
                                td { (plain(&line.what)) }
                                td { (screen::values(line)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn class(sign: Sign) -> &'static str {
    match sign {
        Sign::Create => "create",
        Sign::Change => "change",
        Sign::Remove => "remove",
        Sign::Blocked | Sign::Conflict => "blocked",
    }
}

fn word(sign: Sign) -> &'static str {
    match sign {
        Sign::Create => "create",
        Sign::Change => "change",
        Sign::Remove => "remove",
        Sign::Blocked => "blocked",
        Sign::Conflict => "in conflict",
    }
}
