//! What ImportImage, CopyImage and CreateStoreImageTask are told.

use super::*;

const ARN: &str = "arn:aws:license-manager:us-east-1:111122223333:license-configuration:lic-0123456789abcdef0123456789abcdef";

/// Checks that a manifest has just this problem, and that it has its place in the third line.
#[track_caller]
fn not(text: &str, expected: &str) {
    let found = problems_of("a.image.yaml", text.as_bytes());
    let [problem] = found.as_slice() else {
        panic!("{text}\n{found:#?}");
    };
    let (place, message) = problem.split_once(' ').unwrap();
    assert!(place.starts_with("3:"), "{problem}");
    assert!(message.starts_with(expected), "{problem}\n{expected}");
}

fn vm(fields: &str) -> String {
    format!("name: web\nsource:\n  vm: {{{fields}}}\n")
}

#[test]
fn a_machine_has_all_that_ec2_takes() {
    accepted(&vm(
        "object: a.ova, format: ova, architecture: arm64, bootMode: uefi, licenseType: BYOL, platform: Linux",
    ));
    accepted(&vm(&format!(
        "object: a.ova, format: ova, usageOperation: \"RunInstances:0800\", encrypted: true, \
         kmsKeyId: alias/disks, licenseSpecifications: [\"{ARN}\"]"
    )));
    accepted(&vm(
        "disks: [{object: a.vmdk, format: vmdk}, {object: b.raw, format: raw, deviceName: /dev/sdf}]",
    ));
}

#[test]
fn a_machine_is_one_file_or_its_disks() {
    for (fields, expected) in [
        ("object: a.ova", "source.vm.format: `format` is missing"),
        ("format: ova", "source.vm.object: `object` is missing"),
        (
            "object: a.raw, disks: [{object: b.raw, format: raw}]",
            "source.vm.object: `object` and `disks` are both given",
        ),
        (
            "disks: [{object: a.ova, format: ova}, {object: b.raw, format: raw}]",
            "source.vm.disks[0].format: an OVA is a whole machine",
        ),
        (
            "disks: [{object: a.raw, format: raw, deviceName: sdf}]",
            "source.vm.disks[0].deviceName: `sdf` is not a device",
        ),
        (
            "disks: [{object: a.raw, format: raw, deviceName: /dev/sdf}, {object: b.raw, format: raw, deviceName: /dev/sdf}]",
            "source.vm.disks[1].deviceName: `/dev/sdf` is given twice",
        ),
        (
            "disks: [{object: \"https://b.s3.amazonaws.com/a.raw\", format: raw}]",
            "source.vm.disks[0].object: the location",
        ),
    ] {
        not(&vm(fields), expected);
    }
}

#[test]
fn what_a_machine_cannot_be_is_refused() {
    for (fields, expected) in [
        (
            "architecture: arm64, bootMode: legacy-bios",
            "source.vm.bootMode: Arm machines boot by UEFI",
        ),
        ("bootMode: uefi-preferred", "source.vm.bootMode: "),
        ("architecture: x86_64_mac", "source.vm.architecture: "),
        (
            "usageOperation: Run",
            "source.vm.usageOperation: `Run` is not a usage operation",
        ),
        (
            "licenseSpecifications: [lic-1]",
            "source.vm.licenseSpecifications[0]: `lic-1` is not the ARN",
        ),
        ("kmsKeyId: alias/a", "source.vm.kmsKeyId: a key is given"),
    ] {
        not(
            &vm(&format!("object: a.ova, format: ova, {fields}")),
            expected,
        );
    }
}

#[test]
fn a_copy_has_all_that_ec2_takes() {
    let image = |fields: &str| {
        format!(
            "name: web\nsource:\n  image: {{id: ami-0123456789abcdef0, region: us-west-2, {fields}}}\n"
        )
    };
    accepted(&image(
        "encrypted: true, kmsKeyId: alias/a, copyTags: true, completionMinutes: 60",
    ));
    for (fields, expected) in [
        ("kmsKeyId: alias/a", "source.image.kmsKeyId: a key is given"),
        (
            "completionMinutes: 20",
            "source.image.completionMinutes: a copy cannot",
        ),
        (
            "completionMinutes: 0",
            "source.image.completionMinutes: a copy cannot",
        ),
        (
            "completionMinutes: 2895",
            "source.image.completionMinutes: a copy cannot",
        ),
    ] {
        not(&image(fields), expected);
    }
}

#[test]
fn tags_of_a_stored_object_are_those_of_s3() {
    let store = |tags: &str| with(&format!("store: {{bucket: archive, tags: {{{tags}}}}}"));
    accepted(&store("team: web, keep: \"1 year +-=._:/@\""));
    let many: Vec<String> = (0..11).map(|number| format!("t{number}: a")).collect();
    for (tags, message) in [
        (many.join(", "), "11 tags are too many for an object"),
        ("aws:x: a".to_owned(), "the tag `aws:x` is reserved for AWS"),
        ("team: \"a,b\"".to_owned(), "the tag has `,`"),
        (
            format!("team: {}", "a".repeat(257)),
            "the value of the tag has 257 characters",
        ),
    ] {
        let found = problems_of("a.image.yaml", store(&tags).as_bytes());
        assert!(found.len() == 1 && found[0].contains(message), "{found:?}");
    }
}
