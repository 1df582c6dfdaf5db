use super::*;

fn example(name: &str) -> (String, Vec<u8>) {
    let path = format!("{}/../examples/{name}", env!("CARGO_MANIFEST_DIR"));
    let bytes = std::fs::read(&path).unwrap();
    (path, bytes)
}

#[test]
fn the_examples_can_be_used_as_they_are() {
    for name in [
        "web.image.yaml",
        "minimal.image.json",
        "disk.image.yaml",
        "vm.image.yaml",
        "instance.image.yaml",
        "copy.image.yaml",
        "store.image.yaml",
        "stored.image.yaml",
    ] {
        let (key, bytes) = example(name);
        assert_eq!(parse(&key, &bytes, now()).err(), None, "{name}");
    }
}

#[test]
fn the_full_example_passes_every_rule() {
    let (key, bytes) = example("full.image.yaml");
    assert_eq!(parse(&key, &bytes, now()).err(), None);
}

#[test]
fn every_source_is_understood() {
    for source in [
        "disk: {object: web.raw, format: raw}",
        "disk: {object: s3://disks/a/web.vhd, format: vhd, encrypted: true, kmsKeyId: 1234abcd-12ab-34cd-56ef-1234567890ab}",
        "vm: {object: app.ova, format: ova}",
        "vm: {object: app.vhdx, format: vhdx}",
        "snapshot: {id: snap-01234567}",
        "bundle: {manifest: web.manifest.xml}",
        "instance: {id: i-0123456789abcdef0}",
        "stored: {object: ami-0123456789abcdef0.bin}",
        "image: {id: ami-0123456789abcdef0, region: us-gov-west-1}",
    ] {
        accepted(&format!("name: web\nsource:\n  {source}\n"));
    }
}

#[test]
fn yaml_is_read_as_yaml_1_2() {
    let base = "name: web\nsource: {snapshot: {id: snap-0123456789abcdef0}}\n";
    let crlf = base.replace('\n', "\r\n");
    let json_in_yaml =
        r#"{"name": "web", "source": {"snapshot": {"id": "snap-0123456789abcdef0"}}}"#;
    for text in [
        base,
        &crlf,
        &format!("\u{feff}{base}"),
        &format!("---\n{base}...\n"),
        &format!("%YAML 1.2\n---\n{base}"),
        &format!("# a comment\n\n{base}# the end"),
        json_in_yaml,
        &format!("{base}description: |\n  two\n  lines\n"),
        &format!(
            "{base}description: no\ntags: {{on: \"yes\", \"1\": \"2\", \"a.b/c\": 'd: e', emoji 😀: wäb}}\n"
        ),
        &format!(
            "{base}description:\nregister:\ntags: ~\naccess: null\nregions:\nparameters: []\n"
        ),
        &format!(
            "{base}register: {{bootMode: \"uefi\", enaSupport: false, blockDeviceMappings: []}}\n"
        ),
        &format!("{base}regions:\n  us-west-2:\n  ap-southeast-4: {{}}\n"),
    ] {
        accepted(text);
    }
}

#[test]
fn good_values_at_the_edges_are_accepted() {
    for text in [
        volume("volumeSize: 65536, volumeType: gp3, iops: 80000, throughput: 2000"),
        volume("volumeSize: 1, volumeType: gp3, iops: 3000, throughput: 750"),
        volume("volumeSize: 4, volumeType: io1, iops: 200"),
        volume("volumeSize: 256, volumeType: io2, iops: 256000"),
        volume("volumeSize: 125, volumeType: st1"),
        volume("volumeSize: 1024, volumeType: standard, encrypted: false"),
        volume("snapshotId: snap-0123456789abcdef0, volumeInitializationRate: 300"),
        volume("volumeSize: 0x14, volumeType: gp2"),
        registering("architecture: arm64\nbootMode: uefi\ntpmSupport: v2.0"),
        registering("architecture: i386\nvirtualizationType: paravirtual\nkernelId: aki-01234567\nramdiskId: ari-01234567"),
        registering("virtualizationType: paravirtual\nrootDeviceName: /dev/hda1\nenaSupport: false"),
        registering("blockDeviceMappings: [{deviceName: /dev/sdb, virtualName: ephemeral23}]"),
        registering("rootDeviceName: /dev/sda1"),
        registering("uefiData: |\n  QU1a\n  TlVF"),
        with("deprecate: {after: 10y}"),
        with("deprecate: {after: P6M}\naccess: {public: true}"),
        with("deprecate: {at: 2027-01-01T00:00:00+02:00}"),
        with("access: {organizations: [\"arn:aws-us-gov:organizations::111122223333:organization/o-abcdefghij\"]}"),
        with("parameters: [web, /a/b/c.d-e_f, golden.web]"),
        with("regions: {us-west-2: {kmsKeyId: \"arn:aws:kms:us-west-2:111122223333:alias/images\"}}"),
        with("replaces: {previous: keep}"),
        "name: \"{digest}\"\nsource: {bundle: {manifest: a.manifest.xml}}\nregister: {kernelId: aki-01234567, blockDeviceMappings: [{deviceName: /dev/sda2, virtualName: ephemeral0}]}\nproductCodes: [774F4FF8]\n".to_owned(),
        "name: a(b)[c] d/e.f-g'h@i_\nsource: {instance: {id: i-0123abcd}}\n".to_owned(),
    ] {
        accepted(&text);
    }
}

#[test]
fn names_are_filled_in() {
    let template = |text: &str| serde_json::from_value::<NameTemplate>(text.into()).unwrap();
    let name = template("web-{date}-{time}-{digest}");
    assert_eq!(
        name.expand("2026-01-02T03:04:05Z".parse().unwrap(), "1f0c2b3a99"),
        "web-2026-01-02-030405-1f0c2b3a"
    );
    assert_eq!(template("wäb}{").expand(now(), ""), "wäb}{");
}

#[test]
fn a_snapshot_alone_is_registered_as_an_hvm_root_volume() {
    let registration = accepted(&with("")).build.registration(None).unwrap();
    assert_eq!(
        registration.virtualization_type,
        Some(VirtualizationType::Hvm)
    );
    assert_eq!(registration.architecture, Some(Architecture::X86_64));
    assert_eq!(registration.root_device_name.as_deref(), Some("/dev/xvda"));
    let [root] = registration.block_device_mappings.as_slice() else {
        panic!("{registration:?}")
    };
    assert_eq!(root.device_name, "/dev/xvda");
    assert_eq!(
        root.ebs.as_ref().unwrap().snapshot_id.as_deref(),
        Some("snap-0123456789abcdef0")
    );
}

#[test]
fn the_root_is_found_among_the_mappings() {
    for (lines, root, mappings) in [
        ("rootDeviceName: /dev/sda1", "/dev/sda1", 1),
        (
            "blockDeviceMappings: [{deviceName: /dev/sdb, virtualName: ephemeral0}]",
            "/dev/xvda",
            2,
        ),
        (
            "blockDeviceMappings: [{deviceName: /dev/sdf, ebs: {volumeSize: 9}}, {deviceName: /dev/sda1, ebs: {}}]",
            "/dev/sda1",
            2,
        ),
        (
            "blockDeviceMappings: [{deviceName: /dev/sdf, ebs: {volumeSize: 9}}]",
            "/dev/sdf",
            1,
        ),
        (
            "blockDeviceMappings: [{deviceName: /dev/sdf, ebs: {volumeSize: 9}}, {deviceName: /dev/sdz, ebs: {snapshotId: snap-0123456789abcdef0}}]",
            "/dev/sdz",
            2,
        ),
    ] {
        let registration = accepted(&registering(lines))
            .build
            .registration(None)
            .unwrap();
        assert_eq!(
            registration.root_device_name.as_deref(),
            Some(root),
            "{lines}"
        );
        assert_eq!(
            registration.block_device_mappings.len(),
            mappings,
            "{lines}"
        );
        let root = registration
            .block_device_mappings
            .iter()
            .find(|mapping| mapping.device_name == root)
            .unwrap();
        assert_eq!(
            root.ebs.as_ref().unwrap().snapshot_id.as_deref(),
            Some("snap-0123456789abcdef0"),
            "{lines}"
        );
    }
}

#[test]
fn a_bundle_keeps_what_its_own_manifest_says() {
    let bundle = accepted("name: web\nsource: {bundle: {manifest: web.manifest.xml}}\n");
    assert_eq!(
        bundle.build.registration(None),
        Some(Registration::default())
    );
    let machine = accepted("name: web\nsource: {vm: {object: a.ova, format: ova}}\n");
    assert_eq!(machine.build.registration(None), None);
}

/// Every field of the types is in the schema under its name, and closed to unknown fields.
#[test]
fn the_schema_knows_the_fields_and_values_of_the_examples() {
    let schema = schema();
    let top = schema["properties"].as_object().unwrap();
    let example = String::from_utf8(example("full.image.yaml").1).unwrap();
    let fields = example
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    for field in fields.filter_map(|line| line.split(':').next()) {
        assert!(top.contains_key(field), "{field}");
    }
    assert_eq!(schema["required"], serde_json::json!(["name", "source"]));
    assert_eq!(schema["additionalProperties"], false);
    let source = &schema["$defs"]["Source"];
    assert_eq!(source["properties"].as_object().unwrap().len(), 7);
    let mapping = &schema.pointer("/$defs/BlockDeviceMapping/properties/ebs/properties");
    let types = mapping.unwrap()["volumeType"].to_string();
    assert!(
        ["gp2", "gp3", "io1", "io2", "st1", "sc1", "standard"]
            .iter()
            .all(|kind| types.contains(kind)),
        "{types}"
    );
}
