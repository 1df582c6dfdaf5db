//! Which members `src/aws` sets, as far as the text of the code shows it: the chains of calls that begin with a request or
//! a structure of the SDK, or with the variable that holds one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use regex_lite::Regex;

use super::folded;

/// These build clients, not requests.
const CLIENTS: [&str; 3] = ["client_settings.rs", "connect.rs", "instance_metadata.rs"];

/// A part of an answer, which the code builds in order to read two answers in one way.
const ANSWER: &str = "ImportImageTask";

/// The members that are set of each request and structure: by service and folded name.
pub(super) fn written() -> BTreeMap<(&'static str, String), BTreeSet<String>> {
    let mut written: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/aws");
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !path.is_file() || CLIENTS.contains(&name.as_str()) {
            continue;
        }
        let text = without_comments(&std::fs::read_to_string(&path).unwrap());
        let code = text.split("#[cfg(test)]").next().unwrap_or_default();
        let service = ["ec2", "s3", "sns", "ssm"]
            .into_iter()
            .find(|service| code.contains(&format!("aws_sdk_{service}::types")));
        for function in functions(code) {
            for (called, name, begin) in begun(function, &path) {
                let shape = (called.or(service).unwrap(), name);
                let members = written.entry(shape).or_default();
                members.extend(set_in(function, begin));
            }
        }
    }
    written
}

fn without_comments(text: &str) -> String {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.collect::<Vec<_>>().join("\n")
}

fn functions(code: &str) -> Vec<&str> {
    let start = Regex::new(r"(?m)^\s*(pub(\([a-z]+\))?\s+)?(async\s+)?fn ").unwrap();
    let mut starts: Vec<usize> = start.find_iter(code).map(|found| found.start()).collect();
    starts.push(code.len());
    starts
        .windows(2)
        .map(|pair| &code[pair[0]..pair[1]])
        .collect()
}

/// The requests (with their services) and the structures that a function begins to build, and where.
fn begun(function: &str, path: &Path) -> Vec<(Option<&'static str>, String, usize)> {
    let request = Regex::new(r"\.(ec2|s3|sns|ssm)\(\)\s*\.(\w+)(\(\))").unwrap();
    let structure = Regex::new(r"(\w+)::builder(\(\))").unwrap();
    let mut begun = Vec::new();
    for found in request.captures_iter(function) {
        let service = ["ec2", "s3", "sns", "ssm"]
            .into_iter()
            .find(|service| *service == &found[1]);
        begun.push((service, folded(&found[2]), found.get(3).unwrap().end()));
    }
    let clients = Regex::new(r"\.(ec2|s3|sns|ssm)\(\)").unwrap();
    let clients = clients.find_iter(function).count();
    assert_eq!(clients, begun.len(), "{}: {function}", path.display());
    let structures = structure.captures_iter(function);
    for found in structures.filter(|found| &found[1] != ANSWER) {
        begun.push((None, folded(&found[1]), found.get(2).unwrap().end()));
    }
    begun
}

/// The members that are set from here on: in this chain, and in those of the variable that it is bound to.
fn set_in(function: &str, begin: usize) -> BTreeSet<String> {
    let mut calls = chain(&function[begin..]);
    let binding = Regex::new(r"let (?:mut )?(\w+) = ").unwrap();
    let before = &function[..begin];
    if let Some(bound) = binding.captures_iter(before).last() {
        let uses = Regex::new(&format!(r"\b{}\b", &bound[1])).unwrap();
        for found in uses.find_iter(function) {
            let rest = &function[found.end()..];
            // A closure that begins one is called first.
            let called = rest.starts_with('(').then(|| after_parentheses(rest));
            calls.extend(chain(&rest[called.unwrap_or(0)..]));
        }
    }
    if calls.contains("into_paginator") {
        // By whichever of them the call has.
        calls.insert("continuation_token".to_owned());
        calls.insert("part_number_marker".to_owned());
    }
    let member = |call: &String| folded(call.strip_prefix("set_").unwrap_or(call));
    calls.iter().map(member).collect()
}

/// The names of the methods that are called one after the other: `.a(…).b(…)`.
fn chain(text: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut rest = text.trim_start();
    while let Some(call) = rest.strip_prefix('.') {
        let end = call
            .find(|c: char| !c.is_alphanumeric() && c != '_' && c != '#')
            .unwrap_or(call.len());
        let (name, arguments) = call.split_at(end);
        if !arguments.starts_with('(') {
            break;
        }
        names.insert(name.trim_start_matches("r#").to_owned());
        rest = arguments[after_parentheses(arguments)..].trim_start();
    }
    names
}

/// Where the parentheses end with which a text starts.
fn after_parentheses(text: &str) -> usize {
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    for (index, c) in text.char_indices() {
        match c {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => is_text = !is_text,
            '(' if !is_text => depth += 1,
            ')' if !is_text => {
                depth -= 1;
                if depth == 0 {
                    return index + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

#[test]
fn a_chain_is_followed_over_arguments_and_lines() {
    let text = ".a(b.c(\")\"))\n    .set_d(None)\n .r#type(x)?.send()";
    let names: Vec<String> = chain(text).into_iter().collect();
    assert_eq!(names, ["a", "set_d", "type"]);
}
