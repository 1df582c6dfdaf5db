//! What is refused, each with its path and place.

use super::*;

/// The pretty manifest, with `from` (which must be there) replaced by `to`, has this one problem, at the `§` in `to`.
#[track_caller]
pub(super) fn refused(from: &str, to: &str, path: &str, message: &str) -> Problem {
    let marked = PRETTY.replacen(from, to, 1);
    assert_ne!(marked, PRETTY, "{from} is not in the fixture");
    let (before, _) = marked.split_once('§').expect("a § marks the place");
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
    let problems = refuse(&marked.replacen('§', "", 1));
    let [problem] = problems.as_slice() else {
        panic!("one problem expected: {problems:#?}")
    };
    assert_eq!(problem.path, path, "{problem}");
    assert_eq!(
        (problem.line, problem.column),
        (Some(line), Some(column)),
        "{problem}"
    );
    assert!(problem.message.contains(message), "{problem}");
    problem.clone()
}

#[test]
fn refuses_what_is_missing() {
    let parent = [
        "manifest",
        "manifest.machine_configuration",
        "manifest.image",
    ];
    let elements = [
        (0, "version"),
        (0, "bundler"),
        (0, "signature"),
        (1, "architecture"),
        (2, "name"),
        (2, "user"),
        (2, "type"),
        (2, "digest"),
        (2, "size"),
        (2, "bundled_size"),
        (2, "ec2_encrypted_key"),
        (2, "user_encrypted_key"),
        (2, "ec2_encrypted_iv"),
        (2, "user_encrypted_iv"),
        (2, "parts"),
    ];
    for (level, name) in elements {
        let tag = parent[level].rsplit('.').next().unwrap();
        let opened = PRETTY.find(&format!("<{tag}>")).unwrap();
        let (before, inside) = PRETTY.split_at(opened);
        let renamed = inside.replacen(&format!("<{name}"), "<gone", 1);
        let end = renamed.find(&format!("</{name}>")).unwrap();
        let text = format!(
            "{before}{}",
            renamed[..end].to_owned() + "</gone>" + &renamed[end + name.len() + 3..]
        );
        let problems = refuse(&text);
        let [problem] = problems.as_slice() else {
            panic!("{name}: {problems:#?}")
        };
        assert_eq!(problem.path, format!("{}.{name}", parent[level]));
        assert_eq!(problem.message, format!("<{name}> is missing"));
        let line = before.matches('\n').count() + 1;
        assert_eq!(problem.line, Some(line), "the parent's line, for {name}");
    }
    let no_machine = PRETTY.replace("machine_configuration>", "gone>");
    assert_eq!(
        refuse(&no_machine)[0].path,
        "manifest.machine_configuration"
    );
    let no_image = PRETTY.replace("image>", "gone>");
    assert_eq!(refuse(&no_image)[0].path, "manifest.image");
}

#[test]
fn refuses_bad_machine_configurations() {
    for (from, to, path, message) in [
        ("x86_64", "§arm64", "architecture", "arm64"),
        ("aki-919dcaf8", "§ari-919dcaf8", "kernel_id", "a kernel"),
        ("aki-919dcaf8", "§aki-919dcaf", "kernel_id", "a kernel"),
        (
            "<kernel_id>aki-919dcaf8",
            "§<kernel_id>",
            "kernel_id",
            "is empty",
        ),
        ("ari-0a1b2c3d", "§ari-xyz", "ramdisk_id", "a ramdisk"),
        (
            "swap",
            "§ephemeral24",
            "block_device_mapping.mapping[2].virtual",
            "ephemeral24",
        ),
        (
            "swap",
            "§ephemeral00",
            "block_device_mapping.mapping[2].virtual",
            "ephemeral00",
        ),
        (
            "swap",
            "§ephemeral0",
            "block_device_mapping.mapping[2].virtual",
            "mapped twice",
        ),
        (
            "sda3",
            "§/dev/../sda3",
            "block_device_mapping.mapping[2].device",
            "not a device",
        ),
        (
            "sda3",
            "§xvdal",
            "block_device_mapping.mapping[2].device",
            "not a device",
        ),
        (
            "774F4FF8",
            "§774F-4FF8",
            "productcodes.product_code[0]",
            "not a product code",
        ),
    ] {
        refused(
            from,
            to,
            &format!("manifest.machine_configuration.{path}"),
            message,
        );
    }
    refused(
        "2007-10-10",
        "§2099-01-01",
        "manifest.version",
        "2099-01-01",
    );
}

#[test]
fn refuses_bad_images() {
    for (from, to, path, message) in [
        (
            "111122223333",
            "§٣٣٣٣٣٣٣٣٣٣٣٣",
            "user",
            "not an AWS account",
        ),
        (
            "<![CDATA[machine",
            "<![CDATA[§kernel",
            "type",
            "cannot be registered",
        ),
        ("<![CDATA[machine", "<![CDATA[§Machine", "type", "not known"),
        (
            "ami-1a2b3c4d",
            "§1a2b3c4d",
            "ancestry.ancestor_ami_id[0]",
            "an AMI",
        ),
        ("41943040", "§0", "size", "is 0"),
        ("41943040", "§-1", "size", "not a number of bytes"),
        (
            "41943040",
            "§18446744073709551616",
            "size",
            "not a number of bytes",
        ),
        (
            "31457&#x32;80",
            "§+1",
            "bundled_size",
            "not a number of bytes",
        ),
        (
            "<ec2_encrypted_iv>",
            "<ec2_encrypted_iv>§zz",
            "ec2_encrypted_iv",
            "not hexadecimal",
        ),
        (
            "<ec2_encrypted_key a",
            "§<ec2_encrypted_key b",
            "ec2_encrypted_key@algorithm",
            "missing",
        ),
        (
            "<name>web",
            "<name>§we\u{85}b",
            "name",
            "control character U+0085",
        ),
        ("<parts count=\"4\"", "§<parts", "parts@count", "missing"),
    ] {
        refused(from, to, &format!("manifest.image.{path}"), message);
    }
    let account = refused(
        "111122223333",
        "§1111-2222-3333",
        "manifest.image.user",
        "not an AWS account",
    );
    assert_eq!(
        account.hint.as_deref(),
        Some("write 111122223333, without dashes")
    );
}

#[test]
fn refuses_bad_counts_and_digest_algorithms() {
    for (from, to, path, message) in [
        (
            "<digest algorithm=\"SHA1",
            "<digest algorithm=\"§MD5",
            "digest@algorithm",
            "MD5",
        ),
        (
            "count=\"4\"",
            "count=\"§5\"",
            "parts@count",
            "there are 4 parts",
        ),
    ] {
        refused(from, to, &format!("manifest.image.{path}"), message);
    }
}

#[test]
fn refuses_bad_parts() {
    let path = |rest: &str| format!("manifest.image.parts.part[3]{rest}");
    for (bad, message) in [
        ("../web.part.3", "has a / in it"),
        ("a/web.part.3", "has a / in it"),
        ("a\\web.part.3", "has a \\ in it"),
        ("..", "another folder"),
        (".", "another folder"),
        ("web&#9;part", "control character U+0009"),
        ("web\u{9f}part", "control character U+009F"),
        ("web.part.2", "is used twice"),
        (&"x".repeat(256), "256 bytes long"),
    ] {
        refused(
            "web.part.3",
            &format!("§{bad}"),
            &path(".filename"),
            message,
        );
    }
    refused(
        "<filename>web.part.3",
        "§<filename>",
        &path(".filename"),
        "is empty",
    );
    for (bad, message) in [
        ("2", "is used twice"),
        ("4", "too high"),
        ("-3", "not a number"),
    ] {
        refused(
            "index=\"3\"",
            &format!("index=\"§{bad}\""),
            &path("@index"),
            message,
        );
    }
    refused("<part index=\"3\"", "§<part", &path("@index"), "missing");
    let digest = PRETTY
        .lines()
        .filter(|line| line.contains("<digest"))
        .nth(4)
        .unwrap()
        .trim();
    let long = digest
        .replace("SHA1\">", "SHA1\">§")
        .replace("</digest>", "0</digest>");
    refused(digest, &long, &path(".digest"), "not a SHA-1 digest");
}

#[test]
fn refuses_more_parts_than_a_bundle_may_have() {
    let start = PRETTY.find("<part ").unwrap();
    let end = PRETTY.find("</parts>").unwrap();
    let with = |count: usize| {
        let part = |n| {
            format!(
                "<part index='{n}'><filename>p{n}</filename><digest algorithm='sha1'>{n:040}</digest></part>"
            )
        };
        let parts: String = (0..count).map(part).collect();
        format!("{}{parts}{}", &PRETTY[..start], &PRETTY[end..])
            .replace("count=\"4\"", &format!("count=\"{count}\""))
    };
    assert_eq!(read(&with(1024)).parts.len(), 1024);
    for count in [0, 1025, 5000] {
        let problems = refuse(&with(count));
        assert_eq!(problems.len(), 1, "{problems:#?}");
        assert_eq!(problems[0].path, "manifest.image.parts");
    }
}

#[test]
fn refuses_what_is_there_twice_or_out_of_place() {
    refused(
        "<name>web",
        "<name>x</name>§<name>web",
        "manifest.image.name",
        "more than once",
    );
    refused(
        "<image>",
        "<image>§stray",
        "manifest.image",
        "text in <image>",
    );
    refused(
        "<size>",
        "<size>§<b>1</b>",
        "manifest.image.size",
        "where a value belongs",
    );
    let prefixed = PRETTY.replace(
        "size>41943040</size>",
        "m:size xmlns:m=\"x\">41943040</m:size>",
    );
    assert!(
        refuse(&prefixed)[0]
            .hint
            .as_ref()
            .unwrap()
            .contains("not `m:size`")
    );
}

#[test]
fn reports_all_problems_at_once_in_the_order_of_the_text() {
    let text = PRETTY
        .replace("x86_64", "arm64")
        .replace("111122223333", "me")
        .replace("web.part.3", "/etc/passwd")
        .replace("41943040", "0");
    let paths: Vec<String> = refuse(&text)
        .into_iter()
        .map(|problem| problem.path)
        .collect();
    let expected = [
        "machine_configuration.architecture",
        "image.user",
        "image.size",
        "image.parts.part[3].filename",
    ];
    assert_eq!(paths, expected.map(|path| format!("manifest.{path}")));
}
