//! What keeps a change from being made, in words.

use super::lines::Line;
use crate::image::billing::LicensedSource;
use crate::image::message::advice;
use crate::image::publish::{Pending, retire};
use crate::image::status::{Failure, Status};
use crate::manifest::Problem;
use crate::reconcile::Retiring;

/// A problem of the manifest that is found before anything is made.
pub(super) fn blocked_by(region: &str, problem: &Problem) -> Line {
    Line::blocked(region, "AMI", problem.to_string())
}

/// Something that fails, with what can be done about it.
pub(super) fn failed(region: &str, status: &Status, failure: &Failure) -> Line {
    let code = failure.code.iter().map(|code| format!("{code}: "));
    let code: String = code.collect();
    let why = format!(
        "{code}{}; {}",
        failure.message,
        advice::hint(status, failure)
    );
    Line::blocked(region, "AMI", why).of(status.image_in(region).map(|it| it.image.as_str()))
}

/// A license that the new AMI may lose.
pub(super) fn license(region: &str, source: &LicensedSource) -> Line {
    let why = format!(
        "{} has the same snapshot and is billed as {}: the new AMI may lose that license, and its instances their \
         updates. CreateImage of an instance keeps it; `register.acceptLostBilling: true` accepts the loss",
        source.image, source.billing
    );
    Line::blocked(region, "license", why)
}

/// What keeps a Region from being compared.
pub(super) fn pending(why: Pending) -> &'static str {
    match why {
        Pending::Settling => "what was changed a moment ago does not show yet",
        Pending::NoImage => "EC2 does not show the AMI",
        Pending::Copying => "the copy is being made",
        Pending::NotAvailable => "the AMI is not available",
        Pending::Unknown => "EC2 does not show that the AMI is of this manifest and version",
    }
}

/// What keeps an AMI from being retired.
pub(super) fn not_retired(why: &retire::Pending) -> String {
    match why {
        retire::Pending::Unknown => "EC2 did not say what has to be known".to_owned(),
        retire::Pending::Settling => "what was changed a moment ago may not show yet".to_owned(),
        retire::Pending::NotShown | retire::Pending::AskedAndNotShown => {
            "EC2 does not show it".to_owned()
        }
        retire::Pending::SnapshotNotShown(_) => "EC2 does not show its snapshots".to_owned(),
        retire::Pending::NoSuccessor => {
            "the AMI that replaces it is not seen to be available".to_owned()
        }
        retire::Pending::ImagePending => "EC2 is still making it".to_owned(),
        retire::Pending::Cooldown(until) => format!("its protection holds until {until}"),
    }
}

/// What is asked for of AMIs that are retired.
pub(super) fn wish(retiring: &Retiring) -> &'static str {
    match retiring.asked.deregister {
        true => "deregister",
        false => "deprecate",
    }
}
