//! What the crate promises of itself: imports go one way, and nothing below it knows AWS or waits.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is the report")]

use std::{
    collections::{BTreeSet, VecDeque},
    path::{Path, PathBuf},
};

/// The modules in their order, as `lib.rs` lists them.
fn order() -> Vec<String> {
    let lib = include_str!("../src/lib.rs");
    let (_, rest) = lib.split_once("// The order of imports: begin").unwrap();
    let (list, _) = rest.split_once("// The order of imports: end").unwrap();
    list.lines()
        .filter_map(|line| line.trim_start_matches("pub ").strip_prefix("mod "))
        .map(|name| name.trim_end_matches(';').to_owned())
        .collect()
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// All source files but those of tests, as paths from `src`.
fn sources() -> Vec<PathBuf> {
    let (mut found, mut left) = (Vec::new(), vec![top()]);
    while let Some(path) = left.pop() {
        if path.is_dir() {
            left.extend(
                std::fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            continue;
        }
        let inner = path.strip_prefix(top()).unwrap();
        let is_test = inner.components().any(|step| {
            let step = step.as_os_str().to_string_lossy();
            step == "tests" || step == "tests.rs"
        });
        if !is_test {
            found.push(inner.to_owned());
        }
    }
    found
}

/// Modules that the text names as `crate::NAME` or in `crate::{…}`.
fn imported(text: &str, modules: &[String]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, prefix) in text.match_indices("crate::") {
        let rest = &text[at + prefix.len()..];
        let names = match rest.strip_prefix('{') {
            Some(list) => top_level(list),
            None => vec![rest],
        };
        for name in names {
            let name: String = name
                .trim()
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            // What `lib.rs` passes on belongs to the module that has it.
            let name = match name.as_str() {
                "Problem" => "problem".to_owned(),
                "sha256_hex" => "digest".to_owned(),
                _ => name,
            };
            assert!(
                modules.contains(&name),
                "crate::{name} is not in the order of lib.rs"
            );
            found.insert(name);
        }
    }
    found
}

/// The items of `a, b::{c, d}, e}…`.
fn top_level(list: &str) -> Vec<&str> {
    let (mut depth, mut start, mut items) = (0, 0, Vec::new());
    for (at, c) in list.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                items.push(&list[start..at]);
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    items.retain(|item| !item.trim().is_empty());
    items
}

#[test]
fn imports_go_one_way() {
    let order = order();
    let mut seen = 0;
    for inner in sources() {
        let module = inner
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_string_lossy();
        let module = module.trim_end_matches(".rs");
        let Some(place) = order.iter().position(|name| name == module) else {
            assert!(module == "lib", "{module} is not in the order of lib.rs");
            continue;
        };
        let text = std::fs::read_to_string(top().join(&inner)).unwrap();
        let code: String = text
            .split("#[cfg(test)]")
            .next()
            .unwrap()
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .map(|line| format!("{line}\n"))
            .collect();
        let parent = if inner.components().count() == 1 {
            "super::"
        } else {
            "super::super::"
        };
        assert!(
            !code.contains(parent),
            "{}: write crate::, so that this test sees it",
            inner.display()
        );
        for used in imported(&code, &order) {
            let at = order.iter().position(|name| *name == used).unwrap();
            assert!(
                at <= place,
                "{} uses {used}, which comes after it",
                inner.display()
            );
            seen += usize::from(at < place);
        }
    }
    assert!(seen > 50, "only {seen} imports were seen");
}

/// Read from Cargo.lock: it is there wherever this is built, and needs no cargo and no network. It has the dependencies
/// of every feature and target, so it says too much rather than too little.
#[test]
fn no_aws_and_no_async_runtime_below() {
    let lock = include_str!("../../Cargo.lock");
    let packages: Vec<(&str, Vec<&str>)> = lock
        .split("[[package]]")
        .skip(1)
        .map(|package| {
            let quoted: Vec<&str> = package.split('"').skip(1).step_by(2).collect();
            let dependencies = package
                .split_once("dependencies = [")
                .map_or("", |(_, list)| list);
            let names = dependencies.split('"').skip(1).step_by(2);
            (
                quoted[0],
                names.map(|name| name.split(' ').next().unwrap()).collect(),
            )
        })
        .collect();
    let mut found = BTreeSet::new();
    let mut left = VecDeque::from(["amiwright-manifest"]);
    while let Some(name) = left.pop_front() {
        if found.insert(name) {
            let versions = packages.iter().filter(|(package, _)| *package == name);
            left.extend(versions.flat_map(|(_, dependencies)| dependencies));
        }
    }
    assert!(
        found.contains("serde_json") && found.contains("saphyr-parser"),
        "{found:?}"
    );
    let refused = [
        "aws", "tokio", "async", "futures", "hyper", "mio", "reqwest", "smol",
    ];
    let bad: Vec<_> = found
        .iter()
        .filter(|name| refused.iter().any(|refused| name.starts_with(refused)))
        .collect();
    assert!(bad.is_empty(), "{bad:?}");
}
