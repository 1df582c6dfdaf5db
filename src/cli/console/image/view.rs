//! What is known of an image, as a page.

use jiff::Timestamp;
use maud::{Markup, html};

use super::super::app::App;
use super::super::images::class;
use super::super::page::{self, clock, when};
use super::{regions, timeline};
use crate::cli::list::{Known, Row, Usual};
use crate::cli::progress_text::task_state;
use crate::cli::status::details;
use crate::cli::text::plain;
use crate::image::Status;
use crate::image::apply::{request_cancel, request_retry};
use crate::image::message::advice;
use crate::image::status::{Condition, ConditionStatus, Failure};
use crate::image::task::Task;
use crate::image::words::CancelBy;
use crate::manifest::Problem;

/// What changes while the page is open: where it is, what is in its way, what is done for it.
pub(super) fn now(app: &App, status: &Status, now: Timestamp) -> Markup {
    let key = &status.manifest.key;
    let row = Row::of(key, Known::Status(status), &Usual::default(), now);
    let percent = row.work.as_ref().and_then(|work| work.percent);
    html! {
        h1 { (row.key) }
        p.now data-say={ (row.key) ": " (row.state) } {
            span.state.(class(row.kind)) { (row.state) }
            @if let Some(percent) = percent {
                progress max="100" value=(percent) aria-label={ (percent) " %" } {}
            }
            span { (row.detail) }
            @if let Some(at) = row.changed_at { span.note { (when(at, now)) } }
        }
        (buttons(app, status, now))
        @for failure in status.failures() { (failed(status, failure)) }
        (problems(status))
        (timeline::picture(status, now))
        (regions::section(status, now))
        (tasks(status, now))
        (facts(status, now))
    }
}

/// An image that has no status yet.
pub(super) fn waiting(key: &str, now: Timestamp) -> Markup {
    let uploaded = Known::Nothing { is_open: true };
    let row = Row::of(key, uploaded, &Usual::default(), now);
    html! {
        h1 { (row.key) }
        p.now data-say={ (row.key) ": " (row.state) } {
            span.state.(class(row.kind)) { (row.state) }
            span { (row.detail) }
        }
        p { "It was uploaded, and has no status yet: that takes a few seconds, or 15 minutes if its event was lost." }
    }
}

/// What can be asked for now.
fn buttons(app: &App, status: &Status, now: Timestamp) -> Markup {
    let key = &status.manifest.key;
    let may_cancel = request_cancel(&mut status.clone(), CancelBy::Command, now) == Ok(true);
    let may_retry = request_retry(&mut status.clone(), now) == Ok(true);
    html! {
        @if may_cancel {
            details.ask #cancel {
                summary #cancel-ask { "Cancel" }
                form action="/image/cancel" method="post" {
                    (page::csrf(app))
                    input type="hidden" name="key" value=(key);
                    input type="hidden" name="seen" value=(status.manifest.sha256);
                    p { "What was created for this version in AWS is deleted." }
                    button #cancel-now .danger type="submit" { "Cancel this image" }
                }
            }
        }
        @if may_retry {
            form.ask action="/image/retry" method="post" {
                (page::csrf(app))
                input type="hidden" name="key" value=(key);
                input type="hidden" name="seen" value=(status.manifest.sha256);
                button #retry type="submit" { "Retry" }
            }
        }
        @if status.cancel.is_some() && !status.state.is_final() { p.note { "Its cancellation is requested." } }
        @if status.retry.is_some() { p.note { "A new attempt is requested." } }
    }
}

fn failed(status: &Status, failure: &Failure) -> Markup {
    let who = if failure.is_of_aws() {
        "AWS said"
    } else {
        "Reason"
    };
    html! {
        section.notice.bad aria-label="Failure" {
            p { "Failed: " (plain(&failure.doing)) }
            dl {
                dt { (who) }
                dd {
                    @if let Some(code) = &failure.code { code { (plain(code)) } ": " }
                    (plain(&failure.message))
                }
                @if let Some(id) = &failure.request_id { dt { "Request id" } dd { code { (plain(id)) } } }
                dt { "What to do" } dd { (plain(&advice::hint(status, failure))) }
            }
        }
    }
}

fn problems(status: &Status) -> Markup {
    html! {
        @if !status.problems.is_empty() {
            section.notice.bad aria-label="Problems of the manifest" {
                p { "The manifest was rejected. Fix it and upload it again." }
                ul { @for problem in &status.problems { li { (one(problem)) } } }
                @if status.problems_omitted > 0 { p { "and " (status.problems_omitted) " more" } }
            }
        }
    }
}

/// A problem without its line's text.
fn one(problem: &Problem) -> Markup {
    html! {
        @if let Some(line) = problem.line { "line " (line) ": " }
        @if !problem.path.is_empty() { code { (plain(&problem.path)) } ": " }
        (plain(&problem.message))
        @if let Some(hint) = &problem.hint { br; span.note { "Hint: " (plain(hint)) } }
    }
}

fn tasks(status: &Status, now: Timestamp) -> Markup {
    html! {
        @if !status.build.tasks.is_empty() {
            section aria-labelledby="tasks" {
                h2 #tasks { "Tasks of EC2" }
                @for task in &status.build.tasks { (one_task(task, now)) }
            }
        }
    }
}

fn one_task(task: &Task, now: Timestamp) -> Markup {
    let created = task.snapshots.iter().chain(&task.image).chain(&task.object);
    let created: Vec<&str> = created.map(String::as_str).collect();
    html! {
        dl.task {
            dt { "Task" } dd { (task.kind.to_string()) " " code { (plain(&task.id)) } }
            dt { "State" } dd {
                @if let Some(percent) = task.progress { (percent) " % " }
                (task_state(task))
                @if let Some(code) = &task.code { " (" code { (plain(code)) } ")" }
            }
            dt { "Started" } dd { (clock(task.started_at)) ", last change " (when(task.updated_at, now)) }
            @if !created.is_empty() { dt { "Created" } dd { (plain(&created.join(", "))) } }
            @if let Some(at) = task.cancel_sent_at { dt { "Cancelled" } dd { (clock(at)) } }
        }
    }
}

fn facts(status: &Status, now: Timestamp) -> Markup {
    html! {
        section aria-labelledby="facts" {
            h2 #facts { "Facts" }
            dl {
                @for (name, value) in details::facts(status, now) { dt { (name) } dd { (plain(&value)) } }
            }
        }
    }
}

/// What is as it was when the page was opened.
pub(super) fn past(status: &Status) -> Markup {
    let raw = serde_json::to_string_pretty(status).unwrap_or_default();
    html! {
        @if !status.conditions.is_empty() {
            section aria-labelledby="conditions" {
                h2 #conditions { "Conditions" }
                dl { @for it in &status.conditions { (condition(it)) } }
            }
        }
        section aria-labelledby="history" {
            h2 #history { "History" }
            div.scroll tabindex="0" role="group" aria-labelledby="history" {
                table {
                    thead { tr { @for name in ["When (UTC)", "To", "Why"] { th scope="col" { (name) } } } }
                    tbody {
                        @for change in status.history.iter().rev() {
                            tr { td { (clock(change.at)) } td { (plain(&change.to)) } td { (plain(&change.why)) } }
                        }
                    }
                }
            }
        }
        details {
            summary { "Raw status" }
            pre.raw tabindex="0" { (page::lines(&raw)) }
        }
    }
}

fn condition(condition: &Condition) -> Markup {
    let holds = match condition.status {
        ConditionStatus::True => "true",
        ConditionStatus::False => "false",
        ConditionStatus::Unknown => "unknown",
    };
    html! {
        dt { (condition.kind.to_string()) }
        dd {
            (holds) ", since " (clock(condition.since)) ": " (condition.reason.to_string())
            @if !condition.message.is_empty() { ": " (plain(&condition.message)) }
        }
    }
}
