//! Images that are deregistered, as far as reads have not forgotten them: "Recently deregistered images appear in the
//! returned results for a short interval and then return empty results. After all instances that reference a deregistered
//! AMI are terminated, specifying the ID of the image will eventually return an error indicating that the AMI ID cannot be
//! found" (DescribeImages, EC2 API Reference).

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ec2::model::image::Image;

/// How long the id of such an image gives empty results. AWS names no figure.
const KNOWN_FOR: SignedDuration = SignedDuration::from_hours(1);

/// The images that a Region has not forgotten yet, by id.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct GoneImages(pub(crate) BTreeMap<String, Gone>);

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Gone {
    image: Image,
    shown_until: Timestamp,
    known_until: Timestamp,
}

impl Gone {
    /// The image, if reads still show it.
    pub(crate) fn shown(&self, now: Timestamp) -> Option<&Image> {
        (now < self.shown_until).then_some(&self.image)
    }
}

impl GoneImages {
    /// Remembers an image that reads show until then.
    pub(crate) fn add(&mut self, image: Image, now: Timestamp, shown_until: Timestamp) {
        self.0.retain(|_, gone| now < gone.known_until);
        let known_until = shown_until.checked_add(KNOWN_FOR);
        let gone = Gone {
            shown_until,
            known_until: known_until.unwrap_or(Timestamp::MAX),
            image,
        };
        self.0.insert(gone.image.id.clone(), gone);
    }

    /// Whether its id may still be asked for.
    pub(crate) fn knows(&self, id: &str, now: Timestamp) -> bool {
        self.0.get(id).is_some_and(|gone| now < gone.known_until)
    }
}
