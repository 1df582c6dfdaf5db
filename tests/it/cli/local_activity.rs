//! What `amiwright local` says of what happens in its stack.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

use super::programs::{amiwright, example};

/// A stack whose output is read.
pub(super) struct Stack {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    directory: tempfile::TempDir,
}

impl Stack {
    pub(super) fn start(more: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut process = amiwright()
            .args(["local", "--port", "0", "--speed", "60", "--dir"])
            .arg(directory.path().join("a world"))
            .args(more)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self {
            process,
            lines,
            directory,
        }
    }

    /// All lines up to the first with these words.
    pub(super) fn until(&mut self, words: &str) -> Vec<String> {
        let mut read = Vec::new();
        for line in self.lines.by_ref() {
            read.push(line.unwrap());
            if read.last().unwrap().contains(words) {
                return read;
            }
        }
        panic!("no {words}: {read:#?}");
    }

    pub(super) fn drop_file(&self, key: &str, content: impl AsRef<[u8]>) {
        let bucket = self.directory.path().join("a world/s3/amiwright-bucket");
        std::fs::write(bucket.join(key), content).unwrap();
    }

    /// What is printed after Ctrl-C.
    fn end(self) -> Vec<String> {
        self.end_keeping().0
    }

    /// The same, with the directory of everything.
    pub(super) fn end_keeping(mut self) -> (Vec<String>, tempfile::TempDir) {
        let id = self.process.id().to_string();
        let kill = Command::new("kill").args(["-INT", &id]).status();
        assert!(kill.unwrap().success());
        let last = self.lines.by_ref().map(Result::unwrap).collect();
        assert!(self.process.wait().unwrap().success());
        let directory = std::mem::replace(&mut self.directory, tempfile::tempdir().unwrap());
        (last, directory)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The second word of a line, after its time.
fn what(line: &str) -> &str {
    line.split_whitespace().nth(1).unwrap_or_default()
}

#[test]
fn what_arrives_what_ran_and_what_became_of_it_is_a_line_each() {
    let mut stack = Stack::start(&[]);
    stack.until("What happens:");
    stack.drop_file("web.image.yaml", example("web.image.yaml"));
    let mut lines = stack.until("  email ");
    let email = lines.last().unwrap();
    assert!(email.contains("Available: web-"), "{lines:#?}");
    // The email may be there before the function that sent it has ended.
    if !lines.iter().any(|line| line.contains("notify: ")) {
        lines.extend(stack.until("notify: "));
    }
    let all = lines.join("\n");
    let arrived = lines.iter().find(|line| what(line) == "arrived");
    let size = format!("web.image.yaml: {} bytes", example("web.image.yaml").len());
    assert!(arrived.is_some_and(|line| line.ends_with(&size)), "{all}");
    let ran = |function: &str| {
        let end = ", for web.image.yaml";
        let of = |line: &&String| what(line) == "ran" && line.contains(function);
        lines
            .iter()
            .find(of)
            .is_some_and(|line| line.ends_with(end))
    };
    assert!(ran("register-image: ") && ran("notify: "), "{all}");
    let ended = |line: &String| what(line) == "status" && line.contains(" available");
    assert!(lines.iter().any(ended), "{all}");
    // What only amiwright itself needs is not told, nor are ticks that find nothing.
    assert!(!all.contains(".open") && !all.contains(".due"), "{all}");
    assert!(stack.end().join("\n").contains("Stopped."));
}

#[test]
fn the_same_as_json_is_an_object_a_line() {
    let mut stack = Stack::start(&["-o", "json"]);
    let started = stack.until("started");
    let started: Value = serde_json::from_str(started.last().unwrap()).unwrap();
    assert_eq!(started["bucket"], "amiwright-bucket");
    assert_eq!(started["command"], "local");
    stack.drop_file("mistakes.image.yaml", example("mistakes.image.yaml"));
    let lines = stack.until(r#""event":"email""#);
    let lines: Vec<Value> = lines
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |event: &str| lines.iter().find(|line| line["event"] == event).unwrap();
    assert_eq!(of("arrived")["about"], "mistakes.image.yaml");
    assert_eq!(of("status")["state"], "rejected");
    assert_eq!(of("ran")["about"], "register-image");
    let last = stack.end();
    assert_eq!(last.last().unwrap(), r#"{"event":"stopped"}"#);
}

#[test]
fn a_quiet_stack_says_where_it_is_and_no_more() {
    let mut stack = Stack::start(&["-q"]);
    let facts = stack.until("  logs ");
    let endpoint = facts.iter().find(|line| line.contains("  Endpoint"));
    let url = endpoint.unwrap().split_whitespace().last().unwrap();
    stack.drop_file("mistakes.image.yaml", example("mistakes.image.yaml"));
    // Until its email is sent.
    let watch = ["watch", "mistakes.image.yaml", "--endpoint-url", url];
    let place = ["--region", "us-east-1", "--bucket", "amiwright-bucket"];
    let watch = amiwright()
        .args(watch)
        .args(place)
        .args(["--state-bucket", "amiwright-statebucket"])
        .output();
    assert_eq!(watch.unwrap().status.code(), Some(5));
    let last = stack.end();
    let is_fact = |line: &String| line.contains("Credentials");
    assert!(last.iter().all(is_fact), "{last:?}");
}
