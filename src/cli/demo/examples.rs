//! What the demo drops: the files of `examples/`, as they are in the repository.

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
/// An AMI-tools bundle: its manifest alone, so that it is registered with defaults.
pub(super) const BUNDLE: Manifest = Manifest {
    key: "bundle/image.manifest.xml",
    content: include_bytes!("../../../examples/bundle/image.manifest.xml"),
};
/// Three things are wrong with it.
pub(super) const MISTAKES: Manifest = Manifest {
    key: "mistakes.image.yaml",
    content: include_bytes!("../../../examples/mistakes.image.yaml"),
};

/// The manifests, as they are dropped.
pub(super) const MANIFESTS: [Manifest; 3] = [SNAPSHOT, BUNDLE, MISTAKES];

/// Every file, in the order of the drop. The bundle's manifest comes before its part on purpose: retried uploads do that.
pub(super) const DROPPED: [(&str, &[u8]); 4] = [
    (SNAPSHOT.key, SNAPSHOT.content),
    (BUNDLE.key, BUNDLE.content),
    (
        "bundle/image.part.0",
        include_bytes!("../../../examples/bundle/image.part.0"),
    ),
    (MISTAKES.key, MISTAKES.content),
];
