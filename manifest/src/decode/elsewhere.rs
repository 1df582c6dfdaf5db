//! Fields that people write in the wrong place, and the place that has them: never one that is refused next.

use super::Decoder;
use crate::{
    document::{Path, Step, Value, at},
    hint::{Hint, add, remove},
    ids::is_resource_id,
};

/// The sources, as the field of a document has them.
pub(crate) const SOURCES: [&str; 7] = [
    "disk", "vm", "snapshot", "bundle", "instance", "stored", "image",
];

const REGISTER: [&str; 13] = [
    "architecture",
    "virtualizationType",
    "bootMode",
    "tpmSupport",
    "uefiData",
    "imdsSupport",
    "enaSupport",
    "sriovNetSupport",
    "kernelId",
    "ramdiskId",
    "billingProducts",
    "rootDeviceName",
    "blockDeviceMappings",
];

const EBS: [&str; 9] = [
    "volumeSize",
    "volumeType",
    "iops",
    "throughput",
    "deleteOnTermination",
    "encrypted",
    "snapshotId",
    "volumeInitializationRate",
    "outpostArn",
];

const ACCESS: [&str; 6] = [
    "accounts",
    "organizations",
    "organizationalUnits",
    "public",
    "exact",
    "copy",
];

/// What ImportImage takes of what others give in `register`.
const VM: [&str; 2] = ["architecture", "bootMode"];

/// The hint for a field that belongs elsewhere; none where nothing else has it, or would be refused there.
pub(super) fn of(given: &str, decoder: &Decoder<'_>) -> Option<Hint> {
    let source = decoder.findings.borrow().source(&SOURCES);
    let from = decoder.path.join(given);
    if let Some((_, place)) = API.iter().find(|(name, _)| is_same(given, name)) {
        return Some(Hint::new(format!(
            "this looks like a parameter of the EC2 API: its place here is {place}"
        )));
    }
    if decoder.path.0.is_empty() && SOURCES.contains(&given) {
        let hint = Hint::new(format!("`{given}` belongs to `source`"));
        let value = decoder.value(given).filter(|_| source.is_none());
        return Some(match value {
            Some(value) => hint.changing(vec![
                remove(&from),
                add(
                    &at!["source"],
                    serde_json::Map::from_iter([(given.to_owned(), value)]),
                ),
            ]),
            None => hint,
        });
    }
    if matches!(decoder.path.0.first(), Some(Step::Field(first)) if &**first == "regions") {
        return (given == "encrypted").then(|| {
            Hint::new("remove it: a copy is encrypted by its `kmsKeyId`, or if the AMI is")
                .removing(&from)
        });
    }
    let (field, place, path) = place(given, source, &decoder.path)?;
    let has = |path: &Path| decoder.findings.borrow().has(path);
    if path
        .as_ref()
        .is_some_and(|path| path.parent() == decoder.path)
    {
        // Only its spelling is wrong.
        return None;
    }
    if path.as_ref().is_some_and(has) {
        let hint = Hint::new(format!("remove it: {place} has `{field}`, too"));
        return Some(hint.removing(&from));
    }
    let words = if field == given {
        format!("`{field}` belongs to {place}")
    } else {
        format!("this looks like a parameter of the EC2 API: write `{field}`, in {place}")
    };
    let hint = Hint::new(words);
    let (Some(path), Some(value)) = (path, decoder.value(given)) else {
        return Some(hint);
    };
    let mut changes = vec![remove(&from)];
    let parent = path.parent();
    if !has(&parent) {
        changes.push(add(&parent, serde_json::Map::new()));
    }
    changes.push(add(&path, value));
    Some(hint.changing(changes))
}

/// What is not missing, because it is given in the wrong place.
pub(super) fn targets(given: &str, decoder: &Decoder<'_>) -> Vec<Path> {
    let source = decoder.findings.borrow().source(&SOURCES);
    let has = |path: &Path| decoder.findings.borrow().has(path);
    let of_source =
        |(name, place): &(&str, &str)| is_same(given, name) && place.starts_with("`source.");
    let is_source = decoder.path.0.is_empty() && SOURCES.contains(&given);
    let target = place(given, source, &decoder.path).and_then(|(_, _, path)| path);
    let target = target.filter(|path| path.parent() != decoder.path);
    // What would be made for it is not missing, either.
    let parent = target.as_ref().map(Path::parent);
    let made = (is_source || API.iter().any(of_source)).then(|| at!["source"]);
    let mut targets: Vec<Path> = target.into_iter().collect();
    targets.extend(parent.into_iter().chain(made).filter(|path| !has(path)));
    targets
}

/// The source that an id alone names.
pub(super) fn source_of_id(found: &Value, path: &Path) -> Option<Hint> {
    let Value::String(text) = found else {
        return None;
    };
    let kind = if is_resource_id(text, "snap") {
        "snapshot"
    } else if is_resource_id(text, "i") {
        "instance"
    } else {
        return None;
    };
    let hint = Hint::new(format!("write `{{{kind}: {{id: {text}}}}}`"));
    let id = serde_json::json!({"id": text});
    let mut source = serde_json::Map::new();
    source.insert(kind.to_owned(), id);
    Some(hint.replacing(path, source))
}

/// Parameters of EC2's calls that manifests have in another form, and where.
const API: [(&str, &str); 21] = [
    (
        "ClientData",
        "`description` or `tags`: EC2 does nothing with it",
    ),
    ("ClientToken", "nothing: amiwright sets it"),
    ("CopyImageTags", "`source.image.copyTags`"),
    ("DeprecateAt", "`deprecate.at`"),
    ("DiskContainer", "`source.disk`, as `object` and `format`"),
    (
        "DiskContainers",
        "`source.vm`, as `object` and `format`, or `disks`",
    ),
    ("DryRun", "`amiwright plan`"),
    ("Hypervisor", "nothing: EC2 has one"),
    ("ImageLocation", "`source.bundle.manifest`"),
    ("InstanceId", "`source.instance.id`"),
    ("LaunchPermission", "`access`"),
    ("LicenseSpecifications", "`source.vm.licenseSpecifications`"),
    ("LicenseType", "`source.vm.licenseType`"),
    ("ObjectKey", "`source.stored.object`"),
    ("Platform", "`source.vm.platform`"),
    ("RoleName", "the stack's parameter VmImportRole"),
    ("S3ObjectTags", "`store.tags`"),
    ("SourceImageId", "`source.image.id`"),
    ("SourceRegion", "`source.image.region`"),
    ("TagSpecifications", "`tags`, as a map: {team: web}"),
    ("UsageOperation", "`source.vm.usageOperation`"),
];

/// What stands at the top of a manifest and nowhere else.
const TOP: [&str; 7] = [
    "description",
    "productCodes",
    "regions",
    "deprecate",
    "parameters",
    "onDelete",
    "register",
];

/// A field, its place in words, and its path, if that is known.
type Place = (&'static str, String, Option<Path>);

/// The place of a field that stands in `from`.
fn place(given: &str, source: Option<&'static str>, from: &Path) -> Option<Place> {
    let is_registered = !matches!(source, Some("vm" | "stored" | "image"));
    let of = |fields: &[&'static str]| fields.iter().find(|field| is_same(given, field)).copied();
    if let Some(field) = of(&ACCESS) {
        let path = at!["access", field];
        // Alone it is refused.
        return Some(match field {
            "copy" => (field, "`access`, beside `accounts`".to_owned(), None),
            _ => (field, "`access`".to_owned(), Some(path)),
        });
    }
    if let (Some("vm"), Some(field)) = (source, of(&VM)) {
        let path = at!["source", "vm", field];
        return Some((field, "`source.vm`".to_owned(), Some(path)));
    }
    if let (Some(source @ ("disk" | "vm" | "image")), Some(field)) =
        (source, of(&["encrypted", "kmsKeyId"]))
        && !is_in_mapping(from)
    {
        let path = at!["source", source, field];
        return Some((field, format!("`source.{source}`"), Some(path)));
    }
    if let Some(field) = of(&REGISTER) {
        let path = at!["register", field];
        return is_registered.then(|| (field, "`register`".to_owned(), Some(path)));
    }
    if let (Some(field), false) = (of(&TOP), from.0.is_empty()) {
        let path = at![field];
        return Some((field, "the top of the manifest".to_owned(), Some(path)));
    }
    let field = of(&EBS)?;
    // The root's encryption, and what it is made from, are those of the source.
    let is_of_source = matches!(field, "encrypted" | "snapshotId") && !is_in_mapping(from);
    if !is_registered || matches!(source, Some("bundle" | "instance")) || is_of_source {
        return None;
    }
    // Which mapping is meant is only known in one.
    let path = is_in_mapping(from).then(|| from.join("ebs").join(field));
    Some((field, "`ebs` of a block device mapping".to_owned(), path))
}

fn is_in_mapping(path: &Path) -> bool {
    matches!(path.0.as_slice(), [Step::Field(register), Step::Field(list), Step::Index(_)]
        if &**register == "register" && &**list == "blockDeviceMappings")
}

/// The API writes its parameters with a capital, other tools with underscores.
fn is_same(given: &str, field: &str) -> bool {
    let plain = given.replace(['_', '-'], "");
    let is_spelled_so = given.len() == field.len() || plain.len() < given.len();
    is_spelled_so && plain.eq_ignore_ascii_case(field)
}
