//! The flows that between them need all that the template grants.

use localaws::ec2::TaskKind;

/// What happens to an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// Registered from a snapshot, and a newer version of it.
    Snapshot,
    /// The email cannot be sent for a while.
    Unsent,
    /// EC2 fails the AMI.
    Unregistered,
    /// A newer version takes the place of the one before, which is deregistered.
    Replace,
    /// The same, where both have copies, and the snapshots of the old ones are deleted, too.
    ReplaceCopies,
    /// Others change a finished AMI and its copy, and an audit has it repaired.
    Audit,
    /// A bundle gets a product code in a world of old.
    Paid,
    /// Its settings are added, and removed again.
    Settings,
    /// It is copied to two other Regions, where the first copies fail, and its settings are changed there, too; and an AMI
    /// of another Region is copied to the stack's.
    Copies,
    /// A disk is encrypted with one key and copied with another; and an AMI of another Region is copied with the first.
    Keys,
    /// A disk is shared that the account encrypts by default, with a key of its own.
    Encrypted,
    /// A snapshot and an AMI of other accounts.
    Foreign,
    /// It is made public, but not in a Region in which everything is encrypted.
    Public,
    /// EC2 refuses at first; a person asks for a new attempt.
    Retry,
    /// So much is open that a tick runs out of time.
    Crowd,
    /// Markers without a status, as a crash or a person may leave them.
    Orphans,
    /// A bundle of the AMI tools.
    Tools,
    /// A bundle of the AMI tools to which its image manifest comes later.
    ToolsTwice,
    /// A task of this kind is made.
    Make(TaskKind),
    /// The event of its manifest is lost, so that the schedule does all of it.
    Sweep(TaskKind),
    /// EC2 fails it.
    Fail(TaskKind),
    /// Its manifest is removed meanwhile.
    Cancel(TaskKind),
    /// A person cancels it meanwhile, by the command.
    Abort(TaskKind),
    /// EC2's listing forgets it.
    Forget(TaskKind),
    /// A disk in another bucket.
    OtherDisk,
    /// An AMI is stored in another bucket, and restored from there.
    OtherStore,
}

/// All of them.
pub(super) fn flows() -> Vec<Flow> {
    use Flow::*;
    use TaskKind::*;
    let mut all = vec![
        Snapshot,
        Unsent,
        Unregistered,
        Replace,
        ReplaceCopies,
        Audit,
        Paid,
        Settings,
        Copies,
        Keys,
        Encrypted,
        Foreign,
        Public,
        Retry,
        Crowd,
        Orphans,
        Tools,
        ToolsTwice,
        OtherDisk,
        OtherStore,
    ];
    let tasks = [
        ImportSnapshot,
        ImportImage,
        BundleInstance,
        CopyImage,
        RestoreImage,
    ];
    for kind in tasks {
        all.extend([
            Make(kind),
            Sweep(kind),
            Fail(kind),
            Cancel(kind),
            Abort(kind),
        ]);
    }
    all.extend([Make(StoreImage), Fail(StoreImage), Forget(StoreImage)]);
    all.extend([ImportSnapshot, ImportImage, BundleInstance].map(Forget));
    all
}

impl Flow {
    pub(super) fn kind(self) -> Option<TaskKind> {
        match self {
            Self::Make(kind)
            | Self::Sweep(kind)
            | Self::Fail(kind)
            | Self::Cancel(kind)
            | Self::Abort(kind)
            | Self::Forget(kind) => Some(kind),
            _ => None,
        }
    }

    /// How its image ends.
    pub(super) fn end(self) -> &'static str {
        match self {
            Self::Public | Self::Fail(TaskKind::StoreImage) => "incomplete",
            Self::Unregistered | Self::Fail(_) => "failed",
            // Only its task could prove what an import has made.
            Self::Forget(TaskKind::ImportSnapshot | TaskKind::ImportImage) => "failed",
            Self::Cancel(_) | Self::Abort(_) => "cancelled",
            _ => "available",
        }
    }
}
