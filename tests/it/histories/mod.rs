//! Random days: users who drop, change and remove manifests, operators who cancel and retry, strangers who change AMIs,
//! and calls that fail, all at once. Then everything rests, and the world is looked at.
//!
//! A history is made before it is played, so that one that fails is shrunk to what it needs and printed.

mod history;
mod play;
mod rest;

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use history::{History, any_history};

/// Histories of the normal run; `AMIWRIGHT_HISTORIES` is another number, from a new seed each time.
const HISTORIES: u32 = 24;

/// Plays a history; returns the states of the images whose manifests are there in the end.
fn play(history: &History) -> Vec<String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let played = play::play(history).await;
        rest::check(&played).await
    })
}

#[test]
fn whatever_happens_the_world_comes_to_rest_as_the_manifests_say() {
    let asked = std::env::var("AMIWRIGHT_HISTORIES");
    let cases = asked.as_ref().map_or(HISTORIES, |it| it.parse().unwrap());
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 300,
        ..Config::default()
    };
    let mut runner = match asked {
        Ok(_) => TestRunner::new(config),
        Err(_) => {
            TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
        }
    };
    let states = RefCell::new(BTreeMap::<String, usize>::new());
    let result = runner.run(&any_history(), |history| {
        for state in play(&history) {
            *states.borrow_mut().entry(state).or_default() += 1;
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    if asked.is_ok() {
        return;
    }
    // Of images that fail, little is looked at.
    let states = states.into_inner();
    let available = states.get("available").copied().unwrap_or_default();
    let all: usize = states.values().sum();
    assert!(available > 0 && 2 * available >= all, "{states:?}");
}
