//! What people see: the programs in a pseudo-terminal of a known size.
#![cfg(unix)]

use std::io::Read as _;
use std::num::NonZeroU16;

use pty_process::{Size, blocking};

use super::programs::{Local, amiwright_in, example, text};

/// A terminal after a command has ended in it.
pub(super) struct Seen {
    /// What is on the screen, and what was scrolled off it.
    lines: Vec<String>,
    /// All that was written, with the sequences that move the cursor.
    pub(super) written: String,
    pub(super) code: Option<i32>,
}

/// Runs a command in a terminal with so many rows and columns.
pub(super) fn seen(args: &[&str], term: &str, (rows, columns): (u16, u16)) -> Seen {
    let (mut pty, pts) = blocking::open().unwrap();
    pty.resize(Size::new(rows, columns)).unwrap();
    let command = amiwright_in(term).args(args);
    let mut process = command.spawn(pts).unwrap();
    let mut written = Vec::new();
    let mut bytes = [0; 4096];
    // At its end the terminal of a process is closed, which Linux reports as an error.
    while let Ok(count) = pty.read(&mut bytes) {
        if count == 0 {
            break;
        }
        written.extend_from_slice(&bytes[..count]);
    }
    let code = process.wait().unwrap().code();
    Seen {
        lines: lines(&written, (rows, columns)),
        written: text(&written),
        code,
    }
}

/// All lines that a person can see, scrolling back.
pub(super) fn lines(written: &[u8], (rows, columns): (u16, u16)) -> Vec<String> {
    let [height, width] = [rows, columns].map(|size| NonZeroU16::new(size).unwrap());
    let mut terminal = vt100::Parser::new(height, width, 1000);
    terminal.process(written);
    let screen = terminal.screen_mut();
    screen.set_scrollback(usize::MAX);
    let mut above = Vec::new();
    for left in (1..=screen.scrollback()).rev() {
        screen.set_scrollback(left);
        above.extend(screen.rows(0, columns).next());
    }
    screen.set_scrollback(0);
    above.extend(screen.rows(0, columns));
    above
        .iter()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// A stack with an image in each of three states.
fn stack() -> Local {
    let local = Local::start(&["--speed", "60"]);
    let missing = "name: nosnap-{date}\nsource: {snapshot: {id: snap-0fffffffffffffff0}}\n";
    local.drop_file("nosnap.image.yaml", missing);
    local.drop_file("mistakes.image.yaml", example("mistakes.image.yaml"));
    local.drop_file("copy.image.yaml", example("copy.image.yaml"));
    local.drop_file("web.image.yaml", example("web.image.yaml"));
    local
}

const KEYS: [&str; 4] = [
    "copy.image.yaml",
    "mistakes.image.yaml",
    "nosnap.image.yaml",
    "web.image.yaml",
];

/// All of them are watched, in a terminal of 24 rows and 80 columns.
fn watched(local: &Local, term: &str) -> Seen {
    let watch: Vec<&str> = ["watch", "--timeout", "2m"]
        .into_iter()
        .chain(KEYS)
        .chain(local.place())
        .collect();
    seen(&watch, term, (24, 80))
}

#[test]
fn a_watch_and_a_list_fit_every_terminal_and_show_each_image_once() {
    let local = stack();
    let seen_of_watch = watched(&local, "xterm-256color");
    let all = seen_of_watch.lines.join("\n");
    assert_eq!(seen_of_watch.code, Some(5), "{all}");
    // The screen that was drawn again and again is gone, and each image has one row.
    assert!(!all.contains("Watching"), "{all}");
    assert!(
        all.contains("Finished: 1 failed, 1 rejected, 2 available."),
        "{all}"
    );
    for key in KEYS {
        assert_eq!(all.matches(key).count(), 1, "{key}: {all}");
    }
    assert!(all.contains("InvalidSnapshot.NotFound"), "{all}");
    assert!(
        seen_of_watch.written.contains("Watching 4"),
        "a screen was drawn"
    );
    assert!(
        seen_of_watch.written.contains("\x1b[31m"),
        "what failed is red"
    );

    let status: Vec<&str> = ["status"].into_iter().chain(local.place()).collect();
    for size in [(24, 80), (40, 100), (50, 200)] {
        let list = seen(&status, "xterm-256color", size);
        let all = list.lines.join("\n");
        assert_eq!(list.code, Some(0), "{all}");
        assert!(
            all.contains("4 images: 1 failed, 1 rejected, 2 available"),
            "{all}"
        );
        let shown: Vec<&String> = list.lines.iter().filter(|line| !line.is_empty()).collect();
        // The counts, the header and the images: no line is wrapped.
        assert_eq!(shown.len(), 2 + KEYS.len(), "{all}");
        for key in KEYS {
            assert_eq!(all.matches(key).count(), 1, "{key}: {all}");
        }
    }
}

#[test]
fn a_dumb_terminal_and_a_pipe_get_plain_lines() {
    let local = stack();
    let dumb = watched(&local, "dumb");
    assert_eq!(dumb.code, Some(5), "{}", dumb.written);
    assert!(!dumb.written.contains('\x1b'), "{}", dumb.written);
    assert!(
        dumb.written.contains("available, email sent"),
        "{}",
        dumb.written
    );
    let status: Vec<&str> = ["status"].into_iter().chain(local.place()).collect();
    let dumb = seen(&status, "dumb", (24, 80));
    assert_eq!(dumb.code, Some(0), "{}", dumb.written);
    assert!(dumb.written.contains("4 images"), "{}", dumb.written);
    assert!(!dumb.written.contains('\x1b'), "{}", dumb.written);

    let piped = local.run(&["status"]);
    let said = text(&piped.stdout);
    assert!(!said.contains('\x1b'), "{said}");
    let has_full_id = said
        .split_whitespace()
        .any(|word| word.starts_with("ami-") && word.len() == 21);
    assert!(has_full_id, "{said}");
    let colored = local.run(&["status", "--color", "always"]);
    assert!(text(&colored.stdout).contains("\x1b[31m"));
    let verbose = local.run(&["status", "-v"]);
    let calls = text(&verbose.stderr);
    let of_list = "INFO GET /amiwright-statebucket/ at http://127.0.0.1:";
    assert!(
        calls.contains(of_list) && calls.contains(": 200 in "),
        "{calls}"
    );
    let json = local.run(&["status", "-o", "json", "--failed"]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["summary"]["failed"], 1, "{json}");
    assert_eq!(json["items"].as_array().unwrap().len(), 2, "{json}");
}

#[test]
fn a_check_is_coloured_on_a_terminal_that_takes_it() {
    let file = format!(
        "{}/examples/mistakes.image.yaml",
        env!("CARGO_MANIFEST_DIR")
    );
    for (term, more, is_colored) in [
        ("xterm-256color", &[][..], true),
        ("dumb", &[], false),
        ("xterm-256color", &["--color", "never"], false),
        ("dumb", &["--color", "always"], true),
    ] {
        let args: Vec<&str> = ["check", &file]
            .into_iter()
            .chain(more.iter().copied())
            .collect();
        let check = seen(&args, term, (24, 80));
        assert_eq!(check.code, Some(1), "{}", check.written);
        assert_eq!(
            check.written.contains('\x1b'),
            is_colored,
            "{term} {more:?}: {}",
            check.written
        );
    }
}
