//! The stage: a stack, what is there before anything happens, and what belongs to others.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use localaws::ec2::{Era, ImageBlock, Permission, SeedImage, SeedInstance, SeedSnapshot};
use localaws::watcher::Watcher;
use localaws::world::World;

use super::manifest::{Sources, kms_key};
use super::monitor::Monitor;
use super::play::object;
use super::script::{
    ARCHIVE, COPY_REGIONS, Event, KEYS, Move, ORIGIN, OTHER_BUCKET, Object, PARTNERS, STRANGER,
    Script, Source, Stack, VENDOR,
};
use crate::support::{KEY_ID, REGION, SECRET, STORE_BUCKET, TestStack};

/// A parameter that somebody else has below the stack's prefix.
const FOREIGN_PARAMETER: &str = "/images/somebody-elses";

/// More public AMIs than any script makes.
const PUBLIC: usize = 1_000;

/// All Regions that there may be AMIs in.
pub(crate) fn regions() -> impl Iterator<Item = &'static str> {
    std::iter::once(REGION).chain(COPY_REGIONS)
}

/// A Region by its place among [`regions`].
pub(crate) fn region(at: usize) -> &'static str {
    let at = at % (COPY_REGIONS.len() + 1);
    at.checked_sub(1).map_or(REGION, |at| COPY_REGIONS[at])
}

/// Sets the stage for a script.
pub(crate) async fn set(script: &Script, monitor: &Arc<Monitor>) -> (TestStack, Sources) {
    let stack = stack(script, monitor, None).await;
    for copies in COPY_REGIONS {
        stack.world.ec2().set_opted_in(copies, true);
    }
    if let Some(limit) = script.stack.page {
        stack.world.ec2().set_page_limit(limit);
        stack.world.s3().set_page_limit(limit);
    }
    if script.stack.unblocked {
        let ec2 = stack.world.ec2();
        regions().for_each(|region| ec2.set_image_block(region, ImageBlock::Unblocked));
        // Not more than a few AMIs may be public by default.
        ec2.set_public_image_quota(PUBLIC);
    }
    let sources = sources(script, &stack).await;
    others(&stack, &sources);
    monitor.open_eyes(&stack, &sources, stack.world.directory());
    (stack, sources)
}

/// A stack, in an account of its own or beside another.
pub(crate) async fn stack(
    script: &Script,
    monitor: &Arc<Monitor>,
    beside: Option<&World>,
) -> TestStack {
    let watcher = {
        let monitor = Arc::clone(monitor);
        Watcher::new(move |exchange| monitor.see(exchange))
    };
    monitor.given(Timestamp::MIN, &script.stack);
    TestStack::built(|builder| {
        let given = &script.stack;
        let builder = match beside {
            Some(world) => builder.beside(world).stack_name("beside"),
            None => builder,
        };
        let builder = match given.versions {
            true => builder,
            false => builder.template(&TestStack::template_without_versions()),
        };
        let builder = builder.seed(script.seed).watch_calls(watcher);
        let parameters = parameters(given).into_iter();
        parameters.fold(builder, |it, (name, value)| it.parameter(&name, &value))
    })
    .await
}

/// The parameters of a stack.
pub(crate) fn parameters(given: &Stack) -> BTreeMap<String, String> {
    let or_nothing = |is: bool, value: &str| match is {
        true => value.to_owned(),
        false => String::new(),
    };
    let copy_regions: Vec<&str> = given.copy_regions().collect();
    [
        ("ShareWith", given.share_with.clone()),
        ("AllowPublic", given.public.to_string()),
        ("AllowRetire", given.retire.to_string()),
        ("ParameterPrefix", or_nothing(given.parameters, "/images")),
        ("CopyRegions", copy_regions.join(",")),
        ("KmsKeys", or_nothing(given.keys, &keys())),
        ("TagKeys", given.tag_keys.clone()),
        (
            "SourceBuckets",
            or_nothing(
                given.source_buckets,
                &format!("arn:aws:s3:::{OTHER_BUCKET}"),
            ),
        ),
        (
            "SourceOwners",
            match given.source_owners {
                true => format!("self,{VENDOR}"),
                false => "self".to_owned(),
            },
        ),
        (
            "StoreBuckets",
            or_nothing(
                given.stores,
                &format!("{STORE_BUCKET},arn:aws:s3:::{ARCHIVE}"),
            ),
        ),
        ("NotifyStarted", given.notify_started.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// The KMS keys that manifests may name.
fn keys() -> String {
    let keys: Vec<String> = regions().map(kms_key).collect();
    keys.join(",")
}

async fn sources(script: &Script, stack: &TestStack) -> Sources {
    let ec2 = stack.world.ec2();
    let second = ec2.seed_snapshot(REGION, SeedSnapshot::default());
    let mut sources = Sources {
        snapshots: vec![stack.snapshot.clone(), second],
        image: stack.image_elsewhere("us-west-2").await,
        bucket: stack.bucket.clone(),
        ..Sources::default()
    };
    let wants = |source: Source| {
        let mut moves = script.moves.iter();
        moves.any(
            |it| matches!(&it.event, Event::Drop { manifest, .. } if manifest.source == source),
        )
    };
    let (tag, value) = ORIGIN;
    ec2.edit_image("us-west-2", &sources.image, |image| {
        image.tags.insert(tag.to_owned(), value.to_owned());
    });
    if wants(Source::Theirs) {
        let shared = SeedSnapshot {
            owner_id: Some(VENDOR.to_owned()),
            shared: true,
            ..SeedSnapshot::default()
        };
        sources.theirs = ec2.seed_snapshot(REGION, shared);
    }
    if wants(Source::Disk) || wants(Source::Vm) {
        let s3 = stack.world.s3();
        s3.create_bucket(OTHER_BUCKET, false).await.unwrap();
        for key in KEYS {
            for what in [Object::Disk, Object::Machine] {
                let (object, body) = object(key, what, 0);
                let name = object.rsplit('/').next().unwrap_or_default();
                s3.put(OTHER_BUCKET, name, body).await.unwrap();
            }
        }
    }
    let is_archived =
        |it: &Move| matches!(&it.event, Event::Drop { manifest, .. } if manifest.archived);
    if script.moves.iter().any(is_archived) {
        stack
            .world
            .s3()
            .create_bucket(ARCHIVE, false)
            .await
            .unwrap();
    }
    if wants(Source::Stored) {
        sources.stored = stack.stored_image().await;
    }
    if script.stack.classic {
        ec2.set_era(Era::Classic);
        ec2.set_bundle_key(KEY_ID, SECRET);
        stack.keep_bundle_key(KEY_ID);
    }
    sources.instance = ec2.seed_instance(REGION, SeedInstance::default());
    sources
}

/// Another stack's AMIs and snapshots, somebody's AMI of the snapshot that manifests are made from, and a parameter.
fn others(stack: &TestStack, sources: &Sources) {
    let ec2 = stack.world.ec2();
    for region in regions() {
        let snapshot = ec2.seed_snapshot(region, SeedSnapshot::default());
        let theirs = ec2.seed_image(
            region,
            SeedImage {
                id: None,
                name: "theirs".to_owned(),
                snapshot_id: snapshot.clone(),
                volume_size: 8,
                owner_id: None,
                owner_alias: None,
            },
        );
        let tags: BTreeMap<String, String> = [
            (
                "amiwright:manifest",
                "s3://another-bucket/golden/web.image.yaml",
            ),
            ("amiwright:digest", "0123456789abcdef"),
            ("amiwright:attempt", "1"),
        ]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into();
        ec2.edit_image(region, &theirs, |image| {
            image.tags = tags.clone();
            image.launch_permissions = [PARTNERS[0], STRANGER]
                .map(|it| Permission::Account(it.to_owned()))
                .into();
        });
        ec2.edit_snapshot(region, &snapshot, |snapshot| snapshot.tags = tags);
        let ssm = stack.world.ssm();
        ssm.seed_image_parameter(region, FOREIGN_PARAMETER, &theirs);
    }
    let own = ec2.seed_image(
        REGION,
        SeedImage {
            id: None,
            name: "made-by-hand".to_owned(),
            snapshot_id: sources.snapshots[1].clone(),
            volume_size: 8,
            owner_id: None,
            owner_alias: None,
        },
    );
    ec2.edit_image(REGION, &own, |image| {
        let partner = Permission::Account(PARTNERS[1].to_owned());
        image.launch_permissions.insert(partner);
    });
}
