//! Compares what a page shows with what a command printed: ids, times and the like are other ones each time.

use regex_lite::Regex;

/// A line of a page that stands for any lines, or for none; at the end of a line, it stands for the rest of that line.
const ANY: &str = "…";

/// What differs from one run to the next, and what stands for it here.
const VOLATILE: [(&str, &str); 12] = [
    (r"127\.0\.0\.1:[0-9]+", "127.0.0.1:PORT"),
    (r"(/[^\s/]+)+/\.amiwright", "/DIRECTORY/.amiwright"),
    (
        r"\b(ami|snap|import-snap|import-ami|vol)-[0-9a-f]{8,17}\b",
        "$1-ID",
    ),
    (
        r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
        "UUID",
    ),
    (r"\b[0-9a-f]{64}\b", "SHA-256"),
    (r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z", "TIME"),
    (r"\b[0-9]{8}T[0-9]{6}Z", "TIME"),
    (r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "DATE"),
    (r"\b[0-9]{2}:[0-9]{2}:[0-9]{2}\b", "CLOCK"),
    (r"DATE-[0-9a-f]{8}\b", "DATE-DIGEST"),
    (r"\b[0-9]+(\.[0-9]+)? ?(ms|s|m|h|min)\b", "SPAN"),
    (r"(Version id) .*", "$1 VERSION"),
];

/// A line with nothing volatile in it, and single spaces.
fn masked(line: &str) -> String {
    let mut line = line.to_owned();
    for (pattern, name) in VOLATILE {
        let pattern = Regex::new(pattern).unwrap();
        line = pattern.replace_all(&line, name).into_owned();
    }
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether the lines that a page shows are those that were printed.
pub(super) fn is_same(shown: &[String], printed: &[String]) -> bool {
    let shown: Vec<String> = shown.iter().map(|line| masked(line)).collect();
    let printed: Vec<String> = printed.iter().map(|line| masked(line)).collect();
    matches(&shown, &printed)
}

fn matches(shown: &[String], printed: &[String]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((any, rest)) if any == ANY => {
            (0..=printed.len()).any(|from| matches(rest, &printed[from..]))
        }
        Some((line, rest)) => {
            let is_line = |printed: &String| match line.strip_suffix(ANY) {
                Some(start) => printed.starts_with(start),
                None => printed == line,
            };
            printed.first().is_some_and(is_line) && matches(rest, &printed[1..])
        }
    }
}

#[test]
fn ids_and_times_may_differ_and_words_may_not() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let printed = lines(
        "sent, 590 bytes\n  2.0 s  ami-0fd217a1957535b3c pending\nFinished: web-2026-11-26-7f25ade2",
    );
    let shown =
        "sent, 590 bytes\n 6.1 s ami-0123456789abcdef0 pending\nFinished: web-2027-01-01-00000000";
    assert!(is_same(&lines(shown), &printed));
    assert!(is_same(&lines("sent, 590 bytes\n…"), &printed));
    assert!(is_same(
        &lines("…\nFinished: web-2026-11-26-7f25ade2"),
        &printed
    ));
    assert!(is_same(&lines("sent, …\n…"), &printed));
    assert!(is_same(&lines("…"), &[]));
    for other in ["sent, 591 bytes\n…", "…\nFinished", "", "sent, 590 bytes"] {
        assert!(!is_same(&lines(other), &printed), "{other}");
    }
}
