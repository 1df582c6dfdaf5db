//! The values of one metric in one invocation.

/// The values of one metric.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Values {
    /// Adds up.
    Count(u64),
    /// The largest counts.
    Largest(u64),
    /// Each counts.
    Each(Vec<u64>),
}

impl Values {
    /// Adds what was measured later.
    pub(super) fn add(&mut self, later: Self) {
        match (self, later) {
            (Self::Count(sum), Self::Count(more)) => *sum = sum.saturating_add(more),
            (Self::Largest(known), Self::Largest(other)) => *known = other.max(*known),
            (Self::Each(all), Self::Each(more)) => all.extend(more),
            // A metric is always measured in the same way.
            (known, later) => *known = later,
        }
    }
}
