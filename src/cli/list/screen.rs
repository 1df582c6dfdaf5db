//! Images while they are watched: a screen that is redrawn.

use jiff::{SignedDuration, Timestamp};

use super::cells::{BAR_WIDTH, bar, fit, fit_end, mark, short_span, shorten, width};
use super::counts::counts;
use super::row::{Kind, Row};
use crate::cli::terminal::{Color, Terminal};

/// Columns that are used where the terminal does not tell.
const WIDTH: usize = 80;
/// Rows that are used where the terminal does not tell.
const HEIGHT: usize = 24;
/// Columns of a state or a bar.
const STATE: usize = 11;
/// Columns of a time on the right.
const TIME: usize = 9;
/// Lines that are not of images: the count, an empty one, what is available, what is left out, that of the cursor.
const AROUND: usize = 5;

/// What is drawn besides the rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Frame<'a> {
    /// What it is drawn on.
    pub(crate) terminal: Terminal,
    /// How often it was drawn before: what moves goes on by one.
    pub(crate) step: usize,
    /// How long ago the statuses were read; none if they never were.
    pub(crate) last_look: Option<SignedDuration>,
    /// Why they cannot be read now.
    pub(crate) trouble: Option<&'a str>,
}

/// The lines of the screen, none wider than the terminal and no more than it has: what failed first, then what is in
/// progress, and what is available in one line.
pub(crate) fn frame(rows: &[Row], frame: Frame<'_>, now: Timestamp) -> Vec<String> {
    let columns = frame.terminal.width.unwrap_or(WIDTH).saturating_sub(1);
    let room = frame
        .terminal
        .height
        .unwrap_or(HEIGHT)
        .saturating_sub(AROUND);
    let of = |kinds: &[Kind]| -> Vec<&Row> {
        let mut found: Vec<&Row> = rows
            .iter()
            .filter(|row| kinds.contains(&row.kind))
            .collect();
        found.sort_by(|one, other| one.key.cmp(&other.key));
        found
    };
    let (failed, open) = (of(&[Kind::Failed]), of(&[Kind::Open]));
    let available = of(&[Kind::Available, Kind::Over]);
    let failed_shown = failed.len().min(room - open.len().min(room / 2));
    let open_shown = open.len().min(room - failed_shown);
    let shown = failed
        .iter()
        .take(failed_shown)
        .chain(open.iter().take(open_shown));
    let key = shown.clone().map(|row| width(&row.key)).max().unwrap_or(0);
    let key = key.clamp(12, (columns / 3).max(12));

    let mut lines = vec![heading(rows, frame, columns), String::new()];
    lines.extend(shown.map(|row| line(row, frame, (key, columns), now)));
    let left_out = failed.len() + open.len() - failed_shown - open_shown;
    if left_out > 0 {
        lines.push(format!("  +{left_out} more"));
    }
    if !available.is_empty() {
        lines.push(done(&available, frame.terminal, (key, columns)));
    }
    lines
}

/// How many there are, and when that was so.
fn heading(rows: &[Row], frame: Frame<'_>, columns: usize) -> String {
    let mut parts = vec![format!("Watching {}", rows.len())];
    parts.extend(counts(rows));
    let left = parts.join(" · ");
    let looked = match frame.last_look {
        Some(ago) => format!("last look {} ago", short_span(ago)),
        None => "no answer yet".to_owned(),
    };
    let right = match frame.trouble {
        Some(trouble) => format!("{looked}: {trouble}"),
        None => looked,
    };
    let room = columns.saturating_sub(width(&left) + 2);
    let right = shorten(&right, room);
    let gap = columns.saturating_sub(width(&left) + width(&right));
    let right = match frame.trouble {
        Some(_) => frame.terminal.paint(Color::Red, &right),
        None => frame.terminal.paint(Color::Dim, &right),
    };
    let left = frame.terminal.paint(Color::Bold, &shorten(&left, columns));
    format!("{left}{}{right}", " ".repeat(gap))
}

fn line(row: &Row, frame: Frame<'_>, (key, columns): (usize, usize), now: Timestamp) -> String {
    let time = |word: &str, span| fit(&format!("{word} {}", short_span(span)), TIME);
    let time = match (row.kind, row.took(now)) {
        (_, None) => String::new(),
        (Kind::Open, Some(age)) => time("age", age),
        (_, Some(took)) => time("took", took),
    };
    let state = match &row.work {
        Some(work) => format!("{}  ", bar(work, frame.step)),
        None => format!("{} ", fit(&row.state, STATE)),
    };
    debug_assert_eq!(width(&state), BAR_WIDTH + 2);
    let detail = columns.saturating_sub(2 + key + 2 + STATE + 1 + 1 + width(&time));
    let state = match row.kind {
        Kind::Failed => frame.terminal.paint(Color::Red, &state),
        _ => state,
    };
    let line = format!(
        "{} {}  {state}{} {time}",
        mark(row, Some(frame.step), frame.terminal),
        fit_end(&row.key, key),
        fit(&row.detail, detail),
    );
    line.trim_end().to_owned()
}

/// What is available: how many, and their names as far as there is room.
fn done(rows: &[&Row], terminal: Terminal, (key, columns): (usize, usize)) -> String {
    let is_available = rows.iter().all(|row| row.kind == Kind::Available);
    let word = if is_available { "available" } else { "done" };
    let is_notified = rows.iter().all(|row| row.is_notified);
    let sent = if is_notified { " email sent" } else { "" };
    let count = fit(&format!("{} {word}", rows.len()), key);
    let names: Vec<&str> = rows.iter().map(|row| short_name(&row.key)).collect();
    let room = columns.saturating_sub(2 + key + 2 + width(sent));
    let names = shorten(&names.join(", "), room);
    let line = format!(
        "{} {count}  {}{sent}",
        terminal.paint(Color::Green, "✓"),
        fit(&names, room)
    );
    line.trim_end().to_owned()
}

/// The name of a manifest without its folders and its ending.
fn short_name(key: &str) -> &str {
    let name = key.rsplit('/').next().unwrap_or(key);
    let (stem, _) = name.split_once(".image.").unwrap_or((name, ""));
    stem
}
