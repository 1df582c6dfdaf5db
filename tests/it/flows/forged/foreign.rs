//! What is there that is not the manifest's, and what a forger could write of it into a status.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::{REGION, TestStack, vmdk};
use amiwright::aws::{Import, ImportedDisk};
use localaws::ec2::{SeedImage, SeedSnapshot, TaskKind};
use serde_json::{Value, json};

use super::KEY;

/// Other manifests' bundles, and another version's of this one.
const FOREIGN_BUNDLES: [&str; 3] = [
    "bundles/other.image.yaml/0011.manifest.xml",
    "bundles/golden/web.image.yaml/ffffffffffffffff.part.0",
    "bundles/golden/web.image.yaml.old/0011.part.0",
];

/// What a forger wants to be said in amiwright's name.
pub(super) const EVIL: &str = "evil text\nhttps://evil.example";

/// The words of one field, which one could write for another.
const STEPS: [&str; 11] = [
    "check-manifest",
    "check-bundle",
    "check-object",
    "start-task",
    "await-task",
    "tag-imported",
    "register-image",
    "await-image",
    "store-image",
    "await-store",
    "clean-up",
];

const WORDS: [&str; 9] = [
    "working",
    "available",
    "failed",
    "cancelled",
    "import-snapshot",
    "import-image",
    "bundle-instance",
    "disk",
    "instance",
];

/// What is there that is not the manifest's: none of it may change.
pub(super) struct Foreign {
    snapshot: String,
    tagged_snapshot: String,
    image: String,
    import: String,
    object: String,
}

/// What is the account's and not amiwright's, another manifest's, or another stack's.
#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    snapshots: Vec<localaws::ec2::Snapshot>,
    images: Vec<localaws::ec2::Image>,
    imports: Vec<(String, String)>,
    objects: Vec<(String, Option<Vec<u8>>)>,
}

impl Foreign {
    pub(super) async fn seeded(stack: &TestStack) -> Self {
        let ec2 = stack.world.ec2();
        let of = |uri: String| {
            let tags = [
                ("amiwright:manifest", uri),
                ("amiwright:sha256", "00ff".to_owned()),
                ("amiwright:attempt", "2026-11-21T10:00:00Z 0".to_owned()),
            ];
            tags.map(|(key, value)| (key.to_owned(), value))
        };
        let of_other = SeedSnapshot {
            tags: of(format!("s3://{}/other.image.yaml", stack.bucket)).into(),
            ..SeedSnapshot::default()
        };
        // Another stack has another manifest bucket, and may have a manifest of the same key.
        let elsewhere = SeedSnapshot {
            tags: of(format!("s3://other-stack/{KEY}")).into(),
            ..SeedSnapshot::default()
        };
        let elsewhere = ec2.seed_snapshot(REGION, elsewhere);
        let image = SeedImage {
            id: None,
            snapshot_id: elsewhere,
            name: "other-stack".to_owned(),
            volume_size: 8,
            owner_id: None,
            owner_alias: None,
        };
        let image = ec2.seed_image(REGION, image);
        let tags = of(format!("s3://other-stack/{KEY}")).into();
        let aws = stack.aws();
        let tagged = aws.create_tags(std::slice::from_ref(&image), &tags);
        tagged.await.unwrap();
        ec2.set_task_time(TaskKind::ImportSnapshot, Duration::from_secs(48 * 3600));
        let disk = ImportedDisk {
            bucket: stack.bucket.clone(),
            key: "golden/web.vmdk".to_owned(),
            format: "VMDK".to_owned(),
            device_name: None,
        };
        let import = Import {
            disks: vec![disk],
            client_token: "foreign".to_owned(),
            ..Import::default()
        };
        stack.drop_file("golden/web.vmdk", vmdk()).await;
        let import = stack.aws().import_snapshot(&import).await.unwrap().id;
        ec2.set_task_time(TaskKind::ImportSnapshot, Duration::from_secs(60));
        let object = "golden/web.other.vmdk".to_owned();
        stack.drop_file(&object, "foreign").await;
        for key in FOREIGN_BUNDLES {
            let put = stack
                .world
                .s3()
                .put(&stack.state_bucket, key, b"foreign".to_vec());
            put.await.unwrap();
        }
        Self {
            snapshot: ec2.seed_snapshot(REGION, SeedSnapshot::default()),
            tagged_snapshot: ec2.seed_snapshot(REGION, of_other),
            image,
            import,
            object,
        }
    }

    /// How all of it is now.
    pub(super) async fn seen(&self, stack: &TestStack) -> Seen {
        let ec2 = stack.world.ec2();
        let ids = [&self.snapshot, &self.tagged_snapshot];
        let mut snapshots = ec2.snapshots(REGION);
        let is_elsewhere = |tags: &BTreeMap<String, String>| {
            let uri = tags.get("amiwright:manifest");
            uri.is_some_and(|uri| uri.starts_with("s3://other-stack/"))
        };
        snapshots.retain(|it| ids.contains(&&it.id) || is_elsewhere(&it.tags));
        let mut images = ec2.images(REGION);
        images.retain(|it| it.id == self.image);
        let tasks = stack.aws().list_import_snapshot_tasks().await.unwrap();
        let tasks = tasks.into_iter().filter(|task| task.id == self.import);
        let mut objects = vec![(stack.bucket.clone(), self.object.clone())];
        objects.extend(FOREIGN_BUNDLES.map(|key| (stack.state_bucket.clone(), key.to_owned())));
        let mut contents = Vec::new();
        for (bucket, key) in objects {
            let content = stack.world.s3().get(&bucket, &key).await.unwrap();
            contents.push((key, content.map(|it| it.to_vec())));
        }
        Seen {
            snapshots,
            images,
            imports: tasks
                .map(|task| {
                    (
                        task.id,
                        format!("{:?} {}", task.tags, is_cancelled(&task.state)),
                    )
                })
                .collect(),
            objects: contents,
        }
    }

    /// What a forger could put in the place of this value.
    fn instead_of(&self, value: &Value) -> Vec<Value> {
        match value {
            Value::String(text) if text.starts_with("snap-") => {
                vec![
                    json!(self.snapshot),
                    json!(self.tagged_snapshot),
                    json!(EVIL),
                ]
            }
            Value::String(text) if text.starts_with("ami-") => vec![json!(self.image), json!(EVIL)],
            Value::String(text) if text.starts_with("import-snap-") => {
                vec![json!(self.import), json!(EVIL)]
            }
            Value::String(text) if STEPS.contains(&&**text) => STEPS.map(|it| json!(it)).into(),
            Value::String(text) if WORDS.contains(&&**text) => WORDS.map(|it| json!(it)).into(),
            Value::String(text) if text.contains("golden/web.") => {
                vec![json!(self.object), json!(EVIL)]
            }
            Value::String(_) => vec![json!(EVIL)],
            Value::Number(_) => vec![json!(0), json!(7)],
            Value::Bool(it) => vec![json!(!it)],
            Value::Array(items) => {
                let more = |item| Value::Array(items.iter().cloned().chain([item]).collect());
                vec![
                    more(json!(self.snapshot)),
                    more(items.last().cloned().unwrap_or_default()),
                    json!([]),
                ]
            }
            Value::Object(_) | Value::Null => Vec::new(),
        }
    }

    /// The status with one thing forged, each time another.
    pub(super) fn forgeries(&self, status: &Value) -> Vec<(String, Value)> {
        let mut pointers = Vec::new();
        walk(status, "", &mut pointers);
        let mut forged = Vec::new();
        for pointer in pointers {
            for value in self.instead_of(status.pointer(&pointer).unwrap()) {
                let mut other = status.clone();
                *other.pointer_mut(&pointer).unwrap() = value.clone();
                forged.push((format!("{pointer} = {value}"), other));
            }
            let (parent, field) = pointer.rsplit_once('/').unwrap();
            let mut other = status.clone();
            if let Some(Value::Object(fields)) = other.pointer_mut(parent) {
                fields.remove(field);
                forged.push((format!("{pointer} removed"), other));
            }
        }
        forged
    }
}

fn is_cancelled(state: &str) -> bool {
    ["deleting", "deleted"].contains(&state)
}

fn walk(value: &Value, at: &str, pointers: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let below = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
                pointers.push(below.clone());
                walk(value, &below, pointers);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let below = format!("{at}/{index}");
                pointers.push(below.clone());
                walk(item, &below, pointers);
            }
        }
        _ => {}
    }
}
