//! The options that all commands have.

use clap::{ArgAction, ColorChoice, ValueEnum};

use super::terminal::Terminal;

/// How a command prints its result, and what it says besides.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Output")]
pub(super) struct Options {
    /// What to print
    #[arg(
        short,
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value_t = Format::Text
    )]
    output: Format,
    /// The same as `--output json`
    #[arg(long, global = true, hide = true)]
    json: bool,
    /// When to use colour; `auto` follows the terminal, NO_COLOR and CLICOLOR_FORCE
    #[arg(long, global = true, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    color: ColorChoice,
    /// Say on standard error each call of AWS, and what came of it; twice for more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    verbose: u8,
    /// Print results and errors only: nothing of what is as it should be, no progress
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
}

/// What to print.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people, in the width of the terminal
    #[default]
    Text,
    /// For people, nothing cut off
    Wide,
    /// For programs: one object, with what was found in `items`
    Json,
}

impl Options {
    /// What to print.
    pub(super) fn format(&self) -> Format {
        if self.json { Format::Json } else { self.output }
    }

    /// Whether to print JSON.
    pub(super) fn is_json(&self) -> bool {
        self.format() == Format::Json
    }

    /// Whether to print nothing but results and errors.
    pub(super) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// How often `-v` is given.
    pub(super) fn verbosity(&self) -> u8 {
        self.verbose
    }

    /// What standard output is.
    pub(super) fn terminal(&self) -> Terminal {
        let terminal = Terminal::of_stdout(self.color);
        // What is said on standard error would tear a screen that is drawn anew.
        let terminal = Terminal {
            live: terminal.live && self.verbose == 0,
            ..terminal
        };
        match self.format() {
            Format::Text => terminal,
            Format::Wide | Format::Json => terminal.unlimited(),
        }
    }
}
