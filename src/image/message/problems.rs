//! Problems of an upload, in words.

use super::failures;
use super::quoting::on_one_line;
use crate::image::ownership;
use crate::image::status::{Failure, Status};
use crate::image::task::TaskKind;
use crate::image::words::{Step, counted};
use crate::manifest::Problem;
use crate::manifest::guardrails::Owner;
use crate::manifest::image::{INSTANCE_STORE_COPY, NamedSource};
use crate::manifest::text::quoted;

/// Problems that the failure of an image whose making has begun names: it is repeated in the history and in conditions.
const PROBLEMS_SHOWN: usize = 10;

/// `2 problems in the manifest`.
#[must_use]
pub fn summary(count: usize) -> String {
    format!("{} in the manifest", counted(count, "problem"))
}

/// The failure of an image for which something was changed in AWS, if it was: a task was started, or an earlier AMI had to
/// go. Of a bundle that EC2 made they are not the uploader's problems; any other manifest had passed the checks before, and
/// what the stack allows has changed since.
#[must_use]
pub fn of_begun(status: &Status, problems: &[Problem]) -> Option<Failure> {
    let Some(task) = status.build.tasks.last() else {
        return status.has_begun_replacing().then(|| not_allowed(problems));
    };
    if task.kind != TaskKind::BundleInstance || status.build.step != Step::CheckBundle {
        return Some(not_allowed(problems));
    }
    // The hints are for who writes manifests.
    let message = listed(problems, |it| it.message.clone());
    Some(failures::bundle_invalid(task, message))
}

/// The failure of a manifest that had passed the checks before its making began: the stack allows less since. What
/// would help is in the problems' hints, such as the parameter of the stack.
#[must_use]
pub fn not_allowed(problems: &[Problem]) -> Failure {
    failures::manifest_not_allowed(listed(problems, Problem::to_string))
}

fn listed(problems: &[Problem], line: impl Fn(&Problem) -> String) -> String {
    let shown = problems.iter().take(PROBLEMS_SHOWN);
    let mut messages: Vec<String> = shown.map(|it| on_one_line(&line(it))).collect();
    let surplus = problems.len().saturating_sub(PROBLEMS_SHOWN);
    if surplus > 0 {
        messages.push(format!("and {}", counted(surplus, "more problem")));
    }
    messages.join("; ")
}

/// The AMI that a manifest wants copied is an instance-store one.
#[must_use]
pub fn instance_store_copy(source: &NamedSource) -> Problem {
    let message = format!(
        "{} is an instance-store AMI: {INSTANCE_STORE_COPY}",
        quoted(&source.id)
    );
    Problem::new(message)
        .with_path(&source.path)
        .at(source.line, source.column)
        .with_hint("copy it with CopyImage, as somebody who has them; or register its bundle in this Region (`source.bundle`)")
        .with_rule("EC2 User Guide, Grant permissions to copy Amazon EC2 AMIs")
}

/// A snapshot of another account would have to be shared along with its AMI.
#[must_use]
pub fn not_ours_to_share(source: &NamedSource, owner: &Owner) -> Problem {
    let message = format!(
        "{} belongs to {owner}: nobody else can share it, and `access.copy` shares all snapshots of the AMI",
        quoted(&source.id)
    );
    Problem::new(message)
        .with_path(&source.path)
        .at(source.line, source.column)
        .with_hint("leave `access.copy` out, or make the AMI of a copy of the snapshot (CopySnapshot) that is this account's own")
        .with_rule("EC2 API Reference, ModifySnapshotAttribute")
}

/// With the tags of the AMI, its copy would have more than EC2 takes.
#[must_use]
pub fn too_many_tags(copied: usize, together: usize) -> Problem {
    Problem::new(format!(
        "the AMI has {}; with the manifest's and amiwright's own, its copy would have {together}",
        counted(copied, "tag")
    ))
    .with_path("source.image.copyTags")
    .with_hint(format!(
        "a resource has at most {}: leave `copyTags` out, and give those that are needed in `tags`",
        ownership::TAGS_MAX
    ))
    .with_rule("EC2 User Guide, Tag restrictions")
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
