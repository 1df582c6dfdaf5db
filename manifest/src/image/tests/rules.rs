#![expect(clippy::too_many_lines, reason = "tables of cases")]

use super::*;

#[test]
fn names() {
    let named = |name: &str, expected: &str| {
        refused(
            &format!("name: {name}\nsource: {{snapshot: {{id: snap-01234567}}}}\n"),
            &[expected],
        );
    };
    named("ab", "1:7 name: the name's length is 2");
    named("\"\"", "1:7 name: the name's length is 0");
    named("web_ö", "1:7 name: the name has `ö`");
    named("a,b,c", "1:7 name: the name has `,`");
    named("\"web\\n\"", "1:7 name: the name has");
    named("web-{data}", "1:7 name: unknown placeholder `{data}`");
    named("web-{}", "1:7 name: unknown placeholder");
    named("web-{date", "1:7 name: the name has `{`");
    named("web-}", "1:7 name: the name has `}`");
    named(
        &format!("{}{{date}}", "a".repeat(119)),
        "1:7 name: the name's length is 129",
    );
    accepted(&format!(
        "name: {}{{date}}\nsource: {{snapshot: {{id: snap-01234567}}}}\n",
        "a".repeat(118)
    ));
    refused(
        &with(&format!("description: {}", "d".repeat(256))),
        &["3:14 description: the description has 256"],
    );
    refused(
        &with("description: \"a\\0b\""),
        &["3:14 description: the description has control"],
    );
}

#[test]
fn sources() {
    let from = |source: &str, expected: &str| {
        refused(&format!("name: web\nsource: {{{source}}}\n"), &[expected]);
    };
    from(
        "snapshot: {id: vol-01234567}",
        "2:25 source.snapshot.id: `vol-01234567` is not an id",
    );
    from("snapshot: {id: snap-0123456}", "2:25 source.snapshot.id: ");
    from("snapshot: {id: snap-0123456G}", "2:25 source.snapshot.id: ");
    from(
        "image: {id: ami-01234567, region: us-east-1a}",
        "2:44 source.image.region: `us-east-1a` is not a Region",
    );
    from(
        "disk: {object: ../web.vmdk, format: vmdk}",
        "2:25 source.disk.object: the location has",
    );
    from(
        "disk: {object: /web.vmdk, format: vmdk}",
        "2:25 source.disk.object: the location starts",
    );
    from(
        "disk: {object: \"s3://Disks/web\", format: raw}",
        "2:25 source.disk.object: the location has the bucket",
    );
    from(
        "disk: {object: web.ova, format: ova}",
        "2:42 source.disk.format: `ova` is not a value",
    );
    from(
        "disk: {object: a, format: raw, kmsKeyId: alias/a}",
        "2:51 source.disk.kmsKeyId: a key is given",
    );
    from(
        "disk: {object: a, format: raw, encrypted: true, kmsKeyId: my key}",
        "2:68 source.disk.kmsKeyId: `my key`",
    );
    from(
        "disk: {object: a}",
        "2:10 source.disk.format: `format` is missing",
    );
    from(
        "bundle: {manifest: \"\"}",
        "2:29 source.bundle.manifest: the location names no object",
    );
    from(
        "bundle: {manifest: s3://images/disk.raw}",
        "2:29 source.bundle.manifest: `disk.raw` is not a bundle's manifest",
    );
    refused(
        "name: web\nsource: {vm: {object: a.ova, format: ova}}\nregister: {bootMode: uefi}\n",
        &["3:1 register: the source `vm` makes its AMI with ImportImage"],
    );
}

#[test]
fn register_combinations() {
    let not = |lines: &str, expected: &[&str]| refused(&registering(lines), expected);
    not(
        "kernelId: aki-01234567",
        &["4:3 register.kernelId: an hvm image cannot have a kernel"],
    );
    not(
        "virtualizationType: hvm\nramdiskId: ari-01234567",
        &["5:3 register.ramdiskId: an hvm image"],
    );
    not(
        "virtualizationType: paravirtual\nenaSupport: true\nsriovNetSupport: simple",
        &[
            "5:15 register.enaSupport: ENA is for hvm",
            "6:20 register.sriovNetSupport: SR-IOV",
        ],
    );
    not(
        "virtualizationType: paravirtual\narchitecture: arm64",
        &["5:17 register.architecture: arm64 images are always hvm"],
    );
    not(
        "virtualizationType: paravirtual\nbootMode: uefi",
        &["5:13 register.bootMode: a paravirtual image"],
    );
    not(
        "virtualizationType: paravirtual\nkernelId: ami-01234567",
        &["5:13 register.kernelId: `ami-01234567`"],
    );
    not(
        "tpmSupport: v2.0",
        &["4:15 register.tpmSupport: NitroTPM needs"],
    );
    not(
        "tpmSupport: v2.0\nbootMode: uefi-preferred",
        &["4:15 register.tpmSupport: NitroTPM needs"],
    );
    not(
        "architecture: arm64\nbootMode: legacy-bios",
        &["5:13 register.bootMode: an Arm image boots with UEFI"],
    );
    not(
        "uefiData: not base64!",
        &["4:13 register.uefiData: the UEFI data is not base64"],
    );
    not(
        &format!("uefiData: {}", "A".repeat(64_004)),
        &["4:13 register.uefiData: the UEFI data has 64004"],
    );
    not(
        "bootMode: legacy-bios\nuefiData: QUFB",
        &["5:13 register.uefiData: UEFI data cannot be used"],
    );
    not(
        "billingProducts: [bp-1, xx, bp-1]",
        &[
            "4:27 register.billingProducts[1]: `xx`",
            "4:31 register.billingProducts[2]: `bp-1` is given twice",
        ],
    );
    refused(
        "name: web\nsource: {disk: {object: a.raw, format: raw}}\nregister: {acceptLostBilling: true}",
        &["3:31 register.acceptLostBilling: only an AMI of the source `snapshot`"],
    );
    not(
        "imdsSupport: v1.0",
        &["4:16 register.imdsSupport: `v1.0` is not a value"],
    );
    not(
        "virtualizationType: HVM\nkernelId: aki-01234567",
        &["4:23 register.virtualizationType: `HVM`"],
    );
}

#[test]
fn tags() {
    refused(
        &with("tags: {\"aws:x\": a, AWS:y: b, amiwright:digest: c, \"\": d}"),
        &[
            "3:8 tags[\"aws:x\"]: the tag `aws:x` is reserved for AWS",
            "3:20 tags[\"AWS:y\"]: the tag `AWS:y` is reserved for AWS",
            "3:30 tags[\"amiwright:digest\"]: the tag `amiwright:digest` is reserved",
            "3:51 tags[\"\"]: a tag's key cannot be empty",
        ],
    );
    let many = |count: usize| -> String { (0..count).map(|n| format!("  t{n}: x\n")).collect() };
    accepted(&with(&format!("tags:\n{}", many(46))));
    refused(
        &with(&format!("tags:\n{}", many(47))),
        &["3:1 tags: 47 tags are too many"],
    );
    accepted(&with(&format!(
        "tags: {{{}: {}}}",
        "k".repeat(128),
        "v".repeat(256)
    )));
    refused(
        &with(&format!("tags:\n  {}: v", "k".repeat(129))),
        &["4:3 tags["],
    );
    refused(
        &with(&format!("tags: {{k: {}}}", "v".repeat(257))),
        &["3:11 tags.k: the value of the tag has 257"],
    );
}

#[test]
fn publishing() {
    refused(
        &with("access: {accounts: [\"1111\", all, \"111122223333\", \"111122223333\"]}"),
        &[
            "3:21 access.accounts[0]: `1111` is not an account id",
            "3:29 access.accounts[1]: `all` is not an account id",
            "3:50 access.accounts[3]: `111122223333` is given twice",
        ],
    );
    refused(
        &with(
            "access: {organizations: [o-abcdefghij], organizationalUnits: [\"arn:aws:organizations::111122223333:organization/o-abcdefghij\"]}",
        ),
        &[
            "3:26 access.organizations[0]: `o-abcdefghij` is not the ARN of an organization",
            "3:63 access.organizationalUnits[0]: ",
        ],
    );
    refused(
        "name: web\nsource: {disk: {object: a, format: raw, encrypted: true}}\naccess: {public: true}\n",
        &["3:18 access.public: an AMI with an encrypted volume cannot be public"],
    );
    refused(
        &with(
            "regions: {us-west-2a: {}, mars: {}, eu-west-1: {kmsKeyId: \"arn:aws:kms:us-east-1:111122223333:alias/a\"}}",
        ),
        &[
            "3:11 regions.us-west-2a: `us-west-2a` is not a Region",
            "3:27 regions.mars: `mars` is not a Region",
            "3:59 regions.eu-west-1.kmsKeyId: the key is in us-east-1",
        ],
    );
    refused(
        &with(
            "parameters: [/aws/x, a/b, /a//b, /a/, \"\", web image, /SSMx, \"arn:aws:ssm:us-east-1:1:parameter/x\"]",
        ),
        &[
            "3:14 parameters[0]: `/aws/x` starts with a word",
            "3:22 parameters[1]: `a/b` has levels",
            "3:27 parameters[2]: `/a//b` has an empty level",
            "3:34 parameters[3]: `/a/` has an empty level",
            "3:39 parameters[4]: `` names no parameter",
            "3:43 parameters[5]: `web image` has characters",
            "3:54 parameters[6]: `/SSMx` starts with a word",
            "3:61 parameters[7]: `arn:aws:ssm:us-east-1:1:parameter/x` is an ARN",
        ],
    );
    refused(
        &with("productCodes: [774F4FF8]"),
        &[
            "3:1 productCodes: the source `snapshot` makes an AMI that does not support product codes",
        ],
    );
    refused(
        &with("store: {bucket: \"s3://archive\"}"),
        &["3:17 store.bucket: the store has the bucket name"],
    );
    refused(
        &registering("virtualizationType: paravirtual")
            .replace("name: web", "name: web\nstore: {bucket: archive}"),
        &["2:1 store: only hvm images"],
    );
    refused(
        "name: web\nsource: {bundle: {manifest: a.manifest.xml}}\nstore: {bucket: archive}\n",
        &["3:1 store: only EBS images"],
    );
    refused(
        &with("replaces: {snapshots: delete}"),
        &["3:23 replaces.snapshots: the snapshots of an AMI that is kept"],
    );
}

#[test]
fn deprecation() {
    let not = |fields: &str, expected: &str| {
        refused(&with(&format!("deprecate: {{{fields}}}")), &[expected]);
    };
    not("", "3:1 deprecate: neither `after` nor `at` is given");
    not(
        "after: 90d, at: 2027-01-01T00:00:00Z",
        "3:1 deprecate: `after` and `at` are given",
    );
    not(
        "after: soon",
        "3:20 deprecate.after: `soon` is not a duration",
    );
    not(
        "after: \"90\"",
        "3:20 deprecate.after: `90` is not a duration",
    );
    not(
        "after: -90d",
        "3:20 deprecate.after: the AMI cannot be deprecated in the past",
    );
    not(
        "after: 0d",
        "3:20 deprecate.after: the AMI cannot be deprecated in the past",
    );
    not(
        "after: 11y",
        "3:20 deprecate.after: an AMI can be deprecated at most 10 years in the future",
    );
    not("after: 9999y", "3:20 deprecate.after: ");
    not("after: 99999999999999999999d", "3:20 deprecate.after: ");
    not(
        "at: 2026-11-21T11:59:00Z",
        "3:17 deprecate.at: the AMI cannot be deprecated in the past",
    );
    not(
        "at: 2027-01-01",
        "3:17 deprecate.at: `2027-01-01` is not a point in time",
    );
    not(
        "at: 2027-13-01T00:00:00Z",
        "3:17 deprecate.at: `2027-13-01T00:00:00Z` is not a point in time",
    );
    refused(
        &with("deprecate: {after: 3y}\naccess: {public: true}"),
        &["3:20 deprecate.after: a public AMI can be deprecated at most 2"],
    );
}
