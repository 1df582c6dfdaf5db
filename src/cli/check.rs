//! `amiwright check FILE…`: finds the mistakes in manifests before they are uploaded.

mod files;

use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use jiff::Timestamp;
use serde_json::json;

use super::json as output;
use super::options::Options;
use super::text::plain;
use crate::cli::error::Error;
use crate::image::words::counted;
use crate::limits;
use crate::manifest::{
    Problem, bundle,
    guardrails::{Guardrails, PARAMETERS, Parameter, is_account, is_region},
    image,
    key::{self, Kind},
};

/// How much of a file is read: one byte more than the largest manifest, so that the parser reports the size.
const READ_MAX: u64 = limits::MANIFEST_BYTES + 1;

/// Arguments of `amiwright check`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Image manifests (NAME.image.yaml, .yml, .json) and bundle manifests (NAME.manifest.xml), or directories of them;
    /// `-` reads standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// File name of standard input; its extension selects the kind of manifest
    #[arg(long, value_name = "FILE", default_value = "stdin.image.yaml")]
    name: String,
    /// A guardrail to check, as the stack's parameter, such as ShareWith=111122223333; may be repeated. Those that are
    /// not given are not checked
    #[arg(long = "parameter", value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    /// Bucket of the manifests, whose objects may be sources whatever SourceBuckets says
    #[arg(long, env = "AMIWRIGHT_BUCKET")]
    bucket: Option<String>,
    /// Account of the stack, which owns the AMIs: an AMI cannot be shared with it
    #[arg(long, value_name = "ID", env = "AMIWRIGHT_ACCOUNT_ID", value_parser = account)]
    account: Option<String>,
    /// Region of the stack, where the AMIs are made: what `regions` and ARNs name has to fit it
    #[arg(long, value_parser = region)]
    region: Option<String>,
}

pub(super) fn account(given: &str) -> Result<String, &'static str> {
    let is = is_account(given);
    is.then(|| given.to_owned())
        .ok_or("an account id has 12 digits")
}

fn region(given: &str) -> Result<String, &'static str> {
    let is = is_region(given);
    is.then(|| given.to_owned())
        .ok_or("a Region is written as us-west-2")
}

/// A file and the problems found in it.
struct Checked {
    name: String,
    text: String,
    problems: Vec<Problem>,
    /// What is allowed, and may not be meant so.
    warnings: Vec<Problem>,
}

/// Checks the files; the exit code is 1 if any of them has a problem or cannot be read.
///
/// # Errors
/// If a guardrail cannot be read, or `out` cannot be written.
pub(super) fn run(
    args: &Args,
    options: &Options,
    now: Timestamp,
    out: &mut dyn Write,
) -> Result<ExitCode, Error> {
    let files = check_all(args, now)?;
    let code = if files.iter().all(|file| file.problems.is_empty()) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    };
    let form = Form {
        renderer: options.terminal().renderer(),
        is_json: options.is_json(),
        is_quiet: options.is_quiet(),
    };
    match write(&files, &form, out) {
        // `amiwright check FILE | head -1`: the result is the same.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(code),
        written => Ok(written.map(|()| code)?),
    }
}

fn check_all(args: &Args, now: Timestamp) -> Result<Vec<Checked>, Error> {
    let guardrails = guardrails(args)?;
    let files = files::find(&args.files).into_iter();
    Ok(files
        .map(|file| match file {
            Ok(file) => check(&file, &args.name, now, &guardrails),
            Err((path, error)) => unreadable(path.display().to_string(), &error),
        })
        .collect())
}

/// The guardrails that are given; all others are open.
fn guardrails(args: &Args) -> Result<Guardrails, Error> {
    let guardrails = Guardrails {
        bucket: args.bucket.clone(),
        account: args.account.clone(),
        region: args.region.clone(),
        ..Guardrails::open()
    };
    with_parameters(guardrails, &args.parameters)
}

/// Sets guardrails as the stack's parameters, each `NAME=VALUE`.
///
/// # Errors
/// If one of them is not a guardrail, or does not take the value.
pub(super) fn with_parameters(
    mut guardrails: Guardrails,
    parameters: &[String],
) -> Result<Guardrails, Error> {
    for given in parameters {
        let names = || PARAMETERS.map(|parameter| parameter.name).join(", ");
        let (name, value) = given.split_once('=').unwrap_or((given, ""));
        let parameter = Parameter::named(name)
            .filter(|_| given.contains('='))
            .ok_or_else(|| {
                Error::new(format!(
                    "--parameter {given} is not NAME=VALUE of a guardrail"
                ))
                .with_hint(format!("the guardrails are {}", names()))
            })?;
        parameter
            .set(&mut guardrails, value)
            .map_err(|invalid| Error::new(invalid.to_string()))?;
    }
    Ok(guardrails)
}

/// How the result is written.
struct Form {
    renderer: Renderer,
    is_json: bool,
    /// Whether files without a problem are left out.
    is_quiet: bool,
}

fn write(files: &[Checked], form: &Form, out: &mut dyn Write) -> io::Result<()> {
    if form.is_json {
        let problems: usize = files.iter().map(|file| file.problems.len()).sum();
        let warnings: usize = files.iter().map(|file| file.warnings.len()).sum();
        let summary = json!({"files": files.len(), "problems": problems, "warnings": warnings});
        let items = files.iter().map(to_json).collect();
        return output::write("check", json!({"summary": summary}), items, out);
    }
    let is_shown = |file: &&Checked| !form.is_quiet || !file.problems.is_empty();
    let mut shown = files.iter().filter(is_shown);
    shown.try_for_each(|file| write_text(file, form, out))
}

/// `now` is needed because a manifest may name dates that must be in the future.
fn check(file: &Path, stdin_name: &str, now: Timestamp, guardrails: &Guardrails) -> Checked {
    let (name, content) = if file == Path::new("-") {
        (stdin_name.to_owned(), read(io::stdin()))
    } else {
        (file.display().to_string(), File::open(file).and_then(read))
    };
    let (text, result) = match content {
        Ok(content) => (
            String::from_utf8_lossy(&content).into_owned(),
            parse(&name, &content, now, guardrails),
        ),
        Err(error) => return unreadable(name, &error),
    };
    let (problems, warnings) = match result {
        Ok(warnings) => (Vec::new(), warnings),
        Err(problems) => (problems, Vec::new()),
    };
    Checked {
        name,
        text,
        problems,
        warnings,
    }
}

fn unreadable(name: String, error: &io::Error) -> Checked {
    Checked {
        problems: vec![Problem::new(format!(
            "cannot read {}: {error}",
            plain(&name)
        ))],
        name,
        text: String::new(),
        warnings: Vec::new(),
    }
}

/// Reads a manifest from a file.
///
/// # Errors
/// If it cannot be read.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, Error> {
    let content = File::open(path).and_then(read);
    content.map_err(|error| Error::from_source(format!("cannot read {}", path.display()), error))
}

/// The problem of a file that has another name than manifests have.
pub(super) fn not_a_manifest(name: &str) -> Problem {
    Problem::new("not the file name of a manifest: uploaded so, it does nothing")
        .with_hint(name_hint(name))
}

fn read(from: impl Read) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    from.take(READ_MAX).read_to_end(&mut content)?;
    Ok(content)
}

/// Checks a manifest, whose kind its name says: its warnings, or what is wrong with it.
///
/// # Errors
/// The problems.
pub(super) fn parse(
    name: &str,
    content: &[u8],
    now: Timestamp,
    guardrails: &Guardrails,
) -> Result<Vec<Problem>, Vec<Problem>> {
    match files::kind(name) {
        Some(Kind::Image) => {
            image::parse_within(name, content, now, guardrails)?;
            Ok(image::warnings(name, content))
        }
        Some(Kind::Bundle) => bundle::parse(content).map(|_| Vec::new()),
        None => Err(vec![not_a_manifest(name)]),
    }
}

/// How a file has to be named to be a manifest.
fn name_hint(name: &str) -> String {
    const ENDINGS: &str = "NAME.image.yaml, NAME.image.yml, NAME.image.json or NAME.manifest.xml";
    let file_name = Path::new(name).file_name().and_then(|name| name.to_str());
    match file_name.and_then(key::meant) {
        Some(meant) => format!("rename it to {meant}; manifests are named {ENDINGS}"),
        None => format!("name it {ENDINGS}"),
    }
}

/// A problem, with the changes that would answer it, each a JSON Patch (RFC 6902).
pub(in crate::cli) fn problem_to_json(problem: &Problem) -> serde_json::Value {
    let mut value = json!(problem);
    let patches = problem.suggestions.patches();
    if !patches.is_empty() {
        value["suggestions"] = json!(patches);
    }
    value
}

fn to_json(file: &Checked) -> serde_json::Value {
    let problems: Vec<_> = file.problems.iter().map(problem_to_json).collect();
    json!({"file": file.name, "ok": file.problems.is_empty(), "problems": problems, "warnings": file.warnings})
}

fn write_text(file: &Checked, form: &Form, out: &mut dyn Write) -> io::Result<()> {
    let name = plain(&file.name);
    write_problems(&name, &file.text, &file.problems, &form.renderer, out)?;
    for warning in &file.warnings {
        let warning = render(&name, &file.text, Level::WARNING, warning, &form.renderer);
        writeln!(out, "{warning}\n")?;
    }
    let result = match (file.problems.len(), file.warnings.len()) {
        (0, 0) => "no problems".to_owned(),
        (0, count) => format!("no problems, {}", counted(count, "warning")),
        (count, _) => counted(count, "problem"),
    };
    writeln!(out, "{name}: {result}")
}

/// Writes each problem with its line of the text.
pub(super) fn write_problems(
    name: &str,
    text: &str,
    problems: &[Problem],
    renderer: &Renderer,
    out: &mut dyn Write,
) -> io::Result<()> {
    // A byte order mark is not part of the first line's columns.
    let text = text.trim_start_matches('\u{feff}');
    for problem in problems {
        writeln!(
            out,
            "{}\n",
            render(name, text, Level::ERROR, problem, renderer)
        )?;
    }
    Ok(())
}

fn render(
    name: &str,
    text: &str,
    level: Level<'static>,
    problem: &Problem,
    renderer: &Renderer,
) -> String {
    let title = match problem.path.as_str() {
        "" => problem.message.clone(),
        path => format!("{path}: {}", problem.message),
    };
    let mut group = Group::with_title(level.primary_title(title));
    if let Some((number, line)) = source_line(text, problem) {
        let annotation = AnnotationKind::Primary.span(span(&line, problem.column.unwrap_or(1)));
        let snippet = Snippet::source(line).line_start(number).path(name);
        group = group.element(snippet.annotation(annotation));
    }
    if let Some(hint) = &problem.hint {
        group = group.element(Level::HELP.message(hint));
    }
    if let Some(rule) = &problem.rule {
        group = group.element(Level::NOTE.message(rule));
    }
    renderer.render(&[group])
}

/// The number and the text of the line that a problem is in.
fn source_line(text: &str, problem: &Problem) -> Option<(usize, String)> {
    let number = problem.line?;
    let line = text.lines().nth(number.checked_sub(1)?)?;
    Some((number, plain(line)))
}

/// The bytes of the word that starts at this column, which counts characters from 1.
fn span(line: &str, column: usize) -> Range<usize> {
    let start = line
        .char_indices()
        .nth(column.saturating_sub(1))
        .map_or(line.len(), |(at, _)| at);
    let rest = &line[start..];
    let word = rest.find([' ', ',', ':', '}', ']']).unwrap_or(rest.len());
    let first = rest.chars().next().map_or(0, char::len_utf8);
    start..start + word.max(first)
}

#[cfg(test)]
mod tests;
