//! Foreign texts (from AWS, a manifest, a status), as they can be shown in an email without looking like amiwright's
//! own words, or pasted into a shell.

use crate::manifest::text;

/// Longest piece of foreign text in a notice, in characters.
const TEXT_MAX: usize = 1000;

/// How names of files and objects end that notices are about: they look like names of hosts.
const FILE_ENDINGS: [&str; 16] = [
    "bin", "gz", "image", "img", "iso", "json", "manifest", "ova", "part", "raw", "vhd", "vhdx",
    "vmdk", "xml", "yaml", "yml",
];

/// How AWS's error codes with a dot begin (`Client.InvalidManifest`, `InvalidAMIID.NotFound`).
const CODES: [&str; 3] = ["Client", "Server", "Invalid"];

/// Foreign text, so that it cannot fake a line of the notice, nor be followed as a link.
pub(crate) fn on_one_line(foreign: &str) -> String {
    let text = without_links(&text::cut(foreign, TEXT_MAX));
    let ends = |c: char| c.is_whitespace() || "\"'()<>,;".contains(c);
    text.split_inclusive(ends).map(without_host).collect()
}

/// A piece of text that mail programs would make a link of, so that they do not: the name of a host, a mailbox, a
/// telephone number, a file.
fn without_host(piece: &str) -> String {
    let lower = piece.to_ascii_lowercase();
    if ["tel:", "file:"].iter().any(|it| lower.starts_with(it)) {
        return piece.replacen(':', "[:]", 1);
    }
    if names_a_host(piece) {
        return piece.replace('.', "[.]");
    }
    piece.to_owned()
}

/// Whether the piece begins with a name such as `example.com`, or is an address at one.
fn names_a_host(piece: &str) -> bool {
    if piece.starts_with("s3://") {
        return false;
    }
    let piece = piece.trim_end_matches(|c: char| !c.is_alphanumeric());
    let host = piece
        .split(['/', ':', '?', '#', '\\'])
        .next()
        .unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    let Some((before, last)) = host.rsplit_once('.') else {
        return false;
    };
    let is_label =
        |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    let is_name = before.split('.').all(is_label)
        && last.chars().count() >= 2
        && last.chars().all(char::is_alphabetic);
    let is_code = CODES.iter().any(|code| before.starts_with(code))
        && !before.contains('.')
        && last.starts_with(|c: char| c.is_ascii_uppercase());
    let is_file = FILE_ENDINGS.contains(&last);
    // No domain is written as our fields are: `register.bootMode`.
    let is_field = last.starts_with(|c: char| c.is_ascii_lowercase())
        && last.contains(|c: char| c.is_ascii_uppercase());
    is_name && [is_file, is_field, is_code] == [false; 3]
}

/// Foreign words between quotation marks: they cannot end the quotation.
#[must_use]
pub fn quoted(foreign: &str) -> String {
    format!("\"{}\"", on_one_line(foreign).replace('"', "'"))
}

/// An id, a name, a key or an address: as it is if it is one word of ASCII letters, digits and a few signs, else
/// quoted: letters of other scripts may look like a space, or like other letters.
#[must_use]
pub fn word(foreign: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=@:,()[]'".contains(c);
    let shown = on_one_line(foreign);
    if !shown.is_empty() && shown.chars().all(is_plain) {
        return shown;
    }
    quoted(foreign)
}

/// The text with addresses of web sites and of mailboxes made such that no mail program makes a link of them; `s3://`
/// is not followed by any.
fn without_links(text: &str) -> String {
    let broken = text.replace("://", "[:]//").replace("s3[:]//", "s3://");
    let mut shown = String::with_capacity(broken.len());
    let mut rest = broken.as_str();
    while let Some(at) = find_ignoring_case(rest, "www.") {
        let (before, found) = rest.split_at(at + "www".len());
        shown.push_str(before);
        shown.push_str("[.]");
        rest = &found[1..];
    }
    shown.push_str(rest);
    if shown.to_ascii_lowercase().contains("mailto:") {
        return shown.replace(':', "[:]");
    }
    shown
}

fn find_ignoring_case(text: &str, ascii: &str) -> Option<usize> {
    text.to_ascii_lowercase().find(ascii)
}

/// A foreign text as one word of a shell's command line, to be pasted there.
pub(crate) fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=@:,".contains(c);
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// What is said of entries that are left out, if any are.
pub(super) fn more(omitted: usize) -> Option<String> {
    (omitted > 0).then(|| format!("and {omitted} more, see the status"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_words_end_no_quotation_and_begin_no_line() {
        for (foreign, shown) in [
            ("disk is full", "\"disk is full\""),
            ("no\". Pay now", "\"no'. Pay now\""),
            ("a\nWhat to do: pay", "\"a What to do: pay\""),
            ("see https://evil.example", "\"see https[:]//evil.example\""),
            ("see WWW.evil.example", "\"see WWW[.]evil.example\""),
            ("mailto:a@evil.example", "\"mailto[:]a@evil.example\""),
            (
                "sign in at aws-verify.example.com/login",
                "\"sign in at aws-verify[.]example[.]com/login\"",
            ),
            (
                "write to a@evil.example.",
                "\"write to a@evil[.]example[.]\"",
            ),
            ("(ftp.evil.com)", "\"(ftp[.]evil[.]com)\""),
            (
                "call tel:+1555 or file:\\\\evil",
                "\"call tel[:]+1555 or file[:]\\\\evil\"",
            ),
            (
                "InvalidAMIID.NotFound: ami-1.",
                "\"InvalidAMIID.NotFound: ami-1.\"",
            ),
            (
                "version 1.2.3 of web.image.yaml",
                "\"version 1.2.3 of web.image.yaml\"",
            ),
            ("evil.COM", "\"evil[.]COM\""),
        ] {
            assert_eq!(quoted(foreign), shown);
        }
    }

    #[test]
    fn one_word_is_shown_as_it_is() {
        for (foreign, shown) in [
            ("web-2026", "web-2026"),
            (
                "s3://images/golden/web.image.yaml",
                "s3://images/golden/web.image.yaml",
            ),
            ("import-snap-0ab", "import-snap-0ab"),
            ("your account is locked", "\"your account is locked\""),
            ("https://evil.example", "https[:]//evil.example"),
            ("w\u{e4}b", "\"w\u{e4}b\""),
            ("a\u{3164}b", "\"a\u{fffd}b\""),
            ("", "\"\""),
        ] {
            assert_eq!(word(foreign), shown);
        }
    }
}
