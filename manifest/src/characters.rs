//! Which characters AWS takes in the texts that it is sent: every text is of one of these kinds.

/// A kind of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Text {
    /// A description. EC2 refuses others only when it is asked, which for a disk is after its import: "Character sets
    /// beyond ASCII are not supported." (synaplan PR 1546, WendyOS-Builder PR 56).
    Description,
    /// An AMI's name (RegisterImage, Name).
    Name,
    /// A tag of EC2, its key or its value. EC2 "allows for any character in its tags" (EC2 User Guide, "Tag
    /// restrictions"), but no request with what XML cannot hold (XML 1.0, "Characters") is answered.
    Tag,
    /// A tag of an object in S3 (S3 User Guide, "Categorizing your storage using tags"): "letters, numbers, and spaces
    /// representable in UTF-8, and + - = . _ : / @".
    ObjectTag,
}

impl Text {
    /// Whether this character may be in such a text.
    #[must_use]
    pub fn takes(self, c: char) -> bool {
        match self {
            Self::Description => matches!(c, ' '..='~' | '\n' | '\r' | '\t'),
            Self::Name => c.is_ascii_alphanumeric() || "()[] ./-'@_".contains(c),
            Self::Tag => !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}'),
            Self::ObjectTag => c.is_alphanumeric() || c == ' ' || "+-=._:/@".contains(c),
        }
    }

    /// The first character that may not.
    #[must_use]
    pub fn refused(self, text: &str) -> Option<char> {
        text.chars().find(|c| !self.takes(*c))
    }

    /// A text of ours with other characters in place of those that may not be in it.
    #[must_use]
    pub fn replaced(self, text: &str, by: char) -> String {
        let taken = |c: char| if self.takes(c) { c } else { by };
        text.chars().map(taken).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_text_has_its_characters() {
        for (text, taken, refused) in [
            (
                Text::Description,
                "Web ~ tier\n\t(1)",
                "\u{e4}\u{2603}\u{1b}\u{7f}",
            ),
            (Text::Name, "web-1_a (2) [3] ./'@", "\u{e4}:#,+\n"),
            (
                Text::Tag,
                "team: \u{e4} \u{2603} #,*?",
                "\n\u{1b}\u{85}\u{fffe}\u{ffff}",
            ),
            (Text::ObjectTag, "Team \u{e4} +-=._:/@1", "#,*?\n\u{2603}"),
        ] {
            assert_eq!(text.refused(taken), None, "{text:?}");
            for c in refused.chars() {
                assert!(!text.takes(c), "{text:?} {c:?}");
                assert_eq!(text.refused(&format!("a{c}")), Some(c));
                assert_eq!(text.replaced(&format!("a{c}"), '?'), "a?");
            }
        }
    }
}
