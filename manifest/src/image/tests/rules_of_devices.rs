//! What EC2 refuses of block device mappings.
#![expect(clippy::too_many_lines, reason = "tables of cases")]

use super::*;

#[test]
fn devices() {
    let not = |lines: &str, expected: &[&str]| refused(&registering(lines), expected);
    for name in [
        "xvda",
        "/dev/xvdea",
        "/dev/sdb1",
        "/dev/xvda1",
        "/dev/hda",
        "/dev/nvme0n1",
        "/dev/sd",
        "/dev/sdB",
        "",
        "/dev/sda3",
    ] {
        let expected = [&*format!(
            "4:19 register.rootDeviceName: `{name}` is not a device name"
        )];
        not(&format!("rootDeviceName: \"{name}\""), &expected);
    }
    not(
        "rootDeviceName: /dev/sda1\nblockDeviceMappings: [{deviceName: /dev/xvda, ebs: {}}]",
        &["4:19 register.rootDeviceName: the root device `/dev/sda1` is not among"],
    );
    let mappings = |mappings: &str, expected: &[&str]| {
        not(
            &format!("blockDeviceMappings:\n- {{deviceName: /dev/xvda, ebs: {{}}}}\n- {mappings}"),
            expected,
        );
    };
    mappings(
        "{deviceName: /dev/xvda, ebs: {volumeSize: 9}}",
        &[
            "6:18 register.blockDeviceMappings[1].deviceName: the device `/dev/xvda` is mapped twice",
        ],
    );
    mappings(
        "{deviceName: /dev/sdf}",
        &["6:5 register.blockDeviceMappings[1]: the mapping has no target"],
    );
    mappings(
        "{deviceName: /dev/sdf, noDevice: false}",
        &["6:5 register.blockDeviceMappings[1]: the mapping has no target"],
    );
    mappings(
        "{deviceName: /dev/sdf, noDevice: true, virtualName: ephemeral0}",
        &["6:5 register.blockDeviceMappings[1]: the mapping has several"],
    );
    mappings(
        "{virtualName: ephemeral0}",
        &["6:5 register.blockDeviceMappings[1].deviceName: `deviceName` is missing"],
    );
    for name in [
        "ephemeral24",
        "ephemeral",
        "ephemeral01",
        "ephemeral-1",
        "swap",
        "Ephemeral0",
    ] {
        let expected = [&*format!(
            "6:41 register.blockDeviceMappings[1].virtualName: `{name}` is not"
        )];
        mappings(
            &format!("{{deviceName: /dev/sdf, virtualName: {name}}}"),
            &expected,
        );
    }
    not(
        "rootDeviceName: /dev/xvda\nblockDeviceMappings: [{deviceName: /dev/xvda, noDevice: true}]",
        &["5:25 register.blockDeviceMappings[0]: the root device must be an EBS volume"],
    );
    not(
        "blockDeviceMappings: [{deviceName: /dev/xvda, ebs: {snapshotId: snap-99999999}}]",
        &[
            "4:67 register.blockDeviceMappings[0].ebs.snapshotId: the root volume's snapshot is the source",
        ],
    );
    not(
        "blockDeviceMappings: [{deviceName: /dev/xvda, ebs: {encrypted: true}}]",
        &[
            "4:55 register.blockDeviceMappings[0].ebs.encrypted: the root volume comes from a snapshot",
        ],
    );
    not(
        "blockDeviceMappings: [{deviceName: /dev/xvda, ebs: {volumeType: st1, volumeSize: 500}}]",
        &["4:67 register.blockDeviceMappings[0].ebs.volumeType: an st1 volume cannot be the root"],
    );
    refused(
        "name: web\nsource: {bundle: {manifest: a.manifest.xml}}\nregister: {architecture: arm64, blockDeviceMappings: [{deviceName: /dev/sdf, ebs: {volumeSize: 9}}]}\n",
        &[
            "3:26 register.architecture: bundles are",
            "3:78 register.blockDeviceMappings[0].ebs: an instance-store image",
        ],
    );
}

#[test]
fn volumes() {
    // `place` is the text that the problem points at.
    let not = |fields: &str, field: &str, place: &str, message: &str| {
        let text = volume(fields);
        let column = text
            .lines()
            .nth(4)
            .and_then(|line| line.find(place))
            .unwrap()
            + 1;
        let expected = format!("5:{column} register.blockDeviceMappings[0].ebs{field}: {message}");
        refused(&text, &[&expected]);
    };
    not("", "", "ebs", "a volume needs a size or a snapshot");
    not(
        "snapshotId: snap-01234567, encrypted: true",
        ".encrypted",
        "encrypted",
        "the volume comes from a snapshot",
    );
    not(
        "volumeSize: 1, encrypted: true, kmsKeyId: alias/a",
        ".kmsKeyId",
        "kmsKeyId",
        "RegisterImage does not take a KMS key",
    );
    for (fields, place, message) in [
        (
            "volumeSize: 16385, volumeType: gp2",
            "16385",
            "16385 is out of range",
        ),
        (
            "volumeSize: 65537, volumeType: gp3",
            "65537",
            "65537 is out of range",
        ),
        (
            "volumeSize: 3, volumeType: io1, iops: 100",
            "3, ",
            "3 is out of range",
        ),
        (
            "volumeSize: 124, volumeType: sc1",
            "124",
            "124 is out of range",
        ),
        (
            "volumeSize: 1025, volumeType: standard",
            "1025",
            "1025 is out of range",
        ),
        ("volumeSize: 65537", "65537", "65537 is out of range"),
    ] {
        not(fields, ".volumeSize", place, message);
    }
    for (fields, place, message) in [
        (
            "volumeSize: 20, volumeType: gp2, iops: 3000",
            "iops",
            "gp2 volumes take no `iops`",
        ),
        (
            "volumeSize: 20, volumeType: gp3, iops: 2999",
            "2999",
            "2999 is out of range",
        ),
        (
            "volumeSize: 400, volumeType: gp3, iops: 80001",
            "80001",
            "80001 is out of range",
        ),
        (
            "volumeSize: 20, volumeType: gp3, iops: 10001",
            "10001",
            "10001 IOPS are too many for 20 GiB",
        ),
        (
            "volumeSize: 20, volumeType: io1",
            "ebs",
            "io1 volumes need `iops`",
        ),
        (
            "volumeSize: 20, volumeType: io1, iops: 1001",
            "1001",
            "1001 IOPS are too many for 20 GiB",
        ),
    ] {
        not(fields, ".iops", place, message);
    }
    for (fields, place, message) in [
        (
            "volumeSize: 20, volumeType: gp3, throughput: 124",
            "124",
            "124 is out of range",
        ),
        (
            "volumeSize: 20, volumeType: gp3, throughput: 751",
            "751",
            "a throughput of 751 MiB/s is too much",
        ),
        (
            "volumeSize: 20, volumeType: io2, iops: 400, throughput: 125",
            "throughput",
            "io2 volumes take no `throughput`",
        ),
    ] {
        not(fields, ".throughput", place, message);
    }
    let rate = ".volumeInitializationRate";
    not(
        "volumeSize: 9, volumeInitializationRate: 100",
        rate,
        "100",
        "an empty volume",
    );
    not(
        "snapshotId: snap-01234567, volumeInitializationRate: 99",
        rate,
        "99",
        "99 is out of range",
    );
    not(
        "volumeSize: 9, outpostArn: op-1",
        ".outpostArn",
        "op-1",
        "`op-1` is not the ARN of an Outpost",
    );
    let zones = "volumeSize: 9, availabilityZone: us-east-1a, availabilityZoneId: use1-az1";
    not(
        zones,
        ".availabilityZoneId",
        "availabilityZoneId",
        "the Availability Zone is given",
    );
}
