//! Whether an AMI that is still to be made could be shared as its manifest says: with the key that AWS manages for EBS it
//! could not, which is better said before hours of importing than after.

use crate::image::message::failures;
use crate::image::observed::NamedImage;
use crate::image::outcome::StepOutcome;
use crate::image::publish::{Asked, Encryption, making};
use crate::manifest::image::Source;
use crate::reconcile::execute;
use crate::reconcile::named_sources::not_seen;
use crate::reconcile::spec::Spec;
use crate::reconcile::step_context::StepContext;

/// Why it could not be shared; none if nothing is known to be in the way. What the account has set is read only where the AMI
/// is to be shared. `copied` is the AMI that it is to be a copy of.
pub(super) async fn check(
    step: &StepContext<'_>,
    spec: &Spec,
    copied: Option<&NamedImage>,
) -> Option<StepOutcome> {
    let home = &step.config().region;
    let asked = Asked::of(&spec.publish(), home, None);
    let wanted = asked.regions.get(home)?;
    if wanted.desired.grants.is_empty() {
        return None;
    }
    let encryption = of_made(spec.source()?, home, copied);
    let account = match execute::encrypting(step.aws(), encryption).await {
        Ok(account) => account,
        Err(error) => return Some(not_seen(step, home, error)),
    };
    let why = making(wanted, encryption, account)?;
    Some(StepOutcome::Fail(failures::not_shareable(why)))
}

/// How its snapshots will be encrypted. A copy of what is encrypted keeps its key within its Region, and cannot in another one
/// ("Encryption and copying", EC2 User Guide); whose the kept one is, only KMS knows.
fn of_made(source: &Source, home: &str, copied: Option<&NamedImage>) -> Encryption {
    let asked = Encryption::of_made(source);
    let Source::Image(image) = source else {
        return asked;
    };
    match (asked, copied) {
        (Encryption::ByAccount, Some(copied)) if copied.is_encrypted => {
            if image.region == *home {
                Encryption::Off
            } else {
                Encryption::DefaultKey
            }
        }
        (Encryption::ByAccount, None) => Encryption::Off,
        _ => asked,
    }
}
