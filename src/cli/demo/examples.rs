//! What the demo drops: the files of `examples/`, as they are in the repository, and two files to import.

/// A manifest of the demo.
#[derive(Debug)]
pub(super) struct Manifest {
    /// Its key in the bucket.
    pub(super) key: &'static str,
    /// Its bytes.
    pub(super) content: &'static [u8],
}

/// Makes an AMI from a snapshot.
pub(super) const SNAPSHOT: Manifest = Manifest {
    key: "web.image.yaml",
    content: include_bytes!("../../../examples/web.image.yaml"),
};
/// Makes an AMI from a disk file.
pub(super) const DISK: Manifest = Manifest {
    key: "disk.image.yaml",
    content: include_bytes!("../../../examples/disk.image.yaml"),
};
/// Bundles an instance and makes an AMI of that.
pub(super) const INSTANCE: Manifest = Manifest {
    key: "instance.image.yaml",
    content: include_bytes!("../../../examples/instance.image.yaml"),
};
/// Copies an AMI of another Region.
pub(super) const COPY: Manifest = Manifest {
    key: "copy.image.yaml",
    content: include_bytes!("../../../examples/copy.image.yaml"),
};
/// An AMI-tools bundle: its manifest alone, so that it is registered with defaults.
pub(super) const BUNDLE: Manifest = Manifest {
    key: "bundle/image.manifest.xml",
    content: include_bytes!("../../../examples/bundle/image.manifest.xml"),
};
/// Would import a virtual machine, and is cancelled on its way.
pub(super) const CANCELLED: Manifest = Manifest {
    key: "vm.image.yaml",
    content: include_bytes!("../../../examples/vm.image.yaml"),
};
/// Three things are wrong with it.
pub(super) const MISTAKES: Manifest = Manifest {
    key: "mistakes.image.yaml",
    content: include_bytes!("../../../examples/mistakes.image.yaml"),
};

/// The manifests, as they are dropped.
pub(super) const MANIFESTS: [Manifest; 7] =
    [SNAPSHOT, BUNDLE, MISTAKES, DISK, INSTANCE, COPY, CANCELLED];

/// The image manifests that an AMI comes of.
pub(super) const MADE: [Manifest; 4] = [SNAPSHOT, DISK, INSTANCE, COPY];

/// The bytes of an empty disk.
static EMPTY_DISK: [u8; 1024 * 1024] = [0; 1024 * 1024];

/// An archive that has nothing but what it is known by: a tar header's magic number.
static OVA: [u8; 10240] = {
    let mut archive = [0; 10240];
    let (magic, mut at) = (*b"ustar", 0);
    while at < magic.len() {
        archive[257 + at] = magic[at];
        at += 1;
    }
    archive
};

/// Every file, in the order of the drop. The bundle's manifest comes before its part on purpose: retried uploads do that.
pub(super) static DROPPED: [(&str, &[u8]); 10] = [
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
