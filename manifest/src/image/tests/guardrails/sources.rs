//! What a manifest may make AMIs of, with which keys, and which of its tags come along.

use super::*;

#[test]
fn where_sources_are_read_from() {
    let arn = "arn:aws:s3:::other-disks";
    for source in [
        "disk: {format: raw, object:",
        "vm: {format: ova, object:",
        "stored: {object:",
        "bundle: {manifest:",
    ] {
        let from = |location: &str| format!("name: web\nsource:\n  {source} {location}}}\n");
        let foreign = from("s3://other-disks/a/b.manifest.xml");
        let kind = source.split(':').next().unwrap();
        let field = if kind == "bundle" {
            "manifest"
        } else {
            "object"
        };
        let place = format!("3:{} source.{kind}.{field}", source.len() + 4);
        for parameters in [
            &CLOSED as &[_],
            &[("SourceBuckets", "arn:aws:s3:::other-disk")],
            &[("SourceBuckets", "arn:aws:s3:::other-disks2")],
            // Storing is not reading.
            &[("StoreBuckets", arn)],
        ] {
            closed(&foreign, parameters, &place, "SourceBuckets", arn);
        }
        open(&foreign, &[("SourceBuckets", arn)]);
        // What is beside the manifest can always be read, however it is named.
        open(&from("s3://images/a/b.manifest.xml"), &CLOSED);
        open(&from("a/b.manifest.xml"), &CLOSED);
    }
}

#[test]
fn which_keys_encrypt() {
    let disk = |key: &str| {
        format!(
            "name: web\nsource:\n  disk: {{object: a.raw, format: raw, encrypted: true, kmsKeyId: \"{key}\"}}\n"
        )
    };
    let place = "3:65 source.disk.kmsKeyId";
    closed(&disk(KEY), &CLOSED, place, "KmsKeys", KEY);
    closed(&disk(KEY), &[("KmsKeys", OTHER_KEY)], place, "KmsKeys", KEY);
    open(&disk(KEY), &[("KmsKeys", &format!("{OTHER_KEY},{KEY}"))]);
    // Whoever may change an alias decides which key it is.
    for name in [
        "alias/images",
        "1234abcd-12ab-34cd-56ef-1234567890ab",
        "arn:aws:kms:us-east-1:111122223333:alias/images",
    ] {
        closed(
            &disk(name),
            &[("KmsKeys", KEY)],
            place,
            "KmsKeys",
            "by its ARN",
        );
    }

    let copy = with(&format!("regions:\n  us-east-1: {{kmsKeyId: \"{KEY}\"}}"));
    let regions = ("CopyRegions", "us-east-1");
    let place = "4:25 regions.us-east-1.kmsKeyId";
    closed(&copy, &[regions], place, "KmsKeys", KEY);
    closed(
        &copy,
        &[regions, ("KmsKeys", OTHER_KEY)],
        place,
        "KmsKeys",
        KEY,
    );
    open(&copy, &[regions, ("KmsKeys", KEY)]);
}

#[test]
fn whose_sources_are_used() {
    let text = registering(
        "blockDeviceMappings:\n- {deviceName: /dev/xvda, ebs: {}}\n- {deviceName: /dev/sdf, ebs: {snapshotId: snap-01234567}}",
    );
    let named = accepted(&text).named_sources;
    let shown: Vec<_> = named
        .iter()
        .map(|it| format!("{}:{} {} {}", it.line, it.column, it.path, it.id))
        .collect();
    assert_eq!(
        shown,
        [
            "2:25 source.snapshot.id snap-0123456789abcdef0",
            "6:46 register.blockDeviceMappings[1].ebs.snapshotId snap-01234567"
        ]
    );
    let image = accepted("name: web\nsource: {image: {id: ami-01234567, region: us-west-2}}\n");
    let [image] = image.named_sources.as_slice() else {
        panic!("{image:#?}");
    };
    assert_eq!(
        (image.line, image.region.as_deref()),
        (2, Some("us-west-2"))
    );

    let owner = |id: &str, alias: Option<&str>| Owner {
        id: id.to_owned(),
        alias: alias.map(str::to_owned),
    };
    let refusal = |owners: &str, owner: &Owner| {
        stack(&[("SourceOwners", owners)]).foreign_source(&named[1], owner)
    };
    let stranger = owner("111122223333", None);
    for owners in ["", "self", "self,111122223334", "amazon,aws-marketplace"] {
        let problem = refusal(owners, &stranger).unwrap();
        assert_eq!(
            problem.to_string(),
            "6:46: register.blockDeviceMappings[1].ebs.snapshotId: `snap-01234567` belongs to the account \
             `111122223333`, which is not among the owners whose AMIs and snapshots may be sources (the stack's owner \
             adds 111122223333 to the parameter SourceOwners)"
        );
    }
    assert_eq!(refusal("111122223333", &stranger), None);
    let amazon = owner("137112412989", Some("amazon"));
    assert!(refusal("aws-marketplace", &amazon).is_some());
    assert_eq!(refusal("self,amazon", &amazon), None);
    // An account cannot call itself so.
    assert!(refusal("amazon", &owner("111122223333", Some("Amazon"))).is_some());
}

#[test]
fn every_key_and_every_bucket_of_a_source_is_guarded() {
    let vm = format!(
        "name: web\nsource: {{vm: {{object: a.ova, format: ova, encrypted: true, kmsKeyId: \"{KEY}\"}}}}\n"
    );
    closed(&vm, &CLOSED, "2:70 source.vm.kmsKeyId", "KmsKeys", KEY);
    open(&vm, &[("KmsKeys", KEY)]);
    let image = format!(
        "name: web\nsource: {{image: {{id: ami-0123456789abcdef0, region: us-west-2, encrypted: true, kmsKeyId: \"{KEY}\"}}}}\n"
    );
    closed(
        &image,
        &CLOSED,
        "2:91 source.image.kmsKeyId",
        "KmsKeys",
        KEY,
    );
    let disks = "name: web\nsource: {vm: {disks: [{object: a.raw, format: raw}, {object: \"s3://other/b.raw\", format: raw}]}}\n";
    let place = "2:62 source.vm.disks[1].object";
    closed(disks, &CLOSED, place, "SourceBuckets", "arn:aws:s3:::other");
    open(disks, &[("SourceBuckets", "arn:aws:s3:::other")]);
}

#[test]
fn copied_tags_are_none_that_a_stack_with_tag_keys_sets() {
    let text = "name: web\nsource: {image: {id: ami-0123456789abcdef0, region: us-west-2, copyTags: true}}\n";
    open(text, &[]);
    let found = problems(text, &[("TagKeys", "team")]);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].path, "source.image.copyTags");
    assert_eq!(
        found[0].rule.as_deref(),
        Some("the stack's parameter TagKeys")
    );
}
