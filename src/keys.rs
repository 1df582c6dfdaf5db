//! The keys of amiwright's own objects, all of which are in the state bucket.

/// The prefix of all statuses.
pub const STATUSES: &str = "status/";

/// The prefix of all open markers.
pub const OPEN_MARKERS: &str = "open/";

/// The prefix of all due markers.
pub const DUE_MARKERS: &str = "due/";

/// The prefix of all that EC2 has bundled.
pub const BUNDLES: &str = "bundles/";

/// The prefix of all requests to cancel and to retry that are not answered yet.
pub const REQUESTS: &str = "open-requests/";

/// The prefix of what a tick has to look at, requests first: one listing says whether there is anything.
pub const OPEN: &str = "open";

/// Where a tick that was cut short says where the next one begins.
pub const RESUME_POINT: &str = "resume";

/// Where an audit that is not finished goes on: listed with the open markers, and none of them, for it has another ending.
pub const AUDIT_MARK: &str = "open/audit";

/// How the keys of statuses end.
const STATUS: &str = ".json";

/// How the keys of open markers end.
const OPEN_MARKER: &str = ".open";

/// How the keys of due markers end.
const DUE: &str = ".due";

/// How the keys of requests end.
const REQUEST: &str = ".json";

/// Bytes of the longest key of an object ("Object key naming guidelines", S3 User Guide).
const KEY_MAX: usize = 1024;

/// Bytes of the longest key of a manifest that can have a status: that of a request is the longest of its own objects.
pub const MANIFEST_KEY_MAX: usize = KEY_MAX - REQUESTS.len() - REQUEST.len();

/// Whether a manifest with this key can have a status and markers. S3 refuses every call for one that cannot, so
/// nothing may be asked for it.
#[must_use]
pub const fn can_have_status(manifest_key: &str) -> bool {
    manifest_key.len() <= MANIFEST_KEY_MAX
}

/// Where the status of a manifest is kept.
#[must_use]
pub fn status_key(manifest_key: &str) -> String {
    format!("{STATUSES}{manifest_key}{STATUS}")
}

/// The manifest that a status is about; none if the key is not that of a status.
#[must_use]
pub fn manifest_of_status(key: &str) -> Option<&str> {
    between(key, STATUSES, STATUS)
}

/// The marker of a manifest whose image is not finalized.
#[must_use]
pub fn open_key(manifest_key: &str) -> String {
    format!("{OPEN_MARKERS}{manifest_key}{OPEN_MARKER}")
}

/// The manifest that an open marker is about; none if the key is not that of an open marker.
#[must_use]
pub fn manifest_of_open(key: &str) -> Option<&str> {
    between(key, OPEN_MARKERS, OPEN_MARKER)
}

/// The marker of a manifest whose status has a notice that is due.
#[must_use]
pub fn due_key(manifest_key: &str) -> String {
    format!("{DUE_MARKERS}{manifest_key}{DUE}")
}

/// The manifest that a due marker is about; none if the key is not that of a due marker.
#[must_use]
pub fn manifest_of_due(key: &str) -> Option<&str> {
    between(key, DUE_MARKERS, DUE)
}

/// Where a request about a manifest's image is made.
#[must_use]
pub fn request_key(manifest_key: &str) -> String {
    format!("{REQUESTS}{manifest_key}{REQUEST}")
}

/// The manifest that a request is about; none if the key is not that of a request.
#[must_use]
pub fn manifest_of_request(key: &str) -> Option<&str> {
    between(key, REQUESTS, REQUEST)
}

/// The prefix that EC2 is asked to bundle an instance under, for this version (its digest) of a manifest. EC2 adds
/// `.manifest.xml` and `.part.N` itself, so it ends in no slash.
#[must_use]
pub fn bundle_prefix(manifest_key: &str, version: &str) -> String {
    format!("{BUNDLES}{manifest_key}/{version}")
}

/// The key of a bundle's own manifest: EC2 and the AMI tools add this ending to the bundle's prefix.
#[must_use]
pub fn bundle_manifest_key(bundle_prefix: &str) -> String {
    format!("{bundle_prefix}.manifest.xml")
}

/// The manifest that an object of a bundle was made for; none if the key is not of a bundle.
#[must_use]
pub fn manifest_of_bundle(object_key: &str) -> Option<&str> {
    // The file's name has no slash; the manifest's key may.
    let (manifest_key, file) = object_key.strip_prefix(BUNDLES)?.rsplit_once('/')?;
    let is_named = !manifest_key.is_empty() && !file.is_empty();
    (is_named && can_have_status(manifest_key)).then_some(manifest_key)
}

/// Whether an object of a state bucket is amiwright's own, by its key.
#[must_use]
pub fn is_own(key: &str) -> bool {
    let prefixes = [STATUSES, OPEN_MARKERS, DUE_MARKERS, BUNDLES, REQUESTS];
    key == RESUME_POINT || prefixes.iter().any(|prefix| key.starts_with(prefix))
}

/// The manifest whose key stands between a prefix and a suffix.
fn between<'a>(key: &'a str, prefix: &str, suffix: &str) -> Option<&'a str> {
    key.strip_prefix(prefix)?
        .strip_suffix(suffix)
        .filter(|key| !key.is_empty() && can_have_status(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lead_there_and_back() {
        let key = "golden/web.image.yaml";
        assert_eq!(status_key(key), "status/golden/web.image.yaml.json");
        assert_eq!(manifest_of_status(&status_key(key)), Some(key));
        assert_eq!(open_key(key), "open/golden/web.image.yaml.open");
        assert_eq!(manifest_of_open(&open_key(key)), Some(key));
        assert_eq!(due_key(key), "due/golden/web.image.yaml.due");
        assert_eq!(manifest_of_due(&due_key(key)), Some(key));
        assert_eq!(request_key(key), "open-requests/golden/web.image.yaml.json");
        assert_eq!(manifest_of_request(&request_key(key)), Some(key));
        for other in ["open/web.image.yaml", "due/.due", RESUME_POINT] {
            assert_eq!(manifest_of_status(other), None, "{other}");
            assert_eq!(manifest_of_open(other), None, "{other}");
            assert_eq!(manifest_of_due(other), None, "{other}");
            assert_eq!(manifest_of_request(other), None, "{other}");
        }
        assert_eq!(manifest_of_status("status/.json"), None);
    }

    #[test]
    fn what_is_open_is_listed_together_and_the_requests_first() {
        let (request, marker) = (request_key("~"), open_key("!"));
        assert!(request.starts_with(OPEN) && marker.starts_with(OPEN));
        assert!(request < marker);
        for other in [
            status_key("x"),
            due_key("x"),
            bundle_prefix("x", "1"),
            RESUME_POINT.to_owned(),
        ] {
            assert!(!other.starts_with(OPEN), "{other}");
        }
    }

    #[test]
    fn no_key_that_s3_would_refuse_is_made_of_a_key_that_is_taken() {
        let longest = "k".repeat(MANIFEST_KEY_MAX);
        assert!(can_have_status(&longest));
        for key in [
            status_key(&longest),
            open_key(&longest),
            due_key(&longest),
            request_key(&longest),
        ] {
            assert!(key.len() <= KEY_MAX, "{key}");
        }
        // Operators may write such requests; there is no status that they could be about.
        let longer = format!("{longest}k");
        assert!(!can_have_status(&longer));
        assert_eq!(manifest_of_open(&open_key(&longer)), None);
        assert_eq!(manifest_of_due(&due_key(&longer)), None);
        assert_eq!(manifest_of_request(&request_key(&longer)), None);
        assert_eq!(manifest_of_bundle(&format!("bundles/{longer}/x")), None);
    }

    #[test]
    fn objects_of_bundles_lead_to_their_manifest() {
        let key = "golden/web.image.yaml";
        let bundle = bundle_prefix(key, "1f0c");
        assert_eq!(
            bundle_manifest_key(&bundle),
            "bundles/golden/web.image.yaml/1f0c.manifest.xml"
        );
        assert_eq!(bundle, "bundles/golden/web.image.yaml/1f0c");
        for object in [bundle_manifest_key(&bundle), format!("{bundle}.part.0")] {
            assert_eq!(manifest_of_bundle(&object), Some(key), "{object}");
        }
        for other in [
            "bundles/web.manifest.xml",
            "bundles//web.manifest.xml",
            "bundles/web.image.yaml/",
            "status/golden/web.image.yaml.json",
            "golden/web.manifest.xml",
        ] {
            assert_eq!(manifest_of_bundle(other), None, "{other}");
        }
    }
}
