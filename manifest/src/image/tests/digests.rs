//! What makes another version and what does not.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;

/// Every field of the schema outside the sources, each with a value that is not its default.
fn full() -> Value {
    json!({
        "name": "web-{date}",
        "description": "web",
        "source": {"disk": {"object": "web.raw", "format": "raw", "encrypted": true, "kmsKeyId": "alias/disks"}},
        "register": {
            "architecture": "arm64",
            "virtualizationType": "paravirtual",
            "bootMode": "uefi",
            "tpmSupport": "v2.0",
            "uefiData": "QU1aTlVF",
            "imdsSupport": "v2.0",
            "enaSupport": true,
            "sriovNetSupport": "simple",
            "kernelId": "aki-01234567",
            "ramdiskId": "ari-01234567",
            "billingProducts": ["bp-1", "bp-2"],
            "acceptLostBilling": true,
            "rootDeviceName": "/dev/sdq",
            "blockDeviceMappings": [
                {"deviceName": "/dev/sda1", "ebs": {"volumeSize": 8}},
                {"deviceName": "/dev/sdq", "ebs": {"volumeSize": 30}},
                {"deviceName": "/dev/sdb", "virtualName": "ephemeral0"},
                {"deviceName": "/dev/sdc", "noDevice": true},
                {"deviceName": "/dev/sdd", "ebs": {
                    "snapshotId": "snap-01234567", "volumeSize": 20, "volumeType": "gp3", "iops": 3000,
                    "throughput": 125, "deleteOnTermination": true, "encrypted": true, "kmsKeyId": "alias/volumes",
                    "outpostArn": "arn:outpost", "volumeInitializationRate": 100, "availabilityZone": "us-east-1a",
                    "availabilityZoneId": "use1-az1", "ebsCardIndex": 1
                }}
            ]
        },
        "tags": {"team": "web", "stage": "test"},
        "productCodes": ["774F4FF8", "774F4FF9"],
        "access": {
            "accounts": ["111122223333", "444455556666"],
            "organizations": ["arn:o1", "arn:o2"],
            "organizationalUnits": ["arn:ou1", "arn:ou2"],
            "public": true,
            "exact": true,
            "copy": true
        },
        "regions": {"us-west-2": {"kmsKeyId": "alias/copies", "required": false}, "eu-west-1": {}},
        "deprecate": {"after": "90d", "at": "2027-01-01T00:00:00Z"},
        "protect": {"cooldown": true},
        "parameters": ["/images/web", {"name": "/images/all", "takeOver": true}],
        "replaces": {"previous": "deregister", "snapshots": "delete"},
        "onDelete": "deregister",
        "repair": true,
        "store": {"bucket": "archive", "tags": {"keep": "1y", "team": "web"}}
    })
}

/// A document of every source.
fn documents() -> Vec<Value> {
    let mut documents = vec![full()];
    for source in [
        json!({"vm": {"object": "s3://disks/web.ova", "format": "ova"}}),
        json!({"vm": {
            "object": "web.ova", "format": "ova",
            "disks": [{"object": "data.raw", "format": "raw", "deviceName": "/dev/sdf"}],
            "architecture": "arm64", "platform": "Windows", "bootMode": "uefi", "licenseType": "BYOL",
            "usageOperation": "RunInstances:0800", "encrypted": true, "kmsKeyId": "alias/disks",
            "licenseSpecifications": ["arn:l1", "arn:l2"]
        }}),
        json!({"snapshot": {"id": "snap-0123456789abcdef0"}}),
        json!({"image": {
            "id": "ami-0123456789abcdef0", "region": "us-west-2", "encrypted": true, "kmsKeyId": "alias/copies",
            "copyTags": true, "completionMinutes": 60
        }}),
        json!({"bundle": {"manifest": "web.manifest.xml"}}),
        json!({"instance": {"id": "i-0123456789abcdef0"}}),
        json!({"stored": {"object": "ami-0123456789abcdef0.bin"}}),
        json!({"image": {"id": "ami-0123456789abcdef0", "region": "us-west-2"}}),
    ] {
        documents.push(json!({"name": "web", "source": source}));
    }
    documents
}

/// The manifest, without any rule: these tests are about documents that differ, not about what EC2 takes.
fn read(document: &Value) -> Option<ImageManifest> {
    serde_json::from_value(document.clone()).ok()
}

#[track_caller]
fn digests(document: &Value) -> (String, String) {
    let manifest = read(document).unwrap_or_else(|| panic!("{document:#}"));
    (manifest.build.digest(), manifest.publish.digest())
}

/// JSON pointers of all values inside `value`.
fn pointers(value: &Value) -> Vec<String> {
    let inner = |step: &str, value: &Value| {
        let step = format!("/{}", step.replace('~', "~0").replace('/', "~1"));
        std::iter::once(step.clone())
            .chain(
                pointers(value)
                    .into_iter()
                    .map(move |rest| format!("{step}{rest}")),
            )
            .collect::<Vec<_>>()
    };
    match value {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(key, value)| inner(key, value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(index, value)| inner(&index.to_string(), value))
            .collect(),
        _ => Vec::new(),
    }
}

/// Every text that the schema has as a value of an enum.
fn words(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(key, value)| match (key.as_str(), value) {
                ("const", Value::String(word)) => vec![word.clone()],
                ("enum", Value::Array(words)) => words
                    .iter()
                    .filter_map(Value::as_str)
                    .map(str::to_owned)
                    .collect(),
                _ => words(value),
            })
            .collect(),
        Value::Array(items) => items.iter().flat_map(words).collect(),
        _ => Vec::new(),
    }
}

/// Documents with another value in place of the leaf at `pointer`, and without it; those that the types can hold.
fn changed(document: &Value, pointer: &str, words: &[String]) -> Vec<Value> {
    let leaf = document.pointer(pointer).unwrap();
    let others: Vec<Value> = match leaf {
        Value::Bool(value) => vec![json!(!value)],
        Value::Number(number) => vec![json!(number.as_u64().unwrap() + 1)],
        Value::String(text) => std::iter::once(format!("{text}x"))
            .chain(words.iter().filter(|word| *word != text).cloned())
            .map(Value::from)
            .collect(),
        _ => Vec::new(),
    };
    let with = |other: Value| {
        let mut document = document.clone();
        *document.pointer_mut(pointer).unwrap() = other;
        read(&document).map(|_| document)
    };
    let other = others.into_iter().find_map(with);
    let mut without = document.clone();
    let (parent, step) = pointer.rsplit_once('/').unwrap();
    match without.pointer_mut(parent).unwrap() {
        Value::Object(fields) => drop(fields.remove(step)),
        Value::Array(items) => drop(items.remove(step.parse().unwrap())),
        _ => unreachable!("{pointer}"),
    }
    let without = read(&without).map(|_| without);
    other.into_iter().chain(without).collect()
}

#[test]
fn every_field_counts_for_its_half_and_not_for_the_other() {
    let words = words(&schema());
    for document in documents() {
        let (build, publish) = digests(&document);
        for pointer in pointers(&document) {
            let is_build = ["/name", "/source", "/register"]
                .iter()
                .any(|half| pointer.starts_with(half));
            let changed = changed(&document, &pointer, &words);
            let is_leaf = !document.pointer(&pointer).unwrap().is_object();
            assert!(
                !changed.is_empty() || !is_leaf,
                "{pointer} was never changed"
            );
            for other in changed {
                let (other_build, other_publish) = digests(&other);
                assert_eq!(build == other_build, !is_build, "{pointer} {other:#}");
                assert_eq!(publish == other_publish, is_build, "{pointer} {other:#}");
            }
        }
    }
}

/// Paths of all fields that the schema has, with `[]` for the items of a list and `*` for free keys.
fn fields(schema: &Value, root: &Value, path: &str, found: &mut BTreeSet<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        return fields(root.pointer(&name[1..]).unwrap(), root, path, found);
    }
    for choice in ["anyOf", "oneOf"] {
        for schema in schema[choice].as_array().into_iter().flatten() {
            fields(schema, root, path, found);
        }
    }
    for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{field}");
        fields(schema, root, &path, found);
        found.insert(path);
    }
    if schema["items"].is_object() {
        fields(&schema["items"], root, &format!("{path}[]"), found);
    }
    if schema["additionalProperties"].is_object() {
        fields(
            &schema["additionalProperties"],
            root,
            &format!("{path}.*"),
            found,
        );
    }
}

/// Without this, a new field would not be among those that the test above changes.
#[test]
fn the_documents_of_these_tests_have_every_field_of_the_schema() {
    let schema = schema();
    let mut expected = BTreeSet::new();
    fields(&schema, &schema, "", &mut expected);
    let given: BTreeSet<String> = documents()
        .iter()
        .flat_map(pointers)
        .map(|pointer| {
            let path: String = pointer[1..]
                .split('/')
                .map(|step| match step.parse::<usize>() {
                    Ok(_) => "[]".to_owned(),
                    Err(_) => format!(".{step}"),
                })
                .collect();
            ["us-west-2", "eu-west-1"]
                .iter()
                .fold(path, |path, region| path.replace(region, "*"))
        })
        .collect();
    let missing: Vec<_> = expected.difference(&given).collect();
    assert!(missing.is_empty(), "{missing:?}");
    assert!(
        expected.contains(".register.blockDeviceMappings[].ebs.iops"),
        "{expected:?}"
    );
    assert!(expected.contains(".regions.*.kmsKeyId"), "{expected:?}");
}

/// Turns every mapping and every list around. (Only lists that are sets, which all lists of a manifest are.)
fn reversed(value: &Value) -> Value {
    match value {
        Value::Object(fields) => fields
            .iter()
            .rev()
            .map(|(key, value)| (key.clone(), reversed(value)))
            .collect(),
        Value::Array(items) => items.iter().rev().map(reversed).collect(),
        other => other.clone(),
    }
}

#[test]
fn order_does_not_count() {
    for document in documents() {
        let other = reversed(&document);
        assert_ne!(other.to_string(), document.to_string());
        assert_eq!(digests(&other), digests(&document), "{document:#}");
    }
}

#[track_caller]
fn same(one: &str, other: &str) {
    let (one, other) = (accepted(one), accepted(other));
    assert_eq!(
        String::from_utf8(one.build.canonical()).unwrap(),
        String::from_utf8(other.build.canonical()).unwrap()
    );
    assert_eq!(
        String::from_utf8(one.publish.canonical()).unwrap(),
        String::from_utf8(other.publish.canonical()).unwrap()
    );
}

#[test]
fn defaults_count_as_much_written_as_left_out() {
    let plain = with("");
    for lines in [
        "register:",
        "register: {}",
        "register: {architecture: x86_64, virtualizationType: hvm, rootDeviceName: /dev/xvda}",
        "register: {enaSupport: false, billingProducts: [], acceptLostBilling: false}",
        "register: {blockDeviceMappings: [{deviceName: /dev/xvda, ebs: {}}]}",
        "register: {blockDeviceMappings: [{deviceName: /dev/xvda, ebs: {volumeType: gp3}}]}",
        "register: {blockDeviceMappings: [{deviceName: /dev/xvda, noDevice: false, ebs: {snapshotId: snap-0123456789abcdef0}}]}",
        "description:\ntags: {}\nproductCodes: []\nregions: {}\nparameters: []\naccess: {}",
        "protect: false\naccess: {public: false, accounts: []}\nreplaces: {previous: keep, snapshots: keep}\nonDelete: keep",
        "access: {exact: false, copy: false}\nrepair: false",
        "access: {exact: , copy: ~}\nrepair: ",
    ] {
        same(&plain, &with(lines));
    }
    for (short, written) in [
        ("protect: true", "protect: {}"),
        ("protect: true", "protect: {cooldown: false}"),
        (
            "parameters: [/a, /b]",
            "parameters: [{name: /b}, {name: /a, takeOver: false}]",
        ),
        (
            "regions: {us-west-2: }",
            "regions: {us-west-2: {required: true}}",
        ),
        (
            "access: {exact: true}",
            "access: {exact: true, public: false, copy: false}",
        ),
    ] {
        same(&with(short), &with(written));
    }
    same(
        &with("regions: {us-west-2: }"),
        &with("regions: {us-west-2: {kmsKeyId: }}"),
    );
    same(
        "name: web\nsource: {disk: {object: a.raw, format: raw}}\n",
        "name: web\nsource: {disk: {object: a.raw, format: raw, encrypted: false}}\n",
    );
    for (short, written) in [
        (
            "vm: {object: a.raw, format: raw}",
            "vm: {disks: [{object: a.raw, format: raw}], encrypted: false, licenseSpecifications: []}",
        ),
        (
            "image: {id: ami-0123456789abcdef0, region: us-west-2}",
            "image: {id: ami-0123456789abcdef0, region: us-west-2, encrypted: false, copyTags: false}",
        ),
    ] {
        let manifest = |source| format!("name: web\nsource: {{{source}}}\n");
        same(&manifest(short), &manifest(written));
    }
    same(
        &registering("uefiData: QU1aTlVF\nbootMode: uefi"),
        &registering("bootMode: uefi\nuefiData: |\n  QU1a\n  TlVF"),
    );
}

#[test]
fn comments_quotes_and_format_do_not_count() {
    let yaml = accepted(
        "# a comment\nsource:\n  disk:\n    format: 'raw' # another\n    object: web.raw\nname: \"web-{date}\"\ntags: {b: x, a: y}\n",
    );
    let json = r#"{"name": "web-{date}", "tags": {"a": "y", "b": "x"}, "source": {"disk": {"object": "web.raw", "format": "raw"}}}"#;
    let json = parse("a.image.json", json.as_bytes(), now()).unwrap();
    assert_eq!(yaml, json);
    assert_eq!(yaml.build.digest(), json.build.digest());
    assert_eq!(yaml.publish.digest(), json.publish.digest());
}

#[test]
fn what_is_set_is_written_in_its_shortest_form() {
    let manifest = accepted(&with(
        "access: {exact: true, copy: true, accounts: [\"444455556666\"]}\nprotect: {cooldown: true}\nrepair: true\n\
         regions: {us-west-2: {required: false}}\nreplaces: {previous: deprecate}\nonDelete: deprecate\n\
         parameters: [/c, {name: /b, takeOver: true}, {name: /a}]",
    ));
    assert_eq!(
        String::from_utf8(manifest.publish.canonical()).unwrap(),
        r#"{"access":{"accounts":["444455556666"],"copy":true,"exact":true},"onDelete":"deprecate","parameters":["/a",{"name":"/b","takeOver":true},"/c"],"protect":{"cooldown":true},"regions":{"us-west-2":{"required":false}},"repair":true,"replaces":{"previous":"deprecate"}}"#
    );
}

/// A change of these bytes makes every version of every manifest a new one.
#[test]
fn the_canonical_form_is_pinned() {
    let manifest = accepted(&with("tags: {b: \"ü\\\"\", a: x}\nprotect: true"));
    assert_eq!(
        String::from_utf8(manifest.build.canonical()).unwrap(),
        r#"{"name":"web","register":{"architecture":"x86_64","blockDeviceMappings":[{"deviceName":"/dev/xvda","ebs":{"snapshotId":"snap-0123456789abcdef0"}}],"rootDeviceName":"/dev/xvda","virtualizationType":"hvm"},"source":{"snapshot":{"id":"snap-0123456789abcdef0"}}}"#
    );
    assert_eq!(
        String::from_utf8(manifest.publish.canonical()).unwrap(),
        r#"{"protect":true,"tags":{"a":"x","b":"ü\""}}"#
    );
    assert_eq!(
        manifest.publish.digest(),
        crate::sha256_hex(r#"{"protect":true,"tags":{"a":"x","b":"ü\""}}"#.as_bytes())
    );
}
