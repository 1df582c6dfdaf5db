//! What is others': AMIs, snapshots and parameters, and an account that nobody shares with.

use std::collections::BTreeMap;

use localaws::ec2::{Image, Permission, SeedImage, SeedSnapshot, Snapshot};
use serde_json::{Value, json};

use super::{KEY, NAME, OREGON, OTHER_NAME, with};
use crate::support::{REGION, TestStack};

/// Whom the manifest shares with, and others do with what is theirs.
pub(super) const PARTNER: &str = "111122223333";
/// Who forges, and is granted nothing.
const FORGER: &str = "999999999999";

/// One thing of others in each Region.
struct Other {
    region: &'static str,
    image: String,
    snapshot: String,
    /// A snapshot without tags, of no AMI.
    plain: String,
}

pub(super) struct Others {
    all: Vec<Other>,
}

/// How it is.
#[derive(Debug, PartialEq)]
pub(super) struct Seen {
    images: Vec<Image>,
    snapshots: Vec<Snapshot>,
    parameters: Vec<Option<String>>,
}

fn partner() -> std::collections::BTreeSet<Permission> {
    [Permission::Account(PARTNER.to_owned())].into()
}

impl Others {
    /// Another manifest's, which differ from those of this version in nothing but that.
    pub(super) async fn seeded(stack: &TestStack, like: &Value) -> Self {
        let ec2 = stack.world.ec2();
        let mut all = Vec::new();
        for region in [REGION, OREGON] {
            let tags = BTreeMap::from([
                ("amiwright:manifest", format!("s3://other-stack/{KEY}")),
                (
                    "amiwright:digest",
                    like["build"]["digest"].as_str().unwrap().to_owned(),
                ),
            ]);
            let tags = tags.into_iter().map(|(key, value)| (key.to_owned(), value));
            let tags: BTreeMap<String, String> = tags.collect();
            let seed = |tags: &BTreeMap<String, String>| SeedSnapshot {
                tags: tags.clone(),
                ..SeedSnapshot::default()
            };
            let snapshot = ec2.seed_snapshot(region, seed(&tags));
            let plain = ec2.seed_snapshot(region, seed(&BTreeMap::new()));
            for id in [&snapshot, &plain] {
                ec2.edit_snapshot(region, id, |it| it.create_volume_permissions = partner());
            }
            let image = SeedImage {
                id: None,
                snapshot_id: snapshot.clone(),
                name: "theirs".to_owned(),
                volume_size: 8,
                owner_id: None,
                owner_alias: None,
            };
            let image = ec2.seed_image(region, image);
            ec2.edit_image(region, &image, |it| {
                it.tags = tags;
                it.launch_permissions = partner();
            });
            stack
                .world
                .ssm()
                .seed_image_parameter(region, OTHER_NAME, &image);
            all.push(Other {
                region,
                image,
                snapshot,
                plain,
            });
        }
        Self { all }
    }

    pub(super) async fn seen(&self, stack: &TestStack) -> Seen {
        let ec2 = stack.world.ec2();
        let mut seen = Seen {
            images: Vec::new(),
            snapshots: Vec::new(),
            parameters: Vec::new(),
        };
        for other in &self.all {
            let mut images = ec2.images(other.region);
            images.retain(|it| it.id == other.image);
            seen.images.extend(images);
            let mut snapshots = ec2.snapshots(other.region);
            let is_source = |id: &String| other.region == REGION && *id == stack.snapshot;
            snapshots.retain(|it| it.id == other.snapshot || it.id == other.plain);
            seen.snapshots.extend(snapshots);
            // That of the manifest's source: it is not deleted.
            let mut source = ec2.snapshots(other.region);
            source.retain(|it| is_source(&it.id));
            assert_eq!(source.len(), usize::from(other.region == REGION));
            let value = stack.world.ssm().parameter(other.region, OTHER_NAME);
            seen.parameters.push(value);
        }
        seen
    }

    /// What was granted to who forges.
    pub(super) fn granted(&self, stack: &TestStack) -> Vec<String> {
        let ec2 = stack.world.ec2();
        let forger = Permission::Account(FORGER.to_owned());
        let mut granted = Vec::new();
        for region in [REGION, OREGON] {
            let images = ec2.images(region).into_iter();
            let images = images.filter(|it| it.launch_permissions.contains(&forger));
            granted.extend(images.map(|it| it.id));
            let snapshots = ec2.snapshots(region).into_iter();
            let snapshots = snapshots.filter(|it| it.create_volume_permissions.contains(&forger));
            granted.extend(snapshots.map(|it| it.id));
        }
        granted
    }

    /// Everything that could be written in the place of something in this value; each with where that is.
    pub(super) fn instead_in(&self, value: &Value, at: &str) -> Vec<(String, Value)> {
        let mut all: Vec<(String, Value)> = Vec::new();
        match value {
            Value::String(text) => {
                let other = self.instead_of(text).into_iter();
                all.extend(other.map(|it| (format!("{at} = {it}"), json!(it))));
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    for (at, other) in self.instead_in(item, &format!("{at}/{index}")) {
                        let mut items = items.clone();
                        items[index] = other;
                        all.push((at, Value::Array(items)));
                    }
                }
                for (at, more) in self.instead_of_last(items, at) {
                    let items = items.iter().cloned().chain([more]);
                    all.push((at, Value::Array(items.collect())));
                }
            }
            Value::Object(fields) => {
                for (name, below) in fields {
                    for (at, other) in self.instead_in(below, &format!("{at}/{name}")) {
                        all.push((at, with(fields, None, name, other)));
                    }
                    for other in self.instead_of(name) {
                        let at = format!("{at}/{name}: {other}");
                        all.push((at, with(fields, Some(name), &other, below.clone())));
                    }
                    let mut without = fields.clone();
                    without.remove(name);
                    all.push((format!("no {at}/{name}"), Value::Object(without)));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
        all
    }

    /// One item more than a list has: another of its kind.
    fn instead_of_last(&self, items: &[Value], at: &str) -> Vec<(String, Value)> {
        let last = items.last().map(|it| self.instead_in(it, at));
        let more = last.into_iter().flatten();
        more.map(|(at, value)| (format!("one more: {at}"), value))
            .collect()
    }

    /// What could be written instead of an id, an account, a Region or a parameter.
    fn instead_of(&self, text: &str) -> Vec<String> {
        let each = |of: fn(&Other) -> Vec<&String>| {
            let ids = self.all.iter().flat_map(of);
            ids.cloned().collect()
        };
        if text.starts_with("ami-") {
            return each(|it| vec![&it.image]);
        }
        if text.starts_with("snap-") {
            return each(|it| vec![&it.snapshot, &it.plain]);
        }
        match text {
            PARTNER => vec![FORGER.to_owned()],
            REGION => vec![OREGON.to_owned()],
            OREGON => vec![REGION.to_owned()],
            _ if text.ends_with(NAME) => {
                let regions = [REGION, OREGON].into_iter();
                regions
                    .map(|region| format!("{region}:{OTHER_NAME}"))
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}
