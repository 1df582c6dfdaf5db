//! The calls to AWS, each once, over the wire: what was asked for becomes true in the world, and is seen there.

mod errors;
mod objects;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::{KEY_ID, REGION, SECRET, TestStack};
use amiwright::aws::{
    AwsError, BundledInstance, CopiedImage, Import, ImportedDisk, ImportedMachine, Registered,
    Remedy, RestoredImage,
};
use amiwright::image::observed::ObservedTask;
use amiwright::manifest::image::{BlockDeviceMapping, Ebs, Registration, VirtualizationType};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use localaws::faults::Fault;
use sha1::Sha1;

impl TestStack {
    /// What is imported, of an object in the bucket.
    fn import(&self, key: &str, format: &str) -> Import {
        let disk = ImportedDisk {
            bucket: self.bucket.clone(),
            key: key.to_owned(),
            format: format.to_owned(),
            device_name: None,
        };
        Import {
            disks: vec![disk],
            description: "web".to_owned(),
            client_token: format!("token of {key}"),
            tags: tags(),
            ..Import::default()
        }
    }

    /// Registers an AMI of the seeded snapshot, and waits until it is available.
    async fn register(&self, name: &str) -> String {
        let mapping = BlockDeviceMapping {
            device_name: "/dev/xvda".to_owned(),
            ebs: Some(Ebs {
                snapshot_id: Some(self.snapshot.clone()),
                ..Ebs::default()
            }),
            ..BlockDeviceMapping::default()
        };
        let wanted = Registered {
            name: name.to_owned(),
            registration: Registration {
                virtualization_type: Some(VirtualizationType::Hvm),
                root_device_name: Some("/dev/xvda".to_owned()),
                block_device_mappings: vec![mapping],
                ..Registration::default()
            },
            ..Registered::default()
        };
        let id = self.aws().register_image(&wanted, None).await.unwrap();
        self.minutes(5).await;
        id
    }

    async fn minutes(&self, count: u64) {
        self.world.run_for(Duration::from_secs(60 * count)).await;
    }

    /// An upload of a bundle of an instance, with a policy that this secret signed.
    fn bundle(&self, instance_id: &str, secret: &str) -> BundledInstance {
        let policy = format!(
            r#"{{"expiration": "2026-11-22T12:00:00Z", "conditions": [{{"bucket": "{}"}}, {{"acl": "ec2-bundle-read"}}, ["starts-with", "$key", "bundles/win/"]]}}"#,
            self.bucket
        );
        let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(STANDARD.encode(&policy).as_bytes());
        BundledInstance {
            instance_id: instance_id.to_owned(),
            bucket: self.bucket.clone(),
            prefix: "bundles/win/image".to_owned(),
            access_key_id: KEY_ID.to_owned(),
            policy,
            signature: STANDARD.encode(mac.finalize().into_bytes()),
        }
    }
}

fn tags() -> BTreeMap<String, String> {
    BTreeMap::from([("amiwright:manifest".to_owned(), "s3://b/k".to_owned())])
}

fn only(tasks: Result<Vec<ObservedTask>, AwsError>) -> ObservedTask {
    let tasks = tasks.unwrap();
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    tasks.into_iter().next().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_disk_becomes_a_snapshot() {
    let stack = TestStack::new().await;
    let aws = stack.aws();
    stack.drop_file("disks/web.vmdk", "KDMV and so on").await;
    let wanted = stack.import("disks/web.vmdk", "VMDK");
    let started = aws.import_snapshot(&wanted).await.unwrap();
    assert_eq!((started.state.as_str(), &started.tags), ("active", &tags()));
    let again = aws.import_snapshot(&wanted).await.unwrap();
    assert_eq!(again.id, started.id, "the token is the same");

    stack.world.run_for(Duration::from_secs(20)).await;
    let seen = only(aws.list_import_snapshot_tasks().await);
    assert_eq!((seen.progress, seen.tags.len()), (Some(33), 1));
    assert_eq!(seen.message.as_deref(), Some("downloading/converting"));
    stack.minutes(5).await;
    let seen = only(aws.list_import_snapshot_tasks().await);
    assert_eq!((seen.id, seen.state.as_str()), (started.id, "completed"));
    let snapshots = stack.world.ec2().snapshots(REGION);
    assert!(snapshots.iter().any(|it| seen.snapshots == [it.id.clone()]));
}

#[tokio::test(start_paused = true)]
async fn an_import_is_cancelled() {
    let stack = TestStack::new().await;
    let aws = stack.aws();
    stack.drop_file("disks/web.raw", "any bytes").await;
    let wanted = stack.import("disks/web.raw", "RAW");
    let task = aws.import_snapshot(&wanted).await.unwrap();
    aws.cancel_import_task(&task.id, "not wanted any more")
        .await
        .unwrap();
    stack.minutes(5).await;
    let seen = only(aws.list_import_snapshot_tasks().await);
    assert_eq!(seen.snapshots.len(), 0, "{seen:?}");
    assert_ne!(seen.state, "completed");
}

#[tokio::test(start_paused = true)]
async fn a_virtual_machine_becomes_an_image() {
    let stack = TestStack::new().await;
    let aws = stack.aws();
    let ova = format!("{}ustar", "\0".repeat(257));
    stack.drop_file("app.ova", ova).await;
    let wanted = stack.import("app.ova", "OVA");
    let started = aws
        .import_image(&wanted, &ImportedMachine::default())
        .await
        .unwrap();
    assert_eq!((started.state.as_str(), &started.tags), ("active", &tags()));
    stack.minutes(10).await;
    let seen = only(aws.list_import_image_tasks().await);
    assert_eq!((seen.id, seen.state.as_str()), (started.id, "completed"));
    assert_eq!(seen.image, Some(stack.only_image().id));
    assert_eq!(seen.snapshots.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_image_is_copied() {
    let stack = TestStack::new().await;
    let aws = stack.aws();
    let wanted = CopiedImage {
        source_id: stack.register("web").await,
        source_region: REGION.to_owned(),
        name: "web-copy".to_owned(),
        description: Some("a copy".to_owned()),
        client_token: "once".to_owned(),
        tags: tags(),
        kms_key_id: None,
        ..CopiedImage::default()
    };
    let id = aws.copy_image(&wanted).await.unwrap();
    assert_eq!(aws.copy_image(&wanted).await.unwrap(), id);
    // The copy's snapshots are shown once it is available.
    stack.minutes(5).await;
    let copy = aws.find_images("image-id", &[id]).await.unwrap().remove(0);
    assert_eq!((copy.name.as_str(), &copy.tags), ("web-copy", &tags()));
    let ours = ["s3://b/k".to_owned()];
    let ours = aws.find_snapshots("tag:amiwright:manifest", &ours);
    assert_eq!(ours.await.unwrap()[0].id, copy.snapshots[0]);
}

#[tokio::test(start_paused = true)]
async fn an_image_is_stored_and_restored() {
    let stack = TestStack::new().await;
    let aws = stack.aws();
    let image = stack.register("web").await;
    let bucket = &stack.bucket;
    let key = aws
        .create_store_image_task(&image, bucket, &BTreeMap::new())
        .await
        .unwrap();
    stack.world.run_for(Duration::from_secs(15)).await;
    let ids = ["ami-0123456789abcdef0".to_owned(), image.clone()];
    let seen = only(aws.find_store_image_tasks(&ids).await);
    assert_eq!((&seen.id, seen.progress), (&image, Some(50)));
    assert_eq!(seen.object, Some(format!("s3://{bucket}/{key}")));
    stack.minutes(5).await;
    let seen = only(aws.find_store_image_tasks(&ids).await);
    assert_eq!(seen.state, "Completed");
    assert_eq!(aws.find_store_image_tasks(&ids[..1]).await.unwrap(), []);
    assert_eq!(aws.find_store_image_tasks(&[]).await.unwrap(), []);

    let wanted = RestoredImage {
        bucket: bucket.clone(),
        key,
        name: "again".to_owned(),
        tags: tags(),
    };
    let restored = aws.create_restore_image_task(&wanted).await.unwrap();
    stack.minutes(5).await;
    let images = aws.find_images("image-id", std::slice::from_ref(&restored));
    let seen = images.await.unwrap().remove(0);
    assert_eq!((seen.state.as_str(), &seen.tags), ("available", &tags()));
    aws.deregister_image(&restored).await.unwrap();
    assert_eq!(stack.only_image().id, image);
}

#[tokio::test(start_paused = true)]
async fn an_instance_becomes_a_bundle() {
    let (stack, instance) = TestStack::classic().await;
    let aws = stack.aws();
    let started = aws.bundle_instance(&stack.bundle(&instance, SECRET)).await;
    let started = started.unwrap();
    assert_eq!(started.state, "pending");
    stack.world.run_for(Duration::from_secs(20)).await;
    let by_instance = aws.find_bundle_tasks("instance-id", std::slice::from_ref(&instance));
    let seen = only(by_instance.await);
    assert_eq!(
        (seen.id, seen.instance, seen.state.as_str(), seen.progress),
        (started.id, Some(instance), "bundling", Some(32))
    );
    stack.minutes(5).await;
    let prefix = "bundles/win/image";
    let seen = only(aws.find_bundle_tasks_to(&stack.bucket, prefix).await);
    let key = format!("{prefix}.manifest.xml");
    assert_eq!(seen.state, "complete");
    assert_eq!(seen.object, Some(format!("s3://{}/{key}", stack.bucket)));
    let head = aws.head_object(&stack.bucket, &key).await.unwrap();
    assert!(head.is_some());
    let elsewhere = aws.find_bundle_tasks_to(&stack.bucket, "bundles/*");
    assert_eq!(elsewhere.await.unwrap(), [], "a prefix is not a pattern");
}

#[tokio::test(start_paused = true)]
async fn a_bundle_task_is_cancelled() {
    let (stack, instance) = TestStack::classic().await;
    let aws = stack.aws();
    let task = aws.bundle_instance(&stack.bundle(&instance, SECRET)).await;
    let task = task.unwrap();
    aws.cancel_bundle_task(&task.id).await.unwrap();
    stack.minutes(5).await;
    let seen = aws.find_bundle_tasks("bundle-id", &[task.id]).await;
    assert!(seen.unwrap().iter().all(|task| task.state != "complete"));
}

#[tokio::test(start_paused = true)]
async fn a_bundle_that_is_refused_says_nothing_of_the_policy() {
    let (stack, instance) = TestStack::classic().await;
    let wanted = stack.bundle(&instance, "another secret");
    let refused = stack.aws().bundle_instance(&wanted).await.unwrap_err();
    assert_eq!(refused.remedy, Remedy::Never);
    assert_eq!(refused.doing, format!("bundling the instance {instance}"));
    let text = format!("{refused} {refused:?}");
    for secret in [&wanted.policy, &wanted.signature, &wanted.access_key_id] {
        assert!(!text.contains(secret.as_str()), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_has_no_client_token_is_sent_once() {
    let (stack, instance) = TestStack::classic().await;
    let image = stack.register("web").await;
    let aws = stack.aws();
    let once = [
        "BundleInstance",
        "CreateStoreImageTask",
        "CreateRestoreImageTask",
    ];
    let faults = stack.world.faults();
    once.iter()
        .for_each(|action| faults.always("ec2", action, Fault::Throttle));
    let bundle = stack.bundle(&instance, SECRET);
    let stored = RestoredImage::default();
    let errors = [
        aws.bundle_instance(&bundle).await.unwrap_err(),
        aws.create_store_image_task(&image, &stack.bucket, &BTreeMap::new())
            .await
            .unwrap_err(),
        aws.create_restore_image_task(&stored).await.unwrap_err(),
    ];
    assert!(errors.iter().all(|error| error.is_throttled()));
    assert_eq!(once.map(|action| stack.count(action)), [1; 3]);
    // EC2 throttled them, which drained their buckets.
    let later = aws.create_restore_image_task(&stored).await.unwrap_err();
    assert!(later.has_code("amiwright.RateLimited"), "{later}");
    assert_eq!(stack.count("CreateRestoreImageTask"), 1);
}

#[tokio::test(start_paused = true)]
async fn snapshots_are_found_tagged_and_deleted() {
    let stack = TestStack::new().await;
    let aws = stack.aws();
    let ids = [stack.snapshot.clone(), "snap-0123456789abcdef0".to_owned()];
    let found = aws.find_snapshots("snapshot-id", &ids).await.unwrap();
    assert_eq!((found.len(), &found[0].id), (1, &ids[0]));
    aws.create_tags(&ids[..1], &tags()).await.unwrap();
    let any = ["s3://*".to_owned()];
    let by_tag = aws.find_snapshots("tag:amiwright:manifest", &any).await;
    assert_eq!(by_tag.unwrap(), [], "a value is not a pattern");
    let found = aws.find_snapshots("snapshot-id", &ids).await.unwrap();
    assert_eq!(found[0].tags, tags());
    aws.delete_snapshot(&ids[0]).await.unwrap();
    assert_eq!(stack.world.ec2().snapshots(REGION).len(), 0);
    // What is gone already is as it should be; an id that is none is not.
    aws.delete_snapshot(&ids[0]).await.unwrap();
    let malformed = aws.delete_snapshot("web").await.unwrap_err();
    assert!(
        malformed.code.is_some() && !malformed.has_code("InvalidSnapshot.NotFound"),
        "{malformed}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_ami_that_was_just_deregistered_is_not_asked_for_again() {
    let stack = TestStack::new().await;
    let aws = stack.aws();
    let id = stack.register("web").await;
    assert!(aws.named_image(&id).await.is_ok());
    aws.deregister_image(&id).await.unwrap();
    let gone = aws.named_image(&id).await.unwrap_err();
    assert_eq!(gone.remedy, Remedy::Never, "{gone}");
    assert!(gone.to_string().contains("deregistered"), "{gone}");
}

#[tokio::test(start_paused = true)]
async fn a_secret_comes_only_from_a_secure_parameter() {
    let stack = TestStack::new().await;
    let aws = stack.aws();
    let ssm = stack.world.ssm();
    ssm.seed_parameter(REGION, "/amiwright/key", "SecureString", SECRET);
    ssm.seed_parameter(REGION, "/amiwright/open", "String", SECRET);
    let secret = aws.secure_parameter("/amiwright/key").await.unwrap();
    assert_eq!(secret.unwrap().expose(), SECRET);
    let absent = aws.secure_parameter("/amiwright/absent").await.unwrap();
    assert_eq!(absent, None);
    let open = aws.secure_parameter("/amiwright/open").await.unwrap_err();
    assert_eq!(open.remedy, Remedy::Never);
    assert!(open.message.contains("store it as SecureString"), "{open}");
    assert!(!format!("{open:?}").contains(SECRET));
}
