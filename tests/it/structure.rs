//! The invariants of `src/lib.rs`, as far as the text of the code shows them.

mod prose_and_state;

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
            &[
                "src/cli/local.rs",
                "src/cli/local",
                "src/cli/local_stack.rs",
                "src/cli/demo.rs",
                "src/cli/demo"
            ]
        ),
        NOTHING
    );
}

/// The texts between the parentheses of every call of a method under `src`, except in `except`.
fn calls_of(method: &str, except: &[&str]) -> Vec<String> {
    let start = format!("{method}(");
    let inner = |text: &str| {
        let mut depth = 0_usize;
        let end = text.find(|c| {
            depth += usize::from(c == '(');
            depth -= usize::from(c == ')');
            depth == 0
        });
        text[..end.unwrap()].to_owned()
    };
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let except: Vec<PathBuf> = except.iter().map(|place| top.join(place)).collect();
    let mut calls = Vec::new();
    let mut left = vec![top.join("src")];
    while let Some(path) = left.pop() {
        if except.contains(&path) {
            continue;
        }
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).unwrap();
            left.extend(entries.map(|entry| entry.unwrap().path()));
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let found = text.match_indices(&start);
        calls.extend(found.map(|(at, _)| inner(&text[at + method.len()..])));
    }
    calls
}

#[test]
fn every_read_has_a_limit_of_the_one_module() {
    for (method, except) in [
        (".get_object", &["src/aws"][..]),
        (".list_objects", &["src/aws"]),
        // This one keeps no more than the three names that it compares.
        (
            ".each_page",
            &["src/aws", "src/reconcile/build/check_bundle.rs"],
        ),
        ("read_body", &[]),
    ] {
        let calls = calls_of(method, except);
        assert!(!calls.is_empty(), "{method}");
        let unlimited = calls.iter().filter(|call| !call.contains("limit"));
        assert_eq!(
            unlimited.collect::<Vec<_>>(),
            NOTHING.iter().collect::<Vec<_>>()
        );
        let outside = |call: &&String| method != "read_body" && !call.contains("limits::");
        assert_eq!(calls.iter().find(outside), None, "{method}");
    }
    // Whole bodies are read in one place; SSM and EC2 are asked in one place each.
    let words = [
        "body.collect",
        "into_async_read",
        "get_parameter()",
        "into_paginator",
        "set_next_token",
    ];
    let found = lines_with(&words, &["src"], &[]);
    let in_files = |name: &str| found.iter().filter(|line| line.contains(name)).count();
    let known = [
        "aws/parameters.rs",
        "aws/buckets.rs",
        "aws/images.rs",
        "aws/imports.rs",
        "aws/references.rs",
        "aws/snapshots.rs",
        // At most 10,000 parts, of an upload that a person sends.
        "aws/uploads.rs",
    ];
    assert_eq!(
        known.map(in_files).iter().sum::<usize>(),
        found.len(),
        "{found:?}"
    );
    let files = ["read_to_end", "read_to_string", "fs::read("];
    assert_eq!(
        lines_with(&files, &["src"], &["src/cli", "src/image/tests"]),
        NOTHING
    );
}

#[test]
fn addresses_in_s3_are_written_in_one_place() {
    assert_eq!(
        lines_with(&["s3://{"], &["src"], &["src/image/tests"]),
        NOTHING
    );
}

/// The lines of code that change a field reached through a `status`.
fn lines_that_write_a_status(places: &[&str]) -> Vec<String> {
    let write =
        r"\bstatus(\.\w+|\[[^\]]*\])+( \+?= |\.(push|insert|retain|clear|remove|extend|take)\()";
    let write = regex_lite::Regex::new(write).unwrap();
    let mut lines = lines_with(&["status."], places, &[]);
    lines.retain(|line| write.is_match(line));
    lines
}

#[test]
fn only_apply_writes_a_status() {
    let found = lines_that_write_a_status(&[
        "src/reconcile",
        "src/advance_tasks",
        "src/advance_tasks.rs",
        "src/register_image.rs",
        "src/notify.rs",
        "src/status_store",
        "src/status_store.rs",
    ]);
    // The open marker's `ETag` is the store's own, and known only once the marker is written.
    let (markers, others): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|line| line.contains("status.open_marker = "));
    assert_eq!(others, NOTHING);
    assert!(!markers.is_empty(), "the search finds what there is");
}

#[test]
fn no_function_sleeps_except_for_the_rate_limiter() {
    let except = ["src/cli", "src/aws/rate_limiter.rs"];
    assert_eq!(lines_with(&["sleep("], &["src"], &except), NOTHING);
}

#[test]
fn the_manifest_crate_imports_one_way() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifest/src");
    // A module and its own files use one another here; between modules, there is one way.
    let modules = Modules::read(&src);
    let lib = std::fs::read_to_string(src.join("lib.rs")).unwrap();
    let (_, rest) = lib.split_once("// The order of imports: begin").unwrap();
    let (list, _) = rest.split_once("// The order of imports: end").unwrap();
    let names = list
        .lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod "));
    let mut order: Vec<&str> = names.map(|name| name.trim_end_matches(';')).collect();
    assert!(order.len() > 10, "{order:?}");
    order.reverse();
    // What `lib.rs` passes on: `Problem`, its suggestions and `sha256_hex`.
    order.push("crate");
    let upward = modules.against(&order);
    let passed_on = [
        "crate imports digest",
        "crate imports problem",
        "crate imports suggestion",
    ];
    let wrong = upward
        .iter()
        .filter(|line| !passed_on.contains(&line.as_str()));
    assert_eq!(wrong.collect::<Vec<_>>(), Vec::<&String>::new());
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
        "imds management",
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
        "logs s3 sns ssm sts",
        "template",
        "events schedule",
        "json_protocol query connection",
        "large_body",
        "activity bus clock deliveries ids lock state token_bucket watcher wire",
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
        "reconcile::driver reconcile::preview",
        "reconcile::run",
        "reconcile::made reconcile::overtaken reconcile::record",
        "reconcile::removal",
        "reconcile::opening",
        "reconcile::draft",
        "reconcile::arrival",
        "reconcile::build",
        "reconcile::execute",
        "reconcile::identity",
        "reconcile::lookup",
        "reconcile::named_sources",
        "reconcile::step_context",
        "reconcile::described",
        "reconcile::parameters",
        "reconcile::manifest_reader",
        "reconcile::spec",
        "reconcile::proof",
        "reconcile::marking",
        "reconcile::context",
        "reconcile::earlier_imports",
        "status_store",
        "aws config events upload_policy",
        "keys",
        "metrics",
        "image",
        "image::apply",
        "image::message",
        "image::outcome",
        "image::publish",
        "image::plan",
        "image::ownership",
        "image::workflow",
        "image::request",
        "image::status",
        "image::notice",
        "image::task",
        "image::observed",
        "image::billing",
        "image::words",
        // By way of the crate itself, to what it is imported from: `manifest`.
        "crate failures limits version",
    ];
    assert_eq!(modules.against(&order), NOTHING);
}
