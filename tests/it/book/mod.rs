//! The pages of docs/: what they tell a reader to type is typed, in order, in one directory a page, and what they show that it
//! prints is compared.
//!
//! A block ```` ```console ```` has commands after `$ ` (a line after `> ` continues one) and what they print, in which `…`
//! stands for any lines; ```` ```sh ```` has commands whose output is not shown. A command has to succeed, unless its comment
//! names its exit code. ```` ```console,background ```` is for another window. ```` ```yaml ```` that begins with the name of a
//! file is written into that file. What needs AWS or a tool that is not here says `not-run`, and is counted.

mod blocks;
mod sample;
mod shell;
mod transcript;

use std::collections::{BTreeMap, BTreeSet};

use self::blocks::{Block, Step};
use self::shell::Terminal;
use crate::documents::documents;

/// What cannot be run here: the page, how many of its blocks, and why.
const NOT_RUN: [(&str, usize, &str); 10] = [
    (
        "console.md",
        1,
        "runs until Ctrl-C: tests/it/console and .ci/browser do it",
    ),
    (
        "deploy.md",
        5,
        "builds and deploys: .ci/release does it, up to `sam deploy`",
    ),
    (
        "development.md",
        2,
        "builds, tests and fuzzes: .ci/run does it, but for fuzzing",
    ),
    (
        "how-to/leaving.md",
        3,
        "changes a deployed stack, or needs the AWS CLI",
    ),
    ("how-to/packer.md", 2, "needs Packer"),
    (
        "notices.md",
        4,
        "jq and the subscribers: .ci/examples runs them",
    ),
    (
        "operating.md",
        7,
        "asks a deployed stack, or needs the AWS CLI: tests/it/cli, tests/peers/clients",
    ),
    (
        "paid-amis.md",
        3,
        "asks EC2, or runs on an instance: tests/it/cli/paid.rs",
    ),
    (
        "simulation.md",
        1,
        "builds for minutes: histories is a test",
    ),
    ("tutorial.md", 1, "compiles this program"),
];

/// The pages whose commands are run.
const RUN: [&str; 10] = [
    "how-to/awspub.md",
    "how-to/cross-account.md",
    "how-to/leaving.md",
    "how-to/packer.md",
    "how-to/pipeline.md",
    "how-to/restore.md",
    "manifest.md",
    "notices.md",
    "paid-amis.md",
    "tutorial.md",
];

/// Blocks of YAML that are no manifests: the page, what the fence says, and the file that is checked by .ci/run.
const OTHER_YAML: [(&str, &str, &str); 2] = [
    (
        "how-to/pipeline.md",
        "github",
        "examples/pipelines/github.yml",
    ),
    (
        "how-to/pipeline.md",
        "gitlab",
        "examples/pipelines/gitlab.yml",
    ),
];

fn page(name: &str) -> String {
    let path = format!("{}/docs/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All pages, by their names below docs/.
fn pages() -> BTreeMap<String, Vec<Block>> {
    let summary = page("SUMMARY.md");
    let links = summary.split("](").skip(1);
    let names = links.filter_map(|rest| rest.split(')').next());
    names
        .map(|name| (name.to_owned(), blocks::of(&page(name))))
        .collect()
}

/// Does what a page says, from its first line to its last.
fn follow(name: &str) {
    let mut terminal = Terminal::open();
    for block in blocks::of(&page(name)) {
        let place = format!("docs/{name}:{}", block.line);
        if let Some(file) = block.file() {
            terminal.write(file, &block.lines);
        }
        if !block.has_commands() || block.is("not-run") {
            continue;
        }
        for step in block.steps() {
            match block.is("background") {
                true => start(&mut terminal, &step, &place),
                false => run(&mut terminal, &step, &place),
            }
        }
    }
}

fn start(terminal: &mut Terminal, step: &Step, place: &str) {
    let shown = step.shown.as_deref().unwrap_or_default();
    let printed = terminal.start(&step.command, shown);
    assert_same(shown, &printed, step, place);
}

fn run(terminal: &mut Terminal, step: &Step, place: &str) {
    let (printed, code) = terminal.run(&step.command);
    let command = &step.command;
    let comment = command.split_once('#').map_or("", |(_, comment)| comment);
    let expected = comment
        .split_once("exit code ")
        .map_or("0", |(_, code)| code);
    assert_eq!(
        code.to_string(),
        expected,
        "{place}: {command}: {printed:#?}"
    );
    if let Some(shown) = &step.shown {
        assert_same(shown, &printed, step, place);
    }
}

fn assert_same(shown: &[String], printed: &[String], step: &Step, place: &str) {
    let (shown_text, printed_text) = (shown.join("\n"), printed.join("\n"));
    let command = &step.command;
    assert!(
        transcript::is_same(shown, printed),
        "{place}: {command}\nshown:\n{shown_text}\n\nprinted:\n{printed_text}\n"
    );
}

#[test]
fn the_commands_about_manifests_and_notices_are_right() {
    follow("manifest.md");
    follow("notices.md");
}

#[test]
fn product_codes_are_tried_as_the_page_says() {
    follow("paid-amis.md");
}

#[test]
fn who_comes_from_packer_gets_an_ami() {
    follow("how-to/packer.md");
}

#[test]
fn who_comes_from_awspub_gets_an_ami() {
    follow("how-to/awspub.md");
}

#[test]
fn a_pipeline_checks_and_pushes() {
    follow("how-to/pipeline.md");
}

#[test]
fn an_ami_is_shared_with_another_account() {
    follow("how-to/cross-account.md");
}

#[test]
fn an_ami_is_stored_and_restored() {
    follow("how-to/restore.md");
}

#[test]
fn statuses_are_read_without_amiwright() {
    follow("how-to/leaving.md");
}

#[test]
fn yaml_that_is_no_manifest_is_that_of_a_file() {
    let mut found = Vec::new();
    for (name, blocks) in pages() {
        for block in blocks.iter().filter(|it| it.language == "yaml") {
            for flag in &block.flags {
                let file = OTHER_YAML.iter().find(|it| it.0 == name && it.1 == flag);
                let file = file.unwrap_or_else(|| panic!("{name}: {flag}")).2;
                let path = format!("{}/{file}", env!("CARGO_MANIFEST_DIR"));
                let text = std::fs::read_to_string(path).unwrap();
                assert_eq!(block.lines.join("\n") + "\n", text, "{file}");
                found.push(file);
            }
        }
    }
    assert_eq!(found, OTHER_YAML.map(|it| it.2));
}

#[test]
fn the_tutorial_does_what_it_shows() {
    follow("tutorial.md");
}

#[test]
fn every_command_of_the_book_is_run_or_counted() {
    let mut run = Vec::new();
    let mut not_run = BTreeMap::new();
    for (name, blocks) in pages() {
        let (left_out, kept): (Vec<&Block>, Vec<&Block>) = blocks
            .iter()
            .filter(|block| block.has_commands())
            .partition(|block| block.is("not-run"));
        if !left_out.is_empty() {
            not_run.insert(name.clone(), left_out.len());
        }
        if !kept.is_empty() {
            run.push(name);
        }
    }
    let expected = NOT_RUN.map(|(name, count, _)| (name.to_owned(), count));
    assert_eq!(not_run, expected.into_iter().collect::<BTreeMap<_, _>>());
    let mut expected = RUN.map(str::to_owned);
    expected.sort();
    assert_eq!(run, expected);
    let source = include_str!("mod.rs");
    for name in RUN {
        assert!(source.contains(&format!("follow(\"{name}\")")), "{name}");
    }
}

#[test]
fn every_page_is_in_the_table_of_contents() {
    let listed: BTreeSet<String> = pages()
        .into_keys()
        .map(|page| format!("docs/{page}"))
        .collect();
    let is_page = |name: &String| name.starts_with("docs/") && name != "docs/SUMMARY.md";
    let found: BTreeSet<String> = documents().into_iter().filter(is_page).collect();
    assert_eq!(listed, found);
}

#[test]
fn every_other_snippet_is_looked_at() {
    let sample = include_str!("sample.rs");
    for (name, blocks) in pages() {
        for block in blocks {
            let place = format!("docs/{name}:{}", block.line);
            assert!(block.is_known(), "{place}: {}", block.language);
            let text = block.lines.join("\n");
            match block.language.as_str() {
                "json" => {
                    let parsed = serde_json::from_str::<serde_json::Value>(&text);
                    assert!(parsed.is_ok(), "{place}: {parsed:?}");
                }
                "rust" => {
                    let is_shown = |line: &String| sample.contains(line.trim());
                    assert!(block.lines.iter().all(is_shown), "{place}: see sample.rs");
                }
                _ => {}
            }
        }
    }
}
