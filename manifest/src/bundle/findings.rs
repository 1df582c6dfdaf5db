//! Problems with the place of each in the text, kept until the whole manifest was read.

use crate::{
    Problem,
    document::{Lines, Mark},
};

/// Problems listed at most: a hostile manifest can have one per byte, and more would not be read.
const MOST_PROBLEMS: usize = 100;

/// What was found wrong so far. Places are byte offsets; lines and columns are worked out at the end,
/// for the few that are shown, because a manifest is usually one line of many kilobytes.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    text: &'a str,
    found: Vec<(usize, Problem)>,
    omitted: usize,
}

impl<'a> Findings<'a> {
    /// Nothing found yet in this text.
    pub(super) const fn new(text: &'a str) -> Self {
        Self {
            text,
            found: Vec::new(),
            omitted: 0,
        }
    }

    /// Keeps a problem at this byte offset.
    pub(super) fn add(&mut self, offset: usize, problem: Problem) {
        if self.found.len() < MOST_PROBLEMS {
            self.found.push((offset, problem));
        } else {
            self.omitted += 1;
        }
    }

    /// All problems in the order of the text, each with line and column.
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|(offset, _)| *offset);
        let lines = Lines::new(self.text);
        let mut problems: Vec<Problem> = self
            .found
            .into_iter()
            .map(|(offset, problem)| {
                let Mark { line, column } = lines.mark(offset);
                problem.at(line, column)
            })
            .collect();
        if self.omitted > 0 {
            problems.push(Problem::new(format!(
                "{} more problems are not listed",
                self.omitted
            )));
        }
        problems
    }
}
