//! That problems point into the text that they are about.

use amiwright_manifest::{Problem, limits};

/// Every problem has a message, and a place that the text has: a line of it, and a column of that line or the one after it.
pub(crate) fn check(data: &[u8], problems: &[Problem]) {
    assert!(!problems.is_empty(), "refused, and nothing is wrong");
    assert!(problems.len() <= limits::PROBLEMS, "{}", problems.len());
    let text = String::from_utf8_lossy(data);
    let columns: Vec<usize> = columns(text.strip_prefix('\u{feff}').unwrap_or(&text));
    for problem in problems {
        assert!(!problem.message.is_empty(), "{problem:?}");
        assert_eq!(problem.line.is_some(), problem.column.is_some());
        let (Some(line), Some(column)) = (problem.line, problem.column) else {
            continue;
        };
        assert!((1..=columns.len()).contains(&line), "{problem:?}");
        // What is missing at the end of a line is missing behind its last character.
        assert!(
            (1..=columns[line - 1] + 1).contains(&column),
            "{problem:?}: the line has {} characters",
            columns[line - 1]
        );
    }
    for problem in problems {
        let mut shorter = problem.clone();
        shorter.shorten();
        let shown = shorter.to_string();
        assert!(!shown.contains(char::is_control), "{shown:?}");
    }
}

/// The characters of each line; YAML's breaks are LF, CR and both.
fn columns(text: &str) -> Vec<usize> {
    let one = text.replace("\r\n", "\n").replace('\r', "\n");
    one.split('\n').map(|line| line.chars().count()).collect()
}
