//! Plays whole histories of seeds, and says which of them do not end as they must. See docs/simulation.md.
//!
//! ```text
//! cargo run --profile simulate --features bench --bin simulate -- --seeds 0..1000 --jobs 2
//! cargo run --profile simulate --features bench --bin simulate -- --seed 17 --show
//! cargo run --profile simulate --features bench --bin simulate -- --seed 17 --shrink > script.json
//! cargo run --profile simulate --features bench --bin simulate -- --script script.json
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "this is a test: what must not happen fails it"
)]

mod simulation;
#[expect(dead_code, unused_imports, reason = "other tests use the rest of it")]
#[path = "../../tests/it/support/mod.rs"]
mod support;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Parser;

use simulation::{Coverage, Monitor, Outcome, Script, run, script, shrunk};
use tokio::time::Instant;

/// Histories are made of many small allocations.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Plays whole histories of seeds.
#[derive(Debug, Parser)]
struct Args {
    /// Seeds to play, the last one excluded: A..B
    #[arg(long, value_parser = range)]
    seeds: Option<(u64, u64)>,
    /// One seed to play
    #[arg(long)]
    seed: Option<u64>,
    /// A file with a script to play, as --shrink prints it
    #[arg(long)]
    script: Option<PathBuf>,
    /// How many to play at once
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Print what happened, of each history
    #[arg(long)]
    show: bool,
    /// With all that was sent and answered
    #[arg(long)]
    whole: bool,
    /// Make the first script that fails as short as possible, and print it
    #[arg(long)]
    shrink: bool,
    /// Print what was seen
    #[arg(long)]
    report: bool,
    /// End with the first that fails
    #[arg(long)]
    first: bool,
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let (from, to) = text.split_once("..").ok_or("expected A..B")?;
    let read = |text: &str| text.parse().map_err(|_| format!("{text} is no number"));
    Ok((read(from)?, read(to)?))
}

fn main() -> ExitCode {
    let args = Args::parse();
    // What fails is told with the seed.
    std::panic::set_hook(Box::new(|_| {}));
    if let Some(path) = &args.script {
        let text = std::fs::read(path).unwrap();
        let script: Script = serde_json::from_slice(&text).unwrap();
        return one(&script, &args);
    }
    match (args.seed, args.seeds) {
        (Some(seed), _) => one(&script(seed), &args),
        (None, seeds) => many(seeds.unwrap_or((0, 100)), &args),
    }
}

/// On a thread of its own, with a stack as large as that of a function's main thread.
fn play(script: &Script, is_thorough: bool) -> Outcome {
    std::thread::scope(|scope| {
        let playing = std::thread::Builder::new()
            .stack_size(8 * 1024 * 1024)
            .spawn_scoped(scope, || {
                let monitor = match is_thorough {
                    true => Monitor::thorough(),
                    false => Monitor::default(),
                };
                run(script, monitor)
            });
        playing.unwrap().join().unwrap()
    })
}

fn one(script: &Script, args: &Args) -> ExitCode {
    let outcome = play(script, args.whole);
    if args.shrink {
        return shrink(script, &outcome);
    }
    show(script, &outcome, args.show || args.whole);
    if args.report {
        println!("{}", outcome.coverage.tables());
    }
    ExitCode::from(u8::from(!outcome.wrong.is_empty()))
}

fn shrink(script: &Script, outcome: &Outcome) -> ExitCode {
    let Some(first) = outcome.wrong.first() else {
        eprintln!("nothing is wrong with it");
        return ExitCode::SUCCESS;
    };
    // Something else that is wrong is another matter.
    let kind = kind(first);
    let fails = |script: &Script| {
        let outcome = play(script, false);
        outcome.wrong.iter().any(|wrong| self::kind(wrong) == kind)
    };
    let shortest = shrunk(script, fails);
    println!("{}", serde_json::to_string_pretty(&shortest).unwrap());
    eprintln!("{first}");
    ExitCode::FAILURE
}

/// What is wrong, without names: the first words that hold neither digits nor keys.
fn kind(wrong: &str) -> String {
    let line = wrong.lines().next().unwrap_or_default();
    let words = line.split_whitespace();
    let plain = words.filter(|word| {
        word.chars()
            .all(|c| c.is_ascii_lowercase() || ",:[]\"-".contains(c))
    });
    plain.take(14).collect::<Vec<_>>().join(" ")
}

fn show(script: &Script, outcome: &Outcome, is_whole: bool) {
    println!("seed {}: {:?}", script.seed, script.stack);
    if !is_whole {
        for each in &script.moves {
            let event = serde_json::to_string(&each.event).unwrap();
            println!("{:>6} s  {event}", each.pause);
        }
    }
    for line in outcome.lines.iter().filter(|_| is_whole) {
        println!("{line}");
    }
    for email in outcome.emails.iter().filter(|_| is_whole) {
        println!("---- email ----\n{email}");
    }
    for wrong in &outcome.wrong {
        println!("WRONG: {wrong}");
    }
}

/// Plays all seeds of a range.
fn many((from, to): (u64, u64), args: &Args) -> ExitCode {
    let (next, began) = (AtomicU64::new(from), Instant::now());
    let (all, failed) = (Mutex::new(Coverage::default()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..args.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let is_over = args.first && !failed.lock().unwrap().is_empty();
                    if seed >= to || is_over {
                        return;
                    }
                    let (script, began) = (script(seed), Instant::now());
                    let outcome = play(&script, false);
                    if args.show {
                        let (calls, took) = (outcome.coverage.calls, began.elapsed());
                        println!("seed {seed}: {calls} calls in {:.1} s", took.as_secs_f64());
                    }
                    all.lock().unwrap().add(&outcome.coverage);
                    if let Some(first) = outcome.wrong.first() {
                        failed.lock().unwrap().push((seed, kind(first)));
                        let end = first
                            .char_indices()
                            .nth(1_500)
                            .map_or(first.len(), |it| it.0);
                        println!("seed {seed} WRONG: {}", &first[..end]);
                    }
                }
            });
        }
    });
    let (all, mut failed) = (all.into_inner().unwrap(), failed.into_inner().unwrap());
    failed.sort();
    let seconds = began.elapsed().as_secs_f64();
    let per_second = all.histories as f64 / seconds;
    println!(
        "{} histories, {} calls in {seconds:.1} s: {per_second:.2} a second; {} failed",
        all.histories,
        all.calls,
        failed.len()
    );
    for (seed, kind) in &failed {
        println!("  seed {seed}: {kind}");
    }
    if args.report {
        println!("\n{}", all.tables());
    }
    if args.shrink
        && let Some((seed, _)) = failed.first()
    {
        let script = script(*seed);
        return shrink(&script, &play(&script, false));
    }
    ExitCode::from(u8::from(!failed.is_empty()))
}
