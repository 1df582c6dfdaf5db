//! Images as a table: what `status` prints, and `watch` and `demo` at their end.

use std::cmp::Ordering;

use jiff::Timestamp;

use super::cells::{fit, fit_end, mark, short_ids, short_span, shorten, width};
use super::row::{Kind, Row};
use crate::cli::terminal::{Color, Terminal};

/// Space between two columns.
const GAP: usize = 2;

/// Columns of a mark and the space after it.
const MARK: usize = 2;

/// Widest detail where no terminal says how wide it may be: an error of AWS may fill a screen.
const DETAIL_MAX: usize = 60;

/// Fewest columns of a key and of a detail.
const LEAST: usize = 12;

/// Rows of a terminal that are not the table's: the count line, two empty ones, the header, what is left out, the prompt.
const AROUND: usize = 6;

/// Which time is shown of each image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    /// How long ago its manifest was uploaded.
    Age,
    /// How long it took from its upload to its end.
    Took,
}

/// How a table is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table {
    /// What it is written to.
    pub(crate) terminal: Terminal,
    /// Whether nothing is cut off, at the cost of lines that wrap.
    pub(crate) is_wide: bool,
    /// Whether available images are shown that there is no room for.
    pub(crate) all: bool,
    /// Which time is shown.
    pub(crate) time: Time,
}

/// The lines of the table, with its header: what needs attention first, the latest change first.
pub(crate) fn table(rows: &[Row], table: Table, now: Timestamp) -> Vec<String> {
    let mut sorted: Vec<&Row> = rows.iter().collect();
    sorted.sort_by(|one, other| by_attention(one, other));
    let shown = table.shown(&sorted);
    let (shown, left_out) = sorted.split_at(shown);
    let cells: Vec<Cells> = shown.iter().map(|row| Cells::of(row, table, now)).collect();
    let columns = Columns::of(&cells, table);
    let mut lines = vec![table.terminal.paint(Color::Dim, &columns.header(table))];
    let marks = shown.iter().map(|row| mark(row, None, table.terminal));
    lines.extend(marks.zip(&cells).zip(shown).map(|((mark, cells), row)| {
        let line = format!("{mark} {}", columns.line(cells, row, table));
        line.trim_end().to_owned()
    }));
    if !left_out.is_empty() {
        let is_available = left_out.iter().all(|row| row.kind == Kind::Available);
        let what = if is_available {
            "more available"
        } else {
            "more"
        };
        lines.push(format!("  … {} {what} (--all)", left_out.len()));
    }
    lines
}

/// What needs attention first, and of that the latest change.
pub(crate) fn by_attention(one: &Row, other: &Row) -> Ordering {
    let latest_first = other.changed_at.cmp(&one.changed_at);
    let by_kind = one.kind.cmp(&other.kind).then(latest_first);
    by_kind.then_with(|| one.key.cmp(&other.key))
}

impl Table {
    /// How many rows are shown: all that are in progress or failed, and as many others as there is room for.
    fn shown(&self, sorted: &[&Row]) -> usize {
        let needed = |row: &&&Row| matches!(row.kind, Kind::Open | Kind::Failed);
        let needed = sorted.iter().take_while(needed).count();
        match self.terminal.height {
            Some(height) if !self.all && !self.is_wide => {
                let room = height.saturating_sub(AROUND).max(needed + 1);
                room.min(sorted.len())
            }
            _ => sorted.len(),
        }
    }
}

/// The texts of a row.
struct Cells {
    key: String,
    state: String,
    detail: String,
    images: String,
    time: String,
}

impl Cells {
    fn of(row: &Row, table: Table, now: Timestamp) -> Self {
        let time = match table.time {
            Time::Age => row.age(now),
            Time::Took => row.took(now),
        };
        let bar = row.work.as_ref().filter(|work| work.percent.is_some());
        let bar = bar.map_or_else(String::new, |work| super::cells::bar(work, 0) + " ");
        Self {
            key: row.key.clone(),
            state: row.state.clone(),
            detail: bar + &row.detail,
            images: match row.images.as_slice() {
                [] => "-".to_owned(),
                images => images.join(" "),
            },
            time: time.map_or_else(|| "-".to_owned(), short_span),
        }
    }
}

/// How wide the columns are.
struct Columns {
    key: usize,
    state: usize,
    detail: usize,
    images: usize,
    time: usize,
    /// Whether ids are shortened.
    is_short: bool,
}

impl Columns {
    /// As wide as what is in them; where that is wider than the terminal, ids are shortened first, then details and keys.
    fn of(cells: &[Cells], table: Table) -> Self {
        let widest = |title: &str, text: fn(&Cells) -> &str| {
            let texts = cells.iter().map(|cells| width(text(cells)));
            texts.max().unwrap_or(0).max(title.len())
        };
        let mut columns = Self {
            key: widest("MANIFEST", |cells| &cells.key),
            state: widest("STATE", |cells| &cells.state),
            detail: widest("DETAIL", |cells| &cells.detail),
            images: widest("AMI", |cells| &cells.images),
            time: widest(table.title(), |cells| &cells.time),
            is_short: false,
        };
        match table.terminal.width {
            _ if table.is_wide => {}
            None => columns.detail = columns.detail.min(DETAIL_MAX),
            Some(width) if columns.total() > width => columns.shrink(cells, width),
            Some(_) => {}
        }
        columns
    }

    fn total(&self) -> usize {
        MARK + self.key + self.state + self.detail + self.images + self.time + 4 * GAP
    }

    fn shrink(&mut self, cells: &[Cells], width: usize) {
        self.is_short = true;
        let short = |cells: &Cells| super::cells::width(&short_ids(&cells.ids()));
        self.images = cells.iter().map(short).max().unwrap_or(0).max("AMI".len());
        let fixed = self.total() - self.key - self.detail;
        let room = width.saturating_sub(fixed);
        if self.key + self.detail > room {
            // A detail is worth more than a long folder in front of a file's name.
            self.key = self.key.min((room * 2 / 5).max(LEAST));
            self.detail = room.saturating_sub(self.key).max(LEAST.min(self.detail));
        }
    }

    fn header(&self, table: Table) -> String {
        let time = table.title();
        if table.is_wide {
            return format!(
                "  {}  {}  {}  {}  DETAIL",
                fit("MANIFEST", self.key),
                fit("STATE", self.state),
                fit("AMI", self.images),
                fit(time, self.time),
            );
        }
        let line = format!(
            "  {}  {}  {}  {}  {time}",
            fit("MANIFEST", self.key),
            fit("STATE", self.state),
            fit("DETAIL", self.detail),
            fit("AMI", self.images),
        );
        line
    }

    fn line(&self, cells: &Cells, row: &Row, table: Table) -> String {
        let color = match row.kind {
            Kind::Failed => Color::Red,
            Kind::Over => Color::Dim,
            Kind::Open => Color::Cyan,
            Kind::Available => Color::Green,
        };
        let state = table.terminal.paint(color, &fit(&cells.state, self.state));
        let key = fit_end(&cells.key, self.key);
        if table.is_wide {
            // The longest is last: it is not padded.
            let (images, time) = (fit(&cells.images, self.images), fit(&cells.time, self.time));
            return format!("{key}  {state}  {images}  {time}  {}", cells.detail);
        }
        let images = match self.is_short {
            true => short_ids(&cells.ids()),
            false => cells.images.clone(),
        };
        let detail = fit(&shorten(&cells.detail, self.detail), self.detail);
        format!(
            "{key}  {state}  {detail}  {}  {}",
            fit(&images, self.images),
            cells.time
        )
    }
}

impl Cells {
    fn ids(&self) -> Vec<String> {
        let ids = self.images.split(' ').filter(|id| *id != "-");
        ids.map(str::to_owned).collect()
    }
}

impl Table {
    fn title(self) -> &'static str {
        match self.time {
            Time::Age => "AGE",
            Time::Took => "TOOK",
        }
    }
}
