//! The terminal of a reader: a shell that keeps its directory and variables from one block of a page to the next, and another
//! window in which `amiwright local` runs.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

/// No command of the book takes as long on a slow machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// The port that pages name.
const PORT: &str = "4566";
/// What is printed after a command, with its exit code.
const END: &str = "end-of-the-command";

/// A terminal in a directory of its own.
pub(super) struct Terminal {
    directory: tempfile::TempDir,
    shell: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    background: Option<(Child, Receiver<String>)>,
    /// The one thing that is not as the page has it: its port may be in use. None until something listens.
    port: Option<u16>,
}

impl Terminal {
    /// Opens it: `amiwright` and `examples/` are there, and no settings of whoever runs the tests.
    pub(super) fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let programs = directory.path().join("bin");
        std::fs::create_dir(&programs).unwrap();
        let amiwright = env!("CARGO_BIN_EXE_amiwright");
        std::os::unix::fs::symlink(amiwright, programs.join("amiwright")).unwrap();
        let home = directory.path().join("home");
        std::fs::create_dir(&home).unwrap();
        let examples = format!("{}/examples", env!("CARGO_MANIFEST_DIR"));
        let copied = Command::new("cp")
            .args(["-r", &examples])
            .arg(&home)
            .status();
        assert!(copied.unwrap().success());
        let mut shell = command("bash", directory.path());
        let mut shell = shell.args(["--noprofile", "--norc"]).spawn().unwrap();
        let mut input = shell.stdin.take().unwrap();
        let lines = lines_of(&mut shell);
        input.write_all(b"exec 2>&1\n").unwrap();
        Self {
            directory,
            shell,
            input,
            lines,
            background: None,
            port: None,
        }
    }

    /// Writes a file where commands are run.
    pub(super) fn write(&self, name: &str, lines: &[String]) {
        let path = self.directory.path().join("home").join(name);
        std::fs::write(path, lines.join("\n") + "\n").unwrap();
    }

    /// Runs a command: what it printed, and its exit code.
    pub(super) fn run(&mut self, command: &str) -> (Vec<String>, i32) {
        let command = self.with_port(command);
        // What it reads is not the next command.
        writeln!(self.input, "{{ {command}\n}} </dev/null; echo \"{END} $?\"").unwrap();
        let mut printed = Vec::new();
        loop {
            let line = self.lines.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("{command} does not end: {printed:#?}"));
            if let Some((before, code)) = line.split_once(END) {
                if !before.is_empty() {
                    printed.push(before.to_owned());
                }
                return (printed, code.trim().parse().unwrap());
            }
            // A slow machine: the command says so, and goes on.
            if !line.starts_with("no answer from ") {
                printed.push(self.without_port(&line));
            }
        }
    }

    /// Starts a command in another window, until the page ends: what it printed up to its last line in `shown`.
    pub(super) fn start(&mut self, line: &str, shown: &[String]) -> Vec<String> {
        let line = format!("exec {line} --port 0");
        let mut started = command("bash", self.directory.path());
        let mut started = started.args(["-c", &line]).spawn().unwrap();
        let lines = lines_of(&mut started);
        let mut printed = Vec::new();
        let last = shown.last().unwrap();
        while printed.last() != Some(last) {
            let next = lines.recv_timeout(PATIENCE);
            let next = next.unwrap_or_else(|_| panic!("{line} never prints {last}: {printed:#?}"));
            if let Some(address) = next.trim().strip_prefix("Endpoint ") {
                self.port = address.rsplit(':').next().map(|it| it.parse().unwrap());
            }
            printed.push(self.without_port(&next));
        }
        assert!(self.port.is_some(), "{line} says no endpoint: {printed:#?}");
        self.background = Some((started, lines));
        printed
    }

    fn with_port(&self, text: &str) -> String {
        let port = self.port.map(|port| port.to_string());
        text.replace(PORT, port.as_deref().unwrap_or(PORT))
    }

    fn without_port(&self, text: &str) -> String {
        match self.port {
            Some(port) => text.replace(&format!("127.0.0.1:{port}"), &format!("127.0.0.1:{PORT}")),
            None => text.to_owned(),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
        if let Some((mut child, _)) = self.background.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A program in the reader's directory, with nothing in its environment but what a new terminal has.
fn command(program: &str, directory: &Path) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let programs = directory.join("bin");
    let home = directory.join("home");
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", format!("{}:{path}", programs.display()))
        .env("HOME", &home)
        .env("LANG", "C.UTF-8")
        .current_dir(home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit());
    command
}

/// The lines that a program prints, as they come.
fn lines_of(child: &mut Child) -> Receiver<String> {
    let output = BufReader::new(child.stdout.take().unwrap());
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}
