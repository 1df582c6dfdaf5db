//! What the demo uploads: the files of `examples/`, as they are in the repository, and two files to import.

/// The Region of the demo.
pub(super) const REGION: &str = "us-east-1";

/// A manifest of the demo.
#[derive(Debug)]
pub(super) struct Manifest {
    /// Its key in the bucket.
    pub(super) key: &'static str,
    /// Its bytes.
    pub(super) content: &'static [u8],
}

/// Registers an AMI from a snapshot.
pub(super) const SNAPSHOT: Manifest = Manifest {
    key: "web.image.yaml",
    content: include_bytes!("../../../examples/web.image.yaml"),
};
/// Imports a disk image and registers an AMI.
pub(super) const DISK: Manifest = Manifest {
    key: "disk.image.yaml",
    content: include_bytes!("../../../examples/disk.image.yaml"),
};
/// Bundles an instance and registers an AMI.
pub(super) const INSTANCE: Manifest = Manifest {
    key: "instance.image.yaml",
    content: include_bytes!("../../../examples/instance.image.yaml"),
};
/// Copies an AMI from another Region.
pub(super) const COPY: Manifest = Manifest {
    key: "copy.image.yaml",
    content: include_bytes!("../../../examples/copy.image.yaml"),
};
/// A bundle of the AMI tools, without an image manifest: it is registered with defaults.
pub(super) const BUNDLE: Manifest = Manifest {
    key: "bundle/image.manifest.xml",
    content: include_bytes!("../../../examples/bundle/image.manifest.xml"),
};
/// Imports a virtual machine, and is cancelled.
pub(super) const CANCELLED: Manifest = Manifest {
    key: "vm.image.yaml",
    content: include_bytes!("../../../examples/vm.image.yaml"),
};
/// Has three problems.
pub(super) const MISTAKES: Manifest = Manifest {
    key: "mistakes.image.yaml",
    content: include_bytes!("../../../examples/mistakes.image.yaml"),
};

/// The manifests, in the order of their upload.
pub(super) const MANIFESTS: [Manifest; 7] =
    [SNAPSHOT, BUNDLE, MISTAKES, DISK, INSTANCE, COPY, CANCELLED];

/// The image manifests that result in an AMI.
pub(super) const SUCCESSFUL: [Manifest; 4] = [SNAPSHOT, DISK, INSTANCE, COPY];

/// The content of an empty disk.
static EMPTY_DISK: [u8; 1024 * 1024] = [0; 1024 * 1024];

/// An archive with nothing but the magic number of a tar header.
static OVA: [u8; 10240] = {
    let mut archive = [0; 10240];
    let (magic, mut at) = (*b"ustar", 0);
    while at < magic.len() {
        archive[257 + at] = magic[at];
        at += 1;
    }
    archive
};

/// All files in the order of their upload. The manifest of the bundle comes before its part, as with a retried upload.
pub(super) static UPLOADS: [(&str, &[u8]); 10] = [
    (SNAPSHOT.key, SNAPSHOT.content),
    (BUNDLE.key, BUNDLE.content),
    (
        "bundle/image.part.0",
        include_bytes!("../../../examples/bundle/image.part.0"),
    ),
    (MISTAKES.key, MISTAKES.content),
    ("disk.raw", &EMPTY_DISK),
    (DISK.key, DISK.content),
    (INSTANCE.key, INSTANCE.content),
    (COPY.key, COPY.content),
    ("app.ova", &OVA),
    (CANCELLED.key, CANCELLED.content),
];
