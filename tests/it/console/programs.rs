//! The programs, on a port of this machine: `amiwright local` with its console, and `amiwright console` beside it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

/// A program that has said where it is, until it is dropped.
struct Program {
    process: Child,
    first: Value,
    /// Kept open: a pipe that is closed is another story.
    _out: BufReader<std::process::ChildStdout>,
}

impl Program {
    fn start(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_amiwright"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("AWS_")) {
            command.env_remove(name);
        }
        let mut process = command.args(args).stdout(Stdio::piped()).spawn().unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let mut text = String::new();
        // One line of an object for each event, or one object of several lines.
        let first = loop {
            assert!(out.read_line(&mut text).unwrap() > 0, "{text}");
            if let Ok(first) = serde_json::from_str(&text) {
                break first;
            }
        };
        Self {
            process,
            first,
            _out: out,
        }
    }

    fn said(&self, field: &str) -> String {
        self.first[field].as_str().unwrap().to_owned()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What is answered to a request on a connection of its own.
fn get(address: &str, path: &str, headers: &str) -> String {
    let mut connection = TcpStream::connect(address).unwrap();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}\r\n");
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    answer
}

/// Opens a console at its printed address: where it is, and the header of its cookie.
fn opened(printed: &str) -> (String, String) {
    let (address, path) = printed
        .strip_prefix("http://")
        .unwrap()
        .split_once('/')
        .unwrap();
    let answer = get(address, &format!("/{path}"), "");
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    let cookie = answer
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .unwrap();
    let cookie = cookie.split(';').next().unwrap();
    (address.to_owned(), format!("cookie: {cookie}\r\n"))
}

#[test]
fn local_starts_a_console_and_console_one_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let world = folder.path().join("world");
    let dir = world.to_str().unwrap();
    let local = Program::start(&["local", "--port", "0", "--dir", dir, "-o", "json"]);
    let (address, cookie) = opened(&local.said("console"));
    assert!(address.starts_with("127.0.0.1:"), "{address}");
    assert!(get(&address, "/images", "").starts_with("HTTP/1.1 401"));
    let page = get(&address, "/images", &cookie);
    assert!(
        page.contains("No images yet") && page.contains("Mailbox"),
        "{page}"
    );
    assert!(get(&address, "/health", &cookie).contains("All checks passed."));

    let (bucket, state) = (local.said("bucket"), local.said("stateBucket"));
    let console = Program::start(&[
        "console",
        "-o",
        "json",
        "--endpoint-url",
        &local.said("endpoint"),
        "--region",
        "us-east-1",
        "--bucket",
        &bucket,
        "--state-bucket",
        &state,
    ]);
    let (other, other_cookie) = opened(&console.said("address"));
    let page = get(&other, "/images", &other_cookie);
    assert!(
        page.contains("No images yet") && !page.contains("Mailbox"),
        "{page}"
    );
    // The one's cookie is not the other's.
    assert!(get(&other, "/images", &cookie).starts_with("HTTP/1.1 401"));
    // Once the world is gone, the console says so.
    drop(local);
    let page = get(&other, "/images", &other_cookie);
    assert!(
        page.starts_with("HTTP/1.1 502") && page.contains("check the network"),
        "{page}"
    );
}
