//! Every publishing field: an AMI is created with it; it is added later, changed, set back, and removed. Each time until
//! everything rests, and then the same manifest once more, which changes nothing.

mod covered;
mod fields;

use std::collections::BTreeSet;
use std::fmt::Write as _;

use amiwright::image::status::Grantee;
use localaws::ec2::{Era, ImageBlock};

use super::bundles::{MANIFEST, PART};
use crate::support::{REGION, TestStack, changes_since, in_words};
use fields::{Before, FIELDS, Field};

const KEY: &str = "golden/web.image.yaml";
/// An account that a person grants the AMI to.
const BY_HAND: &str = "777788889999";
const OREGON: &str = "us-west-2";
const IRELAND: &str = "eu-west-1";

/// The keys that a copy is encrypted with.
const KEYS: &str = "arn:aws:kms:us-west-2:000000000000:key/11111111-0000-1111-2222-0123456789ab,\
                    arn:aws:kms:us-west-2:000000000000:key/22222222-0000-1111-2222-0123456789ab";

/// A world of one field.
struct Row<'a> {
    field: &'a Field,
    stack: TestStack,
    /// What came of it, one line for each call.
    text: String,
}

impl<'a> Row<'a> {
    async fn new(field: &'a Field) -> Self {
        let stack = TestStack::built(|builder| {
            builder
                .parameter("ShareWith", "*")
                .parameter("AllowPublic", "true")
                .parameter("AllowRetire", "true")
                .parameter("CopyRegions", "eu-west-1,us-west-2")
                .parameter("KmsKeys", KEYS)
                .parameter(
                    "StoreBuckets",
                    "arn:aws:s3:::local-bucket,arn:aws:s3:::local-archive",
                )
                .parameter("ParameterPrefix", "/images")
                // The row of `repair` says when.
                .parameter("AuditSchedule", "rate(3000 days)")
        })
        .await;
        for region in [REGION, OREGON, IRELAND] {
            let ec2 = stack.world.ec2();
            ec2.set_image_block(region, ImageBlock::Unblocked);
        }
        let archive = stack.world.s3().create_bucket("local-archive", false);
        archive.await.unwrap();
        if field.before == Before::Version {
            let older = format!("register: {{imdsSupport: v2.0}}\n{}", field.base);
            let manifest = stack.manifest("web-{digest}") + &older;
            stack.drop_and_rest(KEY, manifest).await;
        }
        if field.before == Before::Bundle {
            stack.world.ec2().set_era(Era::Classic);
            stack.drop_silently("golden/image.part.0", PART);
            stack.drop_silently("golden/web.manifest.xml", MANIFEST);
        }
        Self {
            field,
            stack,
            text: String::new(),
        }
    }

    fn manifest(&self, settings: &str) -> String {
        let what = match self.field.before {
            Before::Bundle => {
                "name: web-{digest}\nsource: {bundle: {manifest: web.manifest.xml}}\n".to_owned()
            }
            _ => self.stack.manifest("web-{digest}"),
        };
        what + settings
    }

    /// Uploads the manifest with these settings and waits until everything rests; then once more, when nothing may change.
    async fn step(&mut self, what: &str, settings: &str) {
        let manifest = self.manifest(settings);
        match self.field.before {
            Before::Meddling => self.meddle().await,
            Before::Written => self.write_parameters(),
            _ => {}
        }
        let (before, told) = self.now();
        self.stack.drop_and_rest(KEY, &manifest).await;
        if self.field.before == Before::Drift {
            self.describe();
            self.stack.audit().await;
        }
        self.note(what, before, told).await;
        let (before, told) = self.now();
        self.stack.drop_and_rest(KEY, &manifest).await;
        self.nothing_more(what, before, told).await;
    }

    /// Deletes the manifest; then nothing more may change.
    async fn delete(&mut self, what: &str) {
        let (before, told) = self.now();
        self.stack.remove(KEY).await;
        self.stack.rest().await;
        self.note(what, before, told).await;
        let (before, told) = self.now();
        self.nothing_more(what, before, told).await;
    }

    /// How many calls and emails there are.
    fn now(&self) -> (u64, usize) {
        let stack = &self.stack;
        (stack.world.faults().count(), stack.emails().len())
    }

    /// Writes down what happened since.
    async fn note(&mut self, what: &str, before: u64, told: usize) {
        let stack = &self.stack;
        let status = stack.status(KEY).await;
        let state = status["state"].as_str().unwrap();
        let emails = stack.emails().split_off(told);
        let subjects: Vec<&str> = emails
            .iter()
            .map(|it| it.subject.split(": ").next().unwrap())
            .collect();
        let _ = writeln!(self.text, "{what}: {state}; {}", subjects.join(", "));
        let changes = changes_since(stack, before);
        let mut lines: Vec<String> = changes.iter().map(in_words).collect();
        // Regions are published at once: only within each the order is certain.
        lines.sort_by_key(|line| line.split(' ').next().unwrap().to_owned());
        for line in lines {
            let _ = writeln!(self.text, "    {line}");
        }
    }

    /// Whatever sweeps and audits see, nothing is changed and nothing is told.
    async fn nothing_more(&self, what: &str, before: u64, told: usize) {
        let stack = &self.stack;
        // Sweeps come by meanwhile.
        stack.audit().await;
        let again: Vec<String> = changes_since(stack, before).iter().map(in_words).collect();
        let case = format!("{}: {what}", self.field.name);
        assert_eq!(again, [""; 0], "the second time, {case}");
        assert_eq!(stack.emails().len(), told, "the second time, {case}");
    }

    /// A person describes the AMI otherwise.
    fn describe(&self) {
        let id = self.stack.only_image().id;
        let ec2 = self.stack.world.ec2();
        assert!(ec2.edit_image(REGION, &id, |image| {
            image.description = Some("Mine".to_owned());
        }));
    }

    /// A person lets the parameters point to another AMI.
    fn write_parameters(&self) {
        let ssm = self.stack.world.ssm();
        for region in [REGION, OREGON] {
            for name in ["/images/web", "/images/other"] {
                ssm.seed_image_parameter(region, name, "ami-0fedcba9876543210");
            }
        }
    }

    async fn meddle(&self) {
        let aws = self.stack.aws();
        let (by_hand, none) = (
            BTreeSet::from([Grantee::Account(BY_HAND.to_owned())]),
            BTreeSet::new(),
        );
        for image in self.stack.images() {
            let granted = aws.change_launch_permissions(&image.id, &by_hand, &none);
            granted.await.unwrap();
        }
    }
}

async fn play(field: &Field) -> String {
    let mut created = Row::new(field).await;
    created.step("created with", field.with).await;
    created.step("changed", field.changed).await;
    created.step("set back", field.with).await;
    created.step("removed", field.base).await;
    let mut added = Row::new(field).await;
    added.step("created without", field.base).await;
    added.step("added later", field.with).await;
    added.step("removed later", field.base).await;
    let mut text = format!("# {}\n{}{}", field.name, created.text, added.text);
    if field.before == Before::Deletion {
        for (what, settings) in [
            ("without", field.base),
            ("with", field.with),
            ("changed", field.changed),
        ] {
            let mut row = Row::new(field).await;
            row.step("created with", field.with).await;
            row.step(what, settings).await;
            row.delete("manifest deleted").await;
            text += &row.text;
        }
    }
    text + "\n"
}

#[tokio::test(start_paused = true)]
async fn every_field_changes_what_it_should_and_nothing_twice() {
    let mut all = String::new();
    for field in &FIELDS {
        all += &play(field).await;
    }
    insta::assert_snapshot!(all);
}
