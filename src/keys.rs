//! The keys of amiwright's own objects in the bucket .

/// How the keys of statuses end.
const STATUS: &str = ".json";

/// How the keys of open markers end.
const OPEN: &str = ".open";

/// How the keys of due markers end.
const DUE: &str = ".due";

/// The state prefix: everything under it is amiwright's and never starts an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatePrefix(String);

impl StatePrefix {
    /// `prefix`, ended by a slash. An empty one would make every object amiwright's own, so it is refused.
    #[must_use]
    pub fn new(prefix: &str) -> Option<Self> {
        let trimmed = prefix.trim_matches('/');
        (!trimmed.is_empty()).then(|| Self(format!("{trimmed}/")))
    }

    /// The prefix, ended by a slash.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where the status of a manifest is kept.
    #[must_use]
    pub fn status_key(&self, manifest_key: &str) -> String {
        format!("{}{manifest_key}{STATUS}", self.statuses())
    }

    /// The prefix of all statuses.
    #[must_use]
    pub fn statuses(&self) -> String {
        format!("{}status/", self.0)
    }

    /// The manifest that a status is about; none if the key is not that of a status.
    #[must_use]
    pub fn manifest_of_status<'a>(&self, key: &'a str) -> Option<&'a str> {
        self.manifest_of(key, "status/", STATUS)
    }

    /// The marker of a manifest whose image is not finalized. It must not end like a manifest: no event of it is one of
    /// a manifest.
    #[must_use]
    pub fn open_key(&self, manifest_key: &str) -> String {
        format!("{}{manifest_key}{OPEN}", self.open_markers())
    }

    /// The prefix of all open markers.
    #[must_use]
    pub fn open_markers(&self) -> String {
        format!("{}open/", self.0)
    }

    /// The manifest that an open marker is about; none if the key is not that of an open marker.
    #[must_use]
    pub fn manifest_of_open<'a>(&self, key: &'a str) -> Option<&'a str> {
        self.manifest_of(key, "open/", OPEN)
    }

    /// The marker of a manifest whose status has a notice that is due.
    #[must_use]
    pub fn due_key(&self, manifest_key: &str) -> String {
        format!("{}due/{manifest_key}{DUE}", self.0)
    }

    /// The manifest that a due marker is about; none if the key is not that of a due marker.
    #[must_use]
    pub fn manifest_of_due<'a>(&self, key: &'a str) -> Option<&'a str> {
        self.manifest_of(key, "due/", DUE)
    }

    /// The manifest whose key stands between a prefix, below the state prefix, and a suffix.
    fn manifest_of<'a>(&self, key: &'a str, prefix: &str, suffix: &str) -> Option<&'a str> {
        key.strip_prefix(&self.0)?
            .strip_prefix(prefix)?
            .strip_suffix(suffix)
            .filter(|key| !key.is_empty())
    }

    /// Where a tick that was cut short says where the next one begins.
    #[must_use]
    pub fn resume_key(&self) -> String {
        format!("{}resume", self.0)
    }

    /// The prefix that EC2 is told to bundle an instance under, for this version (its digest) of a manifest. EC2 adds
    /// `.manifest.xml` and `.part.N` itself, so it ends in no slash.
    #[must_use]
    pub fn bundle_prefix(&self, manifest_key: &str, version: &str) -> String {
        format!("{}{version}", self.bundles_of(manifest_key))
    }

    /// The prefix of what EC2 has bundled for a manifest, all its versions.
    #[must_use]
    pub fn bundles_of(&self, manifest_key: &str) -> String {
        format!("{}bundles/{manifest_key}/", self.0)
    }

    /// The manifest that an object of a bundle was made for; none if the key is not of a bundle.
    #[must_use]
    pub fn manifest_of_bundle<'a>(&self, object_key: &'a str) -> Option<&'a str> {
        let key = object_key.strip_prefix(&self.0)?.strip_prefix("bundles/")?;
        // The file's name has no slash; the manifest's key may.
        let (manifest_key, file) = key.rsplit_once('/')?;
        (!manifest_key.is_empty() && !file.is_empty()).then_some(manifest_key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lead_there_and_back() {
        let prefix = StatePrefix::new("amiwright").unwrap();
        assert_eq!(prefix, StatePrefix::new("/amiwright/").unwrap());
        let key = "golden/web.image.yaml";
        assert_eq!(
            prefix.status_key(key),
            "amiwright/status/golden/web.image.yaml.json"
        );
        assert_eq!(
            prefix.manifest_of_status(&prefix.status_key(key)),
            Some(key)
        );
        assert_eq!(
            prefix.open_key(key),
            "amiwright/open/golden/web.image.yaml.open"
        );
        assert_eq!(prefix.manifest_of_open(&prefix.open_key(key)), Some(key));
        assert_eq!(
            prefix.due_key(key),
            "amiwright/due/golden/web.image.yaml.due"
        );
        assert_eq!(prefix.manifest_of_due(&prefix.due_key(key)), Some(key));
        for other in [
            "amiwright/open/web.image.yaml",
            "amiwright/due/.due",
            "amiwright/resume",
        ] {
            assert_eq!(prefix.manifest_of_status(other), None, "{other}");
            assert_eq!(prefix.manifest_of_open(other), None, "{other}");
            assert_eq!(prefix.manifest_of_due(other), None, "{other}");
        }
        assert_eq!(prefix.manifest_of_status("amiwright/status/.json"), None);
        assert_eq!(StatePrefix::new("/"), None);
    }

    #[test]
    fn objects_of_bundles_lead_to_their_manifest() {
        let prefix = StatePrefix::new("amiwright").unwrap();
        let key = "golden/web.image.yaml";
        let bundle = prefix.bundle_prefix(key, "1f0c");
        assert_eq!(bundle, "amiwright/bundles/golden/web.image.yaml/1f0c");
        assert_eq!(
            prefix.bundles_of(key),
            "amiwright/bundles/golden/web.image.yaml/"
        );
        for ending in [".manifest.xml", ".part.0"] {
            let object = format!("{bundle}{ending}");
            assert_eq!(prefix.manifest_of_bundle(&object), Some(key), "{object}");
        }
        for other in [
            "amiwright/bundles/web.manifest.xml",
            "amiwright/bundles//web.manifest.xml",
            "amiwright/bundles/web.image.yaml/",
            "amiwright/status/golden/web.image.yaml.json",
            "bundles/golden/web.manifest.xml",
        ] {
            assert_eq!(prefix.manifest_of_bundle(other), None, "{other}");
        }
    }
}
