use super::*;

mod refusals;
mod unreadable;

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
fn reads_an_ascii_declaration_and_keys_that_the_user_has_not() {
    for encoding in ["ASCII", "US-ASCII", "ascii"] {
        let empty = |text: &str, name: &str| {
            let (begin, end) = (format!("<{name}"), format!("</{name}>"));
            let (from, to) = (text.find(&begin).unwrap(), text.find(&end).unwrap());
            format!("{}<{name}/>{}", &text[..from], &text[to + end.len()..])
        };
        let text = empty(&empty(EUCA2OOLS, "user_encrypted_key"), "user_encrypted_iv");
        let text = text.replacen(
            "<manifest>",
            &format!("<?xml version=\"1.0\" encoding=\"{encoding}\"?><manifest>"),
            1,
        );
        assert_eq!(
            read(&text[text.find("<?xml version=\"1.0\" encoding").unwrap()..])
                .product_codes
                .len(),
            2
        );
    }
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
fn a_signature_that_does_not_verify_is_accepted() {
    let start = PRETTY.find("<signature>").unwrap();
    let end = PRETTY.find("</signature>").unwrap();
    read(&format!(
        "{}<signature>edited{}",
        &PRETTY[..start],
        &PRETTY[end..]
    ));
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
