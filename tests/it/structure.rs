//! The invariants of `src/lib.rs`, as far as the text of the code shows them.

use std::path::{Path, PathBuf};

use crate::modules::Modules;

/// The lines of all Rust files under these folders or files that hold one of `words`, except under `except`.
fn lines_with(words: &[&str], places: &[&str], except: &[&str]) -> Vec<String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let except: Vec<PathBuf> = except.iter().map(|place| top.join(place)).collect();
    let mut found = Vec::new();
    let mut left: Vec<PathBuf> = places.iter().map(|place| top.join(place)).collect();
    while let Some(path) = left.pop() {
        if except.contains(&path) {
            continue;
        }
        if path.is_dir() {
            left.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            let hits = code.filter(|line| words.iter().any(|word| line.contains(word)));
            found.extend(hits.map(|line| format!("{}: {}", path.display(), line.trim())));
        }
    }
    found
}

const NOTHING: [String; 0] = [];

#[test]
fn only_aws_names_types_of_the_sdk() {
    let words = [
        "aws_sdk_",
        "aws_config",
        "aws_credential_types",
        "aws_smithy",
        "aws_types",
    ];
    assert_eq!(lines_with(&words, &["src"], &["src/aws"]), NOTHING);
}

#[test]
fn manifest_and_image_know_no_clock_no_async_no_aws() {
    let words = [
        "async ",
        "tokio",
        "now()",
        "SystemTime",
        "Instant",
        "crate::aws",
        "crate::status_store",
        "std::env",
        "std::fs",
    ];
    let tests = [
        "src/image/tests",
        "manifest/src/image/tests.rs",
        "manifest/src/image/tests",
        "manifest/src/bundle/tests.rs",
    ];
    assert_eq!(
        lines_with(&words, &["manifest/src", "src/image"], &tests),
        NOTHING
    );
}

#[test]
fn the_world_and_the_application_do_not_know_each_other() {
    assert_eq!(
        lines_with(&["amiwright::", "use amiwright"], &["localaws/src"], &[]),
        NOTHING
    );
    assert_eq!(
        lines_with(
            &["localaws"],
            &["src"],
            &["src/cli", "src/bin/amiwright.rs"]
        ),
        NOTHING
    );
}

#[test]
fn no_function_sleeps_except_for_the_rate_limiter() {
    let except = ["src/cli", "src/aws/rate_limiter.rs"];
    assert_eq!(lines_with(&["sleep("], &["src"], &except), NOTHING);
}

#[test]
fn localaws_imports_one_way() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("localaws/src");
    let modules = Modules::read(&src);
    assert_eq!(modules.circles(), [NOTHING; 0]);
    let order = [
        "server",
        "world",
        "client schedule_runner",
        "services",
        "iam",
        "iam::authorize",
        "iam::refusal",
        "iam::grants",
        "iam::principal",
        "iam::evaluate",
        "iam::document",
        "iam::operator",
        "iam::pattern",
        "iam::context iam::keys",
        "route",
        "faults",
        "lambda",
        "ec2 ec2::controls ec2::seeds",
        "ec2::actions",
        "ec2::tasks",
        "ec2::model",
        "ec2::wire",
        "s3 sns ssm sts",
        "template",
        "events schedule",
        "query connection",
        "activity bus clock ids lock state wire",
        "crate",
    ];
    assert_eq!(modules.against(&order), NOTHING);
}

#[test]
fn amiwright_imports_one_way() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let modules = Modules::read(&src);
    assert_eq!(modules.circles(), [NOTHING; 0]);
    let order = [
        "cli",
        "function",
        "register_image advance_tasks",
        "notify",
        "reconcile",
        "reconcile::driver",
        "reconcile::draft",
        "reconcile::arrival",
        "reconcile::build",
        "reconcile::lookup",
        "reconcile::step_context",
        "reconcile::spec",
        "reconcile::context",
        "status_store",
        "aws config events upload_policy",
        "keys",
        "image",
        "image::apply",
        "image::message",
        "image::outcome",
        "image::plan",
        "image::ownership",
        "image::workflow",
        "image::status",
        "image::notice",
        "image::task",
        "image::observed",
        "image::words",
        // By way of the crate itself, to what it is imported from: `manifest`.
        "crate failures",
    ];
    assert_eq!(modules.against(&order), NOTHING);
}
