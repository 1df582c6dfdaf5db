//! Images as rows of a page.

use jiff::Timestamp;
use maud::{Markup, html};

use super::super::app::App;
use super::super::links;
use super::super::page::when;
use super::filter::{Cell, Filter, Found};
use crate::cli::list::{Kind, Row};
use crate::cli::regions;
use crate::cli::text::plain;
use crate::image::Status;
use crate::manifest::location::s3_uri;
use crate::status_store::Listed;

/// What is shown of the images.
pub(super) struct Shown<'a> {
    pub(super) app: &'a App,
    pub(super) filter: &'a Filter,
    pub(super) now: Timestamp,
    /// How many of all images are in which state.
    pub(super) counts: &'a str,
    /// Those on this page.
    pub(super) images: Vec<&'a Found>,
    /// How many the filter lets through.
    pub(super) wanted: usize,
    pub(super) total: usize,
    pub(super) left_out: usize,
    /// This page and how many there are.
    pub(super) pages: (usize, usize),
}

/// How far an image is in each Region.
pub(super) fn regions(listed: &Listed) -> Vec<Cell> {
    let Ok(loaded) = &listed.status else {
        return Vec::new();
    };
    let status = &loaded.status;
    let names = regions::in_order(status).into_iter();
    names.map(|region| cell(status, region)).collect()
}

fn cell(status: &Status, region: &str) -> Cell {
    let known = status.image_in(region);
    let has_failed = status.failure_in(region).is_some();
    let (class, state) = match known {
        _ if has_failed => ("failed", "failed"),
        Some(image) if image.image_state == "available" => ("available", "available"),
        Some(image) => ("open", image.image_state.as_str()),
        None => ("open", "not there yet"),
    };
    Cell {
        region: plain(region),
        state: plain(state),
        class,
    }
}

/// The class of an image's state.
pub(in crate::cli::console) fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Open => "open",
        Kind::Failed => "failed",
        Kind::Over => "over",
        Kind::Available => "available",
    }
}

/// How many there are, the images of this page, and the way to the others.
pub(super) fn list(shown: &Shown<'_>) -> Markup {
    if shown.total == 0 {
        return empty(shown.app);
    }
    let counts = shown.counts;
    let (page, pages) = shown.pages;
    html! {
        p.counts data-say=(counts) {
            (shown.total) " images: " (counts)
            @if shown.wanted != shown.total { ". Shown: " (shown.wanted) }
        }
        @if shown.left_out > 0 {
            p.notice { (shown.left_out) " images that have not changed for longest are left out: "
                code { "amiwright status" } " has them all." }
        }
        @if shown.images.is_empty() {
            p { "No image is like that. " a href="/images" { "Show all" } }
        } @else {
            (table(shown))
        }
        @if pages > 1 { (pager(shown.filter, page, pages)) }
    }
}

fn empty(app: &App) -> Markup {
    let bucket = s3_uri(&app.config.bucket, "");
    html! {
        div.empty {
            h2 { "No images yet" }
            p { a href="/drop" { "Drop a manifest" } " here, or upload one to " code { (plain(&bucket)) } ": an AMI is made of it, and it appears in this list." }
        }
    }
}

fn table(shown: &Shown<'_>) -> Markup {
    html! {
        table.images role="table" {
            caption.hidden { "Images, what needs attention first" }
            thead role="rowgroup" {
                tr role="row" {
                    @for name in ["Image", "State", "Progress", "Regions", "Age"] {
                        th scope="col" role="columnheader" { (name) }
                    }
                }
            }
            tbody role="rowgroup" { @for image in &shown.images { (row(image, shown.now)) } }
        }
    }
}

fn row(image: &Found, now: Timestamp) -> Markup {
    let row = &image.row;
    html! {
        tr role="row" {
            th scope="row" role="rowheader" {
                a id={ "i-" (links::encoded(&image.key)) } href=(links::image(&image.key)) { (row.key) }
                @if let Some(first) = row.images.first() { span.id { (first) } }
            }
            td role="cell" { span.state.(class(row.kind)) { (row.state) } }
            td.progress role="cell" { (progress(row)) }
            td role="cell" { (cells(&image.regions)) }
            td.age role="cell" { @if let Some(at) = row.uploaded_at { (when(at, now)) } @else { "-" } }
        }
    }
}

/// A bar, if EC2 says how far it is, and what is said of it.
fn progress(row: &Row) -> Markup {
    let percent = row.work.as_ref().and_then(|work| work.percent);
    html! {
        @if let Some(percent) = percent {
            progress max="100" value=(percent) aria-label={ (row.key) ": " (percent) " %" } {}
        }
        span.detail { (row.detail) }
    }
}

fn cells(regions: &[Cell]) -> Markup {
    html! {
        @if regions.is_empty() { span.none { "-" } } @else {
            ul.cells {
                @for cell in regions {
                    li.(cell.class) title={ (cell.region) ": " (cell.state) } {
                        (cell.region) span.hidden { ": " (cell.state) }
                    }
                }
            }
        }
    }
}

fn pager(filter: &Filter, page: usize, pages: usize) -> Markup {
    let link = |to: usize, name: &str| {
        html! { a href={ "/images" (filter.query(to)) } { (name) } }
    };
    html! {
        nav.pager aria-label="Pages of the list" {
            @if page > 1 { (link(page - 1, "Previous")) }
            span { "Page " (page) " of " (pages) }
            @if page < pages { (link(page + 1, "Next")) }
        }
    }
}
