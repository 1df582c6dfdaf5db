//! ModifyImageAttribute.

use jiff::Timestamp;

use crate::ec2::model::image::{Image, ProductCode, RootDeviceType};
use crate::ec2::model::permission::{Form, PermissionChange, no_attributes};
use crate::ec2::model::service::{Call, Service};
use crate::ec2::model::settings::Era;
use crate::ec2::model::sharing::Sharing;
use crate::ec2::wire::checks::{check_description, check_one_of};
use crate::ec2::wire::error::{Failure, invalid_combination, invalid_value, missing, refuse};
use crate::ec2::wire::query::Fields;
use crate::ec2::wire::xml::Xml;

/// "You can specify only one attribute at a time."
enum Change {
    LaunchPermission(PermissionChange),
    Description(String),
    ImdsSupport(String),
    ProductCodes(Vec<String>, Option<bool>),
}

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let id = call.fields.required("ImageId")?;
    let change = Change::read(&mut call.fields)?;
    let fields = std::mem::take(&mut call.fields);
    service.permit(&call.action, fields)?;
    match change {
        Change::LaunchPermission(change) => service.share_image(&call, &id, &change)?,
        Change::Description(text) => {
            check_description(Some(&text))?;
            service.change_image(&call, &id, |image, _| {
                image.check_available()?;
                image.description = Some(text).filter(|text| !text.is_empty());
                Ok(())
            })?;
        }
        // "You can't reverse this operation": v2.0 is the only value there is.
        Change::ImdsSupport(version) => {
            check_one_of("imdsSupport", Some(&version), &["v2.0"])?;
            service.change_image(&call, &id, |image, _| {
                image.check_available()?;
                image.imds_support = Some(version);
                Ok(())
            })?;
        }
        Change::ProductCodes(codes, adds) => {
            let era = service.settings().era;
            service.change_image(&call, &id, |image, _| {
                image.check_available()?;
                set_product_code(image, &codes, adds, era)
            })?;
        }
    }
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.text("return", true);
    }))
}

impl Change {
    fn read(fields: &mut Fields) -> Result<Self, Failure> {
        let form = Form::read(fields)?;
        let permissions = PermissionChange::of_image(fields, &form)?;
        let value = fields.text("Value");
        let mut description = structured(fields, "Description")?;
        let mut imds_support = structured(fields, "ImdsSupport")?;
        let codes = fields.texts("ProductCode")?;
        match (form.attribute.as_deref(), value) {
            (_, None) => {}
            (Some("description"), value) => description = description.or(value),
            (Some("imdssupport"), value) => imds_support = imds_support.or(value),
            (None, Some(_)) => return Err(missing("Attribute")),
            (Some(_), Some(_)) => return Err(several()),
        }
        let named = |change: &Self| match &form.attribute {
            Some(attribute) => *attribute == change.name(),
            None => true,
        };
        let operates = |change: &Self| match change {
            Self::Description(_) | Self::ImdsSupport(_) => form.adds.is_none(),
            Self::LaunchPermission(_) | Self::ProductCodes(..) => true,
        };
        let codes = Some(codes).filter(|codes| !codes.is_empty());
        let changes = [
            permissions.map(Self::LaunchPermission),
            description.map(Self::Description),
            imds_support.map(Self::ImdsSupport),
            codes.map(|codes| Self::ProductCodes(codes, form.adds)),
        ];
        let mut changes = changes.into_iter().flatten();
        match (changes.next(), changes.next()) {
            (Some(change), None) if named(&change) && operates(&change) => Ok(change),
            (None, _) => Err(form.attribute.as_deref().map_or_else(no_attributes, empty)),
            _ => Err(several()),
        }
    }

    /// As `Attribute` names it, in lower case.
    fn name(&self) -> &'static str {
        match self {
            Self::LaunchPermission(_) => "launchpermission",
            Self::Description(_) => "description",
            Self::ImdsSupport(_) => "imdssupport",
            Self::ProductCodes(..) => "productcodes",
        }
    }
}

impl Service {
    fn share_image(&self, call: &Call, id: &str, change: &PermissionChange) -> Result<(), Failure> {
        if change.len() == 0 {
            return Err(no_attributes());
        }
        let (now, until): (Timestamp, Timestamp) = (self.clock.now(), self.stale_until());
        let settings = self.settings().clone();
        let mut store = self.store();
        let region = store.region(&call.region);
        let image = region.own_image_mut(id, now)?.image.clone();
        image.check_available()?;
        let after = change.apply(&image.launch_permissions);
        let sharing = Sharing {
            name: &call.region,
            region,
            settings: &settings,
        };
        sharing.check_image(&image, &change.add, &after)?;
        region.change_image(id, now, until, |image| {
            let was_public = image.is_public();
            image.launch_permissions = after;
            if image.is_public() && !was_public {
                image.limit_deprecation();
            }
            Ok(())
        })
    }
}

/// What EC2 answers today is documented as "Not supported." only, and what it answered in the days of DevPay for each
/// of the rules is not known: the rules are those of "Paid AMIs" (EC2 User Guide).
fn set_product_code(
    image: &mut Image,
    codes: &[String],
    adds: Option<bool>,
    era: Era,
) -> Result<(), Failure> {
    if era == Era::Today {
        return Err(refuse("UnsupportedOperation", "Not supported."));
    }
    if image.root_device_type != RootDeviceType::InstanceStore {
        return Err(refuse(
            "UnsupportedOperation",
            "Product codes can be set for instance store-backed images only",
        ));
    }
    let [code] = codes else {
        return Err(invalid_value("An image can have one product code only"));
    };
    let same = image.product_codes.iter().all(|has| has.id == *code);
    if !same || adds == Some(false) {
        return Err(refuse(
            "OperationNotPermitted",
            "The product code of an image cannot be changed or removed",
        ));
    }
    image.product_codes = vec![ProductCode {
        id: code.clone(),
        kind: "devpay".to_owned(),
    }];
    Ok(())
}

/// `Name.Value` of the request.
fn structured(fields: &mut Fields, name: &str) -> Result<Option<String>, Failure> {
    let Some(mut structure) = fields.group(name) else {
        return Ok(None);
    };
    let value = structure.required("Value")?;
    structure.finish()?;
    Ok(Some(value))
}

/// The refusal of a request that names an attribute and gives it nothing.
fn empty(attribute: &str) -> Failure {
    match attribute {
        "launchpermission" | "productcodes" => no_attributes(),
        "description" | "imdssupport" => missing("Value"),
        other => invalid_value(format!("Invalid value '{other}' for attribute.")),
    }
}

fn several() -> Failure {
    invalid_combination("Fields for multiple attribute types specified")
}
