//! Addresses of objects, keys and texts of others: what is read and written again is the same, and what is shown does
//! nothing to a terminal.

use amiwright_manifest::characters::Text;
use amiwright_manifest::key::{self, Kind};
use amiwright_manifest::location::{Location, S3Address, beside, bucket_fault};
use amiwright_manifest::{limits, text};

/// Checks this text as an address, a key and a text.
pub(crate) fn run(data: &[u8]) {
    let Ok(given) = std::str::from_utf8(data) else {
        return;
    };
    address(given);
    keys(given);
    texts(given);
}

fn address(given: &str) {
    if let Ok(address) = given.parse::<S3Address>() {
        assert_eq!(address.to_string().parse(), Ok(address));
    }
    let location = Location::new(given);
    // An address of a bucket gets a slash.
    let written = location.to_string();
    assert_eq!(Location::new(&written), location);
    assert!(
        written == given || written == format!("{given}/"),
        "{written}"
    );
    let (bucket, key) = location.resolve("manifests", "folder/web.image.yaml");
    if location.fault().is_none() {
        assert_eq!(bucket_fault(&bucket), None);
        assert!(!key.is_empty() && !key.starts_with('/') && !key.ends_with('/'));
        assert!(!key.chars().any(char::is_control));
        assert!(
            !key.split('/').any(|step| matches!(step, "" | "." | "..")),
            "{key}"
        );
    }
    if let Some(meant) = location.probable_address() {
        let again = Location::new(&meant.to_string());
        assert_eq!(again, Location::S3(meant), "{given}");
        assert_eq!(again.fault(), None, "{given} is not {again}");
    }
}

fn keys(given: &str) {
    let kind = key::kind(given);
    if let Some(meant) = key::meant(given) {
        assert_eq!(kind, None, "{given} is a manifest");
        assert!(key::kind(&meant).is_some(), "{meant} is none");
    }
    if kind == Some(Kind::Bundle) {
        for sibling in key::bundle_siblings(given) {
            assert_eq!(key::kind(&sibling), Some(Kind::Image), "{sibling}");
        }
    }
    let other = beside(given, "x");
    assert_eq!(other.matches('/').count(), given.matches('/').count());
}

fn texts(given: &str) {
    let line = text::on_one_line(given);
    assert_eq!(line.chars().count(), given.chars().count());
    assert!(line.chars().all(text::is_printable), "{line:?}");
    for most in [0, 1, 60] {
        let cut = text::cut(given, most);
        assert!(
            cut.chars().count() <= most && cut.chars().all(text::is_printable),
            "{cut:?}"
        );
    }
    let description = text::ec2_description(given);
    assert!(description.chars().count() <= limits::DESCRIPTION);
    assert_eq!(
        Text::Description.refused(&description),
        None,
        "{description:?}"
    );
}
