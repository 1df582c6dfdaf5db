//! `docs/api-coverage.md` says what becomes of every member of every request: of the SDK that is compiled, and of the code
//! of `src/aws`.

mod chains;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use amiwright::manifest::image;
use regex_lite::Regex;
use serde_json::Value;

const DOCUMENT: &str = "docs/api-coverage.md";

/// A request or a structure of one: its service as the headings have it, and its name.
type Shape = (&'static str, String);

/// What becomes of a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Manifest,
    Set,
    LeftOut,
}

struct Row {
    member: String,
    fate: Fate,
    text: String,
}

fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// `SSECustomerKeyMD5` and `sse_customer_key_md5` are one name.
fn folded(name: &str) -> String {
    name.replace('_', "").to_lowercase()
}

/// The members of a shape, from what its builder prints.
fn members(builder: impl Debug) -> BTreeSet<String> {
    let text = format!("{builder:?}");
    let member = Regex::new(r"[{,] (?:r#)?(\w+): ").unwrap();
    let members: BTreeSet<String> = member
        .captures_iter(&text)
        .map(|found| folded(&found[1]))
        .collect();
    members
}

/// The shape of a type of the SDK: `aws_sdk_ec2::…::CopyImageInput` is CopyImage of EC2.
fn shape<T>() -> Shape {
    let path = std::any::type_name::<T>();
    let name = path.rsplit("::").next().unwrap_or_default();
    let service = ["ec2", "s3", "sns", "ssm"]
        .into_iter()
        .find(|service| path.starts_with(&format!("aws_sdk_{service}::")));
    let name = match path.contains("::operation::") {
        true => name.strip_suffix("Input").unwrap(),
        false => name,
    };
    (service.unwrap(), name.to_owned())
}

macro_rules! shapes {
    ($($of:path),+ $(,)?) => {
        BTreeMap::from([$((shape::<$of>(), members(<$of>::builder()))),+])
    };
}

/// Every request that `src/aws` sends, and every structure in one, as the SDK has them.
fn of_the_sdk() -> BTreeMap<Shape, BTreeSet<String>> {
    let mut all = of_ec2();
    all.extend(of_other_services());
    all
}

fn of_ec2() -> BTreeMap<Shape, BTreeSet<String>> {
    use aws_sdk_ec2::operation as ec2;
    shapes![
        ec2::bundle_instance::BundleInstanceInput,
        ec2::cancel_bundle_task::CancelBundleTaskInput,
        ec2::cancel_import_task::CancelImportTaskInput,
        ec2::confirm_product_instance::ConfirmProductInstanceInput,
        ec2::copy_image::CopyImageInput,
        ec2::create_restore_image_task::CreateRestoreImageTaskInput,
        ec2::create_store_image_task::CreateStoreImageTaskInput,
        ec2::create_tags::CreateTagsInput,
        ec2::delete_snapshot::DeleteSnapshotInput,
        ec2::delete_tags::DeleteTagsInput,
        ec2::deregister_image::DeregisterImageInput,
        ec2::describe_bundle_tasks::DescribeBundleTasksInput,
        ec2::describe_image_attribute::DescribeImageAttributeInput,
        ec2::describe_image_references::DescribeImageReferencesInput,
        ec2::describe_images::DescribeImagesInput,
        ec2::describe_import_image_tasks::DescribeImportImageTasksInput,
        ec2::describe_import_snapshot_tasks::DescribeImportSnapshotTasksInput,
        ec2::describe_regions::DescribeRegionsInput,
        ec2::describe_snapshot_attribute::DescribeSnapshotAttributeInput,
        ec2::describe_snapshots::DescribeSnapshotsInput,
        ec2::describe_store_image_tasks::DescribeStoreImageTasksInput,
        ec2::disable_image_deprecation::DisableImageDeprecationInput,
        ec2::disable_image_deregistration_protection::DisableImageDeregistrationProtectionInput,
        ec2::enable_image_deprecation::EnableImageDeprecationInput,
        ec2::enable_image_deregistration_protection::EnableImageDeregistrationProtectionInput,
        ec2::get_ebs_default_kms_key_id::GetEbsDefaultKmsKeyIdInput,
        ec2::get_ebs_encryption_by_default::GetEbsEncryptionByDefaultInput,
        ec2::get_image_block_public_access_state::GetImageBlockPublicAccessStateInput,
        ec2::import_image::ImportImageInput,
        ec2::import_snapshot::ImportSnapshotInput,
        ec2::modify_image_attribute::ModifyImageAttributeInput,
        ec2::modify_snapshot_attribute::ModifySnapshotAttributeInput,
        ec2::register_image::RegisterImageInput,
        aws_sdk_ec2::types::AttributeValue,
        aws_sdk_ec2::types::BlockDeviceMapping,
        aws_sdk_ec2::types::CreateVolumePermission,
        aws_sdk_ec2::types::CreateVolumePermissionModifications,
        aws_sdk_ec2::types::EbsBlockDevice,
        aws_sdk_ec2::types::Filter,
        aws_sdk_ec2::types::ImageDiskContainer,
        aws_sdk_ec2::types::ImportImageLicenseConfigurationRequest,
        aws_sdk_ec2::types::LaunchPermission,
        aws_sdk_ec2::types::LaunchPermissionModifications,
        aws_sdk_ec2::types::ResourceTypeOption,
        aws_sdk_ec2::types::ResourceTypeRequest,
        aws_sdk_ec2::types::S3ObjectTag,
        aws_sdk_ec2::types::S3Storage,
        aws_sdk_ec2::types::SnapshotDiskContainer,
        aws_sdk_ec2::types::Storage,
        aws_sdk_ec2::types::Tag,
        aws_sdk_ec2::types::TagSpecification,
        aws_sdk_ec2::types::UserBucket,
    ]
}

fn of_other_services() -> BTreeMap<Shape, BTreeSet<String>> {
    use aws_sdk_s3::operation as s3;
    use aws_sdk_sns::operation as sns;
    use aws_sdk_ssm::operation as ssm;
    shapes![
        s3::abort_multipart_upload::AbortMultipartUploadInput,
        s3::complete_multipart_upload::CompleteMultipartUploadInput,
        s3::create_multipart_upload::CreateMultipartUploadInput,
        s3::delete_object::DeleteObjectInput,
        s3::delete_objects::DeleteObjectsInput,
        s3::get_object::GetObjectInput,
        s3::head_bucket::HeadBucketInput,
        s3::head_object::HeadObjectInput,
        s3::list_multipart_uploads::ListMultipartUploadsInput,
        s3::list_objects_v2::ListObjectsV2Input,
        s3::list_parts::ListPartsInput,
        s3::put_object::PutObjectInput,
        s3::put_object_acl::PutObjectAclInput,
        s3::upload_part::UploadPartInput,
        aws_sdk_s3::types::CompletedMultipartUpload,
        aws_sdk_s3::types::CompletedPart,
        aws_sdk_s3::types::Delete,
        aws_sdk_s3::types::ObjectIdentifier,
        sns::publish::PublishInput,
        aws_sdk_sns::types::MessageAttributeValue,
        ssm::get_parameter::GetParameterInput,
        ssm::get_parameter_history::GetParameterHistoryInput,
        ssm::get_parameters::GetParametersInput,
        ssm::put_parameter::PutParameterInput,
    ]
}

/// The document's tables.
fn documented() -> BTreeMap<Shape, Vec<Row>> {
    let text = read(DOCUMENT);
    let (mut service, mut shape) = ("", None);
    let mut tables: BTreeMap<Shape, Vec<Row>> = BTreeMap::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("### ") {
            let name = (service, name.to_owned());
            assert!(!tables.contains_key(&name), "{name:?} is there twice");
            tables.insert(name.clone(), Vec::new());
            shape = Some(name);
        } else if let Some(name) = line.strip_prefix("## ") {
            service = match name {
                "EC2" => "ec2",
                "S3" => "s3",
                "SNS" => "sns",
                "SSM" => "ssm",
                other => panic!("{other}"),
            };
        } else if line.starts_with("| `") {
            let rows = tables.get_mut(shape.as_ref().unwrap()).unwrap();
            rows.push(row(line));
        }
    }
    tables
}

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.split('|').map(str::trim).collect();
    let [_, member, fate, text, _] = cells.as_slice() else {
        panic!("{line}");
    };
    assert!(!text.is_empty(), "{line}");
    Row {
        member: member.trim_matches('`').to_owned(),
        fate: match *fate {
            "manifest" => Fate::Manifest,
            "set" => Fate::Set,
            "left out" => Fate::LeftOut,
            _ => panic!("{line}"),
        },
        text: (*text).to_owned(),
    }
}

/// Whether manifests have a field of this path. `*` stands for a name that manifests choose; lists are not written.
fn has_field(schema: &Value, part: &Value, path: &[&str]) -> bool {
    if !part.is_object() {
        return false;
    }
    if let Some(name) = part["$ref"].as_str() {
        let name = name.trim_start_matches("#/$defs/");
        return has_field(schema, &schema["$defs"][name], path);
    }
    let Some((first, rest)) = path.split_first() else {
        return true;
    };
    let alternatives = ["anyOf", "oneOf", "allOf"];
    let alternatives = alternatives.iter().filter_map(|name| part[name].as_array());
    let mut inner = alternatives.flatten().chain([&part["items"]]);
    inner.any(|part| has_field(schema, part, path))
        || (part["properties"][first].is_object()
            && has_field(schema, &part["properties"][first], rest))
        || (*first == "*" && has_field(schema, &part["additionalProperties"], rest))
}

#[test]
fn every_member_of_every_request_is_documented() {
    let of_the_sdk = of_the_sdk();
    assert!(of_the_sdk.values().flatten().count() > 300);
    let documented: BTreeMap<Shape, BTreeSet<String>> = documented()
        .into_iter()
        .map(|(shape, rows)| {
            let count = rows.len();
            let members: BTreeSet<String> = rows.iter().map(|row| folded(&row.member)).collect();
            assert_eq!(members.len(), count, "{shape:?} has a member twice");
            (shape, members)
        })
        .collect();
    let shapes = |tables: &BTreeMap<Shape, _>| tables.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(shapes(&documented), shapes(&of_the_sdk), "shapes");
    for (shape, members) in of_the_sdk {
        assert_eq!(documented[&shape], members, "{shape:?}: document, SDK");
    }
}

#[test]
fn the_code_sets_what_the_document_says_and_nothing_else() {
    let written = chains::written();
    let documented = documented();
    let shapes: BTreeSet<(&str, String)> = documented
        .keys()
        .map(|(service, name)| (*service, folded(name)))
        .collect();
    let sent: BTreeSet<(&str, String)> = written.keys().cloned().collect();
    assert_eq!(sent, shapes, "what src/aws builds, the document");
    let mut wrong = Vec::new();
    for ((service, name), rows) in documented {
        let setters = &written[&(service, folded(&name))];
        for row in rows {
            let is_set = setters.contains(&folded(&row.member));
            if is_set != (row.fate != Fate::LeftOut) {
                let is_set = if is_set { "is set" } else { "is not set" };
                wrong.push(format!(
                    "{name}.{} {is_set}, but is {:?}",
                    row.member, row.fate
                ));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}

#[test]
fn the_fields_that_the_document_names_are_those_of_manifests() {
    let schema = image::schema();
    let mut unknown = Vec::new();
    let mut checked = 0;
    for ((_, name), rows) in documented() {
        for row in rows.iter().filter(|row| row.fate == Fate::Manifest) {
            let fields: Vec<&str> = row.text.split('`').skip(1).step_by(2).collect();
            assert!(!fields.is_empty(), "{name}.{}", row.member);
            for field in fields {
                checked += 1;
                let path: Vec<&str> = field.split('.').collect();
                if !has_field(&schema, &schema, &path) {
                    unknown.push(format!("{name}.{}: {field}", row.member));
                }
            }
        }
    }
    assert_eq!(unknown, [""; 0]);
    assert!(checked > 50, "{checked}");
    assert!(!has_field(
        &schema,
        &schema,
        &["source", "vm", "clientData"]
    ));
}
