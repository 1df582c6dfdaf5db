//! DescribeSnapshots.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::ACCOUNT;
use crate::clock::date;
use crate::ec2::model::region::Region;
use crate::ec2::model::service::{Call, Service};
use crate::ec2::model::snapshot::{NO_VOLUME, Snapshot, SnapshotState};
use crate::ec2::wire::checks::check_user;
use crate::ec2::wire::error::Failure;
use crate::ec2::wire::page::Page;
use crate::ec2::wire::xml::Xml;
use crate::ec2::wire::{filter, tags};

/// The documented filters, but for tags.
const FILTERS: [&str; 12] = [
    "description",
    "encrypted",
    "owner-alias",
    "owner-id",
    "progress",
    "snapshot-id",
    "start-time",
    "status",
    "storage-tier",
    "transfer-type",
    "volume-id",
    "volume-size",
];

pub(crate) fn answer(service: &Service, mut call: Call) -> Result<String, Failure> {
    let ids = call.fields.texts("SnapshotId")?;
    let owners = call.fields.texts("Owner")?;
    if !call.fields.texts("RestorableBy")?.is_empty() {
        return Err(Failure::NotBuilt(
            "DescribeSnapshots with RestorableBy".to_owned(),
        ));
    }
    let filters = filter::read(&mut call.fields, &FILTERS)?;
    let page = Page::read(&mut call.fields, 5)?;
    page.check_ids("snapshotSet", &ids)?;
    service.permit(&call.action, call.fields)?;
    owners
        .iter()
        .filter(|owner| *owner != "amazon")
        .try_for_each(|owner| check_user(owner, "self"))?;
    let now = service.clock.now();
    let mut store = service.store();
    let region = store.region(&call.region);
    for id in &ids {
        region.visible_snapshot(id, now)?;
    }
    let named: BTreeSet<String> = ids.into_iter().collect();
    let named = Some(&named).filter(|ids| !ids.is_empty());
    let named = named.or_else(|| filter::exact(&filters, "snapshot-id"));
    let candidates = page.candidates(&region.snapshots, named);
    let found = candidates.filter(|snapshot| {
        let owned = |owner: &String| match owner.as_str() {
            "self" => snapshot.owner_id == ACCOUNT,
            owner => owner == snapshot.owner_id,
        };
        snapshot.is_usable()
            && region.shows_snapshot(&snapshot.id, now)
            && (owners.is_empty() || owners.iter().any(owned))
            && filter::pass(&filters, &snapshot.tags, |name| {
                values_of(snapshot, &progress(snapshot, region, now), name)
            })
    });
    let (snapshots, next) = page.cut(found, |snapshot| snapshot.id.clone());
    Ok(Xml::answer(&call.action, &call.request_id, |xml| {
        xml.items("snapshotSet", snapshots, |xml, snapshot| {
            write(
                xml,
                snapshot,
                &progress(snapshot, region, now),
                &call.region,
            );
        });
        xml.optional("nextToken", next);
    }))
}

fn values_of(snapshot: &Snapshot, progress: &str, name: &str) -> Vec<String> {
    let value = match name {
        "description" => snapshot.description.clone(),
        "encrypted" => snapshot.encrypted.to_string(),
        "owner-id" => snapshot.owner_id.clone(),
        "progress" => progress.to_owned(),
        "snapshot-id" => snapshot.id.clone(),
        "start-time" => date(snapshot.started_at),
        "status" => snapshot.state.to_string(),
        "storage-tier" | "transfer-type" => "standard".to_owned(),
        "volume-id" => NO_VOLUME.to_owned(),
        "volume-size" => snapshot.volume_size.to_string(),
        _no_value => return Vec::new(),
    };
    vec![value]
}

fn progress(snapshot: &Snapshot, region: &Region, now: Timestamp) -> String {
    let filling = region.filling.get(&snapshot.id);
    let percent = match snapshot.state {
        SnapshotState::Completed => 100,
        _ => filling.map_or(0, |timeline| timeline.percent(now)),
    };
    format!("{percent}%")
}

fn write(xml: &mut Xml, snapshot: &Snapshot, progress: &str, region: &str) {
    xml.text("snapshotId", &snapshot.id);
    xml.text("volumeId", NO_VOLUME);
    xml.text("status", snapshot.state);
    xml.optional("statusMessage", snapshot.state_message.as_ref());
    xml.text("startTime", date(snapshot.started_at));
    xml.text("progress", progress);
    xml.text("ownerId", &snapshot.owner_id);
    xml.text("volumeSize", snapshot.volume_size);
    xml.text("description", &snapshot.description);
    tags::write(xml, &snapshot.tags);
    xml.text("encrypted", snapshot.encrypted);
    xml.optional("kmsKeyId", snapshot.key_arn(region));
    xml.text("storageTier", "standard");
}
