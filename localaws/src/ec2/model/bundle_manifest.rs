//! EC2's eyes on the manifest of an AMI-tools bundle.

use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::Event;

use http::StatusCode;

use crate::ACCOUNT;
use crate::ec2::model::device::{is_device, is_ephemeral};
use crate::ec2::model::image::{BlockDeviceMapping, ProductCode};
use crate::ec2::model::mapping::MappingRequest;
use crate::ec2::model::objects::{ObjectRef, Objects};
use crate::ec2::wire::checks::check_id;
use crate::ec2::wire::error::{Failure, invalid_manifest, invalid_value, refuse, unavailable};

/// Real manifests are below 200 kB.
const LARGEST_MANIFEST: usize = 1024 * 1024;
/// Manifests are five elements deep.
const DEEPEST: usize = 16;
/// The versions that the AMI tools have written: the last one is the current one.
const VERSIONS: [&str; 3] = ["3", "2007-08-29", "2007-10-10"];

/// What EC2 takes from a manifest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BundleManifest {
    pub(crate) architecture: String,
    pub(crate) kernel_id: Option<String>,
    pub(crate) ramdisk_id: Option<String>,
    pub(crate) root_device_name: Option<String>,
    pub(crate) product_codes: Vec<ProductCode>,
    /// The instance store volumes: (`ephemeralN`, device).
    ephemeral: Vec<(String, String)>,
}

/// Reads and checks the manifest at `bucket/key`.
pub(crate) async fn fetch(
    objects: &dyn Objects,
    region: &str,
    location: &str,
) -> Result<BundleManifest, Failure> {
    let (bucket, key) = location
        .split_once('/')
        .filter(|(bucket, key)| {
            !bucket.is_empty() && !key.is_empty() && !key.starts_with('/') && !bucket.contains(':')
        })
        .ok_or_else(|| invalid_value(format!("Invalid value '{location}' for imageLocation.")))?;
    let bytes = objects
        .read(ObjectRef {
            region,
            bucket,
            key,
        })
        .await
        .map_err(|status| unreadable(status, location))?;
    let text = std::str::from_utf8(&bytes).map_err(|_| malformed())?;
    BundleManifest::parse(text)
}

/// EC2's words for an object that it cannot read.
fn unreadable(status: StatusCode, location: &str) -> Failure {
    if status.is_server_error() {
        return unavailable();
    }
    let advice = match status {
        StatusCode::FORBIDDEN => "check your S3 ACLs are correct",
        _ => "check your manifest path is correct and in the correct region",
    };
    let (code, reason) = (
        status.as_u16(),
        status.canonical_reason().unwrap_or("Unknown"),
    );
    let url = format!("http://s3.amazonaws.com:80/{location}");
    invalid_manifest(format!(
        "HTTP {code} ({reason}) response for URL {url}: {advice}."
    ))
}

fn malformed() -> Failure {
    invalid_manifest("Invalid AMI manifest")
}

impl BundleManifest {
    fn parse(text: &str) -> Result<Self, Failure> {
        let manifest = Element::parse(text)
            .filter(|root| root.name == "manifest")
            .ok_or_else(malformed)?;
        let version = manifest.text_of("version").ok_or_else(malformed)?;
        let image = manifest.child("image").ok_or_else(malformed)?;
        check_version(version)?;
        check_image(image)?;
        if version == "3" {
            return Ok(Self::of_version_3());
        }
        if image.text_of("type") != Some("machine") {
            return Err(invalid_manifest(
                "Invalid AMI manifest: only machine images can be registered",
            ));
        }
        let machine = manifest
            .child("machine_configuration")
            .ok_or_else(malformed)?;
        Self::of_machine(machine)
    }

    /// Version 3 says nothing of the machine: it is an i386 one.
    fn of_version_3() -> Self {
        Self {
            architecture: "i386".to_owned(),
            kernel_id: None,
            ramdisk_id: None,
            root_device_name: None,
            product_codes: Vec::new(),
            ephemeral: Vec::new(),
        }
    }

    fn of_machine(machine: &Element) -> Result<Self, Failure> {
        let architecture = machine.text_of("architecture").ok_or_else(malformed)?;
        if !matches!(architecture, "i386" | "x86_64") {
            return Err(invalid_manifest(format!(
                "Invalid AMI manifest: invalid architecture '{architecture}'"
            )));
        }
        let mut bundle = Self {
            architecture: architecture.to_owned(),
            kernel_id: machine.id_of("kernel_id", "aki")?,
            ramdisk_id: machine.id_of("ramdisk_id", "ari")?,
            product_codes: product_codes(machine),
            ..Self::of_version_3()
        };
        let mappings = machine.child("block_device_mapping");
        for mapping in mappings.iter().flat_map(|mappings| mappings.all("mapping")) {
            let virtual_name = mapping.text_of("virtual").ok_or_else(malformed)?;
            let device = mapping.text_of("device").ok_or_else(malformed)?;
            bundle.add_mapping(virtual_name, device)?;
        }
        Ok(bundle)
    }

    /// `ami` and `root` are the root volume, `swap` is part of the image: only `ephemeralN` are volumes of their own.
    fn add_mapping(&mut self, virtual_name: &str, device: &str) -> Result<(), Failure> {
        if !is_device(device, "paravirtual") {
            let message = format!("Invalid block device mapping: Invalid device name '{device}'");
            return Err(invalid_manifest(message));
        }
        match virtual_name {
            "root" => self.root_device_name = Some(device.to_owned()),
            "ami" | "swap" => {}
            name if is_ephemeral(name) => self.ephemeral.push((name.to_owned(), device.to_owned())),
            name => {
                let message =
                    format!("Invalid block device mapping: Invalid virtual name '{name}'");
                return Err(invalid_manifest(message));
            }
        }
        Ok(())
    }

    /// The manifest's volumes, with those of the request in their place.
    pub(crate) fn mappings_with(&self, requests: &[MappingRequest]) -> Vec<BlockDeviceMapping> {
        let short = |name: &str| name.strip_prefix("/dev/").unwrap_or(name).to_owned();
        let replaced = |device: &str| {
            requests
                .iter()
                .any(|request| short(&request.device_name) == short(device))
        };
        let own = self
            .ephemeral
            .iter()
            .filter(|(_, device)| !replaced(device))
            .map(|(name, device)| (device, name));
        let asked = requests.iter().filter(|request| !request.no_device);
        let asked = asked
            .filter_map(|request| Some((&request.device_name, request.virtual_name.as_ref()?)));
        own.chain(asked)
            .map(|(device, name)| BlockDeviceMapping {
                device_name: device.clone(),
                virtual_name: Some(name.clone()),
                ebs: None,
            })
            .collect()
    }
}

fn check_version(version: &str) -> Result<(), Failure> {
    if VERSIONS.contains(&version) {
        return Ok(());
    }
    Err(invalid_manifest(format!(
        "Invalid AMI manifest: version '{version}' is not supported"
    )))
}

/// The parts of `image` without which EC2 could never launch it, and the account it is bundled for.
fn check_image(image: &Element) -> Result<(), Failure> {
    let user = image.text_of("user").ok_or_else(malformed)?;
    if user.len() != 12 || !user.bytes().all(|b| b.is_ascii_digit()) {
        return Err(invalid_manifest(format!(
            "Invalid AMI manifest: invalid user '{user}'"
        )));
    }
    if user != ACCOUNT {
        return Err(refuse(
            "AuthFailure",
            format!("The bundle belongs to the account {user}"),
        ));
    }
    for name in [
        "name",
        "digest",
        "size",
        "bundled_size",
        "ec2_encrypted_key",
        "ec2_encrypted_iv",
    ] {
        image.text_of(name).ok_or_else(malformed)?;
    }
    let parts = image.child("parts").ok_or_else(malformed)?;
    if parts.all("part").next().is_none() {
        return Err(malformed());
    }
    Ok(())
}

/// Both spellings are about; in AMI manifests they are DevPay codes.
fn product_codes(machine: &Element) -> Vec<ProductCode> {
    let list = machine
        .child("product_codes")
        .or_else(|| machine.child("productcodes"));
    list.iter()
        .flat_map(|list| list.children.iter())
        .filter(|code| matches!(code.name.as_str(), "product_code" | "productcode"))
        .map(|code| ProductCode {
            id: code.text.trim().to_owned(),
            kind: "devpay".to_owned(),
        })
        .collect()
}

/// One element of a small document.
#[derive(Debug, Default)]
struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// The root element; none if the text is not well-formed, too large, too deep, or brings its own entities.
    fn parse(text: &str) -> Option<Self> {
        if text.len() > LARGEST_MANIFEST {
            return None;
        }
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        let mut open: Vec<Self> = vec![Self::default()];
        loop {
            match reader.read_event().ok()? {
                Event::Start(start) if open.len() <= DEEPEST => {
                    open.push(Self {
                        name: start.name().0.to_owned(),
                        ..Self::default()
                    });
                }
                Event::End(_) => {
                    let done = open.pop()?;
                    open.last_mut()?.children.push(done);
                }
                Event::Text(text) => open.last_mut()?.text.push_str(&text.xml10_content()),
                Event::CData(text) => open.last_mut()?.text.push_str(&text),
                Event::GeneralRef(reference) => match reference.resolve_char_ref().ok()? {
                    Some(character) => open.last_mut()?.text.push(character),
                    None => open
                        .last_mut()?
                        .text
                        .push_str(resolve_predefined_entity(&reference)?),
                },
                Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
                Event::Eof => break,
                _ => return None,
            }
        }
        let document = open.pop().filter(|_| open.is_empty())?;
        let only = document.children.len() == 1 && document.text.trim().is_empty();
        document.children.into_iter().next().filter(|_| only)
    }

    fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name)
            .map(|child| child.text.trim())
            .filter(|text| !text.is_empty())
    }

    /// The id in this child, checked for its form.
    fn id_of(&self, name: &str, prefix: &str) -> Result<Option<String>, Failure> {
        let Some(id) = self.text_of(name) else {
            return Ok(None);
        };
        match check_id(id, prefix, "InvalidManifest") {
            Ok(()) => Ok(Some(id.to_owned())),
            Err(_) => Err(invalid_manifest(format!(
                "Invalid AMI manifest: invalid {name} '{id}'"
            ))),
        }
    }
}
