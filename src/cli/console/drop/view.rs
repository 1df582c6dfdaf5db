//! What the page for uploads shows.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::super::app::App;
use super::super::{links, page};
use super::check::Upload;
use crate::cli::text::{plain, size};
use crate::image::words::counted;
use crate::manifest::Problem;
use crate::manifest::location::s3_uri;

/// Lines of a manifest that are shown whole; of a longer one only those around its problems.
const LINES_SHOWN: usize = 500;

/// Lines around a problem.
const AROUND: usize = 3;

/// The page, with what became of the last files.
pub(super) fn page(app: &App, result: Option<&Markup>) -> Markup {
    let bucket = s3_uri(&app.config.bucket, "");
    html! {
        h1 { "Drop" }
        p { "Drop manifests and what they name, such as disks, here. They go to " code { (plain(&bucket)) }
            "; a manifest is checked at once, and goes last." }
        form #drop action="/drop" method="post" enctype="multipart/form-data" {
            (page::csrf(app))
            div.field {
                label for="folder" { "Folder of the bucket (may be empty)" }
                input #folder name="folder" maxlength="900" placeholder="golden/" autocomplete="off" spellcheck="false";
            }
            div.field.zone #zone {
                label for="file" { "Files" }
                input #file type="file" name="file" multiple required;
                p.note.scripted hidden { "or drop them here" }
            }
            button type="submit" { "Check and upload" }
        }
        div #results role="region" aria-label="What became of the files" {
            @if let Some(result) = result { (result) }
        }
    }
}

/// A manifest that was checked.
pub(super) fn checked(upload: &Upload) -> Markup {
    let key = plain(&upload.key);
    html! {
        section.checked aria-label=(key) {
            h2 { (key) }
            @if upload.is_fine() {
                p.notice.good { "No problems." }
            } @else {
                p.notice.bad { (counted(upload.problems.len(), "problem")) ". Nothing was uploaded of it." }
            }
            (missing(upload))
            @if !upload.problems.is_empty() || !upload.warnings.is_empty() { (source(upload)) }
        }
    }
}

fn missing(upload: &Upload) -> Markup {
    html! {
        @if !upload.missing.is_empty() {
            p.notice { "Not in the bucket yet: "
                @for (at, key) in upload.missing.iter().enumerate() {
                    @if at > 0 { ", " }
                    code { (plain(key)) }
                }
                ". The image waits until it is uploaded, too." }
        }
    }
}

/// The text of a manifest, with each problem at its line.
fn source(upload: &Upload) -> Markup {
    let text = String::from_utf8_lossy(&upload.content);
    let text = text.trim_start_matches('\u{feff}');
    let mut at: BTreeMap<usize, Vec<(&Problem, bool)>> = BTreeMap::new();
    let problems = upload.problems.iter().map(|it| (it, true));
    let warnings = upload.warnings.iter().map(|it| (it, false));
    for (problem, is_error) in problems.chain(warnings) {
        let line = problem.line.unwrap_or(0);
        at.entry(line).or_default().push((problem, is_error));
    }
    let count = text.lines().count();
    let is_shown = |number: usize| {
        let near = number.saturating_sub(AROUND)..=number + AROUND;
        count <= LINES_SHOWN || at.range(near).next().is_some()
    };
    let lines = (1..)
        .zip(text.lines())
        .filter(|(number, _)| is_shown(*number));
    html! {
        @for (problem, is_error) in at.get(&0).into_iter().flatten() { (one(problem, *is_error)) }
        @if count > 0 {
            ol.source {
                @for (number, line) in lines {
                    li.hit[at.contains_key(&number)] value=(number) {
                        code { (plain(line)) }
                        @for (problem, is_error) in at.get(&number).into_iter().flatten() {
                            (one(problem, *is_error))
                        }
                    }
                }
            }
        }
    }
}

fn one(problem: &Problem, is_error: bool) -> Markup {
    html! {
        div.problem.bad[is_error] {
            p {
                strong { @if is_error { "Problem" } @else { "Warning" } } ": "
                @if !problem.path.is_empty() { code { (plain(&problem.path)) } ": " }
                (plain(&problem.message))
            }
            @if let Some(hint) = &problem.hint { p { "Hint: " (plain(hint)) } }
            @if let Some(rule) = &problem.rule { p.note { (plain(rule)) } }
        }
    }
}

/// A manifest that was uploaded.
pub(super) fn sent(key: &str) -> Markup {
    html! {
        p.notice.good { "Uploaded: " a href=(links::image(key)) { (plain(key)) }
            ". Its image appears in a few seconds." }
    }
}

/// A file that was uploaded.
pub(super) fn object(key: &str, bytes: u64) -> Markup {
    html! { p.notice.good { "Uploaded: " code { (plain(key)) } ", " (size(bytes)) "." } }
}
