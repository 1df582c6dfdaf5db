//! Every hint of every refusal that the tests know is obeyed: what it proposes is done, and nothing new is wrong.

use serde_json::Value;

use super::*;
use crate::{Change, Suggestion, read};

/// Makes each change that the hints of a manifest's problems propose, one at a time, and checks again: the problem is gone,
/// and every other was there before.
#[track_caller]
pub(super) fn every_hint(key: &str, bytes: &[u8], guardrails: &Guardrails) {
    let Err(problems) = parse_within(key, bytes, now(), guardrails) else {
        return;
    };
    let document = match read::document(key, bytes) {
        Ok((root, faults)) if faults.is_empty() => root.value.to_json(),
        _ => None,
    };
    let Some(document) = document else { return };
    for problem in &problems {
        for suggestion in &problem.suggestions.0 {
            let obeyed = apply(&document, suggestion);
            let text = serde_json::to_vec(&obeyed).unwrap();
            let left = parse_within("a.image.json", &text, now(), guardrails);
            let left = left.err().unwrap_or_default();
            let before = |it: &&Problem| {
                let is_old = problems.iter().any(|old| old.message == it.message);
                // What could not be read kept others from being judged.
                let is_unread = problem.message.starts_with("expected ")
                    || problem.message.ends_with("is not a value of this field");
                is_old || (is_unread && it.path != problem.path)
            };
            let new = left.iter().find(|it| !before(it));
            let is_there = |it: &&Problem| it.message == problem.message;
            let answered =
                problems.iter().filter(is_there).count() > left.iter().filter(is_there).count();
            assert!(
                new.is_none() && answered,
                "{problem}\n{suggestion:?}\nleads to {new:?}, answered: {answered}\n{obeyed:#}"
            );
        }
    }
}

/// JSON Patch (RFC 6902), as far as suggestions use it.
fn apply(document: &Value, suggestion: &Suggestion) -> Value {
    let mut document = document.clone();
    for change in &suggestion.changes {
        match change {
            Change::Add { path, value } => add(&mut document, path, value.clone()),
            Change::Replace { path, value } => {
                *document.pointer_mut(path).unwrap() = value.clone();
            }
            Change::Remove { path } => drop(remove(&mut document, path)),
            Change::Move { from, path } => {
                let value = remove(&mut document, from);
                add(&mut document, path, value);
            }
        }
    }
    document
}

fn parent<'a>(document: &'a mut Value, path: &str) -> (&'a mut Value, String) {
    let (parent, name) = path.rsplit_once('/').unwrap();
    let name = name.replace("~1", "/").replace("~0", "~");
    (document.pointer_mut(parent).unwrap(), name)
}

fn add(document: &mut Value, path: &str, value: Value) {
    match parent(document, path) {
        (Value::Object(fields), name) => drop(fields.insert(name, value)),
        (Value::Array(items), name) if name == "-" => items.push(value),
        (other, name) => panic!("{name} of {other}"),
    }
}

fn remove(document: &mut Value, path: &str) -> Value {
    match parent(document, path) {
        (Value::Object(fields), name) => fields.remove(&name).unwrap(),
        (Value::Array(items), name) => items.remove(name.parse().unwrap()),
        (other, name) => panic!("{name} of {other}"),
    }
}

/// Cases in which a hint once led to the next refusal; each with a part of the hint that does not.
#[test]
fn hints_that_led_on_do_not_any_more() {
    let snapshot = "name: web\nsource: {snapshot: {id: snap-0123456789abcdef0}}\n";
    let root = "- {deviceName: /dev/xvda, ebs: {}}\n";
    let volume = |fields: &str| {
        format!(
            "{snapshot}register:\n  blockDeviceMappings:\n  {root}  - {{deviceName: /dev/sdf, ebs: {{{fields}}}}}\n"
        )
    };
    let cases = [
        // gp3 starts at 3,000 IOPS, io1 and io2 take these.
        (volume("volumeSize: 100, volumeType: gp2, iops: 1000"), "use io1 or io2, or leave it out"),
        (volume("volumeSize: 1, volumeType: gp2, iops: 5000"), "leave it out"),
        (volume("volumeSize: 8, iops: 90000"), "3000 to 4000 IOPS for gp3"),
        (volume("volumeSize: 8, throughput: 1500"), "at most 0.25 MiB/s for each of the IOPS: 750 here"),
        (volume("volumeSize: 8, throughput: 800"), "give `iops: 3200` or more"),
        // What is in the wrong place belongs to where it is taken.
        ("name: web\nsource: {vm: {object: a.ova, format: ova}}\narchitecture: x86_64\n".into(), "belongs to `source.vm`"),
        ("name: web\nsource: {disk: {object: a.raw, format: raw}}\nencrypted: true\n".into(), "belongs to `source.disk`"),
        ("name: web\nsource: {disk: {object: a.raw, format: raw}}\nregister: {encrypted: true}\n".into(), "belongs to `source.disk`"),
        ("name: web\nsource: {stored: {object: a.bin}}\nenaSupport: true\n".into(), "the fields here are"),
        (format!("{snapshot}register: {{encrypted: true}}\n"), "the fields here are"),
        (format!("{snapshot}Name: other\n"), "remove it: `name` is given, too"),
        (format!("{snapshot}copy: true\n"), "belongs to `access`, beside `accounts`"),
        // Firmware.
        (format!("{snapshot}register: {{kernelId: aki-01234567, virtualizationType: hvm, architecture: arm64}}\n"), "remove it"),
        (format!("{snapshot}register: {{kernelId: aki-01234567, virtualizationType: paravirtual, enaSupport: true}}\n"),
            "set `virtualizationType: hvm` and remove `kernelId`"),
        (format!("{snapshot}register: {{virtualizationType: paravirtual, tpmSupport: v2.0}}\n"), "leave it out"),
        // Encryption.
        ("name: web\nsource: {disk: {object: a.raw, format: raw, kmsKeyId: alias/a}}\naccess: {public: true}\n".into(), "leave it out"),
        (format!("{snapshot}regions: {{eu-west-1: {{kmsKeyId: \"arn:aws:kms:eu-west-1:1:key/x\"}}}}\n"), "arn:aws:kms:eu-west-1:"),
        // Devices.
        (format!("{snapshot}register:\n  blockDeviceMappings:\n  - {{deviceName: /dev/xvda}}\n"), "set `ebs` alone"),
        ("name: web\nsource: {bundle: {manifest: a.manifest.xml}}\nregister:\n  blockDeviceMappings:\n  - {deviceName: /dev/sdb}\n".into(),
            "set one of `virtualName` and `noDevice: true`"),
        ("name: web\nsource: {bundle: {manifest: a.manifest.xml}}\nregister:\n  blockDeviceMappings:\n  - {deviceName: /dev/sdb, virtualName: ephemeral0}\n  - {deviceName: /dev/sdc, ebs: {}}\n".into(),
            "use `virtualName: ephemeral1`"),
        (format!("{snapshot}register:\n  blockDeviceMappings:\n  {root}  - {{deviceName: xvda, noDevice: true}}\n"), "as `/dev/xvda`"),
        // Others.
        ("name: web\nsource: {vm: {object: a.ova, format: ova, disks: [{object: b.raw, format: raw}]}}\n".into(), "give the OVA alone"),
        (format!("{snapshot}regions: {{us-west-2: {{}}, us-west-2a: {{}}}}\n"), "remove it"),
        (format!("{snapshot}replaces: {{snapshots: delete}}\n"), "or leave it out"),
        (format!("{snapshot}parameters: [images/web]\n"), "write `/images/web`"),
        (format!("{snapshot}parameters: [aws/web]\n"), "start it with `/`"),
    ];
    for (text, hint) in &cases {
        every_hint("a.image.yaml", text.as_bytes(), &Guardrails::open());
        let problems = parse("a.image.yaml", text.as_bytes(), now()).unwrap_err();
        let hints: Vec<&str> = problems
            .iter()
            .filter_map(|it| it.hint.as_deref())
            .collect();
        assert!(
            hints.iter().any(|it| it.contains(hint)),
            "{text}\n{hint}\n{hints:#?}"
        );
    }
}

#[test]
fn a_closed_stack_never_advises_what_the_rules_refuse() {
    let closed = Guardrails::default();
    let snapshot = "name: web\nsource: {snapshot: {id: snap-0123456789abcdef0}}\n";
    for more in [
        "replaces: {previous: deregister, snapshots: delete}\n",
        "replaces: {previous: deregister}\n",
        "onDelete: deregister\n",
        "access: {public: true}\n",
    ] {
        every_hint(
            "a.image.yaml",
            format!("{snapshot}{more}").as_bytes(),
            &closed,
        );
    }
}
