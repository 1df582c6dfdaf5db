//! AMIs that go before the new one is registered: until that is available, there is none.

use super::document::Document;
use super::lines::{Line, Sign, lines};
use super::reasons::{failed, not_retired};
use crate::image::message::failures;
use crate::image::publish::in_place::{Because, Next};
use crate::image::status::{Action, Status};
use crate::reconcile::Replacing;

/// Adds them. Returns whether the new AMI can be made.
pub(super) fn add(document: &mut Document, all: &[Replacing], status: &Status) -> bool {
    let region = document.manifest.region.clone();
    for replacing in all {
        let Some(replaced) = &replacing.replaced else {
            let kept = replacing.images.iter().map(|image| kept(&region, image));
            document.changes.extend(kept);
            continue;
        };
        if let Next::Stays(image, why) = &replaced.then {
            let failure = failures::name_kept(status, image, why);
            let line = failed(&region, status, &failure);
            let change = Sign::Conflict;
            document.changes.push(Line { change, ..line });
            return false;
        }
        for what in &replaced.planned {
            let is_last = matches!(what.action, Action::DeregisterPrevious { .. });
            let of = lines(&what.clone().into(), None).into_iter();
            let of = of.map(|line| match is_last {
                true => line.because(gap(replacing.because)),
                false => line,
            });
            document.changes.extend(of);
            document.calls.add_action(&what.action);
        }
        if let Next::Wait(image, why) = &replaced.then {
            let why = match &replacing.error {
                Some(error) => error.to_string(),
                None => not_retired(why),
            };
            let line = Line::blocked(&region, "deregister", why).of(Some(image));
            document.changes.push(line);
        }
    }
    true
}

/// Why it goes first, and what that means.
fn gap(because: Because) -> &'static str {
    match because {
        Because::Name => {
            "first, because the new AMI gets its name: until that is available, there is no AMI"
        }
        Because::Bundle => {
            "first, because its bundle was overwritten, if the stack's AllowRetire is true: until the new AMI is \
             available, there is none; otherwise it stays, and launches of it may fail"
        }
    }
}

/// The stack retires nothing.
fn kept(region: &str, image: &str) -> Line {
    let why = "its bundle was overwritten, and the stack deregisters no AMI (its parameter AllowRetire is not true): it \
               stays, and launches of it may fail";
    Line::blocked(region, "deregister", why).of(Some(image))
}
