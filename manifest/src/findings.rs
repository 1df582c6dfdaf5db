//! Problems as they are found, and what must not be judged because it is not known.

use std::collections::HashSet;

use crate::{
    Problem,
    document::{Mark, Node, Path, Places, Step, at},
    hint::Hint,
    limits,
    suggestion::Suggestions,
};

/// Something wrong at a path.
#[derive(Debug)]
pub(super) struct Finding {
    path: Path,
    at_key: bool,
    looked_at: Vec<Path>,
    looked_within: Vec<Path>,
    problem: Problem,
}

impl Finding {
    /// A finding about the value at `path`.
    pub(super) fn new(path: Path, message: impl Into<String>) -> Self {
        Self {
            looked_at: Vec::new(),
            looked_within: Vec::new(),
            at_key: false,
            problem: Problem::new(message),
            path,
        }
    }

    /// What would be right.
    pub(super) fn hint(mut self, hint: impl Into<Hint>) -> Self {
        let Hint { text, suggestions } = hint.into();
        self.problem = self.problem.with_hint(text);
        self.problem.suggestions = Suggestions(suggestions);
        self
    }

    /// Where the rule comes from.
    pub(super) fn rule(mut self, rule: impl Into<String>) -> Self {
        self.problem = self.problem.with_rule(rule);
        self
    }

    /// The finding also depends on this value: if that is in doubt, so is the finding.
    pub(super) fn because_of(mut self, path: Path) -> Self {
        self.looked_at.push(path);
        self
    }

    /// The finding also depends on this value and everything in it.
    pub(super) fn because_within(mut self, path: Path) -> Self {
        self.looked_within.push(path);
        self
    }

    /// The finding is about the field and not about its value.
    pub(super) fn at_key(mut self) -> Self {
        self.at_key = true;
        self
    }
}

/// All findings about one document.
#[derive(Debug, Default)]
pub(super) struct Findings {
    places: Places,
    /// The paths of values in doubt, and those of the values that these are in: a hostile file can have thousands, and
    /// every rule asks.
    doubtful: HashSet<Vec<Step>>,
    around_doubtful: HashSet<Vec<Step>>,
    reported: HashSet<Path>,
    problems: Vec<Problem>,
}

impl Findings {
    pub(super) fn new(root: &Node) -> Self {
        Self {
            places: Places::new(root),
            ..Self::default()
        }
    }

    /// Adds a finding, unless it depends on a value that a problem was reported about already.
    pub(super) fn add(&mut self, finding: Finding) {
        let Finding {
            path,
            at_key,
            looked_at,
            looked_within,
            problem,
        } = finding;
        if self.is_full() {
            return;
        }
        let in_doubt =
            |Path(steps): &Path| (0..=steps.len()).any(|end| self.doubtful.contains(&steps[..end]));
        let doubt_within = |Path(steps): &Path| self.around_doubtful.contains(steps);
        let rests_on_doubt = in_doubt(&path)
            || looked_at.iter().chain(&looked_within).any(in_doubt)
            || looked_within.iter().any(doubt_within);
        if rests_on_doubt {
            return;
        }
        let Mark { line, column } = if at_key {
            self.places.key(&path)
        } else {
            self.places.value(&path)
        };
        self.problems
            .push(problem.with_path(path.to_string()).at(line, column));
        self.reported.insert(path);
    }

    /// Whether nothing more is added: there are as many problems as are reported.
    pub(super) fn is_full(&self) -> bool {
        self.problems.len() >= limits::PROBLEMS
    }

    /// Nothing more is to be reported about this value.
    pub(super) fn doubt(&mut self, path: Path) {
        // Once nothing more is added, doubts no longer matter; a hostile file must not make a long list of them.
        if self.is_full() {
            return;
        }
        let Path(mut steps) = path;
        if self.doubtful.insert(steps.clone()) {
            while steps.pop().is_some() && self.around_doubtful.insert(steps.clone()) {}
        }
    }

    /// Whether nothing was reported about exactly this value.
    pub(super) fn is_clear(&self, path: &Path) -> bool {
        !self.reported.contains(path)
    }

    /// Where the value is: line and column, both from 1.
    pub(super) fn place(&self, path: &Path) -> (usize, usize) {
        let Mark { line, column } = self.places.value(path);
        (line, column)
    }

    /// Which of these sources the document names.
    pub(super) fn source(&self, kinds: &[&'static str]) -> Option<&'static str> {
        let is_given = |kind: &&&str| self.places.has(&at!["source", **kind]);
        kinds.iter().find(is_given).copied()
    }

    /// Whether the document has a value there, be it null.
    pub(super) fn has(&self, path: &Path) -> bool {
        self.places.has(path)
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}
