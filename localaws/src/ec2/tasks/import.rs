//! Import tasks over time: a disk becomes a snapshot, a virtual machine an image.

use jiff::Timestamp;

use crate::ec2::model::disk::{Disk, DiskSource};
use crate::ec2::model::image::{BlockDeviceMapping, Ebs, Image, ImageState};
use crate::ec2::model::import_task::{FAILED_AT, FAILS_AT, ImportTask, SNAPSHOT_AT};
use crate::ec2::model::region::Region;
use crate::ec2::model::snapshot::SnapshotState;
use crate::ec2::tasks::lifecycle::StateChange;
use crate::ids::Ids;

/// Where imported images have their root.
const ROOT: &str = "/dev/sda1";

/// Moves an import task on, and forgets it in the end; gives the image that appeared. Reads find what it makes at the
/// second time.
pub(crate) fn advance(
    region: &mut Region,
    id: &str,
    ids: &Ids,
    (now, visible_at): (Timestamp, Timestamp),
) -> Option<StateChange> {
    let mut task = region.import_tasks.remove(id)?;
    let open = !task.complete && task.end.is_none();
    let step = open.then(|| move_on(&mut task, region, ids, (now, visible_at)));
    if !task.is_past(now) {
        region.import_tasks.insert(id.to_owned(), task);
    }
    step.flatten()
}

fn move_on(
    task: &mut ImportTask,
    region: &mut Region,
    ids: &Ids,
    (now, visible_at): (Timestamp, Timestamp),
) -> Option<StateChange> {
    if let Some(message) = task.reason_to_fail() {
        if now >= task.timeline.at(FAILS_AT) {
            let deleted_at = task.timeline.at(FAILED_AT);
            task.end(deleted_at, message, &mut region.snapshots);
        }
        return None;
    }
    let percent = task.timeline.percent(now);
    if percent < SNAPSHOT_AT {
        return None;
    }
    let state = if percent == 100 {
        SnapshotState::Completed
    } else {
        SnapshotState::Pending
    };
    for number in 0..task.disks.len() {
        let disk = &task.disks[number];
        if matches!(disk.source, DiskSource::Snapshot(_)) {
            continue;
        }
        let id = disk.snapshot_id.clone();
        let id = id.unwrap_or_else(|| region.new_snapshot_id(ids));
        match region.snapshots.get_mut(&id) {
            // Tags may have been added to it meanwhile.
            Some(snapshot) => snapshot.state = state,
            // It may have been deleted meanwhile, too.
            None if disk.snapshot_id.is_some() => {}
            None => {
                let snapshot = task.snapshot(&id, disk, state);
                region.add_snapshot(snapshot, (now, visible_at));
            }
        }
        task.disks[number].snapshot_id = Some(id);
    }
    if percent < 100 {
        return None;
    }
    task.complete = true;
    let is_machine = task.machine.is_some();
    is_machine.then(|| appear(task, region, ids, visible_at))
}

/// The image appears, available at once, named by its task.
pub(crate) fn appear(
    task: &mut ImportTask,
    region: &mut Region,
    ids: &Ids,
    visible_at: Timestamp,
) -> StateChange {
    let image = image(task, region.new_image_id(ids));
    let (id, at) = (image.id.clone(), task.timeline.ends_at);
    task.image_id = Some(id.clone());
    region.add_image(image, visible_at, at, None, &task.request_id);
    StateChange::of(id, &task.request_id, "available")
}

fn image(task: &ImportTask, id: String) -> Image {
    let machine = task.machine.clone().unwrap_or_default();
    let platform = machine.platform.as_deref().unwrap_or("Linux");
    let disks = task.disks.iter().enumerate();
    Image {
        description: Some(match &task.description {
            Some(description) => description.clone(),
            None => format!("AWS-VMImport service: {platform}"),
        }),
        state: ImageState::Available,
        created_at: task.timeline.ends_at,
        architecture: machine.architecture.unwrap_or_else(|| "x86_64".to_owned()),
        root_device_name: Some(ROOT.to_owned()),
        boot_mode: machine.boot_mode,
        platform: (machine.platform.as_deref() == Some("Windows")).then(|| "windows".to_owned()),
        block_device_mappings: disks
            .map(|(number, disk)| mapping(task, number, disk))
            .collect(),
        ..Image::new(id, task.id.clone())
    }
}

/// The first disk is the root; the others follow by letter unless they say where.
fn mapping(task: &ImportTask, number: usize, disk: &Disk) -> BlockDeviceMapping {
    let letter = u8::try_from(number)
        .ok()
        .and_then(|number| b'a'.checked_add(number))
        .map_or('z', char::from);
    let usual = match number {
        0 => ROOT.to_owned(),
        _ => format!("/dev/sd{letter}"),
    };
    let asked = disk.device_name.clone().filter(|_| number > 0);
    BlockDeviceMapping {
        device_name: asked.unwrap_or(usual),
        virtual_name: None,
        ebs: Some(Ebs {
            snapshot_id: disk.snapshot_id.clone(),
            volume_size: disk.gib,
            volume_type: "gp2".to_owned(),
            iops: None,
            throughput: None,
            delete_on_termination: true,
            encrypted: task.encrypted,
        }),
    }
}
