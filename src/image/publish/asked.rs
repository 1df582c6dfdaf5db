//! What a manifest asks for, Region by Region.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::protect::to_minute;
use super::settings::Desired;
use crate::image::status::{Grantee, Protection, Status};
use crate::manifest::image::{Access, PublishSpec};

/// What a manifest asks of its AMI in all Regions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Asked {
    /// The stack's Region, in which the AMI is built.
    pub home: String,
    /// What is asked for in each Region, the stack's own among them.
    pub regions: BTreeMap<String, AskedRegion>,
    /// The SSM parameters that point to the AMI of each Region, and whether a value that is not ours is overwritten.
    pub parameters: BTreeMap<String, bool>,
}

/// What is asked for in one Region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AskedRegion {
    /// Whether the AMI is only released once this Region has it, too.
    pub required: bool,
    /// The KMS key, of that Region, for its copy.
    pub kms_key_id: Option<String>,
    /// The settings of the AMI there.
    pub desired: Desired,
}

impl Asked {
    /// What these settings ask for. `created_at` is when the AMI was made in the stack's Region, from which a time of
    /// deprecation that is relative is counted, so that it is the same in every Region.
    #[must_use]
    pub fn of(spec: &PublishSpec, home: &str, created_at: Option<Timestamp>) -> Self {
        let desired = desired(spec, created_at);
        let own = AskedRegion {
            required: true,
            kms_key_id: None,
            desired: desired.clone(),
        };
        let mut regions = BTreeMap::from([(home.to_owned(), own)]);
        for (region, copy) in &spec.regions {
            let copy = copy.clone().unwrap_or_default();
            let asked = AskedRegion {
                required: copy.is_required(),
                kms_key_id: copy.kms_key_id,
                desired: desired.clone(),
            };
            regions.entry(region.clone()).or_insert(asked);
        }
        let home = home.to_owned();
        let parameters = spec.parameters.iter();
        let parameters = parameters.map(|it| (it.name.clone(), it.take_over));
        Self {
            home,
            regions,
            parameters: parameters.collect(),
        }
    }

    /// What these settings ask for, also while EC2 does not show the AMI of the stack's Region: the status knows when it was
    /// made. Where it does not, as no function has seen that AMI since statuses say it, a time of deprecation that is counted
    /// from it is as it was set, and in a Region where it was not set yet, as it was in the stack's.
    #[must_use]
    pub fn of_known(
        spec: &PublishSpec,
        home: &str,
        seen: Option<Timestamp>,
        status: &Status,
    ) -> Self {
        let known = || status.image_in(home)?.created_at;
        let created_at = seen.or_else(known);
        let mut asked = Self::of(spec, home, created_at);
        if spec.deprecate.is_some() && created_at.is_none() {
            for (region, it) in &mut asked.regions {
                let set = |region| status.applied_in(region).settings.deprecate_at;
                let known = || set(region).or_else(|| set(home));
                it.desired.deprecate_at = it.desired.deprecate_at.or_else(known).map(to_minute);
            }
        }
        asked
    }
}

fn desired(spec: &PublishSpec, created_at: Option<Timestamp>) -> Desired {
    let access = spec.access.as_ref();
    let deprecate_at = spec.deprecate.as_ref().and_then(|it| match &it.at {
        Some(_) => it.moment(Timestamp::UNIX_EPOCH),
        None => it.moment(created_at?),
    });
    Desired {
        description: spec.description.clone(),
        tags: spec.tags.clone(),
        // The rules let one through.
        product_code: spec.product_codes.first().cloned(),
        grants: access.map(grants).unwrap_or_default(),
        exact: access.is_some_and(|access| access.exact),
        copy: access.is_some_and(|access| access.copy),
        // As EC2 will have it.
        deprecate_at: deprecate_at.map(to_minute),
        protection: spec.protect.map(|protect| {
            if protect.cooldown {
                Protection::WithCooldown
            } else {
                Protection::On
            }
        }),
    }
}

fn grants(access: &Access) -> BTreeSet<Grantee> {
    let accounts = access.accounts.iter().cloned().map(Grantee::Account);
    let organizations = access.organizations.iter().cloned();
    let units = access.organizational_units.iter().cloned();
    let public = access.public.filter(|public| *public);
    accounts
        .chain(organizations.map(Grantee::Organization))
        .chain(units.map(Grantee::OrganizationalUnit))
        .chain(public.map(|_| Grantee::Public))
        .collect()
}
