//! A second stack in the same account and Region. Its manifests have the keys of the first one's, and are judged as those are:
//! neither stack touches what is the other's.

use std::sync::Arc;

use super::monitor::Monitor;
use super::play::Played;
use super::rest;
use super::script::{Event, Script, Stack};
use super::setting;

/// The second stack, if anything is dropped into it. Whatever is there already is somebody else's.
pub(super) async fn set(first: &Played) -> Option<Box<Played>> {
    let script = script(&first.script)?;
    let monitor = Arc::new(Monitor::default());
    let stack = setting::stack(&script, &monitor, Some(&first.stack.world)).await;
    let mut snapshots_before = first.snapshots_before.clone();
    snapshots_before.insert(stack.snapshot.clone());
    let mut sources = first.sources.clone();
    sources.bucket.clone_from(&stack.bucket);
    monitor.open_eyes(&stack, &sources, first.stack.world.directory());
    Some(Box::new(Played::new(
        stack,
        script,
        sources,
        monitor,
        snapshots_before,
    )))
}

/// What happens to the second stack: what is dropped there, and what goes wrong in the account.
fn script(first: &Script) -> Option<Script> {
    let mut moves = first.moves.clone();
    moves.retain_mut(|each| match each.event.beside() {
        // Also that the other has what it wants keeps an image from becoming available.
        Some(upload) => {
            each.event = upload;
            true
        }
        None => matches!(
            each.event,
            Event::FailNext { .. }
                | Event::TaskTime { .. }
                | Event::OptIn { .. }
                | Event::Quota { .. }
                | Event::Validation { .. }
                | Event::Encrypts { .. }
        ),
    });
    let is_drop = |event: &Event| matches!(event, Event::Drop { .. });
    moves.iter().any(|it| is_drop(&it.event)).then(|| Script {
        seed: first.seed,
        lost: None,
        stack: Stack {
            classic: first.stack.classic,
            share_with: "*".to_owned(),
            public: true,
            unblocked: first.stack.unblocked,
            retire: true,
            copies: true,
            only_region: None,
            parameters: true,
            keys: true,
            stores: true,
            tag_keys: String::new(),
            source_buckets: true,
            source_owners: true,
            page: None,
            versions: true,
            notify_started: false,
        },
        moves,
    })
}

/// What is wrong with the second stack.
pub(super) async fn check(played: &Played) -> Vec<String> {
    let mut wrong = played.monitor.violations();
    wrong.extend(rest::check(played).await);
    wrong.iter_mut().for_each(|it| it.insert_str(0, "beside: "));
    wrong
}
