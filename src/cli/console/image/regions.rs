//! The Regions of an image, and how far it is in each.

use jiff::Timestamp;
use maud::{Markup, html};

use crate::cli::regions;
use crate::cli::text::plain;
use crate::image::Status;
use crate::image::message::protection_text;
use crate::image::words::counted;

/// The columns: the stages of publishing, in their order.
const COLUMNS: [&str; 9] = [
    "Region",
    "AMI",
    "Copy",
    "Describe",
    "Product code",
    "Share",
    "Protect",
    "Release",
    "As the manifest says",
];

/// The table; nothing before there is an AMI.
pub(super) fn section(status: &Status, now: Timestamp) -> Markup {
    let regions = regions::in_order(status);
    html! {
        @if !regions.is_empty() {
            section aria-labelledby="regions" {
                h2 #regions { "Regions" }
                div #regions-table .scroll tabindex="0" role="group" aria-labelledby="regions" {
                    table {
                        thead { tr { @for name in COLUMNS { th scope="col" { (name) } } } }
                        tbody { @for region in regions { (row(status, region, now)) } }
                    }
                }
            }
        }
    }
}

fn row(status: &Status, region: &str, now: Timestamp) -> Markup {
    let [name, image, state, copy, settings] = regions::row(status, region, now);
    let has_failed = status.failure_in(region).is_some();
    html! {
        tr {
            th scope="row" { (name) }
            td { code { (image) } br; (state) }
            td { (copy) }
            @for stage in stages(status, region) { td { (stage) } }
            td.bad[has_failed] { (settings) }
        }
    }
}

/// What was set at each stage, in a few words.
fn stages(status: &Status, region: &str) -> [String; 5] {
    let none = || "-".to_owned();
    let settings = status.applied_in(region).settings;
    let mut described = Vec::new();
    described.extend(
        settings
            .description
            .as_ref()
            .map(|_| "description".to_owned()),
    );
    if !settings.tags.is_empty() {
        described.push(counted(settings.tags.len(), "tag"));
    }
    let shared = match settings.grants.len() {
        0 => none(),
        count => counted(count, "grantee"),
    };
    let mut protected: Vec<String> = Vec::new();
    protected.extend(settings.deprecate_at.map(|at| format!("deprecated {at}")));
    protected.extend(settings.protection.map(|it| protection_text(it).to_owned()));
    let parameters = status.release.named().filter(|(id, _)| id.region == region);
    let parameters: Vec<&str> = parameters.map(|(id, _)| id.name.as_str()).collect();
    let or_none = |texts: &[String]| match texts {
        [] => none(),
        texts => plain(&texts.join(", ")),
    };
    [
        or_none(&described),
        settings.product_code.as_deref().map_or_else(none, plain),
        shared,
        or_none(&protected),
        match parameters.as_slice() {
            [] => none(),
            names => plain(&names.join(", ")),
        },
    ]
}
