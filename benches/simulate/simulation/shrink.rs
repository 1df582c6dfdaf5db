//! Makes a script that fails shorter, as long as it still fails.

use super::script::{Arrival, Event, Manifest, Move, Script};

/// The most scripts that are tried.
const TRIES: usize = 400;

/// The shortest script that was found which still fails.
pub(crate) fn shrunk(script: &Script, fails: impl Fn(&Script) -> bool) -> Script {
    let mut best = script.clone();
    let mut left = TRIES;
    loop {
        let shorter = candidates(&best).into_iter().find(|candidate| {
            left = left.saturating_sub(1);
            left > 0 && fails(candidate)
        });
        match shorter {
            Some(shorter) => best = shorter,
            None => return best,
        }
    }
}

/// Scripts that are a little shorter or simpler, the most different ones first.
fn candidates(script: &Script) -> Vec<Script> {
    let mut found = Vec::new();
    let count = script.moves.len();
    let mut size = count / 2;
    while size > 0 {
        for start in (0..count).step_by(size).rev() {
            let mut shorter = script.clone();
            let end = (start + size).min(count);
            // What comes after happens when it did.
            let gone: u64 = shorter.moves.drain(start..end).map(|it| it.pause).sum();
            if let Some(next) = shorter.moves.get_mut(start) {
                next.pause += gone;
            }
            found.push(shorter);
        }
        size /= 2;
    }
    for at in 0..count {
        for simpler in simpler(&script.moves[at]) {
            let mut shorter = script.clone();
            shorter.moves[at] = simpler;
            found.push(shorter);
        }
    }
    found
}

/// The same move, simpler.
fn simpler(it: &Move) -> Vec<Move> {
    let mut found = Vec::new();
    if it.pause > 0 {
        let pauses = [0, 70, 1_200].into_iter().filter(|pause| *pause < it.pause);
        found.extend(pauses.map(|pause| Move {
            pause,
            event: it.event.clone(),
        }));
    }
    let is_beside = matches!(it.event, Event::DropBeside { .. });
    let upload = match is_beside {
        true => it.event.beside(),
        false => Some(it.event.clone()),
    };
    let Some(Event::Drop {
        key,
        manifest,
        arrival,
    }) = upload
    else {
        return found;
    };
    let drop = |manifest: Manifest, arrival: Arrival| {
        let event = Event::Drop {
            key,
            manifest,
            arrival,
        };
        let beside = event.beside().filter(|_| is_beside);
        Move {
            pause: it.pause,
            event: beside.unwrap_or(event),
        }
    };
    if arrival != Arrival::Once {
        found.push(drop(manifest.clone(), Arrival::Once));
    }
    let simpler = without(&manifest);
    found.extend(simpler.into_iter().map(|manifest| drop(manifest, arrival)));
    found
}

/// The same manifest without one of the things that it says.
fn without(manifest: &Manifest) -> Vec<Manifest> {
    let whole = serde_json::to_value(manifest).unwrap_or_default();
    let members = whole.as_object().cloned().unwrap_or_default();
    let names = members.keys().filter(|name| *name != "source");
    names
        .filter_map(|name| {
            let mut left = members.clone();
            left.remove(name);
            serde_json::from_value(left.into()).ok()
        })
        .collect()
}
