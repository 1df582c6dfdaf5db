//! Disks: what amiwright judges them to be before EC2 is asked, and what the local EC2 makes of their headers.

use std::time::Duration;

use amiwright_manifest::disk_format::{Expected, HEAD_BYTES, TAIL_BYTES, judge};

use super::small_world::{elements, send, within};

const FORMATS: [(Expected, &str); 6] = [
    (Expected::Vmdk, "vmdk"),
    (Expected::Vhd, "vhd"),
    (Expected::Vhdx, "vhdx"),
    (Expected::Raw, "raw"),
    (Expected::Ova, "ova"),
    (Expected::Stored, ""),
];

/// GiB of the largest volume.
const LARGEST: u64 = 65_536;

/// Checks an object of these bytes; and one of another size that begins and ends so.
pub(crate) fn run(data: &[u8]) {
    judged(data, data.len() as u64);
    if let Some((size, rest)) = data.split_first_chunk::<8>() {
        let size = u64::from_le_bytes(*size);
        judged(rest, size.max(rest.len() as u64));
    }
    if !data.is_empty() {
        imported(data);
    }
}

fn judged(data: &[u8], size: u64) {
    let head = &data[..data.len().min(usize::try_from(HEAD_BYTES).unwrap())];
    let tail = &data[data
        .len()
        .saturating_sub(usize::try_from(TAIL_BYTES).unwrap())..];
    let is = |format: &str| {
        let (expected, _) = FORMATS.iter().find(|it| it.1 == format).unwrap();
        judge(*expected, size, head, tail).is_ok()
    };
    let (whole, _) = FORMATS.split_at(5);
    let taken: Vec<_> = whole.iter().filter(|it| is(it.1)).collect();
    assert!(taken.len() <= 1, "{taken:?}");
    for (expected, format) in FORMATS {
        let Err(problem) = judge(expected, size, head, tail) else {
            continue;
        };
        assert!(!problem.message.is_empty() && problem.rule.is_some());
        let hint = problem.hint.unwrap();
        // What is proposed is then accepted.
        for (_, other) in whole {
            if hint.contains(&format!("set `format: {other}`"))
                && !hint.contains("convert")
                && !hint.contains("OVA")
            {
                assert!(is(other), "{format}: {hint}");
            }
        }
    }
}

fn imported(data: &[u8]) {
    within(async |world| {
        world
            .s3()
            .put("images", "disk", data.to_vec())
            .await
            .unwrap();
        for format in ["VMDK", "VHD", "RAW"] {
            let body = format!(
                "Action=ImportSnapshot&Version=2016-11-15&DiskContainer.Format={format}\
                 &DiskContainer.UserBucket.S3Bucket=images&DiskContainer.UserBucket.S3Key=disk"
            );
            let request = http::Request::builder()
                .method("POST")
                .uri("https://ec2.us-east-1.amazonaws.com/");
            let answer = send(world, "ec2", request.body(body.into()).unwrap()).await;
            if answer.status().is_success() {
                let elements = elements(answer.body());
                let size = elements.iter().find(|it| it.0 == "diskImageSize");
                let size = size.map(|it| it.1.parse::<f64>().unwrap());
                assert!(
                    size.is_none_or(|size| size <= data.len() as f64),
                    "{size:?}"
                );
            }
        }
        world.run_for(Duration::from_secs(3600)).await;
        for snapshot in world.ec2().snapshots("us-east-1") {
            let gib = u64::from(snapshot.volume_size);
            assert!((1..=LARGEST).contains(&gib), "{gib} GiB");
        }
    });
}
