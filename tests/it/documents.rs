//! The documents say what is so: links lead somewhere, examples are valid, and lists are complete.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use amiwright::cli::Exit;
use amiwright::image::words::{SourceKind, Step};
use amiwright::image::workflow;
use amiwright::manifest::image;

/// The documents: those at the top, and all pages of the book.
pub(crate) fn documents() -> Vec<String> {
    let is_page = |path: &Path| path.extension().is_some_and(|extension| extension == "md");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(top()).unwrap() {
        found.push(entry.unwrap().path());
    }
    found.retain(|path| is_page(path));
    let mut folders = vec![top().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false if is_page(&path) => found.push(path),
                false => {}
            }
        }
    }
    let name = |path: &PathBuf| path.strip_prefix(top()).unwrap().display().to_string();
    let mut names: Vec<String> = found.iter().map(name).collect();
    names.sort();
    names
}

fn top() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = top().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines outside of code blocks.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut code = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        !code && !fence
    })
}

/// The code blocks in this language.
fn code_blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let start = format!("\n```{language}\n");
    let blocks = text.split(start.as_str()).skip(1);
    blocks
        .filter_map(|rest| rest.split("\n```").next())
        .collect()
}

/// The anchor that a heading gets.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || "-_ ".contains(*c);
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(kept)
        .collect::<String>()
        .replace(' ', "-")
}

/// What is between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn links_lead_somewhere() {
    let mut broken = Vec::new();
    for document in documents() {
        let text = prose(&read(&document)).collect::<Vec<_>>().join("\n");
        let folder = top().join(&document).parent().unwrap().to_path_buf();
        let targets = text.split("](").skip(1);
        for target in targets.filter_map(|rest| rest.split(')').next()) {
            if target.starts_with("https://") {
                continue;
            }
            let (file, wanted) = target.split_once('#').unwrap_or((target, ""));
            let file: PathBuf = match file {
                "" => top().join(&document),
                file => folder.join(file),
            };
            let found = file.exists()
                && (wanted.is_empty()
                    || prose(&read(&file))
                        .filter(|line| line.starts_with('#'))
                        .any(|heading| anchor(heading) == wanted));
            if !found {
                broken.push(format!("{document}: {target}"));
            }
        }
    }
    assert_eq!(broken, [""; 0]);
}

#[test]
fn manifests_in_the_documents_are_valid() {
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    let mut checked = 0;
    for document in documents() {
        for block in code_blocks(&read(&document), "yaml") {
            let parsed = image::parse("a.image.yaml", block.as_bytes(), now);
            assert!(parsed.is_ok(), "{document}: {block}\n{parsed:#?}");
            checked += 1;
        }
    }
    assert!(checked >= 5, "{checked}");
}

#[test]
fn the_manifest_reference_names_every_field() {
    let text = read("docs/manifest.md");
    let described: BTreeSet<&str> = prose(&text)
        .flat_map(quoted)
        .flat_map(|words| words.split(['.', ':', ',', ' ', '{', '}']))
        .collect();
    let schema = image::schema();
    let mut fields = BTreeSet::new();
    let mut parts = vec![&schema];
    while let Some(part) = parts.pop() {
        let properties = part["properties"].as_object().into_iter().flatten();
        fields.extend(properties.map(|(name, _)| name.as_str()));
        parts.extend(part.as_object().into_iter().flat_map(|it| it.values()));
        parts.extend(part.as_array().into_iter().flatten());
    }
    assert!(fields.len() > 50, "{fields:?}");
    let missing: Vec<_> = fields.difference(&described).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_operating_guide_names_every_parameter_of_the_template() {
    let text = read("docs/operating.md");
    let described: BTreeSet<&str> = prose(&text).flat_map(quoted).collect();
    let template = read("template.yaml");
    let section = template.split("\nParameters:\n").nth(1).unwrap();
    let section = section.split("\nConditions:\n").next().unwrap();
    let parameters = section
        .lines()
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.trim().strip_suffix(':'));
    let missing: Vec<_> = parameters.filter(|it| !described.contains(it)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn the_readme_stays_an_introduction() {
    let lines = read("README.md").lines().count();
    assert!(
        lines <= 150,
        "{lines} lines: move what is reference to docs/"
    );
}

/// The first or second cells of the tables of a section.
fn cells(text: &str, section: &str, column: usize) -> Vec<String> {
    let start = format!("\n## {section}\n");
    let rest = text.split(start.as_str()).nth(1).unwrap();
    let section = rest.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| "));
    rows.skip(1)
        .map(|row| row.split('|').nth(column).unwrap().to_owned())
        .collect()
}

/// All Rust sources and what configures their lints, as one text.
fn sources() -> String {
    let mut text = read("Cargo.toml") + &read("clippy.toml");
    let mut folders: Vec<PathBuf> = ["src", "tests", "manifest", "localaws"]
        .map(|folder| top().join(folder))
        .to_vec();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                text.push_str(&std::fs::read_to_string(path).unwrap());
            }
        }
    }
    text
}

#[test]
fn every_invariant_names_a_check_that_exists() {
    let sources = sources();
    let mut unknown = Vec::new();
    for cell in cells(&read("ARCHITECTURE.md"), "Invariants", 2) {
        assert!(
            quoted(&cell).count() > 0 || cell.contains("review"),
            "{cell}"
        );
        for check in quoted(&cell).filter(|check| !top().join(check).exists()) {
            let is_test = sources.contains(&format!("fn {check}("));
            let is_setting = sources.contains(&format!("{check} = "));
            if !is_test && !is_setting {
                unknown.push(check.to_owned());
            }
        }
    }
    assert_eq!(unknown, [""; 0]);
}

#[test]
fn paths_in_the_documents_exist() {
    let roots = [
        ".ci/",
        ".github/",
        "benches/",
        "docs/",
        "events/",
        "examples/",
        "localaws/",
        "manifest/",
        "src/",
        "tests/",
    ];
    let is_path = |word: &&str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "/._-".contains(c);
        roots.iter().any(|root| word.starts_with(root)) && word.chars().all(plain)
    };
    let mut missing = Vec::new();
    for document in ["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/development.md"] {
        let text = read(document);
        for path in prose(&text).flat_map(quoted).filter(is_path) {
            let module = format!("{}.rs", path.trim_end_matches('/'));
            if !top().join(path).exists() && !top().join(module).exists() {
                missing.push(format!("{document}: {path}"));
            }
        }
    }
    assert_eq!(missing, [""; 0]);
}

/// The table of the workflow, as ARCHITECTURE.md shows it.
fn workflow_table() -> String {
    let line = |name: &str, steps: &[Step]| {
        let steps: Vec<String> = steps.iter().map(|step| format!("`{step}`")).collect();
        format!("| {name} | {} |\n", steps.join(" → "))
    };
    let sources = SourceKind::ALL.map(|source| line(&source.to_string(), workflow::steps(source)));
    let publish = line("any, with settings: then", &workflow::PUBLISH);
    let store = line("any, with `store`: then", &workflow::STORE);
    let retire = line(
        "any, with `replaces`, after an earlier version: then",
        &workflow::RETIRE,
    );
    format!(
        "| source | steps |\n|---|---|\n{}{publish}{store}{retire}",
        sources.concat()
    )
}

#[test]
fn the_workflow_in_the_documents_is_that_of_the_code() {
    let text = read("ARCHITECTURE.md");
    let shown = text.split("<!-- workflow:begin -->\n").nth(1).unwrap();
    let shown = shown.split("<!-- workflow:end -->").next().unwrap();
    assert_eq!(
        shown,
        workflow_table(),
        "put the right side into ARCHITECTURE.md"
    );
}

/// The names that follow `start` at the beginning of a line of a Rust type, up to `end`.
fn members(path: &str, type_start: &str, start: &str, end: &[char]) -> Vec<String> {
    let text = read(path);
    let body = text
        .split(&format!("\n{type_start} {{\n"))
        .nth(1)
        .unwrap_or_else(|| panic!("{path} has no {type_start}"));
    let lines = body.split("\n}").next().unwrap().lines();
    lines
        .filter_map(|line| line.strip_prefix("    ")?.strip_prefix(start))
        .filter(|line| line.starts_with(char::is_alphabetic))
        .filter_map(|line| line.split(end).next())
        .map(str::to_owned)
        .collect()
}

/// `step_since` as JSON names it: `stepSince`.
fn camel_case(field: &str) -> String {
    let mut words = field.split('_');
    let mut name = words.next().unwrap_or_default().to_owned();
    for word in words {
        name.push_str(&word[..1].to_uppercase());
        name.push_str(&word[1..]);
    }
    name
}

/// `ObjectMissing` as JSON names it: `object-missing`.
fn kebab_case(variant: &str) -> String {
    let mut name = String::new();
    for c in variant.chars() {
        if c.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.extend(c.to_lowercase());
    }
    name
}

#[test]
fn the_operating_guide_describes_every_field_of_a_status() {
    let text = read("docs/operating.md");
    let section = text.split("\n## The status document\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let described: BTreeSet<&str> = prose(section)
        .flat_map(quoted)
        .map(|word| word.trim_start_matches("build."))
        .collect();
    let fields = [
        ("document", "Status"),
        ("build", "Build"),
        ("records", "ManifestVersion"),
        ("records", "RegionStatus"),
        ("previous", "PreviousVersion"),
        ("copying", "CopyRequest"),
        ("publishing", "Settings"),
        ("publishing", "Intended"),
        ("retiring", "Retiring"),
        ("retiring", "Retirement"),
        ("forgotten", "Forgotten"),
    ]
    .map(|(file, name)| {
        let (path, name) = (
            format!("src/image/status/{file}.rs"),
            format!("pub struct {name}"),
        );
        members(&path, &name, "pub ", &[':'])
    })
    .concat();
    assert!(fields.len() > 40, "{fields:?}");
    let reasons = members(
        "src/image/words/waiting.rs",
        "pub enum WaitReason",
        "",
        &[' ', ','],
    );
    assert!(reasons.len() > 10, "{reasons:?}");
    let mut names: Vec<String> = fields.iter().map(|field| camel_case(field)).collect();
    names.extend(reasons.iter().map(|variant| kebab_case(variant)));
    names.extend(members(
        "src/image/words/condition.rs",
        "pub enum ConditionReason",
        "",
        &[','],
    ));
    names.extend(Step::ALL.map(|step| step.to_string()));
    names.retain(|name| !described.contains(name.as_str()));
    assert_eq!(names, [""; 0]);
}

#[test]
fn the_exit_codes_in_the_documents_are_those_of_the_code() {
    let text = read("docs/operating.md");
    let section = text.split("\n### Exit codes\n").nth(1).unwrap();
    let section = section.split("\n##").next().unwrap();
    let shown: Vec<&str> = section
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
        .collect();
    let known = Exit::ALL.map(|exit| format!("| {} | {} |", exit.code(), exit.meaning()));
    assert_eq!(shown, known);
}

#[test]
fn the_documents_name_the_version() {
    let version = env!("CARGO_PKG_VERSION");
    let changelog = read("CHANGELOG.md");
    let mut headings = changelog.lines().filter(|line| line.starts_with("## "));
    assert_eq!(headings.next(), Some("## [Unreleased]"));
    let released = headings.next().unwrap();
    let date = released.strip_prefix(&format!("## [{version}] - "));
    let date = date.unwrap_or_else(|| panic!("{released}, and not {version} with its date"));
    assert!(date.parse::<jiff::civil::Date>().is_ok(), "{date}");
    let deploy = read("docs/deploy.md");
    assert!(deploy.contains(&format!("`v{version}`")), "{version}");
}
