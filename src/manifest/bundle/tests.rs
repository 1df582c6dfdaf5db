use super::*;

const AMI_TOOLS: &str = include_str!("../../../tests/fixtures/image.manifest.xml");
const EUCA2OOLS: &str = include_str!("../../../tests/fixtures/euca2ools.manifest.xml");
const PRETTY: &str = include_str!("../../../tests/fixtures/pretty.manifest.xml");
const VERSION_3: &str = include_str!("../../../tests/fixtures/version-3.manifest.xml");

fn read(text: &str) -> BundleManifest {
    parse(text.as_bytes()).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn refuse(text: &str) -> Vec<Problem> {
    parse(text.as_bytes()).expect_err("this manifest should be refused")
}

/// The pretty manifest, with `from` (which must be there) replaced by `to`, has this one problem, at the `§` in `to`.
#[track_caller]
fn refused(from: &str, to: &str, path: &str, message: &str) -> Problem {
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
fn reads_what_ec2_ami_tools_writes() {
    let manifest = read(AMI_TOOLS);
    let mapping = |virtual_name: &str, device_name: &str| BundleMapping {
        virtual_name: virtual_name.to_owned(),
        device_name: device_name.to_owned(),
    };
    let expected = BundleManifest {
        version: Version::V2007_10_10,
        architecture: Architecture::X86_64,
        kernel_id: Some("aki-919dcaf8".to_owned()),
        ramdisk_id: None,
        block_device_mappings: vec![
            mapping("ami", "sda1"),
            mapping("ephemeral0", "sdb"),
            mapping("root", "/dev/sda1"),
        ],
        product_codes: vec![],
        image_name: "image".to_owned(),
        account: "000000000000".to_owned(),
        ancestors: vec!["ami-1a2b3c4d".to_owned()],
        size: 10240,
        bundled_size: 480,
        digest: "788e41485edeb722aa98cd0753e16431c76b73e5".to_owned(),
        parts: vec![Part {
            index: 0,
            file_name: "image.part.0".to_owned(),
            digest: "48d4710ea7cd070a64c8c0b4a960642e828925d3".to_owned(),
        }],
    };
    assert_eq!(manifest, expected);
    assert_eq!(
        manifest.virtualization_type(),
        VirtualizationType::Paravirtual
    );
}

#[test]
fn reads_what_euca2ools_writes() {
    let manifest = read(EUCA2OOLS);
    assert_eq!(manifest.architecture, Architecture::I386);
    assert_eq!(manifest.virtualization_type(), VirtualizationType::Hvm);
    assert_eq!(manifest.product_codes, ["774F4FF8", "8ed157f9"]);
    assert_eq!(
        manifest.part_keys("web.manifest.xml"),
        ["web.part.00", "web.part.01"]
    );
}

#[test]
fn reads_a_formatted_manifest() {
    let manifest = read(PRETTY);
    assert_eq!(manifest.account, "111122223333");
    assert_eq!(
        manifest.bundled_size, 31_457_280,
        "with a character reference in it"
    );
    assert_eq!(manifest.product_codes, ["774F4FF8"], "from <productcodes>");
    assert_eq!(manifest.ramdisk_id.as_deref(), Some("ari-0a1b2c3d"));
    assert_eq!(manifest.ancestors.len(), 2);
    assert_eq!(manifest.block_device_mappings[1].device_name, "/dev/sdb");
    assert_eq!(manifest, read(&PRETTY.replace('\n', "\r\n")));
    assert_eq!(manifest, read(&format!("\u{FEFF}{PRETTY}")));
    assert_eq!(
        manifest,
        read(PRETTY.split_once("?>").unwrap().1),
        "without a declaration"
    );
}

#[test]
fn reads_older_versions() {
    let manifest = read(VERSION_3);
    assert_eq!(
        (manifest.version, manifest.architecture),
        (Version::V3, Architecture::I386)
    );
    assert_eq!(manifest.virtualization_type(), VirtualizationType::Hvm);
    assert_eq!(manifest.parts.len(), 1);

    let older = PRETTY
        .replace("2007-10-10", "2007-08-29")
        .replace("<type><![CDATA[machine]]></type>", "");
    assert_eq!(read(&older).version, Version::V2007_08_29);

    let odd = VERSION_3.replace("<image>", "<machine_configuration/><image>");
    assert_eq!(refuse(&odd)[0].path, "manifest.machine_configuration");
}

#[test]
fn parts_lie_beside_the_manifest_in_the_order_of_their_indices() {
    let swapped = PRETTY
        .replace("index=\"0\"", "index=\"x\"")
        .replace("index=\"3\"", "index=\"0\"")
        .replace("index=\"x\"", "index=\"3\"");
    let keys = read(&swapped).part_keys("bundles/web/web.manifest.xml");
    let expected = ["web.part.3", "web.part.1", "web.part.2", "web.part.0"]
        .map(|name| format!("bundles/web/{name}"));
    assert_eq!(keys, expected);
}

#[test]
fn nothing_secret_is_kept_or_shown() {
    let manifest = read(PRETTY);
    let secrets: Vec<&str> = PRETTY
        .lines()
        .filter(|line| line.contains("encrypted") || line.contains("signature"))
        .collect();
    assert_eq!(secrets.len(), 5);
    let shown = format!("{manifest:?}");
    for line in secrets {
        let value = &line[line.find('>').unwrap() + 1..line.rfind("</").unwrap()];
        assert!(!shown.contains(&value[..16]));
        let problems = parse(PRETTY.replace(value, &format!("{value}Z")).as_bytes())
            .err()
            .unwrap_or_default();
        assert!(!format!("{problems:?}").contains(&value[..16]));
    }
}

#[test]
fn a_signature_that_does_not_verify_is_no_reason_to_refuse() {
    let start = PRETTY.find("<signature>").unwrap();
    let end = PRETTY.find("</signature>").unwrap();
    read(&format!(
        "{}<signature>edited{}",
        &PRETTY[..start],
        &PRETTY[end..]
    ));
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
        // bundler has a name and a version, too: the first end tag after the renamed start is the right one but for it
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
fn refuses_bad_values_each_with_its_place() {
    let machine = "manifest.machine_configuration";
    let mapping = format!("{machine}.block_device_mapping.mapping");
    refused(
        "2007-10-10",
        "§2099-01-01",
        "manifest.version",
        "2099-01-01",
    );
    refused(
        "x86_64",
        "§arm64",
        &format!("{machine}.architecture"),
        "arm64",
    );
    refused(
        "aki-919dcaf8",
        "§ari-919dcaf8",
        &format!("{machine}.kernel_id"),
        "a kernel",
    );
    refused(
        "aki-919dcaf8",
        "§aki-919dcaf",
        &format!("{machine}.kernel_id"),
        "a kernel",
    );
    refused(
        "<kernel_id>aki-919dcaf8",
        "§<kernel_id>",
        &format!("{machine}.kernel_id"),
        "no value",
    );
    refused(
        "ari-0a1b2c3d",
        "§ari-xyz",
        &format!("{machine}.ramdisk_id"),
        "a ramdisk",
    );
    refused(
        "swap",
        "§ephemeral24",
        &format!("{mapping}[2].virtual"),
        "ephemeral24",
    );
    refused(
        "swap",
        "§ephemeral00",
        &format!("{mapping}[2].virtual"),
        "ephemeral00",
    );
    refused(
        "swap",
        "§ephemeral0",
        &format!("{mapping}[2].virtual"),
        "mapped twice",
    );
    refused(
        "sda3",
        "§/dev/../sda3",
        &format!("{mapping}[2].device"),
        "not a device",
    );
    refused(
        "774F4FF8",
        "§774F-4FF8",
        &format!("{machine}.productcodes.product_code[0]"),
        "not a product code",
    );
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
    refused(
        "111122223333",
        "§٣٣٣٣٣٣٣٣٣٣٣٣",
        "manifest.image.user",
        "not an AWS account",
    );
    refused(
        "<![CDATA[machine",
        "<![CDATA[§kernel",
        "manifest.image.type",
        "cannot be registered",
    );
    refused(
        "<![CDATA[machine",
        "<![CDATA[§Machine",
        "manifest.image.type",
        "not known",
    );
    refused(
        "ami-1a2b3c4d",
        "§1a2b3c4d",
        "manifest.image.ancestry.ancestor_ami_id[0]",
        "an AMI",
    );
    refused("41943040", "§0", "manifest.image.size", "is 0");
    refused(
        "41943040",
        "§-1",
        "manifest.image.size",
        "not a number of bytes",
    );
    refused(
        "41943040",
        "§18446744073709551616",
        "manifest.image.size",
        "not a number of bytes",
    );
    refused(
        "31457&#x32;80",
        "§+1",
        "manifest.image.bundled_size",
        "not a number of bytes",
    );
    refused(
        "<ec2_encrypted_iv>",
        "<ec2_encrypted_iv>§zz",
        "manifest.image.ec2_encrypted_iv",
        "not hexadecimal",
    );
    refused(
        "<user_encrypted_key algorithm=\"AES-128-CBC\">",
        "§<user_encrypted_key>",
        "manifest.image.user_encrypted_key@algorithm",
        "missing",
    );
    refused(
        "<name>web",
        "<name>§we\u{85}b",
        "manifest.image.name",
        "control character U+0085",
    );
}

#[test]
fn refuses_bad_parts_each_with_its_place() {
    let part = |n: usize, rest: &str| format!("manifest.image.parts.part[{n}]{rest}");
    for (bad, message) in [
        ("../web.part.3", "has a / in it"),
        ("a/web.part.3", "has a / in it"),
        ("a\\web.part.3", "has a \\ in it"),
        ("..", "another folder"),
        (".", "another folder"),
        ("web&#9;part", "control character U+0009"),
        ("web\u{9f}part", "control character U+009F"),
        ("web.part.2", "there already"),
        (&"x".repeat(256), "256 bytes long"),
    ] {
        refused(
            "web.part.3",
            &format!("§{bad}"),
            &part(3, ".filename"),
            message,
        );
    }
    refused(
        "<filename>web.part.3",
        "§<filename>",
        &part(3, ".filename"),
        "no value",
    );
    refused(
        "index=\"3\"",
        "index=\"§2\"",
        &part(3, "@index"),
        "there already",
    );
    refused(
        "index=\"3\"",
        "index=\"§4\"",
        &part(3, "@index"),
        "too high",
    );
    refused(
        "index=\"3\"",
        "index=\"§-3\"",
        &part(3, "@index"),
        "not a number",
    );
    refused("<part index=\"3\"", "§<part", &part(3, "@index"), "missing");
    refused(
        "count=\"4\"",
        "count=\"§5\"",
        "manifest.image.parts@count",
        "there are 4 parts",
    );
    refused(
        "<parts count=\"4\"",
        "§<parts",
        "manifest.image.parts@count",
        "missing",
    );
    refused(
        "<digest algorithm=\"SHA1\">",
        "<digest algorithm=\"§MD5\">",
        "manifest.image.digest@algorithm",
        "MD5",
    );
    let digest = PRETTY
        .lines()
        .filter(|line| line.contains("<digest"))
        .nth(2)
        .unwrap()
        .trim();
    let short = digest
        .replace("SHA1\">", "SHA1\">§")
        .replace("</digest>", "0</digest>");
    refused(digest, &short, &part(1, ".digest"), "not a SHA-1 digest");
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
            .contains("not <m:size>")
    );
}

#[test]
fn tells_all_problems_at_once_in_the_order_of_the_text() {
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

#[test]
fn refuses_hostile_xml_with_its_place() {
    refused(
        "<manifest>",
        "§<!DOCTYPE manifest>\n<manifest>",
        "",
        "no DOCTYPE",
    );
    refused(
        "<manifest>",
        "§<?xml-stylesheet href='x'?><manifest>",
        "",
        "processing instructions",
    );
    refused("<name>web", "<name>we§&b;b", "", "&b;");
    refused("<name>web", "<name>we§&#1;b", "", "&#1;");
    let latin = refuse(&PRETTY.replace("UTF-8\"?>", "ISO-8859-1\"?>"));
    assert_eq!(
        latin[0].to_string().split(" (").next(),
        Some("1:1: the encoding \"ISO-8859-1\" is not read")
    );
    let late = refuse(&format!("\n{PRETTY}"));
    assert!(late[0].message.contains("not at the very start"));
    refused("</manifest>", "</manifest>§more", "", "after the root");
    refused("</manifest>", "</manifest>§<manifest/>", "", "second root");
    refused("<manifest>", "§x<manifest>", "", "before the root");
    refused(
        "<manifest>",
        "<manifest xmlns=\"§urn:x\">",
        "manifest@xmlns",
        "namespace",
    );
    refused(
        "<platform>left alone",
        "<platform>left §\u{1} alone",
        "",
        "U+0001",
    );
    let flood: String = (0..50).map(|n| format!(" a{n}='{n}'")).collect();
    refused(
        "<platform>",
        &format!("§<platform{flood}>"),
        "",
        "more than 16 attributes",
    );
    refused(
        "<platform>",
        "§<platform a='1' a='2'>",
        "",
        "attribute is not well-formed",
    );
    refused("<platform>", "<platform a='§&x;'>", "", "cannot be read");
}

#[test]
fn stops_at_what_cannot_be_read_further() {
    let first = |text: &str| refuse(text)[0].to_string();
    let deep = format!("<manifest>{}", "<a>".repeat(100_000));
    assert_eq!(
        first(&deep).split(" (").next(),
        Some("1:56: elements are nested more than 16 deep")
    );
    let many = format!("<manifest>{}</manifest>", "<a/>".repeat(100_000));
    assert!(
        first(&many).contains("more than 20000 elements"),
        "{}",
        first(&many)
    );
    assert!(
        first("<manifest><image></manifest>").starts_with("1:18: this is not well-formed XML"),
        "{}",
        first("<manifest><image></manifest>")
    );
    assert!(first("<manifest>\n <image>").starts_with("2:2: <image> is never closed"));
    assert!(first("<ami/>").contains("the root element is \"ami\", not manifest"));
    assert!(first("<m:manifest xmlns:m='x'/>").contains("without a prefix"));
    assert!(first("{\"name\": \"web\"}").contains("text before the root"));
    assert!(first(" \n").contains("is empty"));
    assert!(first("").contains("is empty"));
    assert!(first(&" ".repeat(LARGEST_MANIFEST + 1)).contains("1048577 bytes"));
    assert!(first("<manifest>&").contains("well-formed"));
}

#[test]
fn refuses_what_is_not_utf_8() {
    let first = |bytes: &[u8]| parse(bytes).unwrap_err().remove(0).to_string();
    assert!(
        first(b"<manifest>\n\xC3\xA9\xE9</manifest>")
            .starts_with("2:2: the byte 0xE9 is not UTF-8")
    );
    assert!(first(b"\xFF\xFE<\0m\0").contains("UTF-16"));
}

#[test]
fn lists_a_hundred_problems_at_most() {
    let bad = "<product_code>!</product_code>".repeat(500);
    let problems = refuse(&PRETTY.replace("<productcodes>", &format!("<productcodes>{bad}")));
    assert_eq!(problems.len(), 101);
    assert_eq!(problems[100].message, "400 more problems are not listed");
}

#[test]
fn never_panics_whatever_the_bytes() {
    const PIECES: [&str; 11] = [
        "<",
        "&",
        "<![CDATA[",
        "<!--",
        "<!",
        "</",
        "<?",
        "]]>",
        "\"",
        "\0",
        "é",
    ];
    let bytes = PRETTY.as_bytes();
    for at in 0..bytes.len() {
        let (before, after) = bytes.split_at(at);
        assert!(
            parse(before).is_err() || PRETTY[at..].trim().is_empty(),
            "cut at {at}"
        );

        let mut flipped = bytes.to_vec();
        flipped[at] ^= 1 << (at % 8);
        let inserted = [before, PIECES[at % PIECES.len()].as_bytes(), after].concat();
        for mutant in [flipped, inserted] {
            if let Err(problems) = parse(&mutant) {
                assert!(!problems.is_empty(), "a refusal says why: at {at}");
            }
        }
    }
}

#[test]
fn names_the_ami_of_a_bare_bundle() {
    let sha = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0";
    assert_eq!(
        default_image_name("golden/web.manifest.xml", sha),
        "golden/web-0f1e2d3c"
    );
    assert_eq!(
        default_image_name("café+100%.manifest.xml", sha),
        "caf--100--0f1e2d3c"
    );
    assert_eq!(default_image_name(".manifest.xml", sha), "-0f1e2d3c");
    let long = format!("{}/{}/web.manifest.xml", "a".repeat(100), "b".repeat(100));
    assert_eq!(
        default_image_name(&long, sha),
        format!("{}/web-0f1e2d3c", "b".repeat(100))
    );
    let longer = default_image_name(&format!("{}.manifest.xml", "é".repeat(500)), sha);
    assert_eq!(longer.len(), 128);
    assert!(longer.ends_with("-0f1e2d3c"));
}
