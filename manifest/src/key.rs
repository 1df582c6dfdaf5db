//! Which objects are manifests, by their keys alone.

/// Endings of image manifests' keys.
const IMAGE: [&str; 3] = [".image.yaml", ".image.yml", ".image.json"];

/// Ending of bundle manifests' keys.
pub(crate) const BUNDLE: &str = ".manifest.xml";

/// What a manifest object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An image manifest, `NAME.image.yaml`, `.yml` or `.json`.
    Image,
    /// A bundle's manifest, `NAME.manifest.xml`.
    Bundle,
}

/// What the object with this key is; none if it is not a manifest.
#[must_use]
pub fn kind(key: &str) -> Option<Kind> {
    if IMAGE.iter().any(|ending| named(key, ending)) {
        Some(Kind::Image)
    } else if named(key, BUNDLE) {
        Some(Kind::Bundle)
    } else {
        None
    }
}

/// The key that was probably meant by one that is not of a manifest: `web.image.yaml` for `web.yaml` and
/// `web.Image.YAML`. None where nothing is known.
#[must_use]
pub fn meant(key: &str) -> Option<String> {
    const FORMATS: [&str; 3] = [".yaml", ".yml", ".json"];
    if kind(key).is_some() {
        return None;
    }
    let lower = key.to_ascii_lowercase();
    let is_ending = |ending: &&&str| named(&lower, ending);
    let endings = IMAGE.iter().chain([&BUNDLE]);
    let (name, ending) = if let Some(ending) = endings.clone().find(is_ending) {
        (key.get(..key.len() - ending.len())?, (*ending).to_owned())
    } else {
        let format = FORMATS.iter().find(is_ending)?;
        (
            key.get(..key.len() - format.len())?,
            format!(".image{format}"),
        )
    };
    Some(format!("{name}{ending}"))
}

/// Whether an object with this key is left alone, though by its name it may have been meant as an image manifest:
/// `web.yaml`, `Web.Image.YAML`.
#[must_use]
pub fn is_misnamed(key: &str) -> bool {
    meant(key).is_some_and(|meant| kind(&meant) == Some(Kind::Image))
}

/// The keys of the image manifests that would describe this bundle instead of the defaults.
#[must_use]
pub fn bundle_siblings(bundle_key: &str) -> [String; 3] {
    let name = bundle_key.strip_suffix(BUNDLE).unwrap_or(bundle_key);
    IMAGE.map(|ending| format!("{name}{ending}"))
}

/// Whether `key` is a name with this ending: a name that is empty does not count.
fn named(key: &str, ending: &str) -> bool {
    key.strip_suffix(ending)
        .is_some_and(|name| !name.is_empty() && !name.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manifests_are_recognized_by_their_keys() {
        let cases = [
            ("web.image.yaml", Some(Kind::Image)),
            ("golden/web.image.yml", Some(Kind::Image)),
            ("golden/web.image.json", Some(Kind::Image)),
            ("web.manifest.xml", Some(Kind::Bundle)),
            ("status/web.image.yaml.json", None),
            ("status/web.image.yaml", Some(Kind::Image)),
            (".image.yaml", None),
            ("golden/.image.yaml", None),
            ("golden/.manifest.xml", None),
            ("web.yaml", None),
            ("web.image.YAML", None),
            ("web.image.yaml.bak", None),
            ("web.part.0", None),
            ("", None),
        ];
        for (key, expected) in cases {
            assert_eq!(kind(key), expected, "{key}");
        }
    }

    #[test]
    fn the_key_that_was_meant_is_known() {
        let cases = [
            ("web.yaml", Some("web.image.yaml")),
            ("golden/Web.JSON", Some("golden/Web.image.json")),
            ("Web.Image.YAML", Some("Web.image.yaml")),
            ("web.Manifest.xml", Some("web.manifest.xml")),
            ("web.image.yaml", None),
            ("notes.txt", None),
            (".yaml", None),
            ("", None),
        ];
        for (key, expected) in cases {
            assert_eq!(meant(key).as_deref(), expected, "{key}");
            assert!(expected.is_none_or(|key| kind(key).is_some()), "{key}");
            let is_image = expected.is_some_and(|key| kind(key) == Some(Kind::Image));
            assert_eq!(is_misnamed(key), is_image, "{key}");
        }
    }

    #[test]
    fn a_bundle_has_three_possible_siblings() {
        assert_eq!(
            bundle_siblings("a/web.manifest.xml"),
            ["a/web.image.yaml", "a/web.image.yml", "a/web.image.json"]
        );
    }
}
