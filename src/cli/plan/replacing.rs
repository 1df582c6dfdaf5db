//! AMIs that go before the new one is registered: until that is available, there is none.

use super::lines::{Line, Sign, lines};
use super::reasons::{failed, not_retired};
use crate::image::message::failures;
use crate::image::publish::in_place::{Because, Next};
use crate::image::status::{Action, Status};
use crate::reconcile::Replacing;

/// What becomes of them.
#[derive(Debug, Default)]
pub(super) struct Replaced {
    pub(super) changes: Vec<Line>,
    /// What is done, for the count of calls.
    pub(super) actions: Vec<Action>,
    /// Whether the new AMI cannot be made.
    pub(super) is_blocked: bool,
}

/// What goes before the new AMI is registered in this Region.
pub(super) fn replaced(region: &str, all: &[Replacing], status: &Status) -> Replaced {
    let mut found = Replaced::default();
    for replacing in all {
        let Some(replaced) = &replacing.replaced else {
            let kept = replacing.images.iter().map(|image| kept(region, image));
            found.changes.extend(kept);
            continue;
        };
        if let Next::Stays(image, why) = &replaced.then {
            let failure = failures::name_kept(status, image, why);
            let line = failed(region, status, &failure);
            let change = Sign::Conflict;
            found.changes.push(Line { change, ..line });
            found.is_blocked = true;
            return found;
        }
        for what in &replaced.planned {
            let is_last = matches!(what.action, Action::DeregisterPrevious { .. });
            let of = lines(&what.clone().into(), None).into_iter();
            let of = of.map(|line| match is_last {
                true => line.because(gap(replacing.because)),
                false => line,
            });
            found.changes.extend(of);
            found.actions.push(what.action.clone());
        }
        if let Next::Wait(image, why) = &replaced.then {
            let why = match &replacing.error {
                Some(error) => error.to_string(),
                None => not_retired(why),
            };
            let line = Line::blocked(region, "deregister", why).of(Some(image));
            found.changes.push(line);
        }
    }
    found
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
