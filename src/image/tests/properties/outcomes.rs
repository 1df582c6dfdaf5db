//! What the step at hand may come to, chosen by a number.

use super::super::retire::{DEPRECATE, DEREGISTER};
use super::super::*;
use super::publishing::publish;
use crate::image::message::failures;
use crate::image::outcome::{Claim, Retired};
use crate::image::plan::{Next, next};
use crate::image::status::Failure;
use crate::image::words::{FailureKind, Step, WaitReason};
use crate::manifest::Problem;

/// An id as another cloud could have it: no status can hold it.
const OTHER_ID: &str = "volumes/0b6a3c9e-47";

/// Chooses by a number; the rest of it chooses again.
pub(super) struct Choice(pub(super) u32);

impl Choice {
    pub(super) fn of<T>(&mut self, mut values: Vec<T>) -> T {
        let count = u32::try_from(values.len()).unwrap();
        let chosen = self.0 % count;
        self.0 /= count;
        values.swap_remove(usize::try_from(chosen).unwrap())
    }
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn any_wait(choice: &mut Choice) -> WaitReason {
    let action = "RegisterImage".to_owned();
    choice.of(vec![
        WaitReason::RateLimited { action },
        WaitReason::Retrying {
            code: some("Slow"),
            message: "1".to_owned(),
        },
        WaitReason::Retrying {
            code: some("Slow"),
            message: "2".to_owned(),
        },
        WaitReason::ObjectMissing {
            bucket: "b".to_owned(),
            key: "k".to_owned(),
        },
        WaitReason::PartsMissing {
            missing: 3,
            of: 9,
            first: "k.part.0".to_owned(),
        },
        WaitReason::PartsSizeMismatch {
            size: 1,
            expected: 2,
        },
        WaitReason::ManifestGone,
        WaitReason::InstanceBusy {
            instance: "i-1".to_owned(),
            task: None,
        },
        WaitReason::ImageNotVisible {
            image: "ami-1".to_owned(),
        },
        WaitReason::ImagePending {
            region: REGION.to_owned(),
            image: "ami-1".to_owned(),
        },
        WaitReason::NoSuccessor {
            region: REGION.to_owned(),
            image: "ami-1".to_owned(),
        },
        WaitReason::DeletionNotVisible,
    ])
}

fn any_failure(choice: &mut Choice) -> Failure {
    let kind = choice.of(vec![
        FailureKind::RequestRefused {
            action: "RegisterImage".to_owned(),
        },
        FailureKind::ManifestGone,
        FailureKind::TaskLost,
        FailureKind::TaskFailed,
        FailureKind::TaskMadeNothing,
        FailureKind::BundleInvalid,
        FailureKind::ManifestNotAllowed,
        FailureKind::StatusTooLarge,
        FailureKind::SeveralImages {
            images: vec!["ami-1".to_owned(), "ami-2".to_owned()],
        },
        FailureKind::ImageLost {
            image: "ami-1".to_owned(),
        },
    ]);
    Failure::new(kind, "doing it", "it broke")
}

fn any_task(status: &Status, choice: &mut Choice) -> Option<ObservedTask> {
    let kind = status.build.tasks.last()?.kind;
    let state = choice.of(vec![
        "active",
        "pending",
        "storing",
        "quantum",
        "deleting",
        "deleted",
        "completed",
        "Completed",
        "failed",
        "",
    ]);
    let progress = choice.of(vec![
        None,
        Some(0),
        Some(9),
        Some(42),
        Some(43),
        Some(95),
        Some(100),
        Some(255),
    ]);
    let message = choice.of(vec![None, some("converting"), some("it broke")]);
    let mut made = choice.of(vec![completed(kind), seen_task(kind, state)]);
    let image = made.image.take();
    let snapshots = std::mem::take(&mut made.snapshots);
    Some(ObservedTask {
        state: state.to_owned(),
        progress,
        message,
        image: choice.of(vec![image.clone(), image.clone(), image, some("image/7")]),
        snapshots: choice.of(vec![
            snapshots.clone(),
            snapshots,
            vec![OTHER_ID.to_owned()],
        ]),
        ..made
    })
}

fn any_image(status: &Status, choice: &mut Choice) -> Option<ObservedImage> {
    let state = choice.of(vec![
        "pending",
        "available",
        "failed",
        "deregistered",
        "quantum",
        "disabled",
    ]);
    let id = status.regions.values().next()?.image.clone();
    let snapshots = choice.of(vec![
        Vec::new(),
        vec!["snap-1".to_owned()],
        vec![OTHER_ID.to_owned()],
    ]);
    let id = choice.of(vec![id.clone(), id.clone(), id, "ami-\n".to_owned()]);
    Some(ObservedImage {
        id,
        snapshots,
        ..seen(state)
    })
}

/// What may be seen of the image at any time, each with the steps that it says something about.
pub(super) fn observations(status: &Status) -> Vec<(Vec<Step>, Evidence)> {
    let mut all = vec![
        (
            vec![Step::AwaitTask, Step::AwaitStore],
            Evidence::TaskPolled(None),
        ),
        (
            vec![Step::Publish],
            Evidence::PublishObserved(PublishObserved::default()),
        ),
        (
            vec![Step::Publish, Step::StoreImage],
            Evidence::OwnersSeen(Default::default()),
        ),
        (
            vec![Step::Retire, Step::RegisterImage],
            Evidence::Retired(Retired {
                is_finished: true,
                ..Retired::default()
            }),
        ),
    ];
    for state in [None, Some("available"), Some("pending"), Some("failed")] {
        let image = state.map(|state| {
            let id = status.regions.values().next().map(|it| it.image.clone());
            let id = id.unwrap_or_else(|| "ami-1".to_owned());
            Box::new(ObservedImage { id, ..seen(state) })
        });
        let region = REGION.to_owned();
        all.push((
            vec![Step::AwaitImage],
            Evidence::ImagePolled { region, image },
        ));
    }
    if let Some(task) = status.build.tasks.last() {
        for seen in [completed(task.kind), seen_task(task.kind, "failed")] {
            all.push((
                vec![Step::AwaitTask, Step::AwaitStore],
                Evidence::TaskPolled(Some(seen)),
            ));
        }
    }
    all
}

fn accept(choice: &mut Choice) -> Evidence {
    let source = choice.of(SourceKind::ALL.to_vec());
    let store = choice.of(vec![false, true]);
    let notify_started = choice.of(vec![false, true]);
    let mut accepted = to_accept(source, store);
    accepted.publishing.publishes = choice.of(vec![false, false, false, true]);
    accepted.publishing.replaces = choice.of(vec![None, Some(DEPRECATE), Some(DEREGISTER)]);
    Evidence::ManifestAccepted(Accepted {
        notify_started,
        ..accepted
    })
}

fn start_task(status: &Status, choice: &mut Choice, minutes: i64) -> Evidence {
    let makers = MAKERS
        .into_iter()
        .find(|(_, source)| Some(*source) == status.build.source);
    let kind = match status.build.step {
        Step::StoreImage => TaskKind::StoreImage,
        _ => makers.unwrap().0,
    };
    let other = ObservedTask {
        id: OTHER_ID.to_owned(),
        ..seen_task(kind, first_state(kind))
    };
    let seen = choice.of(vec![
        seen_task(kind, first_state(kind)),
        seen_task(kind, first_state(kind)),
        completed(kind),
        completed(kind),
        seen_task(kind, "failed"),
        other,
    ]);
    let origin = choice.of(vec![Origin::Created, Origin::Found]);
    let task = Task::started(kind, REGION, &seen, after(minutes));
    Evidence::TaskStarted {
        task,
        origin,
        owners: Default::default(),
    }
}

fn orphans(choice: &mut Choice) -> Vec<Orphan> {
    choice.of(vec![Vec::new(), vec![orphan("snap-1", "no")]])
}

/// What the current step may come to.
pub(super) fn any_outcome(status: &Status, choice: &mut Choice, minutes: i64) -> StepOutcome {
    let step = status.build.step;
    let general = choice.of(vec![0, 0, 0, 0, 0, 1, 2, 3, 4]);
    match general {
        1 => return StepOutcome::Wait(any_wait(choice)),
        2 => return StepOutcome::Unchanged,
        4 => return StepOutcome::NotBegun(any_wait(choice)),
        3 if step == Step::CheckManifest
            || step == Step::CheckObject
            || step == Step::CheckBundle =>
        {
            return StepOutcome::Reject(vec![Problem::new("no"); 7]);
        }
        3 if step != Step::CleanUp && !step.polls() => {
            return StepOutcome::Fail(any_failure(choice));
        }
        _ => {}
    }
    if next(status, after(minutes)) == Next::Cancel {
        let refused = WaitReason::CancelRefused {
            code: None,
            message: "no".to_owned(),
        };
        let runs = step == Step::AwaitTask;
        return StepOutcome::Advance(match runs {
            true => Evidence::CancelSent(choice.of(vec![None, Some(refused)])),
            false => Evidence::Cancelled {
                orphans: orphans(choice),
            },
        });
    }
    if next(status, after(minutes)) == Next::ProbeTask {
        let task = status.build.tasks.last().unwrap();
        return StepOutcome::Fail(failures::task_lost(task));
    }
    of_step(status, choice, minutes)
}

/// What the current step comes to if nothing keeps it from proceeding.
fn of_step(status: &Status, choice: &mut Choice, minutes: i64) -> StepOutcome {
    let region = REGION.to_owned();
    StepOutcome::Advance(match status.build.step {
        Step::CheckManifest => {
            let image_manifest = "golden/web.image.yaml".to_owned();
            let elsewhere = Evidence::DecidedElsewhere { image_manifest };
            choice.of(vec![
                accept(&mut Choice(choice.0)),
                accept(&mut Choice(choice.0 / 7)),
                elsewhere,
            ])
        }
        Step::CheckBundle => bundle_checked("b1"),
        Step::CheckObject => Evidence::ObjectChecked {
            object: object(),
            identity: identity(),
        },
        Step::StartTask => {
            let started = start_task(status, choice, minutes);
            let in_s3 = status.build.object.is_some();
            let other = if in_s3 {
                Evidence::ObjectReplaced
            } else {
                started.clone()
            };
            choice.of(vec![started.clone(), started, other])
        }
        Step::AwaitTask | Step::AwaitStore => {
            Evidence::TaskPolled(any_task(status, choice).filter(|_| choice.0 % 5 != 4))
        }
        Step::TagImported => {
            let kind = status.build.tasks.last().map(|task| task.kind);
            import_tagged(kind.unwrap_or(TaskKind::ImportSnapshot))
        }
        Step::RegisterImage => image_registered(),
        Step::AwaitImage => {
            let image = any_image(status, choice).filter(|_| choice.0 % 5 != 4);
            let image = image.map(Box::new);
            Evidence::ImagePolled { region, image }
        }
        Step::Publish => return publish(choice, minutes),
        Step::Retire => Evidence::Retired(Retired {
            is_finished: true,
            ..Retired::default()
        }),
        Step::StoreImage => {
            let claim = StepOutcome::Claim(Claim::Store);
            let started = StepOutcome::Advance(start_task(status, choice, minutes));
            return choice.of(vec![claim, started]);
        }
        Step::CleanUp => {
            let names = vec!["snap-1".to_owned(), "ami-1".to_owned()];
            let deleted = Evidence::Deleted(names.clone());
            let claim = StepOutcome::Claim(Claim::Delete(names));
            let kept = Evidence::NotDeleted(orphans(choice));
            let done = Evidence::CleanedUp {
                orphans: orphans(choice),
            };
            return choice.of(vec![
                claim,
                StepOutcome::Advance(deleted),
                StepOutcome::Advance(kept),
                StepOutcome::Advance(done),
            ]);
        }
    })
}

/// What the step at hand comes to if nothing goes wrong.
pub(super) fn good(status: &Status, source: SourceKind, store: bool, minutes: i64) -> StepOutcome {
    let task = |kind| {
        Task::started(
            kind,
            REGION,
            &seen_task(kind, first_state(kind)),
            after(minutes),
        )
    };
    let of_source = || {
        MAKERS
            .into_iter()
            .find(|(_, made)| *made == source)
            .unwrap()
            .0
    };
    let started = |kind| Evidence::TaskStarted {
        task: task(kind),
        origin: Origin::Created,
        owners: Default::default(),
    };
    StepOutcome::Advance(match status.build.step {
        Step::CheckManifest => Evidence::ManifestAccepted(to_accept(source, store)),
        Step::CheckBundle => bundle_checked("b1"),
        Step::CheckObject => Evidence::ObjectChecked {
            object: object(),
            identity: identity(),
        },
        Step::StartTask => started(of_source()),
        Step::AwaitTask => Evidence::TaskPolled(Some(completed(of_source()))),
        Step::TagImported => {
            let kind = status.build.tasks.last().map(|task| task.kind);
            import_tagged(kind.unwrap_or(TaskKind::ImportSnapshot))
        }
        Step::RegisterImage => image_registered(),
        Step::AwaitImage => {
            let id = status.regions.values().next().unwrap().image.clone();
            Evidence::ImagePolled {
                region: REGION.to_owned(),
                image: Some(Box::new(ObservedImage {
                    id,
                    ..seen("available")
                })),
            }
        }
        Step::Publish => Evidence::PublishObserved(PublishObserved::default()),
        Step::StoreImage => started(TaskKind::StoreImage),
        Step::AwaitStore => Evidence::TaskPolled(Some(completed(TaskKind::StoreImage))),
        Step::Retire => Evidence::Retired(Retired {
            is_finished: true,
            ..Retired::default()
        }),
        Step::CleanUp => panic!("nothing to clean up"),
    })
}
