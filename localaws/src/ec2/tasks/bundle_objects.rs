//! What a bundle task puts into S3: parts, then the manifest. A well-formed bundle with nothing to boot in it.

use sha1::{Digest as _, Sha1};

use bytes::Bytes;

use crate::ACCOUNT;
use crate::ec2::model::bundle_task::BundleTask;
use crate::ec2::wire::xml::Xml;
use crate::wire::hex;

/// How many parts; real ones are of 10 MiB each.
const PARTS: usize = 2;
/// Parts and the manifest.
pub(crate) const OBJECTS: usize = PARTS + 1;
/// Bytes of a part.
const PART_SIZE: usize = 1024;

/// Key and body of the object with this number; the last one is the manifest.
pub(crate) fn object(task: &BundleTask, number: usize) -> (String, Bytes) {
    if number < PARTS {
        return (format!("{}.part.{number}", task.prefix), part(task, number));
    }
    let key = format!("{}.manifest.xml", task.prefix);
    (key, Bytes::from(manifest(task)))
}

fn part(task: &BundleTask, number: usize) -> Bytes {
    let line = format!(
        "localaws: part {number} of the bundle of {}\n",
        task.instance_id
    );
    line.bytes().cycle().take(PART_SIZE).collect()
}

fn sha1(bytes: &[u8]) -> String {
    hex(&Sha1::digest(bytes))
}

/// As many hex digits as an RSA key of 1024 bits makes of anything. Nothing here is encrypted or signed, and nothing
/// could ever be decrypted.
fn sealed(what: &str) -> String {
    sha1(what.as_bytes()).chars().cycle().take(256).collect()
}

fn manifest(task: &BundleTask) -> String {
    let name = task.prefix.rsplit('/').next().unwrap_or_default();
    let image: Vec<u8> = (0..PARTS).flat_map(|number| part(task, number)).collect();
    let mut xml = Xml::new();
    xml.element("manifest", |xml| {
        xml.text("version", "2007-10-10");
        xml.element("bundler", |xml| {
            xml.text("name", "localaws");
            xml.text("version", "1");
            xml.text("release", "0");
        });
        xml.element("machine_configuration", |xml| {
            xml.text("architecture", &task.architecture);
            xml.element("block_device_mapping", |xml| {
                for (virtual_name, device) in [("ami", "sda1"), ("root", "/dev/sda1")] {
                    xml.element("mapping", |xml| {
                        xml.text("virtual", virtual_name);
                        xml.text("device", device);
                    });
                }
            });
        });
        xml.element("image", |xml| {
            xml.text("name", name);
            xml.text("user", ACCOUNT);
            xml.text("type", "machine");
            xml.with("digest", "algorithm", "SHA1", |xml| {
                xml.characters(&sha1(&image));
            });
            xml.text("size", image.len());
            xml.text("bundled_size", image.len());
            for name in ["ec2_encrypted_key", "user_encrypted_key"] {
                xml.with(name, "algorithm", "AES-128-CBC", |xml| {
                    xml.characters(&sealed(name));
                });
            }
            for name in ["ec2_encrypted_iv", "user_encrypted_iv"] {
                xml.text(name, sealed(name));
            }
            write_parts(xml, task, name);
        });
        xml.text("signature", sealed(&task.id));
    });
    xml.finish()
}

fn write_parts(xml: &mut Xml, task: &BundleTask, name: &str) {
    xml.with("parts", "count", &PARTS.to_string(), |xml| {
        for number in 0..PARTS {
            xml.with("part", "index", &number.to_string(), |xml| {
                xml.text("filename", format!("{name}.part.{number}"));
                xml.with("digest", "algorithm", "SHA1", |xml| {
                    xml.characters(&sha1(&part(task, number)));
                });
            });
        }
    });
}
