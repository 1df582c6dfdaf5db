//! What a manifest asks for against what the stack's owner has opened: each problem names the parameter and what to add.

use super::{Allowed, Guardrails};
use crate::{
    document::{Path, at},
    findings::{Finding, Findings},
    hint::{Hint, remove, replace},
    location::Location,
    rules::{self, keys::NamedKey},
    spec::{ImageManifest, NamedSource, OnDelete, Previous, Snapshots, Source},
    text::quoted,
};

/// Reports everything that the manifest asks for and the stack does not allow.
pub(crate) fn check(manifest: &ImageManifest, guardrails: &Guardrails, findings: &mut Findings) {
    access(manifest, guardrails, findings);
    copies(manifest, guardrails, findings);
    parameters(manifest, guardrails, findings);
    retiring(manifest, guardrails, findings);
    buckets(manifest, guardrails, findings);
    keys(manifest, guardrails, findings);
    tags(manifest, guardrails, findings);
}

/// How the stack's owner opens it. The value is whole, so that it can be copied.
pub(super) fn opening(parameter: &str, value: &str) -> String {
    format!("the stack's owner adds {value} to the parameter {parameter}")
}

/// Where the limit comes from.
pub(super) fn rule(parameter: &str) -> String {
    format!("the stack's parameter {parameter}")
}

/// Reports a value, unless something else is wrong with it: one mistake is one problem.
fn refuse(
    findings: &mut Findings,
    path: Path,
    at_key: bool,
    parameter: &str,
    message: String,
    hint: impl Into<Hint>,
) {
    if !findings.is_clear(&path) {
        return;
    }
    let finding = Finding::new(path, message).hint(hint).rule(rule(parameter));
    findings.add(if at_key { finding.at_key() } else { finding });
}

fn access(manifest: &ImageManifest, guardrails: &Guardrails, findings: &mut Findings) {
    const PARAMETER: &str = "ShareWith";
    let Some(access) = &manifest.publish.access else {
        return;
    };
    let lists = [
        ("accounts", &access.accounts, "accounts"),
        ("organizations", &access.organizations, "organizations"),
        (
            "organizationalUnits",
            &access.organizational_units,
            "organizational units",
        ),
    ];
    for (field, values, kind) in lists {
        for (index, value) in values.iter().enumerate() {
            if !guardrails.share_with.allows(value) {
                let message = format!(
                    "{} is not among the {kind} that this stack shares with",
                    quoted(value)
                );
                let path = at!["access", field, index];
                let hint = opening(PARAMETER, value);
                refuse(findings, path, false, PARAMETER, message, hint);
            }
        }
    }
    if access.public == Some(true) && !guardrails.allow_public {
        let message = "this stack makes no AMI public".to_owned();
        let path = at!["access", "public"];
        let hint =
            Hint::new("leave it out, or the stack's owner sets the parameter AllowPublic to true");
        let hint = hint.removing(&path);
        refuse(findings, path, false, "AllowPublic", message, hint);
    }
}

fn copies(manifest: &ImageManifest, guardrails: &Guardrails, findings: &mut Findings) {
    const PARAMETER: &str = "CopyRegions";
    for region in manifest.publish.regions.keys() {
        if !guardrails.copy_regions.allows(region) {
            let message = format!(
                "{} is not among the Regions that this stack copies to",
                quoted(region)
            );
            let hint = opening(PARAMETER, region);
            refuse(
                findings,
                at!["regions", region],
                true,
                PARAMETER,
                message,
                hint,
            );
        }
    }
}

fn parameters(manifest: &ImageManifest, guardrails: &Guardrails, findings: &mut Findings) {
    const PARAMETER: &str = "ParameterPrefix";
    for (index, parameter) in manifest.publish.parameters.iter().enumerate() {
        let name = &parameter.name;
        if guardrails.allows_parameter(name) {
            continue;
        }
        let (message, hint) = match &guardrails.parameter_prefix {
            Allowed::Only(prefixes) if !prefixes.is_empty() => {
                let prefixes: Vec<String> = prefixes.iter().map(|prefix| quoted(prefix)).collect();
                let prefixes = prefixes.join(", ");
                (
                    format!(
                        "{} is not a name below {prefixes}, where this stack sets parameters",
                        quoted(name)
                    ),
                    format!(
                        "choose a name below {prefixes}, without `.` and `..`, or the stack's owner changes the parameter {PARAMETER}"
                    ),
                )
            }
            _ => (
                format!(
                    "this stack sets no parameters, so it cannot set {}",
                    quoted(name)
                ),
                format!(
                    "the stack's owner sets the parameter {PARAMETER} to the path that the name is below, such as /images"
                ),
            ),
        };
        let path = rules::parameters::place(index, findings);
        refuse(findings, path, false, PARAMETER, message, hint);
    }
}

fn retiring(manifest: &ImageManifest, guardrails: &Guardrails, findings: &mut Findings) {
    if guardrails.allow_retire {
        return;
    }
    let mut asked = Vec::new();
    let replaces = manifest.publish.replaces.as_ref();
    if replaces.is_some_and(|it| it.previous == Some(Previous::Deregister)) {
        asked.push(at!["replaces", "previous"]);
    }
    if manifest.publish.on_delete == Some(OnDelete::Deregister) {
        asked.push(at!["onDelete"]);
    }
    for path in asked {
        let message = "this stack deregisters no AMI that is available".to_owned();
        let mut changes = vec![replace(&path, "keep")];
        let mut write = "write `keep` or `deprecate`";
        // The snapshots of an AMI that is kept are kept.
        if replaces.is_some_and(|it| it.snapshots == Some(Snapshots::Delete)) {
            changes.push(remove(&at!["replaces", "snapshots"]));
            write = "write `keep` or `deprecate` and leave `replaces.snapshots` out";
        }
        let hint = Hint::new(format!(
            "{write}, or the stack's owner sets the parameter AllowRetire to true"
        ));
        let hint = hint.changing(changes);
        refuse(findings, path, false, "AllowRetire", message, hint);
    }
}

fn buckets(manifest: &ImageManifest, guardrails: &Guardrails, findings: &mut Findings) {
    for (path, location) in locations(manifest) {
        let Location::S3(address) = location else {
            continue;
        };
        if guardrails.allows_source_bucket(&address.bucket) {
            continue;
        }
        const PARAMETER: &str = "SourceBuckets";
        let message = format!(
            "the bucket {} is not among those that sources are read from",
            quoted(&address.bucket)
        );
        let hint = format!(
            "put the object beside the manifest, or {}",
            opening(PARAMETER, &guardrails.bucket_arn(&address.bucket))
        );
        refuse(findings, path, false, PARAMETER, message, hint);
    }
    if let Some(store) = &manifest.publish.store
        && !guardrails.store_buckets.allows(&store.bucket)
    {
        const PARAMETER: &str = "StoreBuckets";
        let message = format!(
            "the bucket {} is not among those that AMIs are stored in",
            quoted(&store.bucket)
        );
        let hint = opening(PARAMETER, &guardrails.bucket_arn(&store.bucket));
        refuse(
            findings,
            at!["store", "bucket"],
            false,
            PARAMETER,
            message,
            hint,
        );
    }
}

/// Every object that the image is made from, and where the manifest names it.
fn locations(manifest: &ImageManifest) -> Vec<(Path, &Location)> {
    let path = |field: &str| at!["source", manifest.build.source.kind(), field];
    match &manifest.build.source {
        Source::Disk(disk) => vec![(path("object"), &disk.object)],
        Source::Vm(vm) => {
            let object = vm.object.iter().map(|object| (path("object"), object));
            let disks = vm.disks.iter().enumerate();
            let disks =
                disks.map(|(index, disk)| (path("disks").join(index).join("object"), &disk.object));
            object.chain(disks).collect()
        }
        Source::Stored(stored) => vec![(path("object"), &stored.object)],
        Source::Bundle(bundle) => vec![(path("manifest"), &bundle.manifest)],
        Source::Snapshot(_) | Source::Instance(_) | Source::Image(_) => Vec::new(),
    }
}

fn keys(manifest: &ImageManifest, guardrails: &Guardrails, findings: &mut Findings) {
    const PARAMETER: &str = "KmsKeys";
    for NamedKey { path, key, .. } in manifest.kms_keys() {
        if guardrails.kms_keys.allows(key) {
            continue;
        }
        let message = format!("{} is not among the KMS keys of this stack", quoted(key));
        let hint = if key.contains(":key/") {
            opening(PARAMETER, key)
        } else {
            // Who may change an alias decides which key it is; an id alone does not say whose the key is.
            format!(
                "name the key by its ARN, as the stack's owner lists it in the parameter {PARAMETER}"
            )
        };
        refuse(findings, path, false, PARAMETER, message, hint);
    }
}

fn tags(manifest: &ImageManifest, guardrails: &Guardrails, findings: &mut Findings) {
    const PARAMETER: &str = "TagKeys";
    for key in manifest.publish.tags.keys() {
        if !guardrails.tag_keys.allows(key) {
            let message = format!(
                "the tag {} is not among those that this stack sets",
                quoted(key)
            );
            // Lists are split at commas.
            let hint = if key.contains(',') {
                format!("choose one of the keys that the stack's parameter {PARAMETER} lists")
            } else {
                opening(PARAMETER, key)
            };
            refuse(findings, at!["tags", key], true, PARAMETER, message, hint);
        }
    }
    if let Source::Image(image) = &manifest.build.source
        && image.copy_tags == Some(true)
        && guardrails.tag_keys != Allowed::Any
    {
        let message =
            "the tags of the AMI may be others than those that this stack sets".to_owned();
        let path = at!["source", "image", "copyTags"];
        let hint = Hint::new("leave it out, and give the tags in `tags`").removing(&path);
        refuse(findings, path, true, PARAMETER, message, hint);
    }
}

/// The snapshots and the AMI that the manifest is made from.
pub(crate) fn named_sources(manifest: &ImageManifest, findings: &Findings) -> Vec<NamedSource> {
    let mut named: Vec<(Path, &String, Option<&String>)> = Vec::new();
    match &manifest.build.source {
        Source::Snapshot(snapshot) => {
            named.push((at!["source", "snapshot", "id"], &snapshot.id, None));
        }
        Source::Image(image) => {
            named.push((at!["source", "image", "id"], &image.id, Some(&image.region)));
        }
        _ => {}
    }
    let mappings = manifest.build.register.iter();
    let mappings = mappings.flat_map(|register| register.block_device_mappings.iter().enumerate());
    for (index, mapping) in mappings {
        let snapshot = mapping
            .ebs
            .as_ref()
            .and_then(|ebs| ebs.snapshot_id.as_ref());
        let path = at![
            "register",
            "blockDeviceMappings",
            index,
            "ebs",
            "snapshotId"
        ];
        named.extend(snapshot.map(|id| (path, id, None)));
    }
    let named = named.into_iter().map(|(path, id, region)| {
        let (line, column) = findings.place(&path);
        NamedSource {
            id: id.clone(),
            region: region.cloned(),
            path: path.to_string(),
            line,
            column,
        }
    });
    named.collect()
}
