//! What looks like an image manifest, whatever it is called.

use crate::image::looks_like;

#[test]
fn a_manifest_is_known_by_its_source() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.contains(".image.") {
            let content = std::fs::read(&path).unwrap();
            assert!(looks_like(&name, &content), "{name}");
            // In capitals, and as what it is not.
            assert!(looks_like(&name.to_uppercase(), &content), "{name}");
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
    for (name, text) in [
        ("a.yaml", ""),
        ("a.yaml", "source: {snapshot: "),
        ("a.yaml", "source: snapshot"),
        ("a.yaml", "sources: {snapshot: {}}"),
        ("a.yaml", "spec: {source: {disk: {}}}"),
        ("a.yaml", "- source: {disk: {}}"),
        ("a.json", "{\"source\": {\"repository\": \"x\"}}"),
        ("a.json", "source: {disk: {}}"),
    ] {
        assert!(!looks_like(name, text.as_bytes()), "{text}");
    }
    // Whatever else is wrong with it.
    assert!(looks_like(
        "a.yaml",
        b"name: 1\nsource: {disk: 7}\nmore: x\n"
    ));
}
