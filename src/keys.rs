//! The keys of amiwright's own objects in the bucket (DESIGN section 2).

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
        format!("{}{manifest_key}.json", self.statuses())
    }

    /// The prefix of all statuses.
    #[must_use]
    pub fn statuses(&self) -> String {
        format!("{}status/", self.0)
    }

    /// The manifest that a status is about; none if the key is no status'.
    #[must_use]
    pub fn manifest_of_status<'a>(&self, key: &'a str) -> Option<&'a str> {
        key.strip_prefix(&self.0)?
            .strip_prefix("status/")?
            .strip_suffix(".json")
            .filter(|key| !key.is_empty())
    }

    /// The marker that says: this manifest's image is not settled.
    #[must_use]
    pub fn open_key(&self, manifest_key: &str) -> String {
        format!("{}{manifest_key}", self.open_markers())
    }

    /// The prefix of all open markers.
    #[must_use]
    pub fn open_markers(&self) -> String {
        format!("{}open/", self.0)
    }

    /// The manifest that an open marker is about; none if the key is no marker's.
    #[must_use]
    pub fn manifest_of_marker<'a>(&self, key: &'a str) -> Option<&'a str> {
        key.strip_prefix(&self.0)?
            .strip_prefix("open/")
            .filter(|key| !key.is_empty())
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
        assert_eq!(prefix.manifest_of_marker(&prefix.open_key(key)), Some(key));
        assert_eq!(
            prefix.manifest_of_status("amiwright/open/web.image.yaml"),
            None
        );
        assert_eq!(prefix.manifest_of_status("amiwright/status/.json"), None);
        assert_eq!(StatePrefix::new("/"), None);
    }
}
