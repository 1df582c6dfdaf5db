//! How `advance-tasks` does with many open images: how its calls, its time and its memory grow. No test: it prints
//! tables.
//!
//! ```text
//! cargo run --features bench --bin open-images [-- 0 100 1000 10000]
//! cargo run --features bench --bin open-images -- burst 1000
//! cargo run --features bench --bin open-images -- audit 1000
//! cargo run --features bench --bin open-images -- soak 24
//! cargo run --features bench --bin open-images -- upload
//! ```
//!
//! `burst` drops so many manifests at once, each to a process of its own; `audit` audits so many AMIs in three Regions; `soak`
//! lets so many days pass, with uploads, repetitions and new versions on each; `upload` times one upload until its AMI is
//! registered.
//!
//! The function's own code runs in this process, over the embedded world, with EC2's request limits on. Two times are
//! told. *Waiting* is the world's time: each answer comes as late as S3's and EC2's usually do, and nothing else takes
//! time. *Computing* is the time of this machine, the world's own share included, in the build at hand: a debug build
//! is many times slower than a function. A tick takes about the sum of the two. Needs Linux (`/proc/self`).

mod audited;
mod burst;
mod opening;
mod soak;
mod tick;
mod upload;
#[path = "../calls/world.rs"]
#[expect(dead_code, reason = "the counter of calls uses the rest")]
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::time::Duration;

use opening::Opened;
use tick::{S3_ANSWERS_IN, Tick, ticker};

/// Numbers of open images, unless the command line names others.
const SIZES: [usize; 4] = [0, 100, 1_000, 10_000];

/// What the template gives the function.
const TIME_LEFT: Duration = Duration::from_secs(50);

/// From how many images on a tick that is cut short says where the next one begins.
const MANY: usize = 1_000;

/// The schedule's period.
const MINUTE: Duration = Duration::from_secs(60);

/// In this time every task whose progress EC2 reports has made some: one percent of a task's time and more.
const PROGRESS: Duration = Duration::from_secs(11 * 3600);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    tokio::time::pause();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |usual: usize| arguments.get(1).map_or(Ok(usual), |it| it.parse());
    match arguments.first().map(String::as_str) {
        Some("burst") => say(&burst::burst(number(1_000)?).await?),
        Some("audit") => say(&audited::audited(number(1_000)?).await?),
        Some("soak") => say(&soak::soak(number(24)?).await?.table()),
        Some("upload") => say(&upload::upload().await?),
        _ => return ticks(&arguments).await,
    }
    Ok(())
}

/// Ticks over so many open images.
async fn ticks(sizes: &[String]) -> Result<(), Box<dyn Error>> {
    let sizes = sizes.iter().map(|size| size.parse());
    let sizes = sizes.collect::<Result<Vec<usize>, _>>()?;
    let sizes = if sizes.is_empty() {
        SIZES.to_vec()
    } else {
        sizes
    };
    say(Tick::HEADING);
    let (mut turns, mut opened_as) = (Vec::new(), Vec::new());
    for size in sizes {
        let opened = Opened::new(size).await?;
        opened_as.push(format!("{size}: {}", opened.steps().await?));
        let ticker = ticker(&opened);
        say(&ticker.tick("first", TIME_LEFT).await?.row(size));
        opened.world.run_for(MINUTE).await;
        say(&ticker.tick("a minute later", TIME_LEFT).await?.row(size));
        if size >= MANY {
            turns.push(turns_of(&opened, size).await?);
        }
        opened.world.run_for(PROGRESS).await;
        say(&ticker.tick("all have changed", TIME_LEFT).await?.row(size));
    }
    say("\nOpen images, by what they wait for:\n");
    opened_as.iter().for_each(|line| say(&format!("- {line}")));
    turns.iter().for_each(|turns| say(turns));
    Ok(())
}

/// Time enough for about a quarter of so many images: S3 is asked for 32 at once, and half of the time is kept for what
/// is under way.
fn too_short(size: usize) -> Duration {
    S3_ANSWERS_IN.mul_f64(size as f64 / 64.0)
}

/// Ticks that are cut short, until each image was visited three times: no image starves. Each is a function's that has just
/// started, because one that knows the statuses visits images without a call.
async fn turns_of(opened: &Opened, size: usize) -> Result<String, Box<dyn Error>> {
    let mut visits: BTreeMap<String, usize> = BTreeMap::new();
    let short = too_short(size);
    let mut lines = format!(
        "\n{size} open images, ticks of {:.1} s:\n\n| tick | visited | left | never visited | fewest and most visits |\n|--:|--:|--:|--:|--:|",
        short.as_secs_f64()
    );
    for number in 1..=100 {
        opened.world.run_for(MINUTE).await;
        let tick = ticker(opened).tick("short", short).await?;
        let visited: BTreeSet<&String> = tick.statuses.iter().collect();
        let count = visited.len();
        for key in visited {
            *visits.entry(key.clone()).or_default() += 1;
        }
        let never = size - visits.len();
        let most = visits.values().copied().max().unwrap_or(0);
        let fewest = if never > 0 {
            0
        } else {
            visits.values().copied().min().unwrap_or(0)
        };
        lines.push_str(&format!(
            "\n| {number} | {count} | {} | {never} | {fewest}, {most} |",
            tick.skipped
        ));
        if fewest >= 3 {
            return Ok(lines);
        }
    }
    Err(format!("an image starves\n{lines}").into())
}

#[expect(clippy::print_stdout, reason = "the table is what it is for")]
fn say(text: &str) {
    println!("{text}");
}
