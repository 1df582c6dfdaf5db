//! Words for a terminal.

use jiff::{SignedDuration, Timestamp};

/// Foreign text as one line that does nothing to a terminal: every control character is a space.
pub(super) fn plain(text: &str) -> String {
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
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    format!("{} ago", span(now.duration_since(at)))
}

/// How long something takes or took, in one unit; nothing takes less than no time.
pub(super) fn span(span: SignedDuration) -> String {
    let seconds = span.as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Foreign text of at most so many characters, cut at its end.
pub(super) fn cut(text: &str, most: usize) -> String {
    let text = plain(text);
    match text.char_indices().nth(most) {
        Some(_) => {
            let kept: String = text.chars().take(most.saturating_sub(4)).collect();
            format!("{} ...", kept.trim_end())
        }
        None => text,
    }
}

/// Foreign text of at most so many characters, cut at its beginning: the end of a key tells most.
pub(super) fn cut_front(text: &str, most: usize) -> String {
    let text = plain(text);
    let count = text.chars().count();
    if count <= most {
        return text;
    }
    let kept = most.saturating_sub(1);
    format!("…{}", text.chars().skip(count - kept).collect::<String>())
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
    fn what_is_too_long_is_cut_where_it_says_least() {
        assert_eq!(cut("converting", 10), "converting");
        assert_eq!(cut("it is converting", 10), "it is ...");
        assert_eq!(cut_front("web.image.yaml", 14), "web.image.yaml");
        assert_eq!(cut_front("golden/web.image.yaml", 15), "…web.image.yaml");
        assert_eq!(cut_front("größe", 3), "…ße");
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
