//! The half of a manifest that decides what is built: a change here is a new version, and a new AMI.

use serde::Serialize;

use super::{NameTemplate, Register, Registration, Source, canonical};

/// What is built: the name, the source and the parameters of RegisterImage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildSpec {
    /// The AMI's name, with its placeholders.
    pub name: NameTemplate,
    /// What the image is made from.
    pub source: Source,
    /// Parameters of RegisterImage, as given; [`BuildSpec::registration`] has every default filled in.
    pub register: Option<Register>,
}

/// The build half as [`BuildSpec::canonical`] writes it.
#[derive(Serialize)]
struct Canonical<'a> {
    name: &'a NameTemplate,
    source: Source,
    register: Option<Registration>,
}

impl BuildSpec {
    /// The build half as canonical JSON: two manifests whose images are built by the same calls have the same bytes.
    ///
    /// Of `register` this has what RegisterImage is sent, so a default that is written out equals one that is left out;
    /// what EC2 itself fills in (a volume's type, say) is not guessed. Order does not count: EC2 tells block devices by
    /// their names and takes billing products as a set. The root is chosen by order where the manifest names none, so it
    /// is chosen first. Objects stay as written: a digest is only compared with others of the same manifest, which has
    /// one folder.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        let mut source = self.source.clone();
        if let Source::Disk(disk) = &mut source {
            disk.encrypted = disk.encrypted.filter(|encrypted| *encrypted);
        }
        let register = self.registration(None).map(|mut register| {
            register.ena_support = register.ena_support.filter(|supported| *supported);
            canonical::sort(&mut register.billing_products);
            for mapping in &mut register.block_device_mappings {
                mapping.no_device = mapping.no_device.filter(|none| *none);
            }
            register
                .block_device_mappings
                .sort_by(|one, other| one.device_name.cmp(&other.device_name));
            register
        });
        canonical::bytes(&Canonical {
            name: &self.name,
            source,
            register,
        })
    }

    /// SHA-256 of [`BuildSpec::canonical`], in hex.
    #[must_use]
    pub fn digest(&self) -> String {
        canonical::sha256_hex(&self.canonical())
    }
}
