//! The list of images.

mod filter;
mod view;

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Redirect, Response};
use maud::{Markup, html};

use self::filter::{Filter, Found};
use self::view::Shown;
pub(super) use self::view::class;
use super::app::App;
use super::failed::Failed;
use super::page::{self, Section};
use crate::cli::list::{Row, Usual, by_attention, counts};
use crate::cli::status;
use crate::cli::text::plain;

/// Images on one page: a few kilobytes each time it is refreshed.
const A_PAGE: usize = 100;

/// From the address without a path to the list.
pub(super) async fn to_list() -> Redirect {
    Redirect::to("/images")
}

/// What there is not.
pub(super) async fn nothing(State(app): State<Arc<App>>, uri: Uri) -> Response {
    let body = html! {
        h1 { "No such page" }
        p { "There is nothing at " code { (plain(uri.path())) } "." }
    };
    let status = StatusCode::NOT_FOUND;
    page::with_status(&app, Section::Images, "No such page", (status, &body))
}

/// The whole page.
pub(super) async fn page(State(app): State<Arc<App>>, Query(filter): Query<Filter>) -> Response {
    let body = listed(&app, &filter).await.map(|list| {
        let live = format!("/images/list{}", filter.query(filter.page.unwrap_or(1)));
        html! {
            h1 { "Images" }
            (form(&filter))
            div #list data-live=(live) { (list) }
        }
    });
    page::whole(&app, Section::Images, "Images", body).into_response()
}

/// The part of it that changes.
pub(super) async fn list(State(app): State<Arc<App>>, Query(filter): Query<Filter>) -> Response {
    page::part(listed(&app, &filter).await)
}

fn form(filter: &Filter) -> Markup {
    html! {
        form.filter action="/images" method="get" role="search" aria-label="Images" {
            label for="q" { "Key, AMI or text" }
            input #q type="search" name="q" value=(filter.q) maxlength="200";
            label for="state" { "State" }
            select #state name="state" {
                option value="" { "all" }
                @for (word, name, _) in Filter::KINDS {
                    option value=(word) selected[filter.state == word] { (name) }
                }
            }
            button type="submit" { "Filter" }
        }
    }
}

async fn listed(app: &App, filter: &Filter) -> Result<Markup, Failed> {
    let now = app.now();
    let (found, counts, left_out) = app
        .with_statuses(|known| {
            let statuses = known.iter().filter_map(|it| it.status.as_ref().ok());
            let usual = Usual::of(statuses.map(|loaded| &loaded.status));
            let rows = known.iter().map(|listed| status::row(listed, &usual, now));
            let rows: Vec<Row> = rows.collect();
            let counts = counts(&rows).join(" · ");
            let found = rows
                .into_iter()
                .zip(known.iter())
                .map(|(row, listed)| Found {
                    row,
                    key: listed.manifest_key.clone(),
                    regions: view::regions(listed),
                });
            (found.collect::<Vec<_>>(), counts, known.left_out())
        })
        .await?;
    if found.is_empty() {
        // Buckets without a status may be those of another stack, or of none.
        status::stack::check(app.polled()).await?;
    }
    let total = found.len();
    let mut wanted: Vec<&Found> = found.iter().filter(|it| filter.has(it)).collect();
    wanted.sort_by(|one, other| by_attention(&one.row, &other.row));
    let pages = wanted.len().div_ceil(A_PAGE).max(1);
    let number = filter.page.unwrap_or(1).clamp(1, pages);
    let shown = wanted.iter().skip((number - 1) * A_PAGE).take(A_PAGE);
    Ok(view::list(&Shown {
        app,
        filter,
        now,
        counts: &counts,
        images: shown.copied().collect(),
        wanted: wanted.len(),
        total,
        left_out,
        pages: (number, pages),
    }))
}
