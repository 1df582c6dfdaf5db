//! What people who do not know the format write: each is refused once, in its place, with a hint that helps.

use super::*;

const SNAPSHOT: &str = "name: web\nsource: {snapshot: {id: snap-0123456789abcdef0}}\n";

/// The only problem of this manifest, as `line:column hint`.
#[track_caller]
fn hint(text: &str) -> String {
    obeyed::every_hint("a.image.yaml", text.as_bytes(), &Guardrails::open());
    let problems = parse("a.image.yaml", text.as_bytes(), now()).unwrap_err();
    let [problem] = problems.as_slice() else {
        panic!("{text}\n{problems:#?}");
    };
    let place = |it: Option<usize>| it.unwrap_or_default();
    let hint = problem.hint.as_deref().unwrap_or_default();
    format!("{}:{} {hint}", place(problem.line), place(problem.column))
}

#[test]
fn parameters_of_the_api_lead_to_their_place() {
    for (lines, expected) in [
        (
            "SourceImageId: ami-0123456789abcdef0\n",
            "2:1 this looks like a parameter of the EC2 API: its place here is `source.image.id`",
        ),
        (
            "DiskContainer: {Format: VMDK}\n",
            "2:1 this looks like a parameter of the EC2 API: its place here is `source.disk`",
        ),
        (
            "ImageLocation: b/a.manifest.xml\n",
            "2:1 this looks like a parameter of the EC2 API: its place here is `source.bundle.manifest`",
        ),
        (
            "snapshot: {id: snap-0123456789abcdef0}\n",
            "2:1 `snapshot` belongs to `source`",
        ),
    ] {
        let found = hint(&format!("name: web\n{lines}"));
        assert!(found.starts_with(expected), "{found}");
    }
    for (lines, expected) in [
        (
            "TagSpecifications: []\n",
            "3:1 this looks like a parameter of the EC2 API: its place here is `tags`",
        ),
        (
            "LaunchPermission: {}\n",
            "3:1 this looks like a parameter of the EC2 API: its place here is `access`",
        ),
        (
            "ena_support: true\n",
            "3:1 this looks like a parameter of the EC2 API: write `enaSupport`, in `register`",
        ),
        (
            "register: {EnaSupport: true}\n",
            "3:12 did you mean `enaSupport`?",
        ),
        (
            "register: {description: x}\n",
            "3:12 `description` belongs to the top of the manifest",
        ),
    ] {
        let found = hint(&format!("{SNAPSHOT}{lines}"));
        assert!(found.starts_with(expected), "{found}");
    }
    let role = "name: web\nsource: {vm: {object: a.ova, format: ova, roleName: vmimport}}\n";
    assert!(hint(role).ends_with("the stack's parameter VmImportRole"));
}

#[test]
fn short_forms_lead_to_the_full_ones() {
    for (text, expected) in [
        (
            "name: web\nsource: snap-0123456789abcdef0\n".to_owned(),
            "2:9 write `{snapshot: {id: snap-0123456789abcdef0}}`",
        ),
        (
            "name: web\nsource: {snapshot: snap-0123456789abcdef0}\n".to_owned(),
            "2:20 write `{id: snap-0123456789abcdef0}`",
        ),
        (
            format!("{SNAPSHOT}deprecate: 90d\n"),
            "3:12 write `{after: 90d}`",
        ),
        (
            format!("{SNAPSHOT}deprecate: {{after: 90}}\n"),
            "3:20 give the unit, too: `90d`",
        ),
        (
            format!("{SNAPSHOT}replaces: deregister\n"),
            "3:11 write `{previous: deregister}`",
        ),
        (
            format!("{SNAPSHOT}store: my-bucket\n"),
            "3:8 write `{bucket: my-bucket}`",
        ),
        (
            format!("{SNAPSHOT}regions: [us-west-2, eu-west-1]\n"),
            "3:10 each with its settings: {us-west-2: {}, eu-west-1: {}}",
        ),
        (
            format!("{SNAPSHOT}protect: enabled-with-cooldown\n"),
            "3:10 write `{cooldown: true}`",
        ),
        (
            format!("{SNAPSHOT}tags: [Name=web]\n"),
            "3:7 a key and its value are one entry: {team: web}",
        ),
        (
            format!("{SNAPSHOT}onDelete: delete\n"),
            "3:11 did you mean `deregister`?",
        ),
        (
            format!(
                "{SNAPSHOT}register: {{blockDeviceMappings: {{deviceName: /dev/xvda, ebs: {{}}}}}}\n"
            ),
            "3:33 for a list with one item: begin it with `- `",
        ),
        (
            registering(
                "blockDeviceMappings:\n- {deviceName: /dev/xvda, ebs: {volumeSize: 100GB}}",
            ),
            "5:47 write the number alone, in GiB: 100",
        ),
        (
            registering(
                "blockDeviceMappings:\n- {deviceName: /dev/xvda, ebs: {}}\n- {deviceName: /dev/sdf, volumeSize: 8}",
            ),
            "6:28 `volumeSize` belongs to `ebs` of a block device mapping",
        ),
        (
            registering(
                "blockDeviceMappings:\n- {deviceName: /dev/xvda, ebs: {}}\n- {deviceName: /dev/sdf, noDevice: \"\"}",
            ),
            "6:38 write `true`",
        ),
    ] {
        let found = hint(&text);
        assert!(found.starts_with(expected), "{found}\n{text}");
    }
}

#[test]
fn other_spellings_of_ids_lead_to_ours() {
    let snapshot = |id: &str| format!("name: web\nsource: {{snapshot: {{id: {id}}}}}\n");
    let meant = "2:25 did you mean `snap-0123456789abcdef0`?";
    assert_eq!(hint(&snapshot("SNAP-0123456789ABCDEF0")), meant);
    assert_eq!(
        hint(&snapshot(
            "arn:aws:ec2:us-east-1::snapshot/snap-0123456789abcdef0"
        )),
        meant
    );
    let found = hint(&snapshot("ami-0123456789abcdef0"));
    assert!(found.starts_with("2:25 it is the id of an AMI"), "{found}");

    let account = |id: &str| format!("{SNAPSHOT}access: {{accounts: [\"{id}\"]}}\n");
    for given in ["1234-5678-9012", "arn:aws:iam::123456789012:root"] {
        assert_eq!(hint(&account(given)), "3:21 did you mean `123456789012`?");
    }
    assert_eq!(
        hint(&account("*")),
        "3:21 for everyone, set `public: true` in its place"
    );

    for given in ["US-WEST-2", "us-west2", "us-west-2b"] {
        let found = hint(&format!("{SNAPSHOT}regions: {{{given}: {{}}}}\n"));
        assert_eq!(found, "3:11 did you mean `us-west-2`?");
        let image = format!(
            "name: web\nsource: {{image: {{id: ami-0123456789abcdef0, region: {given}}}}}\n"
        );
        assert_eq!(hint(&image), "2:53 did you mean `us-west-2`?");
    }
    let key = "1234abcd-12ab-34cd-56ef-1234567890ab";
    let found = hint(&format!(
        "{SNAPSHOT}regions: {{eu-west-1: {{kmsKeyId: key/{key}}}}}\n"
    ));
    assert_eq!(found, format!("3:33 write `{key}`"));
    let found = hint(&format!(
        "{SNAPSHOT}regions: {{eu-west-1: {{encrypted: true}}}}\n"
    ));
    assert!(
        found.starts_with("3:23 remove it: a copy is encrypted by its `kmsKeyId`"),
        "{found}"
    );
}

#[test]
fn formats_that_a_source_does_not_take_say_what_does() {
    for (format, expected) in [
        ("vhdx", "`source.vm` takes it"),
        ("ova", "`source.vm` takes it"),
        ("qcow2", "convert it with `qemu-img convert -O raw"),
        ("img", "write `raw` if it has the bytes of a disk"),
        ("VMDK", "did you mean `vmdk`?"),
    ] {
        let found = hint(&format!(
            "name: web\nsource: {{disk: {{object: a, format: {format}}}}}\n"
        ));
        assert!(found.contains(expected), "{found}");
    }
    let found = hint("name: web\nsource: {vm: {disks: []}}\n");
    assert!(
        found.starts_with("2:22 list the machine's files"),
        "{found}"
    );
}

#[test]
fn objects_in_other_forms_lead_to_an_address() {
    let object = |object: &str| {
        hint(&format!(
            "name: web\nsource: {{disk: {{object: \"{object}\", format: raw}}}}\n"
        ))
    };
    assert_eq!(object("./a.raw"), "2:25 write `a.raw`");
    let presigned = "https://images.s3.amazonaws.com/a.raw?X-Amz-Algorithm=AWS4&X-Amz-Signature=1";
    assert_eq!(object(presigned), "2:25 write `s3://images/a.raw`");
}

#[test]
fn nothing_encrypted_is_public() {
    for source in [
        "disk: {object: a.raw, format: raw, encrypted: true}",
        "vm: {object: a.ova, format: ova, encrypted: true}",
        "image: {id: ami-0123456789abcdef0, region: us-east-1, encrypted: true}",
    ] {
        refused(
            &format!("name: web\nsource: {{{source}}}\naccess: {{public: true}}\n"),
            &["3:18 access.public: an AMI with an encrypted volume cannot be public"],
        );
    }
}

#[test]
fn what_cannot_be_seen_is_named() {
    refused(
        &with("description: \"a\u{a0}b\""),
        &["3:14 description: the description has U+00A0, but EC2 takes only ASCII there"],
    );
    refused(
        &with("deprecate: {after: 30s}"),
        &["3:20 deprecate.after: EC2 deprecates by the minute"],
    );
}
