use super::*;

use insta::assert_snapshot;

/// Checks files of `examples/` or absolute paths. Returns whether they have no problems, and the output.
fn checked(files: &[&str], is_json: bool) -> (bool, String) {
    checked_within(files, is_json, &[]).unwrap()
}

/// The same with these guardrails.
fn checked_within(
    files: &[&str],
    is_json: bool,
    parameters: &[&str],
) -> Result<(bool, String), Error> {
    let args = Args {
        parameters: parameters.iter().map(|it| (*it).to_owned()).collect(),
        ..args(files)
    };
    checked_with(&args, is_json)
}

/// The arguments for these files alone.
fn args(files: &[&str]) -> Args {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    Args {
        files: files.iter().map(|file| examples.join(file)).collect(),
        name: "stdin.image.yaml".to_owned(),
        parameters: Vec::new(),
        bucket: None,
        account: None,
        region: None,
    }
}

fn checked_with(args: &Args, is_json: bool) -> Result<(bool, String), Error> {
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    let mut out = Vec::new();
    let files = check_all(args, now)?;
    let form = Form {
        renderer: Renderer::plain(),
        is_json,
        is_quiet: false,
    };
    write(&files, &form, &mut out).unwrap();
    let ok = files.iter().all(|file| file.problems.is_empty());
    let text = String::from_utf8(out).unwrap();
    let root = format!("{}/", env!("CARGO_MANIFEST_DIR"));
    Ok((ok, text.replace(&root, "")))
}

/// Checks a file with this content.
fn checked_content(name: &str, content: &[u8]) -> (bool, String) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join(name);
    std::fs::write(&file, content).unwrap();
    let (ok, text) = checked(&[file.to_str().unwrap()], false);
    let directory = format!("{}/", directory.path().display());
    (ok, text.replace(&directory, ""))
}

#[test]
fn files_without_problems_get_one_line_each() {
    let (ok, text) = checked(&["web.image.yaml", "minimal.image.json"], false);
    assert!(ok);
    assert_snapshot!(text);
}

#[test]
fn problems_are_shown_in_their_lines() {
    let (ok, text) = checked(&["mistakes.image.yaml"], false);
    assert!(!ok);
    assert_snapshot!(text);
}

#[test]
fn json_has_the_same_problems() {
    let (ok, text) = checked(&["web.image.yaml", "mistakes.image.yaml"], true);
    assert!(!ok);
    assert_snapshot!(text);
}

#[test]
fn json_has_what_hints_propose_as_json_patch() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("web.image.yaml");
    let manifest = "name: web\nsource: {vm: {object: a.raw, format: RAW}}\n";
    std::fs::write(&file, manifest).unwrap();
    let (_, text) = checked(&[file.to_str().unwrap()], true);
    let files: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(
        files["items"][0]["problems"][0]["suggestions"],
        json!([[{"op": "replace", "path": "/source/vm/format", "value": "raw"}]])
    );
}

#[test]
fn a_file_that_cannot_be_read_does_not_stop_the_others() {
    let (ok, text) = checked(&["missing.image.yaml", "web.image.yaml"], false);
    assert!(!ok);
    assert_snapshot!(text);
}

#[test]
fn other_file_names_are_not_manifests() {
    let (ok, text) = checked_content("Cargo.toml", b"[package]\n");
    assert!(!ok);
    assert_snapshot!(text);
}

#[test]
fn bundle_manifests_are_checked_too() {
    let (ok, text) = checked_content("web.manifest.xml", b"<!DOCTYPE manifest><manifest/>");
    assert!(!ok);
    assert_snapshot!(text);
}

#[test]
fn what_the_stack_is_decides_too_if_it_is_given() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("web.image.yaml");
    let text = "name: web\nsource: {snapshot: {id: snap-01234567}}\naccess: {accounts: [\"111122223333\"]}\nregions: {us-west-2: {}}\n";
    std::fs::write(&file, text).unwrap();
    let checked = |account: Option<&str>, region: Option<&str>| {
        let args = Args {
            account: account.map(str::to_owned),
            region: region.map(str::to_owned),
            ..args(&[file.to_str().unwrap()])
        };
        checked_with(&args, false).unwrap().1
    };
    let owner = "access.accounts[0]: `111122223333` is the account that owns the AMI";
    let home = "regions.us-west-2: the AMI itself is made in `us-west-2`";
    let unknown = checked(None, None);
    assert!(!unknown.contains(owner) && !unknown.contains(home));
    let known = checked(Some("111122223333"), Some("us-west-2"));
    assert!(known.contains(owner) && known.contains(home), "{known}");
    let other = checked(Some("444455556666"), Some("eu-west-1"));
    assert_eq!(other, unknown);
    for (name, value) in [("--account", "42"), ("--region", "us-west-2a")] {
        #[derive(Debug, clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: Args,
        }
        let line = ["check", name, value, "web.image.yaml"];
        let error = <Line as clap::Parser>::try_parse_from(line).unwrap_err();
        assert_eq!(error.kind(), clap::error::ErrorKind::ValueValidation);
    }
}

#[test]
fn a_byte_order_mark_and_carriage_returns_take_no_column() {
    let (ok, text) = checked_content("web.image.yaml", b"\xef\xbb\xbfnam: web\r\nsource: 1\r\n");
    assert!(!ok);
    assert_snapshot!(text);
}

#[test]
fn a_closed_pipe_does_not_hide_problems() {
    struct Closed;
    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    for (file, expected) in [
        ("web.image.yaml", ExitCode::SUCCESS),
        ("mistakes.image.yaml", ExitCode::FAILURE),
    ] {
        let args = args(&[file]);
        let code = run(
            &args,
            &Options::default(),
            Timestamp::UNIX_EPOCH,
            &mut Closed,
        )
        .unwrap();
        assert_eq!(code, expected, "{file}");
    }
}

#[test]
fn nothing_in_a_file_reaches_the_terminal_as_a_command() {
    for (name, content) in [
        ("binary.image.yaml", vec![0xff, 0xfe, 0x00, b'\n', 0x1b]),
        ("escape.image.yaml", b"name: \x1b[31mred\n".to_vec()),
        ("c1.image.yaml", "name: \u{9b}31mred\n".into()),
        (
            "line.image.yaml",
            format!("name: {}\n", "x".repeat(100_000)).into(),
        ),
        ("huge.image.yaml", vec![b'#'; 3 << 20]),
    ] {
        let (ok, text) = checked_content(name, &content);
        assert!(!ok, "{name}");
        assert!(
            text.chars().all(|c| c == '\n' || !c.is_control()),
            "{name}: {text:?}"
        );
        assert!(text.len() < 10_000, "{name}: {}", text.len());
    }
}

#[test]
fn guardrails_are_checked_where_they_are_given() {
    let store = ["store.image.yaml"];
    let (ok, _) = checked(&store, false);
    assert!(ok, "no stack is known");
    let within = |parameter: &str| checked_within(&store, false, &[parameter]);
    for open in [
        "StoreBuckets=arn:aws:s3:::image-archive",
        "ShareWith=",
        "SourceBuckets=",
    ] {
        assert!(within(open).unwrap().0, "{open}");
    }
    let (ok, text) = within("StoreBuckets=").unwrap();
    assert!(!ok);
    assert!(
        text.contains("StoreBuckets") && text.contains("arn:aws:s3:::image-archive"),
        "{text}"
    );
    for (invalid, expected) in [
        ("StoreBuckets", "is not NAME=VALUE of a guardrail"),
        ("Buckets=x", "the guardrails are ShareWith, AllowPublic"),
        ("StoreBuckets=archive", "which is not the ARN of a bucket"),
    ] {
        let report = within(invalid).unwrap_err().report();
        assert!(report.contains(expected), "{report}");
    }
}

#[test]
fn the_manifests_of_a_directory_are_checked_however_deep() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, content: &str| {
        let file = directory.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    };
    write("b.image.yaml", "name: [");
    write(
        "a/deep.image.yaml",
        "name: web\nsource: {snapshot: {id: snap-0123456789abcdef0}}\n",
    );
    write("README.md", "not a manifest");
    let top = directory.path().to_str().unwrap();
    let (ok, text) = checked(&[top], true);
    assert!(!ok);
    let files: serde_json::Value = serde_json::from_str(&text).unwrap();
    let files: Vec<_> = files["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["file"].as_str().unwrap().to_owned(), it["ok"] == true))
        .collect();
    assert_eq!(
        files,
        [
            (format!("{top}/a/deep.image.yaml"), true),
            (format!("{top}/b.image.yaml"), false)
        ]
    );
}

#[test]
fn a_directory_without_manifests_is_a_mistake() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("web.yaml"), "name: web").unwrap();
    let (ok, text) = checked(&[directory.path().to_str().unwrap()], false);
    assert!(!ok);
    let text = text.replace(&directory.path().display().to_string(), "DIR");
    assert_snapshot!(text, @r"
    error: cannot read DIR: there is no manifest in this directory

    DIR: 1 problem
    ");
}

#[test]
fn a_name_that_no_second_version_can_have_is_a_warning() {
    let fixed = "name: web\nsource: {snapshot: {id: snap-01234567}}\n";
    let (ok, text) = checked_content("web.image.yaml", fixed.as_bytes());
    assert!(ok);
    assert!(
        text.contains("warning: name: the name is the same for every version"),
        "{text}"
    );
    assert!(
        text.ends_with("web.image.yaml: no problems, 1 warning\n"),
        "{text}"
    );
    let replaced = format!("{fixed}replaces: {{previous: deregister}}\n");
    let dated = fixed.replace("web\n", "web-{date}\n");
    for other in [replaced, dated] {
        let (ok, text) = checked_content("web.image.yaml", other.as_bytes());
        assert!(
            ok && text.ends_with("web.image.yaml: no problems\n"),
            "{text}"
        );
    }
}

#[test]
fn a_name_that_is_nearly_right_is_said_to_be_left_alone() {
    for (name, meant) in [
        ("web.yaml", "web.image.yaml"),
        ("Web.Image.YAML", "Web.image.yaml"),
    ] {
        let (ok, text) = checked_content(name, b"name: web\n");
        assert!(!ok);
        assert!(text.contains(&format!("rename it to {meant}")), "{text}");
    }
}
