//! What the output is written to: how wide it is, and whether it takes colour and can be redrawn.

use std::ffi::OsString;
use std::io::{self, IsTerminal as _};

use annotate_snippets::Renderer;
use clap::ColorChoice;

/// Columns that are assumed of a terminal that does not tell.
const USUAL_SIZE: (u16, u16) = (24, 80);

/// What the output is written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Columns, of a terminal; nothing is cut off without.
    pub width: Option<usize>,
    /// Rows, of a terminal.
    pub height: Option<usize>,
    /// Whether colour is used.
    pub color: bool,
    /// Whether lines that were written can be written over.
    pub live: bool,
    /// Whether it is standard output, whose size may change.
    pub is_stdout: bool,
}

impl Terminal {
    /// A file or a pipe: nothing is cut off, coloured or drawn anew.
    pub const PLAIN: Self = Self {
        width: None,
        height: None,
        color: false,
        live: false,
        is_stdout: false,
    };

    /// What standard output is now.
    pub(super) fn of_stdout(color: ColorChoice) -> Self {
        let is_terminal = io::stdout().is_terminal();
        let size = is_terminal.then(|| {
            let size = console::Term::stdout().size_checked();
            size.unwrap_or(USUAL_SIZE)
        });
        let terminal = Self::of(size, color, |name| std::env::var_os(name));
        Self {
            is_stdout: true,
            ..terminal
        }
    }

    /// The same terminal as large as it is now.
    pub(super) fn resized(self) -> Self {
        let size = self.width.filter(|_| self.is_stdout);
        let size = size.and_then(|_| console::Term::stdout().size_checked());
        size.map_or(self, |(height, width)| Self {
            width: Some(usize::from(width)),
            height: Some(usize::from(height)),
            ..self
        })
    }

    /// What a terminal with this size (rows, columns), or what is not a terminal, is with these variables.
    fn of(
        size: Option<(u16, u16)>,
        color: ColorChoice,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Self {
        let is_set = |name| variable(name).is_some_and(|value| !value.is_empty());
        // A terminal that cannot move its cursor: Emacs, some CI systems ("TERM=dumb", terminfo(5)).
        let is_dumb = variable("TERM").is_some_and(|term| term == "dumb");
        // no-color.org; bixense.com/clicolors
        let is_forced =
            variable("CLICOLOR_FORCE").is_some_and(|value| value != "0" && !value.is_empty());
        let is_usual = size.is_some() && !is_dumb;
        Self {
            width: size.map(|(_, width)| usize::from(width)),
            height: size.map(|(height, _)| usize::from(height)),
            color: match color {
                ColorChoice::Always => true,
                ColorChoice::Never => false,
                ColorChoice::Auto => !is_set("NO_COLOR") && (is_usual || is_forced),
            },
            live: is_usual,
            is_stdout: false,
        }
    }

    /// The same without an end of its lines, for what must not be cut off.
    #[must_use]
    pub fn unlimited(self) -> Self {
        Self {
            width: None,
            height: None,
            ..self
        }
    }

    /// What draws the problems of a manifest.
    pub(super) fn renderer(self) -> Renderer {
        match self.color {
            true => Renderer::styled(),
            false => Renderer::plain(),
        }
    }

    /// The text in this colour, if colour is used.
    pub(super) fn paint(self, color: Color, text: &str) -> String {
        if self.color && !text.is_empty() {
            format!("\x1b[{}m{text}\x1b[0m", color.code())
        } else {
            text.to_owned()
        }
    }
}

/// The colours of states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Color {
    /// What failed.
    Red,
    /// What is done.
    Green,
    /// What is in progress.
    Cyan,
    /// What is of less interest.
    Dim,
    /// Headings.
    Bold,
}

impl Color {
    /// The parameter of "Select Graphic Rendition" (ECMA-48).
    fn code(self) -> &'static str {
        match self {
            Self::Red => "31",
            Self::Green => "32",
            Self::Cyan => "36",
            Self::Dim => "2",
            Self::Bold => "1",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(size: Option<(u16, u16)>, color: ColorChoice, variables: &[(&str, &str)]) -> Terminal {
        Terminal::of(size, color, |name| {
            let mut variables = variables.iter();
            variables
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.into())
        })
    }

    #[test]
    fn a_terminal_is_coloured_and_drawn_anew_unless_it_is_dumb() {
        let (size, auto) = (Some((24, 80)), ColorChoice::Auto);
        let usual = of(size, auto, &[("TERM", "xterm")]);
        assert_eq!((usual.width, usual.height), (Some(80), Some(24)));
        assert!(usual.color && usual.live);
        let dumb = of(size, auto, &[("TERM", "dumb")]);
        assert_eq!(
            (dumb.width, dumb.color, dumb.live),
            (Some(80), false, false)
        );
        assert_eq!(of(None, auto, &[("TERM", "xterm")]), Terminal::PLAIN);
    }

    #[test]
    fn colour_follows_the_option_before_the_variables() {
        let (size, auto) = (Some((24, 80)), ColorChoice::Auto);
        assert!(!of(size, auto, &[("NO_COLOR", "1")]).color);
        assert!(of(size, auto, &[("NO_COLOR", "")]).color);
        assert!(of(None, auto, &[("CLICOLOR_FORCE", "1")]).color);
        assert!(!of(None, auto, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]).color);
        assert!(of(None, ColorChoice::Always, &[("NO_COLOR", "1")]).color);
        assert!(!of(size, ColorChoice::Never, &[("CLICOLOR_FORCE", "1")]).color);
    }

    #[test]
    fn only_what_takes_colour_is_painted() {
        let colored = of(Some((24, 80)), ColorChoice::Always, &[]);
        assert_eq!(colored.paint(Color::Red, "failed"), "\x1b[31mfailed\x1b[0m");
        assert_eq!(Terminal::PLAIN.paint(Color::Red, "failed"), "failed");
    }
}
