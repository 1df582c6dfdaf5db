use super::*;

fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name)
}

fn checked(files: Vec<PathBuf>, format: Format) -> (bool, String) {
    let args = Args {
        files,
        format,
        name: "stdin.image.yaml".to_owned(),
    };
    let mut out = Vec::new();
    let good = run(&args, now(), &mut out, false).unwrap();
    let folder = format!("{}/", env!("CARGO_MANIFEST_DIR"));
    (good, String::from_utf8(out).unwrap().replace(&folder, ""))
}

#[test]
fn good_files_get_one_line_each() {
    let (good, said) = checked(
        vec![example("web.image.yaml"), example("minimal.image.json")],
        Format::Text,
    );
    assert_eq!(
        said,
        "examples/web.image.yaml: good\nexamples/minimal.image.json: good\n"
    );
    assert!(good);
}

#[test]
fn three_mistakes_are_drawn_where_they_are() {
    let (good, said) = checked(vec![example("mistakes.image.yaml")], Format::Text);
    let expected = include_str!("mistakes.txt");
    assert_eq!(said, expected, "\n{said}");
    assert!(!good);
}

#[test]
fn machines_get_the_same_as_json() {
    let (good, said) = checked(
        vec![example("web.image.yaml"), example("mistakes.image.yaml")],
        Format::Json,
    );
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert!(!good);
    assert_eq!(said[0]["ok"], true);
    assert_eq!(said[1]["file"], "examples/mistakes.image.yaml");
    assert_eq!(said[1]["problems"][1]["path"], "register.bootMode");
    assert_eq!(said[1]["problems"][1]["line"], 7);
    assert_eq!(said[1]["problems"][1]["column"], 13);
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem_of_its_own() {
    let (good, said) = checked(
        vec!["nowhere.image.yaml".into(), example("web.image.yaml")],
        Format::Text,
    );
    assert!(!good);
    assert!(
        said.starts_with("error: cannot read the file: No such file or directory"),
        "{said}"
    );
    assert!(
        said.ends_with("nowhere.image.yaml: 1 problem\nexamples/web.image.yaml: good\n"),
        "{said}"
    );
}

#[test]
fn other_names_are_no_manifests() {
    let (good, said) = checked(vec![example("../Cargo.toml")], Format::Text);
    assert!(!good);
    assert!(
        said.contains("the file's name is not that of a manifest"),
        "{said}"
    );
}

#[test]
fn bundles_are_checked_too() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.manifest.xml");
    fs::write(&file, "<!DOCTYPE manifest><manifest/>").unwrap();
    let (good, said) = checked(vec![file], Format::Text);
    assert!(!good, "{said}");
}

#[test]
fn binary_and_huge_files_are_drawn_without_harm() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in [
        ("binary.image.yaml", vec![0xff, 0xfe, 0x00, b'\n', 0x1b]),
        ("escape.image.yaml", b"name: \x1b[31mred\n".to_vec()),
        (
            "line.image.yaml",
            format!("name: {}\n", "x".repeat(100_000)).into_bytes(),
        ),
        ("huge.image.yaml", vec![b'#'; 3 << 20]),
    ] {
        let file = folder.path().join(name);
        fs::write(&file, bytes).unwrap();
        let (good, said) = checked(vec![file], Format::Text);
        assert!(!good, "{name}");
        assert!(
            !said.contains('\x1b') && said.len() < 10_000,
            "{name}: {said}"
        );
    }
}
