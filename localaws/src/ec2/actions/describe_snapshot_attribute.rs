//! DescribeSnapshotAttribute.

use crate::ec2::model::service::{Call, Service};
use crate::ec2::wire::checks::check_one_of;
use crate::ec2::wire::error::Failure;
use crate::ec2::wire::xml::Xml;

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let id = call.fields.required("SnapshotId")?;
    let attribute = call.fields.required("Attribute")?;
    service.permit(&call.action, call.fields)?;
    let known = ["createVolumePermission", "productCodes"];
    check_one_of("attribute", Some(&attribute), &known)?;
    let now = service.clock.now();
    let mut store = service.store();
    let region = store.region(&call.region);
    let snapshot = region.snapshot(&id)?;
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("snapshotId", &id);
        if attribute == "productCodes" {
            xml.items("productCodes", &snapshot.product_codes, |xml, code| {
                xml.text("productCode", code);
                xml.text("type", "marketplace");
            });
        } else {
            let permissions = region.seen_permissions(snapshot, now);
            xml.items("createVolumePermission", permissions, |xml, permission| {
                permission.write(xml);
            });
        }
    }))
}
