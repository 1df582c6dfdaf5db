//! What the JSON Schema offers is what `check` takes.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

/// Manifests that pass `check` and have, together, every field and value that the schema offers.
const GOOD: [&str; 14] = [
    include_str!("../../../../examples/full.image.yaml"),
    "name: web\nsource: {disk: {object: web.vhd, format: vhd}}\nstore: {bucket: archive, tags: {keep: 1y}}\n",
    "name: web\nsource: {disk: {object: web.raw, format: raw, encrypted: false}}\nprotect: true\nrepair: true\n\
     access: {public: true, exact: false, copy: false}\ndeprecate: {at: 2027-01-01T00:00:00Z}\n\
     replaces: {previous: deprecate, snapshots: keep}\nonDelete: deprecate\n",
    "name: web\nsource: {vm: {object: app.ova, format: ova, architecture: x86_64, platform: Linux, bootMode: legacy-bios,\
     licenseType: BYOL, usageOperation: 'RunInstances:0800', encrypted: true, kmsKeyId: alias/disks,\
     licenseSpecifications: ['arn:aws:license-manager:us-east-1:111122223333:license-configuration:lic-0123456789abcdef0123456789abcdef']}}\n\
     protect: false\nrepair: false\nreplaces: {previous: keep}\nonDelete: keep\n\
     regions: {us-west-2: {required: true}}\nparameters: [{name: /images/web, takeOver: false}]\n",
    "name: web\nsource: {vm: {disks: [{object: a.vmdk, format: vmdk}, {object: b.vhd, format: vhd, deviceName: /dev/sdf},\
     {object: c.vhdx, format: vhdx}, {object: d.raw, format: raw}], architecture: arm64, platform: Windows, bootMode: uefi,\
     licenseType: AWS, encrypted: false}}\n",
    "name: web\nsource: {vm: {object: app.vmdk, format: vmdk, architecture: i386}}\nprotect: {cooldown: false}\n",
    "name: web\nsource: {vm: {object: app.vhd, format: vhd}}\n",
    "name: web\nsource: {vm: {object: app.vhdx, format: vhdx}}\n",
    "name: web\nsource: {vm: {disks: [{object: app.ova, format: ova}]}}\n",
    "name: web\nsource: {vm: {object: app.raw, format: raw}}\n",
    "name: web\nsource: {image: {id: ami-0123456789abcdef0, region: us-west-2, encrypted: true, kmsKeyId: alias/copies,\
     copyTags: true, completionMinutes: 60}}\n",
    "name: web\nsource: {image: {id: ami-0123456789abcdef0, region: us-west-2, encrypted: false, copyTags: false}}\n",
    "name: web\nsource: {stored: {object: ami-0123456789abcdef0.bin}}\n",
    "name: web\nsource: {instance: {id: i-0123456789abcdef0}}\nproductCodes: [774F4FF8]\n",
];

/// The same of what RegisterImage is told: the source and the fields of `register`.
const REGISTERED: [(&str, &str); 8] = [
    (
        "snapshot: {id: snap-0123456789abcdef0}",
        "architecture: arm64, bootMode: uefi, acceptLostBilling: true, enaSupport: false",
    ),
    (
        "snapshot: {id: snap-0123456789abcdef0}",
        "architecture: i386, bootMode: legacy-bios, virtualizationType: paravirtual, kernelId: aki-01234567,\
         ramdiskId: ari-01234567, acceptLostBilling: false",
    ),
    (
        "disk: {object: web.raw, format: raw}",
        "architecture: x86_64_mac, bootMode: uefi-preferred",
    ),
    (
        "disk: {object: web.raw, format: raw}",
        "architecture: arm64_mac",
    ),
    ("bundle: {manifest: web.manifest.xml}", "architecture: i386"),
    (
        "snapshot: {id: snap-0123456789abcdef0}",
        "blockDeviceMappings: [{deviceName: /dev/xvda, noDevice: false, ebs: {volumeType: gp2, deleteOnTermination: false}},\
         {deviceName: /dev/sdf, ebs: {volumeType: io1, volumeSize: 100, iops: 100, encrypted: false, availabilityZone: us-east-1a}},\
         {deviceName: /dev/sdg, ebs: {volumeType: sc1, volumeSize: 500, availabilityZoneId: use1-az1}},\
         {deviceName: /dev/sdh, ebs: {volumeType: standard, volumeSize: 1}}]",
    ),
    (
        "snapshot: {id: snap-0123456789abcdef0}",
        "blockDeviceMappings: [{deviceName: /dev/xvda, ebs: {volumeInitializationRate: 200, ebsCardIndex: 1}}]",
    ),
    (
        "snapshot: {id: snap-0123456789abcdef0}",
        "blockDeviceMappings: [{deviceName: /dev/xvda, ebs: {outpostArn: 'arn:aws:outposts:us-east-1:111122223333:outpost/op-0123456789abcdef0'}}]",
    ),
];

/// What the schema marks as refused, each in a manifest.
const REFUSED: [(&str, &str); 1] = [(
    "register.blockDeviceMappings.ebs.kmsKeyId",
    "name: web\nsource: {snapshot: {id: snap-0123456789abcdef0}}\n\
     register: {blockDeviceMappings: [{deviceName: /dev/xvda, ebs: {kmsKeyId: alias/volumes}}]}\n",
)];

fn good() -> Vec<String> {
    let registered = REGISTERED.map(|(source, register)| {
        format!("name: web\nsource: {{{source}}}\nregister: {{{register}}}\n")
    });
    let others = GOOD.map(str::to_owned);
    others.into_iter().chain(registered).collect()
}

/// Whether the schema of a field says that it is always refused.
fn is_refused(schema: &Value) -> bool {
    schema["not"] == serde_json::json!({})
}

/// Walks the schema: `offer` is told of each field, and of each value of an enum or of a truth value.
fn walk(schema: &Value, root: &Value, path: &str, offer: &mut dyn FnMut(String, &Value)) {
    if let Some(name) = schema["$ref"].as_str() {
        return walk(root.pointer(&name[1..]).unwrap(), root, path, offer);
    }
    for value in schema["enum"].as_array().into_iter().flatten() {
        if let Some(text) = value.as_str() {
            offer(format!("{path} = {text}"), schema);
        }
    }
    let types = schema["type"].to_string();
    if types.contains("boolean") {
        for value in [true, false] {
            offer(format!("{path} = {value}"), schema);
        }
    }
    for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{field}");
        let path = path.trim_start_matches('.');
        offer(path.to_owned(), schema);
        walk(schema, root, path, offer);
    }
    for (inner, path) in [
        ("items", path),
        ("additionalProperties", &format!("{path}.*")),
    ] {
        if schema[inner].is_object() {
            walk(&schema[inner], root, path, offer);
        }
    }
}

/// The fields and the values of a document, named as [`walk`] names them.
fn given(document: &Value, path: &str, found: &mut BTreeSet<String>) {
    match document {
        Value::Object(fields) => {
            for (field, value) in fields {
                // Keys that are free are not fields.
                let path = match path {
                    "regions" | "tags" | "store.tags" => format!("{path}.*"),
                    "" => field.clone(),
                    path => format!("{path}.{field}"),
                };
                found.insert(path.clone());
                given(value, &path, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| given(item, path, found)),
        Value::Bool(value) => drop(found.insert(format!("{path} = {value}"))),
        Value::String(text) => drop(found.insert(format!("{path} = {text}"))),
        Value::Null | Value::Number(_) => {}
    }
}

#[test]
fn every_option_of_the_schema_passes_the_checks_or_is_marked_as_refused() {
    let schema = schema();
    let (mut offered, mut refused) = (BTreeSet::new(), BTreeSet::new());
    walk(
        &schema,
        &schema,
        "",
        &mut |option, of| match is_refused(of) {
            true => drop(refused.insert(option)),
            false => drop(offered.insert(option)),
        },
    );
    let mut taken = BTreeSet::new();
    for text in good() {
        accepted(&text);
        let (root, _) = read::document("a.image.yaml", text.as_bytes()).unwrap();
        given(&root.value.to_json().unwrap(), "", &mut taken);
    }
    let untaken: Vec<_> = offered.difference(&taken).collect();
    assert!(
        untaken.is_empty(),
        "offered, and in no good manifest: {untaken:#?}"
    );
    assert!(offered.contains("register.blockDeviceMappings.ebs.volumeType = st1"));
    assert!(offered.contains("protect = true"));

    let marked: Vec<_> = refused.iter().map(String::as_str).collect();
    assert_eq!(marked, REFUSED.map(|(option, _)| option));
    for (option, text) in REFUSED {
        let problems = parse("a.image.yaml", text.as_bytes(), now()).unwrap_err();
        let field = option.rsplit('.').next().unwrap();
        assert!(problems[0].path.ends_with(field), "{problems:?}");
    }
}

/// Of several schemas of which one has to match, a validator says "not valid under any of the given schemas", whatever is
/// wrong in them.
#[test]
fn each_place_has_one_schema() {
    let schema = schema();
    let text = schema.to_string();
    for choice in ["\"anyOf\"", "\"oneOf\"", "\"allOf\""] {
        assert!(!text.contains(choice), "{choice}");
    }
    let source = &schema["$defs"]["Source"];
    assert_eq!(
        source["errorMessage"],
        "exactly one of `disk`, `vm`, `snapshot`, `bundle`, `instance`, `stored`, `image`"
    );
    assert_eq!(
        (&source["minProperties"], &source["maxProperties"]),
        (&1.into(), &1.into())
    );
    let parameter = &schema["properties"]["parameters"]["items"];
    assert_eq!(parameter["type"], serde_json::json!(["string", "object"]));
    let mode = schema.pointer("/properties/register/properties/bootMode");
    assert_eq!(
        mode.unwrap()["enum"],
        serde_json::json!(["legacy-bios", "uefi", "uefi-preferred", null])
    );
}

/// `null` stands for nothing where a field may be left out, and nowhere else.
#[test]
fn null_is_offered_where_it_stands_for_nothing() {
    let schema = schema();
    let takes_null = |pointer: &str| {
        let types = &schema.pointer(pointer).unwrap()["type"];
        types
            .as_array()
            .is_some_and(|types| types.contains(&"null".into()))
    };
    for pointer in [
        "/properties/register",
        "/properties/protect",
        "/properties/regions/additionalProperties",
    ] {
        assert!(takes_null(pointer), "{pointer}");
    }
    for pointer in ["/$defs/Location", "/$defs/DiskFormat", "/$defs/Source"] {
        assert!(!takes_null(pointer), "{pointer}");
    }
    accepted(&with("register:\nprotect:\nregions: {us-west-2: }\n"));
}
