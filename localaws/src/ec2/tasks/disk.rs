//! Disks to import: where they are, what they are, and how large ("Image formats", VM Import/Export User Guide).

use http::StatusCode;

use crate::ec2::model::disk::{Disk, DiskSource};
use crate::ec2::model::objects::ObjectRef;
use crate::ec2::model::service::Service;
use crate::ec2::wire::error::{
    Failure, invalid_combination, invalid_parameter, missing, unavailable,
};
use crate::ec2::wire::query::Fields;
use crate::s3::Ends;

const GIB: u64 = 1 << 30;
const SECTOR: u64 = 512;
/// The largest EBS volume: what a header says beyond it is not a size.
const LARGEST_GIB: u64 = 65_536;

/// Reads a disk container, and the formats that its action takes. The object is read by [`Service::inspect_disk`].
pub(crate) fn read(mut fields: Fields, formats: &[&str]) -> Result<Disk, Failure> {
    let format = fields
        .text("Format")
        .map(|format| format.to_ascii_uppercase());
    if let Some(format) = format.as_ref().filter(|it| !formats.contains(&it.as_str())) {
        return Err(invalid_parameter(format!(
            "Unknown disk image format '{format}'. Supported: {}",
            formats.join(", ")
        )));
    }
    let bucket = fields.group("UserBucket").map(read_bucket).transpose()?;
    let url = fields.text("Url").map(DiskSource::Url);
    let snapshot = fields.text("SnapshotId").map(DiskSource::Snapshot);
    let description = fields.text("Description");
    let device_name = fields.text("DeviceName");
    let wanted = fields.name_of("UserBucket");
    fields.finish()?;
    let mut sources = bucket.into_iter().chain(url).chain(snapshot);
    let source = sources.next().ok_or_else(|| missing(&wanted))?;
    if sources.next().is_some() {
        return Err(invalid_combination(
            "A disk container takes one of UserBucket, Url and SnapshotId",
        ));
    }
    if format.is_none() && !matches!(source, DiskSource::Snapshot(_)) {
        return Err(missing(&wanted.replace("UserBucket", "Format")));
    }
    Ok(Disk {
        description,
        device_name,
        format,
        source,
        size: 0,
        gib: 0,
        readable: true,
        snapshot_id: None,
    })
}

fn read_bucket(mut fields: Fields) -> Result<DiskSource, Failure> {
    let bucket = fields.text("S3Bucket");
    let key = fields.text("S3Key");
    let (no_bucket, no_key) = (fields.name_of("S3Bucket"), fields.name_of("S3Key"));
    fields.finish()?;
    Ok(DiskSource::Bucket {
        bucket: bucket.ok_or_else(|| missing(&no_bucket))?,
        key: key.ok_or_else(|| missing(&no_key))?,
    })
}

impl Service {
    /// Checks the disk's object or snapshot, with the rights of the service role.
    pub(crate) async fn inspect_disk(&self, region: &str, disk: &mut Disk) -> Result<(), Failure> {
        let (bucket, key) = match &disk.source {
            DiskSource::Snapshot(id) => {
                let mut store = self.store();
                disk.gib = store.region(region).snapshot(id)?.volume_size;
                disk.snapshot_id = Some(id.clone());
                return Ok(());
            }
            DiskSource::Bucket { bucket, key } => (bucket.clone(), key.clone()),
            DiskSource::Url(url) => in_s3(url)?,
        };
        let place = ObjectRef {
            region,
            bucket: &bucket,
            key: &key,
        };
        let object = self.objects.ends(place).await.map_err(unreadable)?;
        disk.size = object.size;
        disk.readable = is(&object, disk.format.as_deref().unwrap_or_default());
        disk.gib = gib(&object);
        Ok(())
    }
}

/// The words of "Troubleshooting VM Import/Export" for an object that is not there for the service.
fn unreadable(status: StatusCode) -> Failure {
    match status {
        StatusCode::MOVED_PERMANENTLY => {
            invalid_parameter("The given S3 bucket is not local to the Region")
        }
        status if status.is_server_error() => unavailable(),
        _ => invalid_parameter("Invalid S3 source location"),
    }
}

/// Bucket and key of `s3://bucket/key`, or of an object's `https://` address.
fn in_s3(url: &str) -> Result<(String, String), Failure> {
    let wrong = || invalid_parameter("Invalid S3 source location");
    let owned = |(bucket, key): (&str, &str)| (bucket.to_owned(), key.to_owned());
    if let Some(rest) = url.strip_prefix("s3://") {
        return rest.split_once('/').map(owned).ok_or_else(wrong);
    }
    let rest = url.strip_prefix("https://").ok_or_else(wrong)?;
    let rest = rest.split('?').next().unwrap_or(rest);
    let (host, path) = rest.split_once('/').ok_or_else(wrong)?;
    let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
    match host.strip_suffix(".amazonaws.com") {
        None => Err(Failure::NotBuilt(format!("a disk at {host}"))),
        Some(name) if name == "s3" || name.starts_with("s3.") || name.starts_with("s3-") => {
            path.split_once('/').map(owned).ok_or_else(wrong)
        }
        Some(name) => {
            let (bucket, _) = name.split_once(".s3").ok_or_else(wrong)?;
            Ok((bucket.to_owned(), path.into_owned()))
        }
    }
}

/// Whether the bytes begin (or, of a VHD, end) as this format does.
fn is(object: &Ends, format: &str) -> bool {
    let body = &object.head;
    let tail = &object.tail[object.tail.len().saturating_sub(512)..];
    match format {
        "VMDK" => [&b"KDMV"[..], b"COWD", b"# Disk Desc"]
            .iter()
            .any(|magic| body.starts_with(magic)),
        "VHD" => body.starts_with(b"conectix") || tail.starts_with(b"conectix"),
        "VHDX" => body.starts_with(b"vhdxfile"),
        "OVA" => body.get(257..262) == Some(b"ustar"),
        _raw => !body.is_empty(),
    }
}

/// The volume's size: what the disk's header says it holds, else what the object has, at least 1.
fn gib(object: &Ends) -> u32 {
    let body = &object.head;
    let number = |at: usize| -> Option<[u8; 8]> { body.get(at..at + 8)?.try_into().ok() };
    let stated = if body.starts_with(b"KDMV") {
        number(12).map(|bytes| u64::from_le_bytes(bytes).saturating_mul(SECTOR))
    } else if body.starts_with(b"conectix") {
        number(48).map(u64::from_be_bytes)
    } else {
        None
    };
    let likely = |bytes: &u64| (1..=LARGEST_GIB).contains(&bytes.div_ceil(GIB));
    let bytes = stated.filter(likely).unwrap_or(object.size);
    u32::try_from(bytes.div_ceil(GIB).max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn object(bytes: impl Into<Bytes>) -> Ends {
        let bytes = bytes.into();
        Ends {
            size: bytes.len() as u64,
            head: bytes.clone(),
            tail: bytes,
        }
    }

    #[test]
    fn knows_formats_by_their_magic_numbers() {
        let mut vmdk = vec![0; 512];
        vmdk[..4].copy_from_slice(b"KDMV");
        vmdk[12..20].copy_from_slice(&(20 * GIB / SECTOR).to_le_bytes());
        let vmdk = object(vmdk);
        assert!(is(&vmdk, "VMDK") && !is(&vmdk, "VHD") && !is(&vmdk, "OVA"));
        assert_eq!(gib(&vmdk), 20);
        let mut fixed_vhd = vec![0; 4096];
        fixed_vhd[3584..3592].copy_from_slice(b"conectix");
        assert!(is(&object(fixed_vhd), "VHD"));
        assert!(is(&object("x"), "RAW") && !is(&object(""), "RAW"));
        assert_eq!(gib(&object("x")), 1);
    }

    #[test]
    fn finds_objects_behind_addresses() {
        let found = |url| in_s3(url).ok();
        let object = Some(("b".to_owned(), "a b/c".to_owned()));
        assert_eq!(found("s3://b/a b/c"), object);
        assert_eq!(
            found("https://s3.eu-west-1.amazonaws.com/b/a%20b/c?X-Amz-Date=1"),
            object
        );
        assert_eq!(found("https://b.s3.amazonaws.com/a%20b/c"), object);
        assert_eq!(found("https://example.com/b/c"), None);
        assert_eq!(found("b/c"), None);
    }
}
