//! What is counted: one image, many, and the same manifest again; and what each call is for.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use amiwright::keys;
use localaws::faults::Call;

use super::world::CountedWorld;

/// Disks that are dropped at once.
const MANY: usize = 50;

/// So long that sweeps come by, which have nothing to do.
const SWEEPS: Duration = Duration::from_secs(61 * 60);

/// Nothing is dropped in the second of a tick, and no import ends in one.
const BETWEEN_TICKS: Duration = Duration::from_secs(10);

/// What happens while calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    /// A manifest of a snapshot, until its image is finalized.
    Snapshot,
    /// A manifest of a disk whose import takes a minute.
    ShortImport,
    /// A manifest of a disk whose import takes twenty minutes.
    LongImport,
    /// Fifty manifests of a disk at once.
    ManyImports,
    /// The manifest of the snapshot again, with nothing changed, after its image was finalized.
    SnapshotAgain,
    /// The manifest of the disk again.
    DiskAgain,
    /// A manifest of a snapshot, with copies in four Regions and three shares.
    Published,
    /// The same manifest again.
    PublishedAgain,
    /// The same manifest with two parameters in each Region.
    Released,
    /// The manifest with parameters again.
    ReleasedAgain,
    /// A manifest of a disk, with copies in four Regions, three shares also for copying, and two parameters in each.
    DiskReleased,
    /// The same manifest of a disk again.
    DiskReleasedAgain,
}

impl Scenario {
    /// What it is, in a heading.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Snapshot => "snapshot",
            Self::ShortImport => "disk of 1 MiB, import of 1 minute",
            Self::LongImport => "disk of 1 MiB, import of 20 minutes",
            Self::ManyImports => "50 disks at once, each",
            Self::SnapshotAgain => "the same manifest again, snapshot",
            Self::DiskAgain => "the same manifest again, disk",
            Self::Published => "snapshot, copied to 4 Regions, shared with 3 accounts in each",
            Self::PublishedAgain => "the same manifest again, copied and shared",
            Self::Released => "the same, with 2 parameters in each Region",
            Self::ReleasedAgain => "the same manifest again, copied, shared and with parameters",
            Self::DiskReleased => {
                "disk of 1 MiB, copied to 4 Regions, shared with 3 accounts also for copying, 2 parameters in each"
            }
            Self::DiskReleasedAgain => "the same manifest again, all of that from a disk",
        }
    }

    /// Whether nothing has changed since the same was dropped before.
    const fn is_again(self) -> bool {
        matches!(
            self,
            Self::SnapshotAgain
                | Self::DiskAgain
                | Self::PublishedAgain
                | Self::ReleasedAgain
                | Self::DiskReleasedAgain
        )
    }

    /// Runs it in a world of its own.
    ///
    /// # Errors
    /// If the world fails, or the images are not made.
    pub(crate) async fn run(self) -> Result<Counted, Box<dyn Error>> {
        let minutes = if self == Self::LongImport { 20 } else { 1 };
        let world = CountedWorld::new(Duration::from_secs(60 * minutes)).await?;
        let images = if self == Self::ManyImports { MANY } else { 1 };
        let is_snapshot = matches!(self, Self::Snapshot | Self::SnapshotAgain);
        let is_published = matches!(self, Self::Published | Self::PublishedAgain);
        let is_released = matches!(self, Self::Released | Self::ReleasedAgain);
        let is_all = matches!(self, Self::DiskReleased | Self::DiskReleasedAgain);
        let mut begin = 0;
        for _ in 0..=usize::from(self.is_again()) {
            world.run_for(SWEEPS + BETWEEN_TICKS).await;
            begin = world.call_number();
            if is_published {
                world.drop_published().await?;
            } else if is_released {
                world.drop_released().await?;
            } else if is_all {
                world.drop_released_disk().await?;
            } else if is_snapshot {
                world.drop_snapshot().await?;
            } else {
                world.drop_disks(images).await?;
            }
            world.rest().await?;
        }
        let calls = world.calls_since(begin);
        begin = world.call_number();
        world.run_for(SWEEPS).await;
        let swept = world.calls_since(begin).len();
        begin = world.call_number();
        world.run_for(SWEEPS).await;
        if world.available() != images {
            return Err(format!("{} of {images} images", world.available()).into());
        }
        let idle = world.calls_since(begin).len();
        let calls = calls.iter().map(|call| Purpose::of(call, &world)).collect();
        Ok(Counted {
            images,
            calls,
            swept,
            idle,
        })
    }
}

/// The calls of a scenario.
pub(crate) struct Counted {
    /// The images that they were made for.
    pub(crate) images: usize,
    /// The calls until nothing was open any more, in their order.
    pub(crate) calls: Vec<Purpose>,
    /// How many calls the sweeps made in the hour after that.
    pub(crate) swept: usize,
    /// How many calls were made in the hour after that one.
    pub(crate) idle: usize,
}

impl Counted {
    /// How many calls were made for each image, rounded up.
    pub(crate) fn each(&self) -> usize {
        self.calls.len().div_ceil(self.images)
    }
}

/// How many calls were made for each purpose.
pub(crate) fn by_purpose(calls: &[Purpose]) -> BTreeMap<&Purpose, usize> {
    let mut counts = BTreeMap::new();
    for call in calls {
        *counts.entry(call).or_default() += 1;
    }
    counts
}

/// A call by what it is done to, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Purpose {
    /// The action of AWS.
    pub(crate) action: String,
    /// What it is done to.
    pub(crate) object: &'static str,
    /// The function that made it.
    pub(crate) function: String,
}

impl Purpose {
    fn of(call: &Call, world: &CountedWorld) -> Self {
        let key = call.key.as_deref().unwrap_or_default();
        let is_state = call.bucket.as_deref() == Some(&*world.state_bucket);
        let object = match key {
            own if is_state && own.starts_with(keys::STATUSES) => "status",
            own if is_state && own.starts_with(keys::OPEN_MARKERS) => "open marker",
            own if is_state && own.starts_with(keys::DUE_MARKERS) => "due marker",
            "" if is_state && call.action == "DeleteObjects" => "due and open marker",
            _ if is_state => "another object of amiwright's",
            "" => Self::of_service(&call.service, &call.action),
            manifest if manifest.ends_with(".image.yaml") => "manifest",
            _ => "disk",
        };
        Self {
            action: call.action.clone(),
            object,
            function: call.function.clone().unwrap_or_default(),
        }
    }

    /// What it is made for.
    pub(crate) fn reason(&self) -> &'static str {
        match (self.action.as_str(), self.object) {
            ("GetObject", "manifest") => "what is asked for",
            ("HeadObject", "manifest") => "whether a newer version waits",
            ("GetObject", "status") => "what is known",
            ("PutObject", "status") => "what was done, seen or sent",
            ("PutObject", "open marker") => "ticks visit it from now on",
            ("DeleteObject", "open marker") => "ticks no longer visit it",
            ("PutObject", "due marker") => "invokes notify",
            ("DeleteObject", "due marker") => "nothing is due any more",
            ("DeleteObjects", _) => "nothing is due any more, and ticks no longer visit it",
            ("HeadObject", "disk") => "its size and version",
            ("GetObject", "disk") => "its format, by its first bytes",
            ("HeadBucket", _) => "its Region",
            ("CreateTags", _) => "whose it is",
            ("Publish", _) => "the email",
            ("GetParameters", _) => "what it points to",
            ("DescribeRegions", _) => "whether a Region is enabled",
            ("DescribeImageAttribute" | "DescribeSnapshotAttribute", _) => {
                "who may use it: before it is shared, and whether that shows"
            }
            (action, _) if action.starts_with("GetEbs") => {
                "how the AMI, or a copy, would be encrypted"
            }
            (action, _) if action.starts_with("Describe") => "whether it is there, and its state",
            _ => "makes it",
        }
    }

    fn of_service(service: &str, action: &str) -> &'static str {
        match (service, action) {
            ("s3", _) => "bucket",
            ("sns", _) => "notice",
            ("ssm", _) => "parameter",
            (_, action) if action.contains("Import") => "import",
            (_, "CreateTags" | "DescribeSnapshots") => "snapshot",
            (_, action) if action.contains("SnapshotAttribute") => "snapshot",
            (_, action) if action.contains("Region") || action.contains("GetEbs") => "Region",
            _ => "AMI",
        }
    }
}
