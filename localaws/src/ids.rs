//! Ids as the services form them, from one seed: the same run makes the same ids.

use std::sync::{Arc, Mutex};

use crate::lock::lock;

/// The world's only source of randomness. Clones share it.
#[derive(Debug, Clone)]
pub struct Ids {
    random: Arc<Mutex<fastrand::Rng>>,
}

impl Ids {
    /// Ids that follow from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self {
            random: Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))),
        }
    }

    /// `prefix-` and 17 hex digits, as EC2 names its resources (`ami-0a1b…`).
    #[must_use]
    pub fn resource(&self, prefix: &str) -> String {
        format!("{prefix}-{}", self.hex(17))
    }

    /// A random (version 4) UUID, as request ids and message ids are.
    #[must_use]
    pub fn uuid(&self) -> String {
        let variant = ["8", "9", "a", "b"][self.below(4)];
        let (a, b, c, d, e) = (
            self.hex(8),
            self.hex(4),
            self.hex(3),
            self.hex(3),
            self.hex(12),
        );
        format!("{a}-{b}-4{c}-{variant}{d}-{e}")
    }

    /// That many lower-case hex digits.
    #[must_use]
    pub fn hex(&self, digits: usize) -> String {
        let mut random = lock(&self.random);
        (0..digits).map(|_| random.digit(16)).collect()
    }

    /// A number from 0 to `limit` - 1; 0 if `limit` is 0.
    #[must_use]
    pub fn below(&self, limit: usize) -> usize {
        let mut random = lock(&self.random);
        if limit == 0 { 0 } else { random.usize(..limit) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_ids() {
        let (one, other) = (Ids::new(7), Ids::new(7));
        assert_eq!(one.resource("ami"), other.resource("ami"));
        assert_eq!(one.resource("ami").len(), "ami-".len() + 17);
        let uuid = one.uuid();
        assert_eq!(uuid.len(), 36);
        assert_eq!(&uuid[14..15], "4");
    }
}
