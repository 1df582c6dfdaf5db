//! Cells of a screen: texts of a known width, marks and bars.

use console::measure_text_width;
use jiff::SignedDuration;

use super::row::{Kind, Row, Work};
use crate::cli::terminal::{Color, Terminal};

/// Columns of a bar.
pub(super) const BAR_WIDTH: usize = 10;

/// What turns while something is in progress.
const SPINNER: [char; 8] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧'];

/// The characters of an id that tell it apart, with the ellipsis: `ami-cbef…`.
pub(super) const SHORT_ID: usize = 9;

/// The text in exactly these columns: cut at its end, or padded.
pub(crate) fn fit(text: &str, width: usize) -> String {
    let text = shorten(text, width);
    let padding = width.saturating_sub(measure_text_width(&text));
    text + &" ".repeat(padding)
}

/// The text in at most these columns: its beginning and an ellipsis.
pub(crate) fn shorten(text: &str, width: usize) -> String {
    if measure_text_width(text) <= width {
        return text.to_owned();
    }
    let kept = taken(text.chars(), width.saturating_sub(1));
    let kept: String = kept.into_iter().collect();
    if width == 0 {
        kept
    } else {
        kept.trim_end().to_owned() + "…"
    }
}

/// The text in exactly these columns: an ellipsis and its end, for the end of a key says most; or padded.
pub(crate) fn fit_end(text: &str, width: usize) -> String {
    if measure_text_width(text) <= width {
        return fit(text, width);
    }
    let kept = taken(text.chars().rev(), width.saturating_sub(1));
    let kept: String = kept.into_iter().rev().collect();
    fit(&format!("…{kept}"), width)
}

/// As many characters as these columns hold: some take two.
fn taken(characters: impl Iterator<Item = char>, width: usize) -> Vec<char> {
    let mut used = 0;
    let fitting = characters.take_while(|character| {
        used += measure_text_width(character.encode_utf8(&mut [0; 4]));
        used <= width
    });
    fitting.collect()
}

/// The columns that a text takes.
pub(super) fn width(text: &str) -> usize {
    measure_text_width(text)
}

/// A duration as `45s`, `9m`, `3h`, `2d`. Clocks differ: a negative one is zero.
pub(super) fn short_span(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..172_800 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// The mark of a row, for the step of an animation if it is live.
pub(super) fn mark(row: &Row, step: Option<usize>, terminal: Terminal) -> String {
    let (color, mark) = match row.kind {
        Kind::Open => {
            let turned = step.map(|step| SPINNER[step % SPINNER.len()]);
            (Color::Cyan, turned.unwrap_or('●'))
        }
        Kind::Failed => (Color::Red, '✗'),
        Kind::Over => (Color::Dim, '-'),
        Kind::Available => (Color::Green, '✓'),
    };
    terminal.paint(color, &mark.to_string())
}

/// A bar: how far the work is, or a pulse where EC2 does not say.
pub(super) fn bar(work: &Work, step: usize) -> String {
    let cell = |at: usize| match work.percent {
        Some(percent) if at < usize::from(percent) * BAR_WIDTH / 100 => '█',
        None if (at + BAR_WIDTH - step % BAR_WIDTH) % BAR_WIDTH < 2 => '▓',
        _ => '░',
    };
    (0..BAR_WIDTH).map(cell).collect()
}

/// What is shown of a row's ids where there is little room: `ami-cbef… +2`.
pub(super) fn short_ids(images: &[String]) -> String {
    match images {
        [] => "-".to_owned(),
        [only] => shorten(only, SHORT_ID),
        [first, others @ ..] => format!("{} +{}", shorten(first, SHORT_ID), others.len()),
    }
}
