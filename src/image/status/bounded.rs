//! Lists that a status cannot have longer than it is written with. A document of the largest size could hold so many empty
//! problems that reading it would take seventy times its size.

use std::fmt;

use serde::de::{Deserializer, Error, SeqAccess, Visitor};

use crate::manifest::Problem;

/// Problems that a status keeps: more than are read, few enough for an object that is rewritten often.
pub const PROBLEMS_KEPT: usize = 100;

/// Reads problems, [`PROBLEMS_KEPT`] at most.
pub(super) fn problems<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Problem>, D::Error> {
    deserializer.deserialize_seq(Problems)
}

struct Problems;

impl<'de> Visitor<'de> for Problems {
    type Value = Vec<Problem>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {PROBLEMS_KEPT} problems")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut problems = Vec::new();
        while let Some(problem) = items.next_element()? {
            if problems.len() == PROBLEMS_KEPT {
                return Err(A::Error::invalid_length(PROBLEMS_KEPT + 1, &self));
            }
            problems.push(problem);
        }
        Ok(problems)
    }
}
