//! What makes a new AMI of a manifest that is uploaded again, and what does not: for each source.

use std::collections::BTreeSet;

use crate::support::{REGION, TestStack, changes_since, minutes, vmdk};
use localaws::ec2::{SeedInstance, TaskKind};
use localaws::world::Builder;
use serde_json::Value;

use super::bundles;

const KEY: &str = "golden/web.image.yaml";
/// An image manifest beside a bundle.
const BESIDE: &str = "bundles/image.image.yaml";
const DISK_KEY: &str = "golden/web.vmdk";
const TAGS: &str = "tags:\n  team: web\n  zone: a\n";

/// A world in which the manifest of some source was dropped and its AMI is there.
struct Case {
    stack: TestStack,
    key: &'static str,
    manifest: String,
    /// The same with another source: another version.
    rebuilt: String,
    images: BTreeSet<String>,
    emails: usize,
}

/// What the manifest says its image is made from, twice: the second is another version.
async fn source(stack: &TestStack, kind: &str) -> (String, String) {
    let both = |source: String| {
        let other = format!("{source}register: {{imdsSupport: v2.0}}\n");
        (source, other)
    };
    match kind {
        "snapshot" => both(format!("source:\n  snapshot: {{id: {}}}\n", stack.snapshot)),
        "bundle" => {
            stack.drop_silently("bundles/image.part.0", bundles::PART);
            stack.drop_silently(bundles::KEY, bundles::MANIFEST);
            both("source:\n  bundle: {manifest: image.manifest.xml}\n".to_owned())
        }
        "disk" => {
            stack.drop_file(DISK_KEY, vmdk()).await;
            both("source:\n  disk: {object: web.vmdk, format: vmdk}\n".to_owned())
        }
        "vm" => {
            stack.drop_file(DISK_KEY, vmdk()).await;
            let source = "source:\n  vm: {object: web.vmdk, format: vmdk}\n";
            (source.to_owned(), String::new())
        }
        "instance" => {
            let seed = || {
                let ec2 = stack.world.ec2();
                ec2.seed_instance(REGION, SeedInstance::default())
            };
            let source = || format!("source:\n  instance: {{id: {}}}\n", seed());
            (source(), source())
        }
        "stored" => {
            let object = stack.stored_image().await;
            let source = format!(
                "source:\n  stored: {{object: \"s3://{}/{object}\"}}\n",
                stack.bucket
            );
            (source, String::new())
        }
        "image" => {
            let id = stack.image_elsewhere("us-west-2").await;
            let source = format!("source:\n  image: {{id: {id}, region: us-west-2}}\n");
            (source, String::new())
        }
        other => panic!("{other}"),
    }
}

impl Case {
    async fn new(kind: &str) -> Self {
        // An audit writes down when it last saw the AMI.
        let rarely = |builder: Builder| builder.parameter("AuditSchedule", "rate(30 days)");
        let (stack, _) = TestStack::classic_built(rarely).await;
        let (source, other) = source(&stack, kind).await;
        // Sources with no other setting are recreated under another name.
        let name = if other.is_empty() { "again" } else { "web" };
        let other = if other.is_empty() { &source } else { &other };
        let manifest = format!("name: web-{{digest}}\n{source}{TAGS}");
        let rebuilt = format!("name: {name}-{{digest}}\n{other}{TAGS}");
        let key = if kind == "bundle" { BESIDE } else { KEY };
        Self::of(stack, key, manifest, rebuilt).await
    }

    async fn of(stack: TestStack, key: &'static str, manifest: String, rebuilt: String) -> Self {
        let emails = stack.emails().len();
        let before = ids(&stack);
        stack.drop_and_rest(key, &manifest).await;
        stack.minute().await;
        let status = stack.status(key).await;
        assert_eq!(status["state"], "available", "{status:#}");
        let images = ids(&stack);
        assert_eq!(images.len(), before.len() + 1, "{status:#}");
        assert_eq!(stack.emails().len(), emails + 1);
        Self {
            emails: emails + 1,
            stack,
            key,
            manifest,
            rebuilt,
            images,
        }
    }

    async fn status(&self) -> Value {
        self.stack.status(self.key).await
    }

    /// Drops a manifest and waits for the end; then for an hour, in which nothing is to be changed any more.
    async fn drop(&self, manifest: &str) {
        self.stack.drop_and_rest(self.key, manifest).await;
        self.stack.minute().await;
        let rest = self.changes();
        self.stack.world.run_for(minutes(60)).await;
        let after = self.changes();
        assert_eq!(after[rest.len()..], [] as [String; 0], "{manifest}");
    }

    /// The calls of the functions that change anything.
    fn changes(&self) -> Vec<String> {
        let calls = self.stack.world.calls();
        let changing = calls
            .into_iter()
            .filter(|call| call.function.is_some() && !call.is_read());
        changing
            .map(|call| format!("{} {:?}", call.action, call.key))
            .collect()
    }

    fn ec2_changes(&self) -> usize {
        changes_since(&self.stack, 0).len()
    }

    /// Drops a manifest that asks for nothing new: no call of EC2, no notice.
    async fn drop_in_vain(&self, manifest: &str) {
        let before = self.ec2_changes();
        self.drop(manifest).await;
        assert_eq!(self.ec2_changes(), before, "{manifest}");
        assert_eq!(ids(&self.stack), self.images, "{manifest}");
        assert_eq!(self.stack.emails().len(), self.emails, "{manifest}");
    }

    /// Drops a manifest that changes the AMI that exists.
    async fn drop_changed(&mut self, manifest: &str) {
        let before = self.ec2_changes();
        self.emails += 1;
        self.drop(manifest).await;
        assert!(self.ec2_changes() > before, "{manifest}");
        assert_eq!(ids(&self.stack), self.images, "{manifest}");
        assert_eq!(self.stack.emails().len(), self.emails, "{manifest}");
        assert_eq!(self.stack.in_sync(self.key).await, "true");
    }

    /// Drops a manifest that makes a new AMI; the one before is kept and named.
    async fn drop_anew(&mut self, manifest: &str) {
        let before = self.status().await;
        self.drop(manifest).await;
        let status = self.status().await;
        assert_eq!(status["state"], "available", "{status:#}");
        let images = ids(&self.stack);
        assert!(images.is_superset(&self.images), "{status:#}");
        assert_eq!(images.len(), self.images.len() + 1, "{status:#}");
        assert_ne!(status["build"]["digest"], before["build"]["digest"]);
        let kept = &before["regions"][REGION]["image"];
        let previous = status["previous"].as_array().unwrap();
        assert_eq!(
            &previous.last().unwrap()["regions"][REGION]["image"],
            kept,
            "{status:#}"
        );
        self.emails += 1;
        let emails = self.stack.emails();
        assert_eq!(emails.len(), self.emails, "{emails:#?}");
        let text = &emails.last().unwrap().text;
        assert!(text.contains(kept.as_str().unwrap()), "{text}");
        self.images = images;
    }

    /// All that holds for each source that an image manifest can name.
    async fn check(mut self) {
        self.digest_in_name().await;
        let manifest = self.manifest.clone();
        self.drop_in_vain(&manifest).await;
        self.drop_in_vain(&format!("# only a comment\n{manifest}"))
            .await;
        let reordered = manifest.replace(TAGS, "tags:\n  zone: \"a\"\n  'team': web\n");
        assert_ne!(reordered, manifest);
        self.drop_in_vain(&reordered).await;
        self.settings(&manifest).await;
        let rebuilt = self.rebuilt.clone();
        self.drop_anew(&rebuilt).await;
    }

    /// `{digest}` is the build's.
    async fn digest_in_name(&self) {
        let build = &self.status().await["build"];
        let digest = build["digest"].as_str().unwrap();
        let name = build["name"].as_str().unwrap();
        let shown = name.trim_start_matches("web-");
        assert!(shown.len() >= 8 && digest.starts_with(shown), "{build:#}");
    }

    async fn settings(&mut self, manifest: &str) {
        assert_eq!(self.stack.in_sync(self.key).await, "true");
        for changed in [
            manifest.replace("zone: a", "zone: b"),
            format!("{manifest}description: other\n"),
        ] {
            self.drop_changed(&changed).await;
            let email = self.stack.last_email();
            assert!(email.starts_with("Changed: "), "{email}");
            self.drop_in_vain(&changed).await;
        }
        // Set back.
        self.drop_changed(manifest).await;
        self.drop_in_vain(manifest).await;
    }
}

fn ids(stack: &TestStack) -> BTreeSet<String> {
    stack.images().into_iter().map(|image| image.id).collect()
}

macro_rules! sources {
    ($($name:ident: $kind:literal;)*) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                Case::new($kind).await.check().await;
            }
        )*
    };
}

sources! {
    a_snapshot_again: "snapshot";
    a_bundle_with_an_image_manifest_again: "bundle";
    a_disk_again: "disk";
    a_vm_again: "vm";
    an_instance_again: "instance";
    a_stored_ami_again: "stored";
    an_ami_again: "image";
}

/// Another object of the same format.
fn other_vmdk() -> Vec<u8> {
    let mut disk = vmdk();
    disk.resize(8192, 1);
    disk
}

/// A new object alone does nothing; with its manifest dropped again it makes a new AMI; removed then, it does nothing.
async fn object_replaced(kind: &str) {
    let mut case = Case::new(kind).await;
    let manifest = case.manifest.clone();
    case.stack.drop_and_rest(DISK_KEY, other_vmdk()).await;
    case.stack.world.run_for(minutes(60)).await;
    assert_eq!(ids(&case.stack), case.images);
    case.drop_anew(&manifest).await;
    case.drop_in_vain(&manifest).await;
    case.stack.remove(DISK_KEY).await;
    case.drop_in_vain(&manifest).await;
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_was_replaced() {
    object_replaced("disk").await;
}

#[tokio::test(start_paused = true)]
async fn a_vm_that_was_replaced() {
    object_replaced("vm").await;
}

/// A stored AMI under the same key again: restored when its manifest is dropped again, and gone, never missed.
#[tokio::test(start_paused = true)]
async fn a_stored_ami_that_was_replaced() {
    let mut case = Case::new("stored").await;
    let manifest = case.manifest.clone();
    let (_, location) = manifest.split_once("s3://").unwrap();
    let (location, _) = location.split_once('"').unwrap();
    let (_, object) = location.split_once('/').unwrap();
    let s3 = case.stack.world.directory().join("s3");
    let content = std::fs::read(s3.join(&case.stack.bucket).join(object)).unwrap();

    let other = [content, b"\n".to_vec()].concat();
    case.stack.drop_file(object, other).await;
    case.stack.world.run_for(minutes(60)).await;
    assert_eq!(ids(&case.stack), case.images);
    case.drop_anew(&manifest).await;
    case.drop_in_vain(&manifest).await;
    case.stack.remove(object).await;
    case.drop_in_vain(&manifest).await;
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_was_replaced_while_it_is_imported() {
    let (stack, _) = TestStack::classic().await;
    let ec2 = stack.world.ec2();
    ec2.set_task_time(TaskKind::ImportSnapshot, minutes(20));
    stack.drop_file(DISK_KEY, vmdk()).await;
    let manifest = "name: web-{digest}\nsource: {disk: {object: web.vmdk, format: vmdk}}\n";
    stack.drop_file(KEY, manifest).await;
    stack.world.run_for(minutes(5)).await;
    stack.drop_file(DISK_KEY, other_vmdk()).await;
    stack.drop_and_rest(KEY, manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(stack.images().len(), 2, "{status:#}");
    assert_eq!(stack.emails().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_disk_whose_manifest_is_changed_back_another_day_is_not_imported_again() {
    let (stack, _) = TestStack::classic().await;
    stack.drop_file(DISK_KEY, vmdk()).await;
    let manifest = "name: web-{date}\nsource: {disk: {object: web.vmdk, format: vmdk}}\n";
    stack.drop_and_rest(KEY, manifest).await;
    let (image, snapshots) = (stack.only_image(), stack.snapshots());
    stack.drop_and_rest(KEY, "name: [\n").await;
    stack.world.run_for(minutes(24 * 60)).await;
    stack.drop_and_rest(KEY, manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    assert_eq!(stack.only_image(), image);
    assert_eq!(stack.snapshots(), snapshots, "{status:#}");
}

/// A bundle's manifest is a manifest: a new one makes a new AMI by itself.
#[tokio::test(start_paused = true)]
async fn a_bundle_that_was_replaced_beside_its_image_manifest() {
    let mut case = Case::new("bundle").await;
    let (bundle, part) = bundles::other_bundle();
    case.stack.drop_file("bundles/image.part.0", part).await;
    case.stack.drop_file(bundles::KEY, bundle).await;
    let manifest = case.manifest.clone();
    case.drop_anew(&manifest).await;
    case.stack.remove(bundles::KEY).await;
    case.drop_in_vain(&manifest).await;
}

#[tokio::test(start_paused = true)]
async fn a_bare_bundle_again() {
    let (stack, _) = TestStack::classic().await;
    stack.drop_file("bundles/image.part.0", bundles::PART).await;
    let manifest = String::from_utf8(bundles::MANIFEST.to_vec()).unwrap();
    let (other, part) = bundles::other_bundle();
    let other = String::from_utf8(other).unwrap();
    let mut case = Case::of(stack, bundles::KEY, manifest.clone(), other.clone()).await;
    case.drop_in_vain(&manifest).await;
    case.stack.drop_file("bundles/image.part.0", part).await;
    case.drop_anew(&other).await;
}
