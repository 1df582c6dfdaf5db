//! Good and hostile manifests, read as the functions read them.

mod digests;
mod good;
mod guardrail_values;
mod guardrails;
mod hints;
mod hostile;
mod imports;
mod looks;
mod obeyed;
mod publishing;
mod rules;
mod rules_of_devices;
mod schema_options;
mod strangers;
mod upgrade;
mod wrong_fields;

use super::*;

/// The moment of every test.
fn now() -> Timestamp {
    "2026-11-21T12:00:00Z".parse().unwrap()
}

/// All problems as `line:column path: message`.
fn problems_of(key: &str, bytes: &[u8]) -> Vec<String> {
    let problems = parse(key, bytes, now()).err().unwrap_or_default();
    let place = |problem: &Problem| {
        format!(
            "{}:{}",
            problem.line.unwrap_or(0),
            problem.column.unwrap_or(0)
        )
    };
    problems
        .iter()
        .map(|problem| format!("{} {}: {}", place(problem), problem.path, problem.message))
        .collect()
}

/// Checks that a YAML manifest has exactly these problems; each is the beginning of one.
#[track_caller]
fn refused(text: &str, expected: &[&str]) {
    refused_as("a.image.yaml", text.as_bytes(), expected);
}

#[track_caller]
fn refused_as(key: &str, bytes: &[u8], expected: &[&str]) {
    obeyed::every_hint(key, bytes, &Guardrails::open());
    let found = problems_of(key, bytes);
    let same = found.len() == expected.len()
        && found
            .iter()
            .zip(expected)
            .all(|(found, want)| found.starts_with(want));
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(500)]).into_owned();
    assert!(
        same && !found.is_empty(),
        "{shown}\nfound: {found:#?}\nexpected: {expected:#?}"
    );
}

#[track_caller]
fn accepted(text: &str) -> ImageManifest {
    match parse("a.image.yaml", text.as_bytes(), now()) {
        Ok(manifest) => manifest,
        Err(problems) => panic!("{text}\n{problems:#?}"),
    }
}

/// A manifest with a snapshot and these lines more.
fn with(lines: &str) -> String {
    format!("name: web\nsource: {{snapshot: {{id: snap-0123456789abcdef0}}}}\n{lines}")
}

/// A manifest with a snapshot and these fields of `register`, from line 4.
fn registering(lines: &str) -> String {
    let indented: String = lines.lines().map(|line| format!("  {line}\n")).collect();
    with(&format!("register:\n{indented}"))
}

/// A manifest with a data volume of these fields: they begin at 5:30.
fn volume(fields: &str) -> String {
    registering(&format!(
        "blockDeviceMappings:\n- {{deviceName: /dev/sdf, ebs: {{{fields}}}}}\n- {{deviceName: /dev/xvda, ebs: {{}}}}"
    ))
}
