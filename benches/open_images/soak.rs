//! Days at a normal pace: nothing that the functions remember or keep may grow with them.

use std::error::Error;
use std::time::Duration;

use amiwright::keys;

use super::world::CountedWorld;

/// Images that are new on each day.
const NEW: usize = 3;

/// An import, of which there is none.
const IMPORT: Duration = Duration::from_secs(120);

/// Between two uploads.
const PAUSE: Duration = Duration::from_secs(4 * 3600);

/// What a day ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Day {
    /// AMIs that are available.
    pub(crate) available: usize,
    /// Markers of open images and of notices that are due, and requests.
    pub(crate) markers: usize,
    /// Statuses, and the bytes of the largest.
    pub(crate) statuses: usize,
    pub(crate) largest: u64,
    /// Things that the processes of the functions remember.
    pub(crate) remembered: usize,
    pub(crate) emails: usize,
    /// Events that were given up.
    pub(crate) failed: usize,
}

/// All days.
pub(crate) struct Soak(pub(crate) Vec<Day>);

/// Lets so many days pass. On each there are new images, a manifest that is uploaded again as it is, one that is changed, and
/// a new version of one image that takes the place of the one before; ticks, sweeps and audits come by as the template says.
pub(crate) async fn soak(days: usize) -> Result<Soak, Box<dyn Error>> {
    let world = CountedWorld::new(IMPORT).await?;
    let mut ended = Vec::new();
    for day in 0..days {
        for number in 0..NEW {
            let name = format!("web-{day}-{number}");
            world
                .drop_as(&format!("{name}.image.yaml"), &name, "")
                .await?;
        }
        world.run_for(PAUSE).await;
        let name = format!("web-{day}-0");
        world
            .drop_as(&format!("{name}.image.yaml"), &name, "")
            .await?;
        let (name, settings) = (format!("web-{day}-1"), "tags: {team: web}\n");
        world
            .drop_as(&format!("{name}.image.yaml"), &name, settings)
            .await?;
        world.run_for(PAUSE).await;
        let settings = "replaces: {previous: deregister, snapshots: keep}\n";
        world
            .drop_as("base.image.yaml", &format!("base-{day}"), settings)
            .await?;
        world
            .run_for(Duration::from_secs(24 * 3600) - PAUSE * 2)
            .await;
        let (statuses, largest) = world.kept(keys::STATUSES).await?;
        let (open, _) = world.kept(keys::OPEN).await?;
        let (due, _) = world.kept(keys::DUE_MARKERS).await?;
        let (emails, failed) = world.sent()?;
        ended.push(Day {
            available: world.available(),
            markers: open + due,
            statuses,
            largest,
            remembered: world.remembered(),
            emails,
            failed,
        });
    }
    Ok(Soak(ended))
}

impl Soak {
    /// A row for each day.
    pub(crate) fn table(&self) -> String {
        let mut lines = "\n| day | AMIs | open, due | statuses | largest, bytes | remembered | emails | failed events |\n\
            |--:|--:|--:|--:|--:|--:|--:|--:|"
            .to_owned();
        for (number, day) in self.0.iter().enumerate() {
            let Day {
                available,
                markers,
                statuses,
                largest,
                remembered,
                emails,
                failed,
            } = day;
            let row = format!(
                "\n| {} | {available} | {markers} | {statuses} | {largest} | {remembered} | {emails} | {failed} |",
                number + 1
            );
            lines.push_str(&row);
        }
        lines
    }
}
