//! The calls that can be asked about.

/// A call that amiwright's functions may have to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DryRun {
    /// ImportSnapshot.
    ImportSnapshot,
    /// ImportImage.
    ImportImage,
    /// BundleInstance.
    BundleInstance,
    /// CreateRestoreImageTask.
    CreateRestoreImageTask,
    /// RegisterImage.
    RegisterImage,
    /// CopyImage, in the Region of the copy.
    CopyImage,
    /// CreateTags.
    CreateTags,
    /// DeleteTags.
    DeleteTags,
    /// ModifyImageAttribute.
    ModifyImageAttribute,
    /// ModifySnapshotAttribute.
    ModifySnapshotAttribute,
    /// EnableImageDeprecation.
    EnableImageDeprecation,
    /// DisableImageDeprecation.
    DisableImageDeprecation,
    /// EnableImageDeregistrationProtection.
    EnableImageDeregistrationProtection,
    /// DisableImageDeregistrationProtection.
    DisableImageDeregistrationProtection,
    /// CreateStoreImageTask.
    CreateStoreImageTask,
    /// DeregisterImage.
    DeregisterImage,
    /// DeleteSnapshot.
    DeleteSnapshot,
    /// DescribeImageAttribute.
    DescribeImageAttribute,
    /// DescribeSnapshotAttribute.
    DescribeSnapshotAttribute,
    /// DescribeImageReferences.
    DescribeImageReferences,
    /// CancelImportTask.
    CancelImportTask,
    /// CancelBundleTask.
    CancelBundleTask,
}

impl DryRun {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::ImportSnapshot,
        Self::ImportImage,
        Self::BundleInstance,
        Self::CreateRestoreImageTask,
        Self::RegisterImage,
        Self::CopyImage,
        Self::CreateTags,
        Self::DeleteTags,
        Self::ModifyImageAttribute,
        Self::ModifySnapshotAttribute,
        Self::EnableImageDeprecation,
        Self::DisableImageDeprecation,
        Self::EnableImageDeregistrationProtection,
        Self::DisableImageDeregistrationProtection,
        Self::CreateStoreImageTask,
        Self::DeregisterImage,
        Self::DeleteSnapshot,
        Self::DescribeImageAttribute,
        Self::DescribeSnapshotAttribute,
        Self::DescribeImageReferences,
        Self::CancelImportTask,
        Self::CancelBundleTask,
    ];

    /// The call of this name in EC2's API reference.
    #[must_use]
    pub fn named(action: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|call| call.action() == action)
    }

    /// The call's name in EC2's API reference.
    #[must_use]
    pub fn action(self) -> &'static str {
        match self {
            Self::ImportSnapshot => "ImportSnapshot",
            Self::ImportImage => "ImportImage",
            Self::BundleInstance => "BundleInstance",
            Self::CreateRestoreImageTask => "CreateRestoreImageTask",
            Self::RegisterImage => "RegisterImage",
            Self::CopyImage => "CopyImage",
            Self::CreateTags => "CreateTags",
            Self::DeleteTags => "DeleteTags",
            Self::ModifyImageAttribute => "ModifyImageAttribute",
            Self::ModifySnapshotAttribute => "ModifySnapshotAttribute",
            Self::EnableImageDeprecation => "EnableImageDeprecation",
            Self::DisableImageDeprecation => "DisableImageDeprecation",
            Self::EnableImageDeregistrationProtection => "EnableImageDeregistrationProtection",
            Self::DisableImageDeregistrationProtection => "DisableImageDeregistrationProtection",
            Self::CreateStoreImageTask => "CreateStoreImageTask",
            Self::DeregisterImage => "DeregisterImage",
            Self::DeleteSnapshot => "DeleteSnapshot",
            Self::DescribeImageAttribute => "DescribeImageAttribute",
            Self::DescribeSnapshotAttribute => "DescribeSnapshotAttribute",
            Self::DescribeImageReferences => "DescribeImageReferences",
            Self::CancelImportTask => "CancelImportTask",
            Self::CancelBundleTask => "CancelBundleTask",
        }
    }
}
