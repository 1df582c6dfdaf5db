//! How many calls an image takes, at the wire: none is made that has no use. `cargo run --features bench --bin
//! call-counter` prints what each is for.

#[path = "../../benches/calls/scenario.rs"]
pub(crate) mod scenario;
#[path = "../../benches/calls/world.rs"]
#[expect(dead_code, reason = "the soak uses the rest")]
mod world;

use scenario::{Counted, Scenario, by_purpose};

/// Counts; fails, with all that were made, if there are more calls for each image than `limit`.
async fn at_most(limit: usize, scenario: Scenario) -> Counted {
    let counted = scenario.run().await.unwrap();
    let made: Vec<String> = by_purpose(&counted.calls)
        .iter()
        .map(|(it, count)| {
            let (action, object, function) = (&it.action, it.object, &it.function);
            format!("{count} {action} {object}: {} ({function})", it.reason())
        })
        .collect();
    let title = scenario.title();
    assert!(
        counted.each() <= limit,
        "{title}: {}: {made:#?}",
        counted.each()
    );
    counted
}

#[tokio::test(start_paused = true)]
async fn a_snapshot() {
    // One of them checks the snapshot's owner, and one which AMIs have it.
    let counted = at_most(17, Scenario::Snapshot).await;
    assert!(counted.swept <= 2, "{}", counted.swept);
    assert_eq!(counted.idle, 0);
    // From the read of the status by `notify`, to its last call.
    let first = counted.calls.len() - 6;
    let last: Vec<(&str, &str)> = counted.calls[first..]
        .iter()
        .map(|call| (call.action.as_str(), call.object))
        .collect();
    assert_eq!(
        last,
        [
            ("GetObject", "status"),
            ("PutObject", "status"),
            ("Publish", "notice"),
            ("PutObject", "status"),
            ("HeadObject", "manifest"),
            ("DeleteObjects", "due and open marker"),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_short_import() {
    at_most(31, Scenario::ShortImport).await;
}

#[tokio::test(start_paused = true)]
async fn a_long_import() {
    at_most(52, Scenario::LongImport).await;
}

#[tokio::test(start_paused = true)]
async fn many_imports_at_once() {
    at_most(34, Scenario::ManyImports).await;
}

#[tokio::test(start_paused = true)]
async fn the_same_manifest_again() {
    // The disk has to be checked: another one under the same key makes another AMI.
    for (limit, scenario) in [(3, Scenario::SnapshotAgain), (4, Scenario::DiskAgain)] {
        let counted = at_most(limit, scenario).await;
        // One sweep reviews what was written within a minute of its upload, and remembers it.
        assert!(counted.swept <= 2, "{}", counted.swept);
        assert_eq!(counted.idle, 0);
    }
}

/// Two parameters take two writes in each Region, and one read before and one after.
#[tokio::test(start_paused = true)]
async fn an_ami_in_five_regions_with_parameters() {
    let counted = at_most(87, Scenario::Released).await;
    assert_eq!(counted.idle, 0);
    let counted = at_most(3, Scenario::ReleasedAgain).await;
    assert_eq!(counted.idle, 0);
}

/// The same from a disk, with shares of the snapshots. `docs/reference/calls.md` holds it against what awspub calls.
#[tokio::test(start_paused = true)]
async fn an_ami_of_a_disk_in_five_regions_with_all() {
    let counted = at_most(116, Scenario::DiskReleased).await;
    assert_eq!(counted.idle, 0);
    let counted = at_most(4, Scenario::DiskReleasedAgain).await;
    assert_eq!(counted.idle, 0);
}

/// One call of each kind for each copy, and nothing once it is published.
#[tokio::test(start_paused = true)]
async fn an_ami_in_five_regions() {
    let counted = at_most(62, Scenario::Published).await;
    assert_eq!(counted.idle, 0);
    let counted = at_most(3, Scenario::PublishedAgain).await;
    assert_eq!(counted.idle, 0);
}
