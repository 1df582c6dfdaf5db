//! What may keep an image from becoming available. What the functions are to outlast is none of it: calls that fail for a
//! while, answers that are lost, invocations that die, events that do not come, and reads that are stale.

use std::collections::BTreeSet;

use super::manifest::key as manifest_key;
use super::script::{Event, Manifest, Script, Wrong};

/// Storms that last as long are given up.
const LONG: u64 = 5_000;

/// A parameter whose validation takes as long may be given up: it is written twice, and five minutes are waited each time.
const VALIDATED: u64 = 600;

/// Tasks that take as long may be given up.
const STALLED: u64 = 40_000;

/// Whether something in the script may keep a manifest's image from becoming available.
pub(super) fn is_excused(script: &Script, key: &str) -> bool {
    let mut events = script.moves.iter().map(|each| &each.event);
    events.any(|event| is_excuse(event, key)) || has_other_keys(script, key)
}

/// Whether the copies of a version are to have other KMS keys than they had: EC2 cannot change that.
fn has_other_keys(script: &Script, key: &str) -> bool {
    let events = script.moves.iter().map(|each| &each.event);
    let keys = events.filter_map(|event| match event {
        Event::Drop {
            key: at, manifest, ..
        } if manifest_key(*at) == key => Some(&manifest.keys),
        _ => None,
    });
    keys.collect::<BTreeSet<_>>().len() > 1
}

fn is_excuse(event: &Event, key: &str) -> bool {
    let is_its = |at: &usize| manifest_key(*at) == key;
    match event {
        Event::Cancel { key } | Event::ShowTask { key, .. } | Event::DropObject { key, .. } => {
            is_its(key)
        }
        Event::Drop {
            key: at, manifest, ..
        } => is_crowded(manifest) || (is_its(at) && may_be_refused(manifest)),
        // Two manifests that say the same want the same name.
        Event::DropBeside {
            key: at, manifest, ..
        } => is_crowded(manifest) || is_its(at),
        Event::Storm { fault, seconds, .. } => {
            *fault == Wrong::Denied || *seconds >= LONG || matches!(fault, Wrong::Slow(_))
        }
        Event::Validation { fails, seconds } => *fails || *seconds >= VALIDATED,
        Event::OptIn { on, .. } => !on,
        Event::Encrypts { on, .. } => *on,
        Event::TaskTime { seconds, .. } => *seconds >= STALLED,
        Event::Edit { .. } | Event::FailNext { .. } | Event::Quota { .. } => true,
        _ => false,
    }
}

/// Whether it wants what another may have.
fn is_crowded(manifest: &Manifest) -> bool {
    manifest.shared_name || manifest.shared_parameter
}

/// Whether an earlier version may have its name, or a product code that none can lose, or the account blocks that AMIs are
/// public.
fn may_be_refused(manifest: &Manifest) -> bool {
    manifest.fixed_name || manifest.public || manifest.product_code
}
