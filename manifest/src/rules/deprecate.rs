//! When the AMI is deprecated.

use jiff::{Span, Timestamp, ToSpan as _, tz::TimeZone};

use crate::{
    document::at,
    findings::{Finding, Findings},
    hint::Hint,
    spec::{Deprecate, ImageManifest},
    text::quoted,
};

const RULE: &str = "EC2 API Reference, EnableImageDeprecation (DeprecateAt)";

/// Furthest ahead, in years.
const YEARS: i16 = 10;

/// The same of a public AMI: in years from when it was made.
pub const YEARS_PUBLIC: i16 = 2;

pub(super) fn check(manifest: &ImageManifest, now: Timestamp, findings: &mut Findings) {
    let Some(deprecate) = &manifest.publish.deprecate else {
        return;
    };
    let field = match (&deprecate.after, &deprecate.at) {
        (Some(_), None) => "after",
        (None, Some(_)) => "at",
        (after, _) => {
            let message = if after.is_some() {
                "`after` and `at` are given, but only one can be"
            } else {
                "neither `after` nor `at` is given"
            };
            let hint = Hint::new("`after: 90d`, or `at: 2027-01-01T00:00:00Z`");
            let hint = match after {
                Some(_) => hint
                    .removing(&at!["deprecate", "at"])
                    .removing(&at!["deprecate", "after"]),
                None => hint.example(&at!["deprecate"], serde_json::json!({"after": "90d"})),
            };
            let finding = Finding::new(at!["deprecate"], message).hint(hint);
            findings.add(finding.because_within(at!["deprecate"]).at_key());
            return;
        }
    };
    match deprecate.moment(now) {
        Some(moment) => ahead(manifest, field, moment, now, findings),
        None => unreadable(deprecate, field, findings),
    }
}

fn unreadable(deprecate: &Deprecate, field: &str, findings: &mut Findings) {
    let (given, what, hint) = match &deprecate.after {
        Some(after) if after.trim().parse::<Span>().is_ok() => (
            after,
            "within the range of dates",
            "as `90d`, `26w`, `6mo` or `2y`",
        ),
        Some(after) => (after, "a duration", "as `90d`, `26w`, `6mo` or `2y`"),
        None => {
            let at = deprecate.at.as_ref();
            let Some(at) = at else { return };
            (
                at,
                "a point in time",
                "with date, time and zone, as `2027-01-01T00:00:00Z`",
            )
        }
    };
    let path = at!["deprecate", field];
    let example = match field {
        "after" => "90d",
        _ => "2027-01-01T00:00:00Z",
    };
    let hint = Hint::new(hint).example(&path, example);
    let message = format!("{} is not {what}", quoted(given));
    findings.add(Finding::new(path, message).hint(hint));
}

fn ahead(
    manifest: &ImageManifest,
    field: &str,
    moment: Timestamp,
    now: Timestamp,
    findings: &mut Findings,
) {
    let path = at!["deprecate", field];
    // EC2 rounds to minutes: less than one ahead may be the past by the time it looks.
    if now.checked_add(1.minute()).is_ok_and(|soon| moment < soon) {
        let message = match moment > now {
            true => "EC2 deprecates by the minute: in less than one is too soon",
            false => "the AMI cannot be deprecated in the past",
        };
        let finding = Finding::new(path, message).hint("use a later time");
        findings.add(finding.rule(RULE));
        return;
    }
    let public = manifest.publish.is_public();
    let years = if public { YEARS_PUBLIC } else { YEARS };
    let furthest = now
        .to_zoned(TimeZone::UTC)
        .checked_add(i64::from(years).years());
    if furthest.is_ok_and(|furthest| moment > furthest.timestamp()) {
        let whose = if public { "a public AMI" } else { "an AMI" };
        let message = format!("{whose} can be deprecated at most {years} years in the future");
        let finding = Finding::new(path, message)
            .hint("use an earlier time")
            .rule(RULE);
        findings.add(finding.because_of(at!["access", "public"]));
    }
}
