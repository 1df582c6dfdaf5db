//! The half of a manifest that decides what is built: a change here is a new version, and a new AMI.

use serde::Serialize;

use crate::sha256_hex;

use super::{
    Architecture, NameTemplate, Register, Registration, Source, VirtualizationType, canonical,
    registration::{add_root, find_root},
};

/// The root device of an image whose manifest names none; Amazon Linux's own.
const DEFAULT_ROOT: &str = "/dev/xvda";

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
    /// what EC2 itself fills in is not guessed. Order does not count: EC2 identifies block
    /// devices by their names and takes billing products as a set. The root is chosen by order where the manifest names
    /// none, so it is chosen first. Objects stay as written: a digest is only compared with others of the same
    /// manifest, which has one folder.
    #[must_use]
    pub fn canonical(&self) -> Vec<u8> {
        let mut source = self.source.clone();
        match &mut source {
            Source::Disk(disk) => disk.encrypted = disk.encrypted.filter(|encrypted| *encrypted),
            Source::Vm(vm) => vm.in_one_form(),
            Source::Image(image) => {
                image.encrypted = image.encrypted.filter(|encrypted| *encrypted);
                image.copy_tags = image.copy_tags.filter(|copied| *copied);
            }
            Source::Snapshot(_) | Source::Bundle(_) | Source::Instance(_) | Source::Stored(_) => {}
        }
        let register = self.registration(None).map(|mut register| {
            register.ena_support = register.ena_support.filter(|supported| *supported);
            register.accept_lost_billing =
                register.accept_lost_billing.filter(|accepted| *accepted);
            canonical::sort(&mut register.billing_products);
            for mapping in &mut register.block_device_mappings {
                mapping.no_device = mapping.no_device.filter(|none| *none);
                if let Some(ebs) = &mut mapping.ebs {
                    ebs.volume_type = ebs.volume_type.filter(|it| *it != ebs.default_type());
                }
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
        sha256_hex(&self.canonical())
    }

    /// What RegisterImage is to be sent; none for a source whose AMI another call makes.
    ///
    /// `imported` is the snapshot that a `disk` became; a `snapshot` source brings its own.
    #[must_use]
    pub fn registration(&self, imported: Option<&str>) -> Option<Registration> {
        if !self.source.is_registered() {
            return None;
        }
        let root = self.root_device_name();
        let mut register = self.register.clone().unwrap_or_default();
        if let Some(root) = &root
            && !self.source.is_instance_store()
        {
            let snapshot = self.source_snapshot().or(imported);
            add_root(&mut register.block_device_mappings, root, snapshot);
        }
        let mappings = register.block_device_mappings.iter_mut();
        for ebs in mappings.filter_map(|mapping| mapping.ebs.as_mut()) {
            ebs.volume_type = Some(ebs.volume_type());
        }
        let uefi_data = register.uefi_data.take();
        Some(Registration {
            architecture: self.architecture(),
            virtualization_type: self.virtualization_type(),
            uefi_data: uefi_data.map(|data| data.split_ascii_whitespace().collect()),
            root_device_name: root,
            ..register
        })
    }

    /// The architecture to register: as given, else x86_64, else (none) the bundle's own.
    #[must_use]
    pub fn architecture(&self) -> Option<Architecture> {
        let given = self
            .register
            .as_ref()
            .and_then(|register| register.architecture);
        given.or((!self.source.is_instance_store()).then_some(Architecture::X86_64))
    }

    /// The virtualization type to register: as given, else hvm. For a bundle: paravirtual if a kernel is given, else
    /// (none) as the bundle's manifest has it.
    #[must_use]
    pub fn virtualization_type(&self) -> Option<VirtualizationType> {
        let register = self.register.as_ref();
        let given = register.and_then(|register| register.virtualization_type);
        given.or_else(|| {
            if !self.source.is_instance_store() {
                return Some(VirtualizationType::Hvm);
            }
            register?
                .kernel_id
                .as_ref()
                .map(|_| VirtualizationType::Paravirtual)
        })
    }

    /// The root device: as given; for EBS images else the mapping that has a usual root's name, that has the source's
    /// snapshot, or the first that could take the snapshot; else `/dev/xvda`.
    #[must_use]
    pub fn root_device_name(&self) -> Option<String> {
        let register = self.register.as_ref();
        if let Some(given) = register.and_then(|register| register.root_device_name.clone()) {
            return Some(given);
        }
        if self.source.is_instance_store() {
            return None;
        }
        let mappings = register
            .map(|register| register.block_device_mappings.as_slice())
            .unwrap_or_default();
        Some(
            find_root(mappings, self.source_snapshot())
                .unwrap_or(DEFAULT_ROOT)
                .to_owned(),
        )
    }

    /// `register`, where it is given and has a meaning.
    pub(crate) fn registered(&self) -> Option<&Register> {
        self.register
            .as_ref()
            .filter(|_| self.source.is_registered())
    }

    /// The snapshot of a `snapshot` source.
    pub(crate) fn source_snapshot(&self) -> Option<&str> {
        match &self.source {
            Source::Snapshot(snapshot) => Some(&snapshot.id),
            _ => None,
        }
    }
}
