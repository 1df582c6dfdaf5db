//! Whether the conditions of a status, which scripts wait for, say what the rest of it says.

use serde_json::Value;

use super::text;

/// What is wrong with the conditions of an image.
pub(super) fn wrong(status: &Value) -> Vec<String> {
    let expected = [
        ("Built", built(status)),
        ("Published", published(status)),
        ("InSync", in_sync(status)),
        ("Released", released(status)),
        ("Retired", retired(status)),
    ];
    let wrong = expected.into_iter().filter_map(|(kind, expected)| {
        let said = said(status, kind);
        (said != expected).then(|| format!("{kind} is {said:?} and not {expected:?}: {status:#}"))
    });
    wrong.collect()
}

/// The status of a condition; none if nothing is said of that.
fn said<'a>(status: &'a Value, kind: &str) -> Option<&'a str> {
    let mut all = status["conditions"].as_array().into_iter().flatten();
    all.find(|it| text(it, "/type") == kind)
        .map(|it| text(it, "/status"))
}

/// It is not known yet, as the image is not finished.
const UNKNOWN: Option<&str> = Some("unknown");

fn is_working(status: &Value) -> bool {
    text(status, "/state") == "working"
}

/// Whether all else is done, and AMIs that are not wanted any more are being retired.
fn is_retiring(status: &Value) -> bool {
    is_working(status) && text(status, "/build/step") == "retire"
}

fn truth(is: bool) -> Option<&'static str> {
    Some(if is { "true" } else { "false" })
}

fn has_image(status: &Value) -> bool {
    let regions = status["regions"].as_object();
    regions.is_some_and(|regions| !regions.is_empty())
}

fn built(status: &Value) -> Option<&'static str> {
    match text(status, "/state") {
        "available" | "incomplete" => truth(true),
        "deleted" => truth(has_image(status)),
        "working" if !is_built(status) && status["build"]["ending"].is_null() => UNKNOWN,
        // Storing it, or what is about earlier AMIs, may be what was cancelled.
        _ => truth(is_built(status)),
    }
}

/// Whether an image that is not finished, failed or was cancelled has an AMI all the same.
fn is_built(status: &Value) -> bool {
    let is_after = ["publish", "store-image", "await-store", "retire"];
    has_image(status) && is_after.contains(&text(status, "/build/step"))
}

fn published(status: &Value) -> Option<&'static str> {
    match text(status, "/state") {
        _ if !status["removedAt"].is_null() => None,
        "available" => truth(true),
        "incomplete" => truth(false),
        _ if is_retiring(status) => truth(true),
        "working" if is_built(status) => UNKNOWN,
        _ => None,
    }
}

fn in_sync(status: &Value) -> Option<&'static str> {
    let drift = &status["drift"];
    let differs = !drift.is_null() && drift["repairing"] != true;
    match published(status) {
        Some(_) if differs => truth(false),
        said => said,
    }
}

fn released(status: &Value) -> Option<&'static str> {
    let release = &status["release"];
    let parameters = release["parameters"].as_object().into_iter().flatten();
    let mut named = parameters
        .filter(|(_, it)| it["leftAt"].is_null())
        .peekable();
    named.peek()?;
    let has_ami = match text(status, "/state") {
        "available" | "incomplete" => has_image(status),
        _ => is_built(status),
    };
    let is_set = named.all(|(_, it)| it["failure"].is_null());
    let so = match (is_set, release["releasedAt"].is_null()) {
        (true, true) if is_working(status) => UNKNOWN,
        (is_set, is_open) => truth(is_set && !is_open),
    };
    so.filter(|_| has_ami)
}

fn retired(status: &Value) -> Option<&'static str> {
    if is_retiring(status) {
        return UNKNOWN;
    }
    let retired = status["retired"].as_array().filter(|it| !it.is_empty())?;
    truth(retired.iter().all(|it| it["why"].is_null()))
}
