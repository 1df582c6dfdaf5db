//! Parameters of the calls that make an AMI other than RegisterImage: they reach EC2.

use crate::support::{REGION, TestStack, vmdk};

const KEY: &str = "golden/web.image.yaml";
const KMS_KEY: &str = "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab-34cd-56ef-1234567890ab";

#[tokio::test(start_paused = true)]
async fn a_machine_has_the_parameters_of_its_import() {
    let stack = TestStack::new().await;
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    let manifest = "name: web\nsource:\n  vm: {object: web.vmdk, format: vmdk, architecture: arm64, bootMode: uefi, \
                    platform: Linux, licenseType: BYOL, encrypted: true}\n";
    stack.drop_and_rest(KEY, manifest).await;
    let image = stack.only_image();
    assert_eq!(image.architecture, "arm64");
    assert_eq!(image.boot_mode.as_deref(), Some("uefi"));
    let mapping = &image.block_device_mappings[0];
    assert!(mapping.ebs.as_ref().unwrap().encrypted);
    assert_eq!(stack.status(KEY).await["state"], "available");

    // Again: nothing new happens.
    stack.drop_and_rest(KEY, manifest).await;
    assert_eq!(stack.count("ImportImage"), 1);
    assert_eq!(stack.only_image(), image);
}

#[tokio::test(start_paused = true)]
async fn a_machine_of_several_disks_waits_for_each_and_has_them_all() {
    let stack = TestStack::new().await;
    let manifest = "name: web\nsource:\n  vm:\n    disks:\n    - {object: web.vmdk, format: vmdk}\n    \
                    - {object: data.raw, format: raw, deviceName: /dev/sdf}\n";
    stack.drop_file("golden/web.vmdk", vmdk()).await;
    stack.drop_file(KEY, manifest).await;
    stack.minute().await;
    let waiting = &stack.status(KEY).await["build"]["waiting"];
    assert_eq!(waiting["reason"], "object-missing");
    assert_eq!(waiting["key"], "golden/data.raw");
    stack.drop_file("golden/data.raw", vec![1; 1024]).await;
    stack.rest().await;

    let image = stack.only_image();
    let devices = image.block_device_mappings.iter();
    let devices: Vec<_> = devices.map(|it| it.device_name.as_str()).collect();
    assert_eq!(devices, ["/dev/sda1", "/dev/sdf"]);
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let further = &status["build"]["object"]["further"];
    assert_eq!(further[0]["key"], "golden/data.raw");
    let snapshots = status["regions"][REGION]["snapshots"].as_array().unwrap();
    assert_eq!(snapshots.len(), 2);

    stack.drop_and_rest(KEY, manifest).await;
    assert_eq!(stack.count("ImportImage"), 1);
    // Another disk is another version, whichever it is.
    stack.drop_file("golden/data.raw", vec![2; 1024]).await;
    stack.drop_and_rest(KEY, manifest).await;
    assert_eq!(stack.count("ImportImage"), 2);
    assert_eq!(stack.images().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn every_disk_that_cannot_be_imported_is_named() {
    let stack = TestStack::new().await;
    let manifest = "name: web\nsource:\n  vm:\n    disks:\n    - {object: web.vmdk, format: vmdk}\n    \
                    - {object: data.raw, format: raw}\n";
    stack.drop_file("golden/web.vmdk", "no disk").await;
    stack.drop_file("golden/data.raw", vec![1; 1000]).await;
    stack.drop_and_rest(KEY, manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "rejected");
    assert_eq!(status["problems"].as_array().unwrap().len(), 2);
    assert_eq!(stack.count("ImportImage"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_copy_has_the_parameters_of_its_source() {
    let stack = TestStack::built(|builder| builder.parameter("KmsKeys", KMS_KEY)).await;
    let source = stack.image_elsewhere("us-west-2").await;
    let aws = stack.aws().in_region("us-west-2");
    let tags = [("team".to_owned(), "web".to_owned())].into();
    let tagged = aws.create_tags(std::slice::from_ref(&source), &tags);
    tagged.await.unwrap();
    let manifest = format!(
        "name: web\nsource:\n  image: {{id: {source}, region: us-west-2, encrypted: true, kmsKeyId: \"{KMS_KEY}\", \
         copyTags: true, completionMinutes: 15}}\n"
    );
    stack.drop_and_rest(KEY, &manifest).await;
    let image = stack.only_image();
    assert_eq!(image.tags.get("team").map(String::as_str), Some("web"));
    let mapping = &image.block_device_mappings[0];
    assert!(mapping.ebs.as_ref().unwrap().encrypted);
    let snapshots = stack.world.ec2().snapshots(REGION);
    let keys: Vec<_> = snapshots
        .iter()
        .filter_map(|it| it.kms_key_id.as_deref())
        .collect();
    assert_eq!(keys, [KMS_KEY]);
    assert_eq!(stack.status(KEY).await["state"], "available");
    stack.drop_and_rest(KEY, &manifest).await;
    assert_eq!(stack.count("CopyImage"), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stored_ami_has_its_tags() {
    let stack = TestStack::new().await;
    let manifest = stack.manifest("web")
        + &format!("store: {{bucket: {}, tags: {{keep: 1y}}}}\n", stack.bucket);
    stack.drop_and_rest(KEY, manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    let key = format!("{}.bin", stack.only_image().id);
    let tags = aws_sdk_s3::Client::new(&stack.sdk())
        .get_object_tagging()
        .bucket(&stack.bucket)
        .key(&key)
        .send()
        .await
        .unwrap();
    let tags: Vec<_> = tags
        .tag_set()
        .iter()
        .map(|tag| (tag.key(), tag.value()))
        .collect();
    assert_eq!(tags, [("keep", "1y")]);
}

#[tokio::test(start_paused = true)]
async fn the_type_of_a_volume_is_sent_and_is_gp3_where_the_manifest_is_silent() {
    let stack = TestStack::new().await;
    let manifest = stack.manifest("web")
        + "register:\n  blockDeviceMappings:\n  - {deviceName: /dev/xvda, ebs: {}}\n  \
           - {deviceName: /dev/sdf, ebs: {volumeSize: 5}}\n  - {deviceName: /dev/sdg, ebs: {volumeSize: 5, volumeType: gp2}}\n";
    stack.drop_and_rest(KEY, manifest).await;
    let image = stack.only_image();
    let types = image
        .block_device_mappings
        .iter()
        .map(|it| it.ebs.as_ref().unwrap().volume_type.as_str());
    assert_eq!(types.collect::<Vec<_>>(), ["gp3", "gp3", "gp2"]);
}
