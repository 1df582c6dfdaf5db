//! How much of a template is worked out, and how deep: both have an end, whatever refers to what.

use std::cell::Cell;

use super::problem::Problem;
use super::yaml::{Kind, Node};

/// References that lead to one another more often than this lead in a circle.
const LONGEST_TRAIL: usize = 64;
/// Calls of functions in one template, and what they give ([`size`]). Names that repeat what repeats another grow to any
/// length, of a few lines; a template of hundreds of resources takes some thousands.
const MOST: usize = 200_000;
/// Bytes of a text that count as much as a value.
const TEXT_UNIT: usize = 256;

/// What was worked out so far.
#[derive(Debug, Default)]
pub(super) struct Work {
    trail: Cell<usize>,
    done: Cell<usize>,
}

impl Work {
    /// Works out what something refers to.
    pub(super) fn deeper<T>(
        &self,
        line: usize,
        work: impl FnOnce() -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        if self.trail.get() >= LONGEST_TRAIL {
            return Err(Problem::new(line, "this refers to itself, in a circle"));
        }
        self.spend(line, 1)?;
        self.trail.set(self.trail.get() + 1);
        let result = work();
        self.trail.set(self.trail.get() - 1);
        result
    }

    /// Counts a value that was worked out.
    pub(super) fn count(&self, value: &Node) -> Result<(), Problem> {
        self.spend(value.line, size(value))
    }

    fn spend(&self, line: usize, work: usize) -> Result<(), Problem> {
        let done = self.done.get().saturating_add(work);
        self.done.set(done);
        if done > MOST {
            let problem = "there is too much to work out: what is repeated repeats others";
            return Err(Problem::new(line, problem));
        }
        Ok(())
    }
}

/// The values in a value, and its texts by their length.
fn size(node: &Node) -> usize {
    match &node.kind {
        Kind::Null | Kind::Bool(_) | Kind::Number(_) => 1,
        Kind::Text(text) => 1 + text.len() / TEXT_UNIT,
        Kind::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Kind::Map(entries) => 1 + entries.iter().map(|it| size(&it.value)).sum::<usize>(),
        Kind::Call(_, argument) => 1 + size(argument),
    }
}
