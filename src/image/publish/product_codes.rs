//! The product code of a paid AMI: it has one, which can neither be changed nor removed ("Paid AMIs", EC2 User Guide).
//! Whether it has it is only believed of DescribeImageAttribute: ModifyImageAttribute may answer without having set it.

use super::settings::{Compared, Difference};
use crate::image::status::Action;
use crate::image::words::Blocker;

pub(super) fn difference(compared: &Compared<'_>) -> Difference {
    let mut found = Difference::default();
    let Some(shown) = &compared.shown.product_codes else {
        return found;
    };
    let action = |code: Option<&String>| Action::SetProductCode {
        code: code.cloned(),
    };
    match (&compared.desired.product_code, &compared.ours.product_code) {
        (Some(desired), _) if shown.contains(desired) => {}
        (Some(desired), _) if shown.is_empty() => {
            let is_intended = compared.is_intended(|it| it.product_code.as_ref() == Some(desired));
            found.add(action(Some(desired)), is_intended);
        }
        (Some(desired), _) => {
            let blocked = (action(Some(desired)), Blocker::ProductCode);
            found.blocked.push(blocked);
        }
        // It was set by amiwright. One that the bundle brought along is nobody's to remove.
        (None, Some(ours)) if shown.contains(ours) => {
            found.blocked.push((action(None), Blocker::ProductCode));
        }
        (None, _) => {}
    }
    found
}
