//! What may be shared with whom ("Share an AMI", "Share a snapshot", EC2 and EBS User Guides).

use std::collections::BTreeSet;

use crate::ec2::model::account::{ImageBlock, SnapshotBlock};
use crate::ec2::model::image::Image;
use crate::ec2::model::permission::Permission;
use crate::ec2::model::region::Region;
use crate::ec2::model::settings::{Era, Settings};
use crate::ec2::model::snapshot::Snapshot;
use crate::ec2::wire::error::{Failure, invalid_value, refuse};

/// "You can modify up to 500 snapshot permissions in a call" (ModifySnapshotAttribute, EC2 API Reference).
const MOST_SNAPSHOT_CHANGES: usize = 500;
/// "up to 10,000 accounts in one call" (ModifyImageAttribute, EC2 API Reference).
const MOST_IMAGE_CHANGES: usize = 10_000;

/// What a Region's images are checked against.
pub(crate) struct Sharing<'a> {
    pub(crate) name: &'a str,
    pub(crate) region: &'a Region,
    pub(crate) settings: &'a Settings,
}

impl Sharing<'_> {
    /// Whether `image` may come to have `after`; `added` are what the request adds, there already or not.
    pub(crate) fn check_image(
        &self,
        image: &Image,
        added: &[Permission],
        after: &BTreeSet<Permission>,
    ) -> Result<(), Failure> {
        if added.len() > MOST_IMAGE_CHANGES {
            return Err(too_many(added.len(), MOST_IMAGE_CHANGES));
        }
        if added.is_empty() {
            return Ok(());
        }
        let snapshots = self.region.snapshots_of(image);
        if snapshots.iter().any(|it| it.has_managed_key(self.name)) {
            return Err(refuse(
                "InvalidParameter",
                "Snapshots encrypted with the AWS Managed CMK can't be shared. Specify another snapshot",
            ));
        }
        let public = after.contains(&Permission::Everyone);
        let entities = after.len() - usize::from(public);
        // The code and the words for this quota are not documented.
        if entities > self.settings.shares {
            return Err(refuse(
                "ResourceLimitExceeded",
                format!(
                    "You have reached your quota of {} for the number of entities that an image can be shared with.",
                    self.settings.shares
                ),
            ));
        }
        // Whether a public image that is made public again is checked again is not documented: here it is not.
        if public && !image.is_public() {
            self.check_public(image, &snapshots)?;
        }
        Ok(())
    }

    fn check_public(&self, image: &Image, snapshots: &[Snapshot]) -> Result<(), Failure> {
        if self.region.account.image_block == ImageBlock::NewSharing {
            return Err(refuse(
                "OperationNotPermitted",
                "You can’t publicly share this image because block public access for AMIs is enabled for this account. \
                 To publicly share the image, you must call the DisableImageBlockPublicAccess API.",
            ));
        }
        // The rules are documented ("Make your AMI publicly available"), codes and words of the next two are not.
        if snapshots.iter().any(|snapshot| snapshot.encrypted) {
            return Err(refuse(
                "InvalidParameter",
                "Images with encrypted snapshots can't be shared publicly.",
            ));
        }
        // A paid AMI of the DevPay kind was public.
        let paid = image.product_codes.iter();
        let mut paid = paid.filter(|it| it.kind != "devpay" || self.settings.era == Era::Today);
        if paid.next().is_some() {
            return Err(refuse(
                "OperationNotPermitted",
                "Images with product codes can't be shared publicly.",
            ));
        }
        let images = self.region.images.values().map(|record| &record.image);
        let public = images.filter(|it| it.is_own() && it.is_public()).count();
        let quota = self.settings.public_images;
        if public >= quota {
            return Err(refuse(
                "ResourceLimitExceeded",
                format!(
                    "You have reached your quota of {quota} for the number of public images allowed in this Region. \
                     Deregister unused public images or make them private, or request an increase in your public AMIs \
                     quota."
                ),
            ));
        }
        Ok(())
    }

    /// Whether these may be added to a snapshot's permissions.
    pub(crate) fn check_snapshot(
        &self,
        snapshot: &Snapshot,
        added: &[Permission],
        changes: usize,
    ) -> Result<(), Failure> {
        if changes > MOST_SNAPSHOT_CHANGES {
            return Err(too_many(changes, MOST_SNAPSHOT_CHANGES));
        }
        if added.is_empty() {
            return Ok(());
        }
        let public = added.contains(&Permission::Everyone);
        if public && snapshot.encrypted {
            let message = "Encrypted snapshots cannot be shared publicly";
            return Err(refuse("OperationNotPermitted", message));
        }
        if snapshot.has_managed_key(self.name) {
            let message = "Encrypted snapshots with EBS default key cannot be shared";
            return Err(refuse("OperationNotPermitted", message));
        }
        if let Some(key) = &snapshot.kms_key_id
            && self.settings.unusable_keys.contains(key)
        {
            let message = format!("Not authorized to use key {key}");
            return Err(refuse("AuthFailure", message));
        }
        // The rules are documented, codes and words of the next two are not.
        if public && !snapshot.product_codes.is_empty() {
            let message = "Snapshots with AWS Marketplace product codes cannot be shared publicly";
            return Err(refuse("OperationNotPermitted", message));
        }
        if public && self.region.account.snapshot_block != SnapshotBlock::Unblocked {
            let message = "You can't publicly share this snapshot because block public access for snapshots is \
                           enabled for this account.";
            return Err(refuse("OperationNotPermitted", message));
        }
        Ok(())
    }
}

/// The limits are documented, code and words are not.
fn too_many(changes: usize, most: usize) -> Failure {
    invalid_value(format!(
        "The request changes {changes} permissions; at most {most} are allowed"
    ))
}
