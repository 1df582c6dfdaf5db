//! Problems of what somebody uploaded, in words.

use super::failures;
use super::quoting::on_one_line;
use crate::image::status::{Failure, Status};
use crate::image::words::counted;
use crate::manifest::Problem;

/// Problems that the failure of a bundle that EC2 made names: it is repeated in the history and in conditions.
const PROBLEMS_SHOWN: usize = 10;

/// `2 problems in the manifest`.
#[must_use]
pub fn summary(count: usize) -> String {
    format!("{} in the manifest", counted(count, "problem"))
}

/// The failure of an image whose bundle a task has made, if one has: then they are not the uploader's problems.
#[must_use]
pub fn of_task(status: &Status, problems: &[Problem]) -> Option<Failure> {
    let task = status.build.tasks.last()?;
    let shown = problems.iter().take(PROBLEMS_SHOWN);
    let mut messages: Vec<String> = shown.map(|it| on_one_line(&it.message)).collect();
    let surplus = problems.len().saturating_sub(PROBLEMS_SHOWN);
    if surplus > 0 {
        messages.push(format!("and {}", counted(surplus, "more problem")));
    }
    Some(failures::bundle_invalid(task, messages.join("; ")))
}

/// The parts cannot be the ones of the bundle's manifest.
#[must_use]
pub fn wrong_size(size: u64, expected: u64) -> Problem {
    Problem::new(format!(
        "the bundle's parts add up to {size} bytes, its manifest says {expected}"
    ))
    .with_path("manifest.image.bundled_size")
    .with_hint(
        "upload the parts that belong to this manifest and then the manifest again, or bundle the image again",
    )
    .with_rule("AMI tools: bundled_size is the sum of the parts' sizes")
}
