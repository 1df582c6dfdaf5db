//! The workflow of each source: which steps an image takes, as data. Code, documentation and tests read this one table.

use super::words::{SourceKind, Step};

/// The steps from an accepted manifest to an available AMI, in their order. Each begins when the one before it has
/// produced its evidence.
#[must_use]
pub fn steps(source: SourceKind) -> &'static [Step] {
    use Step::{
        AwaitImage, AwaitTask, CheckBundle, CheckObject, RegisterImage, StartTask, TagImported,
    };
    match source {
        SourceKind::Snapshot => &[RegisterImage, AwaitImage],
        SourceKind::Bundle => &[CheckBundle, RegisterImage, AwaitImage],
        SourceKind::Disk => &[
            CheckObject,
            StartTask,
            AwaitTask,
            TagImported,
            RegisterImage,
            AwaitImage,
        ],
        SourceKind::Vm => &[CheckObject, StartTask, AwaitTask, TagImported, AwaitImage],
        SourceKind::Instance => &[StartTask, AwaitTask, CheckBundle, RegisterImage, AwaitImage],
        SourceKind::Stored => &[CheckObject, StartTask, AwaitImage],
        SourceKind::Image => &[StartTask, AwaitImage],
    }
}

/// The step that follows where the manifest has settings that the AMI does not get when it is made.
pub const PUBLISH: [Step; 1] = [Step::Publish];

/// The steps that follow where the manifest says `store`.
pub const STORE: [Step; 2] = [Step::StoreImage, Step::AwaitStore];

/// The step after this one; none after the last.
#[must_use]
pub fn next(source: SourceKind, publishes: bool, stores: bool, step: Step) -> Option<Step> {
    let publish = if publishes { &PUBLISH[..] } else { &[] };
    let store = if stores { &STORE[..] } else { &[] };
    let mut all = steps(source).iter().chain(publish).chain(store).copied();
    if step == Step::CheckManifest {
        return all.next();
    }
    all.find(|it| *it == step)?;
    all.next()
}
