//! How many calls an image takes, at the wire, and what each of them is for. No test: it prints tables.
//!
//! ```text
//! cargo run --features bench --bin call-counter
//! ```
//!
//! The functions' own code runs in this process, over the embedded world. Left out are the uploads, which are the user's,
//! and the lists that a tick and a sweep make whether or not an image is open. `tests/it/calls.rs` holds the numbers.

mod scenario;
#[expect(dead_code, reason = "the soak uses the rest")]
mod world;

use std::error::Error;

use scenario::{Purpose, Scenario, by_purpose};

const SCENARIOS: [Scenario; 12] = [
    Scenario::Snapshot,
    Scenario::ShortImport,
    Scenario::LongImport,
    Scenario::ManyImports,
    Scenario::SnapshotAgain,
    Scenario::DiskAgain,
    Scenario::Published,
    Scenario::PublishedAgain,
    Scenario::Released,
    Scenario::ReleasedAgain,
    Scenario::DiskReleased,
    Scenario::DiskReleasedAgain,
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    tokio::time::pause();
    let mut summary =
        "| scenario | calls | of sweeps in the next hour | in the hour after |\n|---|--:|--:|--:|\n"
            .to_owned();
    for scenario in SCENARIOS {
        let counted = Box::pin(scenario.run()).await?;
        say(&format!("{}: {}\n", scenario.title(), counted.each()));
        say(&table(&counted.calls));
        summary.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            scenario.title(),
            counted.each(),
            counted.swept,
            counted.idle
        ));
    }
    say(&summary);
    Ok(())
}

fn table(calls: &[Purpose]) -> String {
    let mut table = "| calls | action | on | by | for |\n|--:|---|---|---|---|\n".to_owned();
    for (purpose, count) in by_purpose(calls) {
        table.push_str(&format!(
            "| {count} | {} | {} | {} | {} |\n",
            purpose.action,
            purpose.object,
            purpose.function,
            purpose.reason()
        ));
    }
    table
}

#[expect(clippy::print_stdout, reason = "the tables are what it is for")]
fn say(text: &str) {
    println!("{text}");
}
