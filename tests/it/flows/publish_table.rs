//! Every publishing field: an AMI is created with it; it is added later, changed, set back, and removed. Each time until
//! everything rests, and then the same manifest once more, which changes nothing.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use amiwright::image::status::Grantee;
use localaws::ec2::ImageBlock;

use crate::support::{REGION, TestStack, changes_since, in_words, minutes};

const KEY: &str = "golden/web.image.yaml";
/// An account that a person grants the AMI to.
const BY_HAND: &str = "777788889999";
const OREGON: &str = "us-west-2";
const IRELAND: &str = "eu-west-1";

/// The keys that a copy is encrypted with.
const KEYS: &str = "arn:aws:kms:us-west-2:000000000000:key/11111111-0000-1111-2222-0123456789ab,\
                    arn:aws:kms:us-west-2:000000000000:key/22222222-0000-1111-2222-0123456789ab";

/// A field, and what is done with it.
struct Field {
    name: &'static str,
    /// What the manifest says besides.
    base: &'static str,
    /// The field.
    with: &'static str,
    /// Another value of it.
    changed: &'static str,
    /// What is there before.
    before: Before,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Nothing,
    /// The AMI of an earlier version.
    Version,
    /// Before each change, a person grants the AMI to an account.
    Meddling,
}

const fn field(
    name: &'static str,
    base: &'static str,
    with: &'static str,
    changed: &'static str,
) -> Field {
    Field {
        name,
        base,
        with,
        changed,
        before: Before::Nothing,
    }
}

/// All of them. A new one is a line here, and the lines of the snapshot.
const FIELDS: [Field; 19] = [
    field(
        "description",
        "",
        "description: Web tier\n",
        "description: Other\n",
    ),
    field(
        "tags",
        "",
        "tags: {team: web, cost: a}\n",
        "tags: {team: db}\n",
    ),
    field(
        "access.accounts",
        "",
        "access: {accounts: ['111122223333']}\n",
        "access: {accounts: ['444455556666']}\n",
    ),
    field(
        "access.organizations",
        "",
        "access: {organizations: ['arn:aws:organizations::111122223333:organization/o-exampleorgid']}\n",
        "access: {organizations: ['arn:aws:organizations::111122223333:organization/o-otherorgid1']}\n",
    ),
    field(
        "access.organizationalUnits",
        "",
        "access: {organizationalUnits: ['arn:aws:organizations::111122223333:ou/o-exampleorgid/ou-abcd-11111111']}\n",
        "access: {organizationalUnits: ['arn:aws:organizations::111122223333:ou/o-exampleorgid/ou-abcd-22222222']}\n",
    ),
    field(
        "access.public",
        "",
        "access: {public: true}\n",
        "access: {public: false}\n",
    ),
    Field {
        before: Before::Meddling,
        ..field(
            "access.exact",
            "access: {accounts: ['111122223333']}\n",
            "access: {accounts: ['111122223333'], exact: true}\n",
            "access: {accounts: ['444455556666'], exact: true}\n",
        )
    },
    field(
        "access.copy",
        "access: {accounts: ['111122223333']}\n",
        "access: {accounts: ['111122223333'], copy: true}\n",
        "access: {accounts: ['444455556666'], copy: true}\n",
    ),
    field(
        "access.accounts with copy",
        "",
        "access: {accounts: ['111122223333'], copy: true}\n",
        "access: {accounts: ['111122223333', '444455556666'], copy: true}\n",
    ),
    field(
        "deprecate.at",
        "",
        "deprecate: {at: 2027-06-01T00:00:00Z}\n",
        "deprecate: {at: 2027-05-01T00:00:00Z}\n",
    ),
    field(
        "deprecate.after",
        "",
        "deprecate: {after: 90d}\n",
        "deprecate: {after: 26w}\n",
    ),
    field(
        "protect",
        "",
        "protect: true\n",
        "protect: {cooldown: true}\n",
    ),
    field(
        "regions",
        "",
        "regions: {us-west-2: {}}\n",
        "regions: {eu-west-1: {}}\n",
    ),
    field(
        "settings in another Region",
        "regions: {us-west-2: {}}\n",
        "regions: {us-west-2: {}}\ndescription: Web\ntags: {team: web}\naccess: {accounts: ['111122223333'], copy: true}\n\
         deprecate: {after: 90d}\nprotect: true\n",
        "regions: {us-west-2: {}}\ntags: {team: db}\naccess: {accounts: ['444455556666'], copy: true}\n",
    ),
    field(
        "regions.R.kmsKeyId",
        "regions: {us-west-2: {}}\n",
        "regions: {us-west-2: {kmsKeyId: 'arn:aws:kms:us-west-2:000000000000:key/11111111-0000-1111-2222-0123456789ab'}}\n",
        "regions: {us-west-2: {kmsKeyId: 'arn:aws:kms:us-west-2:000000000000:key/22222222-0000-1111-2222-0123456789ab'}}\n",
    ),
    field(
        "regions.R.required",
        "regions: {us-west-2: {}}\n",
        "regions: {us-west-2: {required: false}}\n",
        "regions: {us-west-2: {required: true}}\n",
    ),
    Field {
        before: Before::Version,
        ..field(
            "replaces.previous",
            "",
            "replaces: {previous: deprecate}\n",
            "replaces: {previous: deregister}\n",
        )
    },
    Field {
        before: Before::Version,
        ..field(
            "replaces.previous: keep",
            "",
            "replaces: {previous: keep}\n",
            "replaces: {previous: deprecate}\n",
        )
    },
    Field {
        before: Before::Version,
        ..field(
            "replaces.snapshots",
            "regions: {us-west-2: {}}\n",
            "regions: {us-west-2: {}}\nreplaces: {previous: deregister}\n",
            "regions: {us-west-2: {}}\nreplaces: {previous: deregister, snapshots: delete}\n",
        )
    },
];

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
        })
        .await;
        for region in [REGION, OREGON, IRELAND] {
            let ec2 = stack.world.ec2();
            ec2.set_image_block(region, ImageBlock::Unblocked);
        }
        if field.before == Before::Version {
            let older = format!("register: {{imdsSupport: v2.0}}\n{}", field.base);
            let manifest = stack.manifest("web-{digest}") + &older;
            stack.drop_and_rest(KEY, manifest).await;
        }
        Self {
            field,
            stack,
            text: String::new(),
        }
    }

    /// Uploads the manifest with these settings and waits until everything rests; then once more, when nothing may change.
    async fn step(&mut self, what: &str, settings: &str) {
        let stack = &self.stack;
        let manifest = stack.manifest("web-{digest}") + settings;
        if self.field.before == Before::Meddling {
            self.meddle().await;
        }
        let (before, told) = (stack.world.faults().count(), stack.emails().len());
        stack.drop_and_rest(KEY, &manifest).await;
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
        let (before, told) = (stack.world.faults().count(), stack.emails().len());
        stack.drop_and_rest(KEY, &manifest).await;
        stack.world.run_for(minutes(16)).await;
        stack.rest().await;
        let again: Vec<String> = changes_since(stack, before).iter().map(in_words).collect();
        let case = format!("{}: {what}", self.field.name);
        assert_eq!(again, [""; 0], "the second time, {case}");
        assert_eq!(stack.emails().len(), told, "the second time, {case}");
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
    format!("# {}\n{}{}\n", field.name, created.text, added.text)
}

#[tokio::test(start_paused = true)]
async fn every_field_changes_what_it_should_and_nothing_twice() {
    let mut all = String::new();
    for field in &FIELDS {
        all += &play(field).await;
    }
    insta::assert_snapshot!(all);
}
