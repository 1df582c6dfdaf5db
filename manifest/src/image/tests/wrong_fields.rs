//! Documents that can be read, with fields and values that a manifest does not have.

#![expect(clippy::too_many_lines, reason = "tables of cases")]

use super::*;

#[test]
fn values_of_the_wrong_type() {
    refused(
        "name: 42\nsource: web\n",
        &[
            "1:7 name: expected text, found the number 42",
            "2:9 source: expected a mapping with exactly one",
        ],
    );
    refused(
        "name:\nsource:\n",
        &["1:1 name: needs a value", "2:1 source: needs a value"],
    );
    refused(
        &with("access: {accounts: [012345678901]}"),
        &["3:21 access.accounts[0]: expected text, found the number 012345678901"],
    );
    refused(
        &with("access: {accounts: 111122223333}"),
        &["3:20 access.accounts: expected a list, found the number"],
    );
    refused(
        &with("protect: yes"),
        &["3:10 protect: expected `true` or `false`, found the text `yes`"],
    );
    refused(
        &with("protect: \"true\""),
        &["3:10 protect: expected `true` or `false`, found the text `true`"],
    );
    refused(
        &with("tags: {version: 1.0, on: true, none: }"),
        &[
            "3:17 tags.version: expected text, found the number 1.0",
            "3:26 tags.on: expected text, found the truth value true",
            "3:32 tags.none: needs a value",
        ],
    );
    refused(
        &with("tags: [team]"),
        &["3:7 tags: expected a mapping, found a list"],
    );
    refused(
        &with("register: hvm"),
        &["3:11 register: expected a mapping, found the text `hvm`"],
    );
    refused(
        &with("register: []"),
        &["3:11 register: expected a mapping, found a list"],
    );
    refused(
        &with("register: {tpmSupport: 2.0}"),
        &["3:24 register.tpmSupport: expected `v2.0`, found the number 2.0"],
    );
    refused(
        &with("parameters: /images/web"),
        &["3:13 parameters: expected a list, found the text"],
    );
    refused(
        &with("parameters: [null]"),
        &["3:14 parameters[0]: needs a value"],
    );
    for (size, message) in [
        ("20.0", "expected a whole number, found: 20.0"),
        ("2e1", "expected a whole number, found: 2e1"),
        (
            "-1",
            "expected a whole number that is not negative, found: -1",
        ),
        (
            "18446744073709551616",
            "the number is too large: 18446744073709551616",
        ),
        (".inf", "expected a whole number, found: .inf"),
        ("020", "a number with leading zeros is ambiguous: 020"),
        ("\"20\"", "expected a whole number, found the text `20`"),
        ("20GB", "expected a whole number, found the text `20GB`"),
        ("[20]", "expected a whole number, found a list"),
        ("0", "0 is out of range"),
    ] {
        let expected = format!("5:46 register.blockDeviceMappings[0].ebs.volumeSize: {message}");
        refused(&volume(&format!("volumeSize: {size}")), &[&expected]);
    }
}

#[test]
fn misspelt_fields_and_values_are_one_problem_each() {
    refused(
        "nmae: web\nsuorce: {snapshot: {id: snap-01234567}}\n",
        &[
            "1:1 nmae: unknown field `nmae`",
            "2:1 suorce: unknown field",
        ],
    );
    refused(
        "name: web\nsource: {snapshoot: {id: snap-01234567}}\n",
        &["2:10 source.snapshoot: unknown source `snapshoot`"],
    );
    refused(
        &registering("bootmode: uefi\ntpmSupport: v2.0"),
        &["4:3 register.bootmode: unknown field `bootmode`"],
    );
    refused(
        &registering("bootMode: UEFI\ntpmSupport: v2.0"),
        &["4:13 register.bootMode: `UEFI` is not a value"],
    );
    refused(
        &volume("volumesize: 20"),
        &["5:34 register.blockDeviceMappings[0].ebs.volumesize: unknown field"],
    );
    refused(
        &volume("volumeSize: 20, volumeType: gp4, iops: 99999"),
        &["5:62 register.blockDeviceMappings[0].ebs.volumeType: `gp4`"],
    );
    refused(
        &with("architecture: arm64"),
        &["3:1 architecture: unknown field"],
    );
    refused(&with("tag: {team: web}"), &["3:1 tag: unknown field `tag`"]);
    refused(&with("\"\": 1"), &["3:1 [\"\"]: unknown field ``"]);
    refused(
        &with("? \"a\\eb\"\n: 1"),
        &["3:3 [\"a\u{fffd}b\"]: unknown field `a\u{fffd}b`"],
    );
    let hints = |text: &str| {
        parse("a.image.yaml", text.as_bytes(), now()).unwrap_err()[0]
            .hint
            .clone()
            .unwrap()
    };
    assert_eq!(
        hints("nmae: web\nsource: {snapshot: {id: snap-01234567}}\n"),
        "did you mean `name`?"
    );
    assert_eq!(
        hints(&with("architecture: arm64")),
        "`architecture` belongs to `register`"
    );
    assert!(hints(&registering("bootMode: UEFI")).starts_with("did you mean `uefi`?"));
    assert!(hints(&registering("architecture: amd64")).starts_with("did you mean `x86_64`?"));
    assert!(hints(&registering("architecture: AArch64")).starts_with("did you mean `arm64`?"));
    assert!(hints(&registering("bootMode: bios")).starts_with("did you mean `legacy-bios`?"));
    assert!(hints(&volume("volumeSize: 20, volumeType: gp4")).starts_with("did you mean `gp"));
    assert!(
        hints("name: web-{dat}\nsource: {snapshot: {id: snap-01234567}}\n")
            .starts_with("did you mean `{date}`?")
    );
}

#[test]
fn exactly_one_source() {
    refused(
        "name: web\nsource: {}\n",
        &["2:9 source: empty; exactly one of `disk`"],
    );
    refused("name: web\n", &["1:1 source: `source` is missing"]);
    refused(
        "name: web\nsource:\n  snapshot: {id: snap-01234567}\n  vm: {object: a.ova, format: ova}\n",
        &["4:3 source.vm: `snapshot`, `vm` are given, but only one source can be"],
    );
    refused(
        "name: web\nsource:\n  snapshot:\n",
        &["3:3 source.snapshot: needs a value"],
    );
    refused(
        "name: web\nsource: {snapshot: {}}\n",
        &["2:10 source.snapshot.id: `id` is missing"],
    );
    refused(
        "name: web\nsource: {snapshot: snap-01234567}\n",
        &["2:20 source.snapshot: expected a mapping"],
    );
}
