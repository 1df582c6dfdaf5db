//! Every field of a status and of a draft, forged one at a time, at several moments of several sources.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::support::{REGION, TestStack, making, vmdk};
use amiwright::aws::{Import, ImportedDisk};
use amiwright::keys;
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
const EVIL: &str = "evil text\nhttps://evil.example";

/// How often time is let pass, 11 minutes each, after a forgery: longer than anything is waited for that is not proven.
const TICKS: usize = 2;

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
struct Foreign {
    snapshot: String,
    tagged_snapshot: String,
    image: String,
    import: String,
    object: String,
}

/// What is the account's and not amiwright's, another manifest's, or another stack's.
#[derive(Debug, PartialEq)]
struct Seen {
    snapshots: Vec<localaws::ec2::Snapshot>,
    images: Vec<localaws::ec2::Image>,
    imports: Vec<(String, String)>,
    objects: Vec<(String, Option<Vec<u8>>)>,
}

impl Foreign {
    async fn seeded(stack: &TestStack) -> Self {
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
    async fn seen(&self, stack: &TestStack) -> Seen {
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
    fn forgeries(&self, status: &Value) -> Vec<(String, Value)> {
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

/// A status at a moment of its life that those who forge could begin from.
#[derive(Debug, Clone, Copy)]
enum Moment {
    Importing,
    ToBeTagged,
    ToBeRegistered,
    Pending,
    CleaningUp,
    Available,
    Cancelling,
    Drafted,
    ToBeStored,
    Storing,
}

/// Those of a disk.
const MOMENTS: [Moment; 8] = [
    Moment::Importing,
    Moment::ToBeTagged,
    Moment::ToBeRegistered,
    Moment::Pending,
    Moment::CleaningUp,
    Moment::Available,
    Moment::Cancelling,
    Moment::Drafted,
];

/// Such a status, made of a real one that is available and has an unsent notice.
fn at(moment: Moment, available: &Value) -> Value {
    let mut status = available.clone();
    let (state, step) = match moment {
        Moment::Importing | Moment::Cancelling => ("working", "await-task"),
        Moment::ToBeTagged => ("working", "tag-imported"),
        Moment::ToBeRegistered => ("working", "register-image"),
        Moment::Pending => ("working", "await-image"),
        Moment::CleaningUp => ("working", "clean-up"),
        Moment::Available => ("available", "await-image"),
        Moment::Drafted => ("working", "start-task"),
        Moment::ToBeStored => ("working", "store-image"),
        Moment::Storing => ("working", "await-store"),
    };
    status["state"] = json!(state);
    status["build"]["step"] = json!(step);
    match moment {
        Moment::Importing => status["build"]["tasks"][0]["state"] = json!("active"),
        Moment::Cancelling => {
            let manifest = &available["manifest"];
            status["build"]["tasks"][0]["state"] = json!("active");
            status["cancel"] = json!({
                "askedAt": manifest["uploadedAt"], "by": "command", "uploadedAt": manifest["uploadedAt"],
            });
        }
        Moment::CleaningUp => {
            status["build"]["ending"] = json!("failed");
            status["build"]["failure"] =
                json!({"kind": "task-failed", "doing": "importing", "message": "it broke"});
            status["build"]["orphans"] =
                json!([{"what": "snap-0", "reason": "refused", "message": "no"}]);
        }
        Moment::Drafted => {
            let fields = status.as_object_mut().unwrap();
            fields.remove("regions");
            status["build"].as_object_mut().unwrap().remove("tasks");
        }
        Moment::ToBeStored => {
            let tasks = status["build"]["tasks"].as_array_mut();
            tasks.unwrap().pop();
        }
        _ => {}
    }
    if matches!(moment, Moment::Available) {
        let mut facts = available.clone();
        for field in ["notices", "history", "conditions", "openMarker"] {
            facts.as_object_mut().unwrap().remove(field);
        }
        status["notices"] = json!([
            {"seq": 9, "kind": "completed", "at": available["build"]["startedAt"], "facts": facts}
        ]);
    }
    status
}

/// Whether a line says in amiwright's name what was forged: outside of quotation marks.
fn says(line: &str) -> bool {
    let outside = line.split('"').step_by(2);
    outside.into_iter().any(|text| text.contains("evil text"))
}

/// What is forged.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Written {
    Status,
    /// The draft that an open marker holds, and a due marker.
    Draft,
}

async fn write(stack: &TestStack, written: Written, content: &Value) {
    if written == Written::Status {
        return super::forge(stack, KEY, content).await;
    }
    stack.remove_state(&keys::status_key(KEY)).await;
    let uploaded_at = content["manifest"]["uploadedAt"].to_string();
    for key in [keys::open_key(KEY), keys::due_key(KEY)] {
        let marker = format!("00ff {uploaded_at} 2026-11-21T10:00:00Z\n{content}");
        let put = stack
            .world
            .s3()
            .put(&stack.state_bucket, &key, marker.into_bytes());
        put.await.unwrap();
    }
}

/// Each 61st, always the same, from another one for each moment; all of them with `AMIWRIGHT_ALL_FAULTS=1`, which takes
/// minutes.
fn is_chosen(index: usize, moment: &str) -> bool {
    let first = moment.bytes().map(usize::from).sum::<usize>();
    (index + first).is_multiple_of(61) || std::env::var_os("AMIWRIGHT_ALL_FAULTS").is_some()
}

/// Forges every field, one at a time, and lets the schedule run.
async fn every_field_forged(kind: TaskKind, moment: Moment) {
    let (stack, manifest) = making(kind).await;
    let foreign = Foreign::seeded(&stack).await;
    stack.drop_and_rest(KEY, manifest).await;
    let available = stack.status(KEY).await;
    assert_eq!(available["state"], "available", "{available:#}");
    let real = at(moment, &available);
    let written = match moment {
        Moment::Drafted => Written::Draft,
        _ => Written::Status,
    };
    let before = foreign.seen(&stack).await;
    let (saved, mut sent) = (stack.world.ec2().save(), stack.emails().len());
    let mut tried = 0;
    for (index, (what, forged)) in foreign.forgeries(&real).into_iter().enumerate() {
        let what = format!("{kind:?} {moment:?}: {what}");
        if !is_chosen(index, &format!("{kind:?} {moment:?}")) {
            continue;
        }
        tried += 1;
        write(&stack, written, &forged).await;
        for _ in 0..TICKS {
            stack.world.run_for(Duration::from_secs(11 * 60)).await;
        }
        assert_eq!(foreign.seen(&stack).await, before, "{what}");
        let emails = stack.emails();
        for email in &emails[sent..] {
            assert!(!says(&email.subject), "{what}: {email:#?}");
            assert!(!email.text.lines().any(says), "{what}: {email:#?}");
            assert!(!email.text.contains("https://evil.example"), "{what}");
        }
        sent = emails.len();
        stack.world.ec2().load(saved.clone()).unwrap();
    }
    assert!(tried > 0, "{kind:?} {moment:?}");
}

#[tokio::test(start_paused = true)]
async fn no_forged_field_changes_what_is_not_the_manifests_or_speaks_for_amiwright() {
    for moment in MOMENTS {
        every_field_forged(TaskKind::ImportSnapshot, moment).await;
    }
    for kind in [
        TaskKind::ImportImage,
        TaskKind::BundleInstance,
        TaskKind::CopyImage,
    ] {
        for moment in [Moment::Importing, Moment::CleaningUp, Moment::Cancelling] {
            every_field_forged(kind, moment).await;
        }
    }
    for moment in [Moment::ToBeStored, Moment::Storing, Moment::CleaningUp] {
        every_field_forged(TaskKind::StoreImage, moment).await;
    }
}
