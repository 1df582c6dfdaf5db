//! Words for a terminal.

use jiff::Timestamp;

/// Foreign text as one line that does nothing to a terminal: every control character is a space.
#[must_use]
pub fn plain(text: &str) -> String {
    let harmless = |c: char| {
        if c.is_control() || is_invisible(c) {
            ' '
        } else {
            c
        }
    };
    text.chars().map(harmless).collect()
}

/// Characters that reorder or hide what stands beside them: line and paragraph separators, directional marks,
/// embeddings and isolates ("Unicode Bidirectional Algorithm", explicit formatting characters).
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// How long ago something was, in one unit.
#[must_use]
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..172_800 => format!("{} h ago", seconds / 3600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_foreign_reaches_the_terminal() {
        assert_eq!(plain("a\x1b]0;evil\x07\nb\u{202e}c"), "a ]0;evil  b c");
        assert_eq!(plain("größe 日本"), "größe 日本");
    }

    #[test]
    fn times_are_told_in_one_unit() {
        let now: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let cases = [
            ("2026-11-21T09:59:30Z", "30 s ago"),
            ("2026-11-21T09:42:00Z", "18 min ago"),
            ("2026-11-20T09:00:00Z", "25 h ago"),
            ("2026-11-11T10:00:00Z", "10 d ago"),
            ("2026-11-21T10:00:05Z", "0 s ago"),
        ];
        for (at, expected) in cases {
            assert_eq!(ago(at.parse().unwrap(), now), expected);
        }
    }
}
