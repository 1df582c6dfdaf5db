//! What was done for an image when, and how long it took, as a picture.

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

use crate::cli::text::{plain, span};
use crate::image::Status;
use crate::image::status::Change;

/// Spans that are drawn, the latest.
const DRAWN: usize = 40;

/// Narrowest bar, in hundredths of the picture.
const NARROWEST: f64 = 0.6;

/// A step, and how long it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Span {
    step: String,
    since: Timestamp,
    took: SignedDuration,
    /// Whether it is still being done.
    is_last: bool,
}

/// The steps of this version in their order. The time in between, in which nothing was to be done, is left out.
pub(super) fn spans(status: &Status, now: Timestamp) -> Vec<Span> {
    let started_at = status.build.started_at;
    let of_version = status.history.iter().filter(|it| it.at >= started_at);
    let moves: Vec<&Change> = of_version.filter(|it| it.to != it.from).collect();
    let mut spans = Vec::new();
    // The first thing that happened says where it was before.
    let first = moves
        .first()
        .map(|change| (change.from.clone(), started_at));
    let mut place = first.unwrap_or_else(|| (status.place(), started_at));
    for change in &moves {
        spans.extend(between(&place, change.at));
        place = (change.to.clone(), change.at);
    }
    if !status.state.is_final() {
        let last = between(&place, now).map(|it| Span {
            is_last: true,
            ..it
        });
        spans.extend(last);
    }
    let surplus = spans.len().saturating_sub(DRAWN);
    spans.drain(..surplus);
    spans
}

/// The span of a step; none of a state in which nothing is done.
fn between((place, since): &(String, Timestamp), to: Timestamp) -> Option<Span> {
    let (_, step) = place.split_once('/')?;
    Some(Span {
        step: step.to_owned(),
        since: *since,
        took: to.duration_since(*since).max(SignedDuration::ZERO),
        is_last: false,
    })
}

/// The picture. Its texts say the same.
pub(super) fn picture(status: &Status, now: Timestamp) -> Markup {
    let spans = spans(status, now);
    let total: f64 = spans.iter().map(|it| it.took.as_secs_f64()).sum();
    let whole = spans.iter().map(|it| it.took).sum::<SignedDuration>();
    let share = |time: f64| {
        if total > 0.0 {
            time / total * 100.0
        } else {
            0.0
        }
    };
    let mut before = 0.0;
    let bars = spans.iter().map(|it| {
        let width = share(it.took.as_secs_f64()).max(NARROWEST);
        let from = share(before).min(100.0 - width);
        before += it.took.as_secs_f64();
        (it, from, width)
    });
    let bars: Vec<_> = bars.collect();
    html! {
        section aria-labelledby="timeline" {
            h2 #timeline { "Timeline" }
            @if bars.is_empty() { p { "Nothing was done for this version yet." } } @else {
                ol.timeline {
                    @for (it, from, width) in &bars {
                        li {
                            span.step { (plain(&it.step)) }
                            svg.bar viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
                                rect.rail x="0" y="0" width="100" height="8" {}
                                rect.(class(it, status)) x=(number(*from)) y="0" width=(number(*width)) height="8" {}
                            }
                            span.took { (length(it.took)) @if it.is_last { ", not done yet" } }
                        }
                    }
                }
                p { "In all " (length(whole)) ", since " (super::super::page::clock(bars[0].0.since)) " UTC." }
            }
        }
    }
}

fn number(value: f64) -> String {
    format!("{value:.2}")
}

fn class(span: &Span, status: &Status) -> &'static str {
    match span.step.as_str() {
        _ if span.is_last && status.build.waiting.is_some() => "waiting",
        _ if span.is_last => "running",
        "clean-up" => "cleaning",
        _ => "done",
    }
}

/// Most steps take less than a second.
fn length(time: SignedDuration) -> String {
    match time.as_secs() {
        0 => "under 1 s".to_owned(),
        60..3600 => format!("{} min {} s", time.as_secs() / 60, time.as_secs() % 60),
        3600..172_800 => format!(
            "{} h {} min",
            time.as_secs() / 3600,
            time.as_secs() / 60 % 60
        ),
        _ => span(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::status::ManifestVersion;
    use crate::image::words::{State, Step};

    fn at(time: &str) -> Timestamp {
        format!("2026-11-21T{time}Z").parse().unwrap()
    }

    #[test]
    fn each_step_has_its_span_and_a_rest_has_none() {
        let manifest = ManifestVersion::sample("web.image.yaml", at("09:00:00"));
        let mut status = Status::new(manifest, at("09:00:00"));
        let change = |time: &str, from: &str, to: &str| Change {
            at: at(time),
            from: from.to_owned(),
            to: to.to_owned(),
            why: String::new(),
        };
        status.history = vec![
            change(
                "09:00:02",
                "working/check-manifest",
                "working/register-image",
            ),
            change("09:05:02", "working/register-image", "available"),
            change("11:00:00", "available", "available"),
            change("12:00:00", "available", "working/publish"),
        ];
        (status.state, status.build.step) = (State::Working, Step::Publish);
        let shown: Vec<String> = spans(&status, at("12:01:30"))
            .iter()
            .map(|it| format!("{} {} {}", it.step, length(it.took), it.is_last))
            .collect();
        assert_eq!(
            shown,
            [
                "check-manifest 2 s false",
                "register-image 5 min 0 s false",
                "publish 1 min 30 s true"
            ]
        );
        status.state = State::Available;
        assert_eq!(spans(&status, at("12:01:30")).len(), 2);
    }
}
