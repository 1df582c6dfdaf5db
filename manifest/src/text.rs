//! Untrusted text (from a manifest, a key, EC2's messages) made safe to show: on a terminal, in one line of a message or
//! in a subject.

use crate::characters::Text;
use crate::limits;

/// Characters of a manifest's text that a message repeats.
const QUOTED: usize = 60;

/// Whether a character shows as itself and does nothing to what stands around it.
///
/// Control characters can move a terminal's cursor or begin a line that looks like ours. The invisible ones hide text or
/// turn its direction, so that a reader sees another order than a machine: zero-width characters, directional marks,
/// embeddings and isolates (Unicode Bidirectional Algorithm, explicit formatting characters), separators of lines and
/// paragraphs, interlinear annotations and tags; and the fillers of Hangul and the empty Braille pattern, which are letters
/// or signs to a machine and look blank.
#[must_use]
pub fn is_printable(c: char) -> bool {
    let invisible = matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    );
    !c.is_control() && !invisible
}

/// The text on one line: white space is a space, and anything else that is not printable is U+FFFD, so that it is seen
/// that something was there. The number of characters stays the same.
#[must_use]
pub fn on_one_line(text: &str) -> String {
    text.chars().map(shown).collect()
}

fn shown(c: char) -> char {
    match c {
        _ if is_printable(c) => c,
        _ if c.is_whitespace() => ' ',
        _ => char::REPLACEMENT_CHARACTER,
    }
}

/// [`on_one_line`], and at most so many characters: a longer text ends in an ellipsis.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    // A text of a megabyte is not walked through for its first characters.
    let is_longer = text.chars().nth(most).is_some();
    let kept = if is_longer {
        most.saturating_sub(1)
    } else {
        most
    };
    let mut cut: String = text.chars().take(kept).map(shown).collect();
    if is_longer && most > 0 {
        cut.push('…');
    }
    cut
}

/// A text of ours, such as a manifest's address, as a description that EC2 takes: other characters are question marks,
/// and what is longer is cut.
#[must_use]
pub fn ec2_description(text: &str) -> String {
    let text: String = text.chars().take(limits::DESCRIPTION).collect();
    Text::Description.replaced(&text, '?')
}

/// A short piece of the text between back-quotes.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("`{}`", excerpt(text))
}

/// A short piece of the text.
#[must_use]
pub fn excerpt(text: &str) -> String {
    cut(text, QUOTED)
}

/// A size for people: `1.5 GiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    let mut unit = "bytes";
    let mut tenths = u128::from(bytes) * 10;
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if tenths < 10 * 1024 {
            break;
        }
        (tenths, unit) = (tenths / 1024, larger);
    }
    match tenths % 10 {
        0 => format!("{} {unit}", tenths / 10),
        tenth => format!("{}.{tenth} {unit}", tenths / 10),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_others_is_made_printable() {
        for (text, shown) in [
            ("plain wäb 😀", "plain wäb 😀"),
            ("a\nb\tc\r\nd", "a b c  d"),
            ("a\u{2028}b\u{85}c", "a b c"),
            ("a\x1b[31mb\0", "a\u{fffd}[31mb\u{fffd}"),
            (
                "a\u{202e}b\u{200b}c\u{2066}d\u{61c}",
                "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}",
            ),
            (
                "a\u{3164}b\u{115f}c\u{1160}d\u{ffa0}e\u{2800}f",
                "a\u{fffd}b\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}f",
            ),
            ("", ""),
        ] {
            assert_eq!(on_one_line(text), shown);
        }
    }

    #[test]
    fn descriptions_of_ours_are_taken_by_ec2() {
        assert_eq!(
            ec2_description("s3://images/w\u{e4}b/\u{2603}.image.yaml"),
            "s3://images/w?b/?.image.yaml"
        );
        let long = ec2_description(&"\u{e4}".repeat(1024));
        assert_eq!(long, "?".repeat(limits::DESCRIPTION));
    }

    #[test]
    fn long_text_ends_in_an_ellipsis() {
        assert_eq!(cut("abcd", 4), "abcd");
        assert_eq!(cut("abcde", 4), "abc…");
        assert_eq!(cut("ääää\n", 4), "äää…");
        assert_eq!(cut("a\n", 2), "a ");
        assert_eq!(cut("a", 0), "");
        assert_eq!(quoted(&"x".repeat(61)), format!("`{}…`", "x".repeat(59)));
    }

    #[test]
    fn sizes_are_in_the_largest_unit_that_they_fill() {
        let cases = [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1024, "1 KiB"),
            (1_048_576, "1 MiB"),
            (1_610_612_736, "1.5 GiB"),
            (17 << 40, "17 TiB"),
            (u64::MAX, "16777215.9 TiB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(size(bytes), text);
        }
    }
}
