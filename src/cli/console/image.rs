//! One image: what becomes of it, what is in its way, and what can be done.

mod emails;
mod plan;
mod regions;
mod request;
mod timeline;
mod view;

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::app::App;
use super::failed::Failed;
use super::links;
use super::page::{self, Section};
use crate::cli::hints::cannot_load;
use crate::cli::target;
use crate::cli::text::plain;
use crate::image::Status;
use crate::image::status::{ConditionKind, ConditionStatus};
use crate::manifest::key;
use crate::status_store;

pub(super) use self::request::{cancel, retry};

/// Which image.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    #[serde(default)]
    key: String,
}

/// The whole page.
pub(super) async fn page(State(app): State<Arc<App>>, Query(named): Query<Named>) -> Response {
    let key = named.key;
    let body = match load(&app, &key).await {
        Ok(Some(status)) => Ok(body(&app, &key, &status).await),
        Ok(None) => Ok(live(&key, &view::waiting(&key, app.now()))),
        Err(failed) => Err(failed),
    };
    page::whole(&app, Section::Images, &key, body)
}

/// The part of it that changes.
pub(super) async fn now(State(app): State<Arc<App>>, Query(named): Query<Named>) -> Response {
    let status = load(&app, &named.key).await;
    page::part(status.map(|status| match status {
        Some(status) => view::now(&app, &status, app.now()),
        None => view::waiting(&named.key, app.now()),
    }))
}

/// What uploading its manifest once more would change.
pub(super) async fn plan_page(State(app): State<Arc<App>>, Query(named): Query<Named>) -> Response {
    let key = named.key;
    let body = plan::of(&app, &key).await.map(|plan| {
        html! {
            p { a href=(links::image(&key)) { "Back to " (plain(&key)) } }
            h1 { "Plan" }
            p { "What uploading " code { (plain(&key)) } " as it is in the bucket would change. Nothing is changed by looking." }
            (plan)
        }
    });
    page::whole(&app, Section::Images, "Plan", body)
}

/// The status of an image; none yet of a manifest that was just uploaded.
async fn load(app: &App, key: &str) -> Result<Option<Status>, Failed> {
    let (context, bucket) = (app.polled(), &app.config.bucket);
    let loaded = status_store::load(context.aws, context.config, key).await;
    if let Some(loaded) = loaded.map_err(|error| cannot_load(&app.config, &error))? {
        return Ok(Some(loaded.status));
    }
    if key::kind(key).is_some() {
        let found = context.aws.listed_object(bucket, key).await;
        if found.is_ok_and(|found| found.is_some()) {
            return Ok(None);
        }
    }
    // What was probably meant is said.
    match target::load(context, key).await {
        Ok(loaded) => Ok(Some(loaded.status)),
        Err(error) => {
            let failed = Failed::from(error);
            // What AWS did not answer says nothing about the image.
            Err(match failed.status {
                StatusCode::INTERNAL_SERVER_ERROR => failed.with_status(StatusCode::NOT_FOUND),
                _ => failed,
            })
        }
    }
}

/// What changes while the page is open.
fn live(key: &str, now: &Markup) -> Markup {
    html! {
        p { a href="/images" { "All images" } }
        div #now data-live=(links::image_part("now", key)) { (now) }
    }
}

async fn body(app: &App, key: &str, status: &Status) -> Markup {
    let now = app.now();
    let plan = match is_in_sync(status) {
        true => None,
        false => Some(plan::of(app, key).await),
    };
    html! {
        @if let Some(said) = app.take_said(key) {
            div.notice.good role="status" { p { (said) } }
        }
        (live(key, &view::now(app, status, now)))
        @match plan {
            None => {
                p { a href=(links::image_part("plan", key)) { "What uploading its manifest again would change" } }
            }
            Some(plan) => section aria-labelledby="plan" {
                h2 #plan { "Plan" }
                p { "The AMI is not as its manifest says. What uploading it again would change:" }
                @match plan { Ok(plan) => (plan), Err(failed) => (failed.markup()) }
            }
        }
        (emails::section(app, status).await)
        (view::past(status))
    }
}

/// Whether the AMI is as its manifest says, as far as is known.
fn is_in_sync(status: &Status) -> bool {
    let mut conditions = status.conditions.iter();
    let is_false = conditions
        .any(|it| it.kind == ConditionKind::InSync && it.status == ConditionStatus::False);
    !is_false
}
