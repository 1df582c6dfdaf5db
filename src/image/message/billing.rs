//! What people are told about the billing of an AMI: the same in emails and in `amiwright status KEY`.

use super::facts::Fact;
use super::quoting::word;
use crate::image::billing::{Billing, is_lost};
use crate::image::status::{RegionStatus, Status};

/// What the instances of an AMI are billed by, once EC2 has shown it; and whether a license is lost.
#[must_use]
pub fn of_image(image: &RegionStatus) -> Vec<Fact> {
    let mut facts = Vec::new();
    if let Some(billing) = &image.billing {
        facts.push(("Platform", platform(billing)));
        if !billing.product_codes.is_empty() {
            let codes: Vec<String> = billing.product_codes.iter().map(|it| word(it)).collect();
            facts.push(("Codes", codes.join(", ")));
        }
    }
    if let Some(source) = &image.licensed_source
        && is_lost(image.billing.as_ref(), source)
    {
        let (expected, of) = (platform(&source.billing), word(&source.image));
        facts.push(("License", format!("lost: {of} is {expected}")));
    }
    facts
}

/// What it means that the AMI has lost a license, and what can be done; nothing if it has not.
pub(super) fn lost_license(status: &Status) -> String {
    let mut images = status.regions.values();
    let lost = images.find_map(|image| {
        let source = image.licensed_source.as_ref()?;
        is_lost(image.billing.as_ref(), source).then_some((image, source))
    });
    let Some((image, source)) = lost else {
        return String::new();
    };
    let (image, source) = (word(&image.image), word(&source.image));
    format!(
        "\nThe AMI has lost the license of {source}, which is of the same snapshot (see License): its instances are not\n\
         billed for it, may get no updates, and may not be covered by it. EC2 says to discard such an AMI:\n\
         \x20 aws ec2 deregister-image --image-id {image}\n\
         and to launch an instance of {source}, change it, and make an AMI of it with CreateImage.\n\
         If it is meant to be so, set register.acceptLostBilling to true in the manifest.\n"
    )
}

/// `"Red Hat Enterprise Linux" (RunInstances:0010)`.
fn platform(billing: &Billing) -> String {
    let Billing {
        platform_details,
        usage_operation,
        ..
    } = billing;
    match (platform_details, usage_operation) {
        (Some(details), Some(operation)) => format!("{} ({})", word(details), word(operation)),
        (Some(only), None) | (None, Some(only)) => word(only),
        (None, None) => "unknown".to_owned(),
    }
}
