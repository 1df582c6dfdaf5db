//! What is an account's, whatever stacks there are in it.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::error::WorldError;
use super::objects::InS3;
use super::running::World;
use crate::bus::{Bus, Event};
use crate::clock::Clock;
use crate::ec2::Ec2;
use crate::ids::Ids;
use crate::s3::S3;
use crate::ssm::Ssm;

/// An account, as one stack sees it.
pub(super) struct Account {
    pub(super) s3: S3,
    pub(super) ec2: Ec2,
    pub(super) ssm: Ssm,
    pub(super) clock: Clock,
    pub(super) ids: Ids,
    /// What happens in it from now on.
    pub(super) events: mpsc::UnboundedReceiver<Event>,
}

impl Account {
    /// An account with nothing in it, whose buckets are in this folder and Region.
    pub(super) fn new(
        clock: Clock,
        ids: Ids,
        buckets: &Path,
        region: &str,
    ) -> Result<Self, WorldError> {
        let (bus, events) = Bus::new();
        let s3 = S3::open(buckets, clock, ids.clone(), bus.clone(), region)?;
        let objects = InS3 {
            s3: s3.clone(),
            region: region.to_owned(),
        };
        let ec2 = Ec2::new(clock, ids.clone(), bus.clone(), Arc::new(objects));
        let ssm = Ssm::new(clock, ids.clone(), bus);
        introduce(&ssm, &ec2);
        Ok(Self {
            s3,
            ec2,
            ssm,
            clock,
            ids,
            events,
        })
    }

    /// That of a world.
    pub(super) fn of(world: &World) -> Self {
        let services = &world.inner.services;
        Self {
            s3: services.s3.clone(),
            ec2: services.ec2.clone(),
            ssm: services.ssm.clone(),
            clock: services.clock,
            ids: services.ids.clone(),
            events: services.ec2.bus().listen(),
        }
    }
}

/// What each of the two has to know of the other.
fn introduce(ssm: &Ssm, ec2: &Ec2) {
    let (images, regions) = (ec2.clone(), ec2.clone());
    ssm.set_image_check(move |region, id| images.has_available_image(region, id));
    ssm.set_region_check(move |region| regions.is_enabled(region));
    ec2.set_image_parameters(ssm.image_parameters());
}
