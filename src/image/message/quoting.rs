//! Foreign texts, as they can be shown on a line of their own or pasted into a shell.

use crate::manifest::text;

/// Longest piece of foreign text in a notice, in characters.
const TEXT_MAX: usize = 1000;

/// Foreign text, so that it cannot fake a line of the notice.
pub(crate) fn on_one_line(foreign: &str) -> String {
    text::cut(foreign, TEXT_MAX)
}

/// A foreign text as one word of a shell's command line, as somebody will paste it there.
pub(crate) fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=@:,".contains(c);
    if text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}
