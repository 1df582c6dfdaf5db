//! An AMI that an invocation has just had made, until that is saved. Another invocation may have ended its version meanwhile, and
//! have deleted, or retired, all that there was then: nothing else would ever look for this one.

use super::context::{Context, Error};
use crate::image::outcome::{Evidence, Origin, StepOutcome};
use crate::image::ownership;
use crate::image::status::Status;
use crate::image::task::TaskKind;

/// An AMI that EC2 has just made in the stack's Region, and the version that it was made for.
pub(super) struct Made {
    digest: Option<String>,
    image: String,
}

impl Made {
    /// What a step has made; none if that is no AMI. RegisterImage and CreateRestoreImageTask have no client token: who looked
    /// before another invocation has made the AMI, and is slow, makes it once more as soon as its name is free again.
    pub(super) fn of(status: &Status, outcome: &StepOutcome) -> Option<Self> {
        let image = match outcome {
            StepOutcome::Advance(Evidence::ImageRegistered {
                image,
                origin: Origin::Created,
                ..
            }) => image.image.clone(),
            StepOutcome::Advance(Evidence::TaskStarted {
                task,
                origin: Origin::Created,
                ..
            }) if task.kind == TaskKind::RestoreImage => task.image.clone()?,
            _ => return None,
        };
        Some(Self {
            digest: status.build.digest.clone(),
            image,
        })
    }

    /// Deregisters the AMI if the status that another invocation has written neither names it nor will. It was not shown to
    /// anybody: the answer of this invocation alone has its id.
    ///
    /// # Errors
    /// If EC2 does not answer, refuses, or does not know the AMI yet: then it is left, and the log says so.
    pub(super) async fn take_back(
        self,
        context: Context<'_>,
        status: &Status,
    ) -> Result<(), Error> {
        if self.may_be_found(context, status) {
            return Ok(());
        }
        let (image, manifest) = (&self.image, &status.manifest.key);
        tracing::warn!(
            image,
            manifest,
            "made for a version that has ended: is deregistered"
        );
        if let Err(error) = context.aws.deregister_new_image(image).await {
            tracing::error!(
                image,
                manifest,
                "is left, and in no status: deregister it by hand"
            );
            return Err(error.into());
        }
        Ok(())
    }

    /// Whether the status names it, or its version goes on, and looks for its AMI.
    fn may_be_found(&self, context: Context<'_>, status: &Status) -> bool {
        let mut regions = status.regions.values();
        let mut tasks = status.build.tasks.iter();
        let is_named = regions.any(|it| it.image == self.image)
            || tasks.any(|it| it.image.as_ref() == Some(&self.image))
            || ownership::is_previous(status, &self.image);
        let is_ending = status.state.is_final() || status.build.ending.is_some();
        let is_made = status.build.tasks.iter().any(|it| it.image.is_some());
        let has_other = is_made || status.image_in(&context.config.region).is_some();
        is_named || (status.build.digest == self.digest && !is_ending && !has_other)
    }
}
