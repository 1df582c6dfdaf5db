//! Whole histories of seeds, as `simulate` plays them: some here, thousands there. And the scripts that once failed.

use std::path::Path;

use crate::simulation::{Coverage, Monitor, Outcome, Script, run, script, shrunk};

/// Histories of the normal run; `AMIWRIGHT_HISTORIES` is another number of them.
const HISTORIES: u64 = 200;

/// So many tests share them, each on a thread of its own.
const SHARES: u64 = 4;

/// Fails if a history ended otherwise than it must, with the shortest script that does.
fn judge(name: &str, script: &Script) -> Outcome {
    let outcome = run(script, Monitor::default());
    if !outcome.wrong.is_empty() {
        let fails = |script: &Script| !run(script, Monitor::default()).wrong.is_empty();
        let shortest = serde_json::to_string_pretty(&shrunk(script, fails)).unwrap();
        panic!("{name}: {}\n{shortest}", outcome.wrong.join("\n"));
    }
    outcome
}

/// Whatever happens, the world comes to rest as the manifests say, in this share of all histories.
fn play(share: u64) {
    let asked = std::env::var("AMIWRIGHT_HISTORIES");
    let histories = asked.map_or(HISTORIES, |it| it.parse().unwrap());
    let seeds = histories * share / SHARES..histories * (share + 1) / SHARES;
    let (count, mut seen) = (seeds.end - seeds.start, Coverage::default());
    for seed in seeds {
        seen.add(&judge(&format!("seed {seed}"), &script(seed)).coverage);
    }
    // Of images that fail, little is looked at.
    let available = seen.ends.get("available").copied().unwrap_or_default();
    assert!(2 * available >= count, "{}", seen.tables());
}

#[test]
fn the_first_quarter_comes_to_rest() {
    play(0);
}

#[test]
fn the_second_quarter_comes_to_rest() {
    play(1);
}

#[test]
fn the_third_quarter_comes_to_rest() {
    play(2);
}

#[test]
fn the_last_quarter_comes_to_rest() {
    play(3);
}

#[test]
fn what_once_failed_does_not_fail_again() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/histories");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|it| it == "json"));
    paths.sort();
    assert!(!paths.is_empty(), "no scripts");
    for path in paths {
        let script = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        judge(&path.display().to_string(), &script);
    }
}

/// With all that was sent and answered, to the byte: one seed decides everything.
#[test]
fn one_seed_is_one_history() {
    for seed in [2] {
        let [one, other] = [(); 2].map(|()| run(&script(seed), Monitor::thorough()));
        assert!(one.lines.len() > 100, "{}", one.lines.len());
        for (one, other) in one.lines.iter().zip(&other.lines) {
            assert_eq!(one.to_string(), other.to_string());
        }
        assert_eq!(one.lines.len(), other.lines.len());
        assert_eq!(one.emails, other.emails);
        assert_eq!(one.wrong, other.wrong);
    }
}
