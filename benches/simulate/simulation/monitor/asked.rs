//! Whether AMIs are as a version of their manifest says, and whether what is set on them is asked for.

use std::collections::BTreeMap;

use jiff::Timestamp;
use localaws::ec2::{DeregistrationProtection, Image, ImageState, Permission};
use localaws::faults::Call;

use super::images::made_for;
use super::{State, field, text};
use crate::simulation::script::{Manifest, ORGANIZATION, PARTNERS, Protect, UNIT};
use crate::simulation::settled::is_described_by_others;
use crate::support::REGION;

/// Seconds of a day.
const DAY: i64 = 24 * 3600;

/// EC2 rounds the times of deprecation, in seconds.
const ROUNDED: i64 = 60;

/// What the functions' clocks are off at most, and what they ask for at least ahead of them, in seconds.
const OFF: i64 = 10 * 60;

impl State {
    /// What about an AMI that nobody has changed by hand is not as a version says; none if all is so.
    pub(super) fn difference(
        &self,
        (region, image): (&str, &Image),
        version: &Manifest,
    ) -> Option<&'static str> {
        let description = image.description.as_ref();
        let is_described = description == version.description.as_ref()
            || (version.description.is_none() && is_described_by_others(version));
        let so = [
            ("state", image.state == ImageState::Available),
            ("description", is_described),
            ("tags", image.tags.get("team") == version.team.as_ref()),
            ("grants", is_shared_as_asked(image, version)),
            ("shares", self.is_copyable_as_asked(region, image, version)),
            ("protection", is_protected_as_asked(image, version)),
            ("deprecation", self.is_deprecated_as_asked(image, version)),
            (
                "product code",
                !version.product_code || !image.product_codes.is_empty(),
            ),
        ];
        so.iter().find(|(_, is_so)| !is_so).map(|(what, _)| *what)
    }

    /// Whether its own snapshots are shared with just the accounts that may copy it. Those that manifests are made from may have
    /// other AMIs.
    fn is_copyable_as_asked(&self, region: &str, image: &Image, version: &Manifest) -> bool {
        let eyes = self.eyes();
        let asked: Vec<Permission> = match version.copy {
            true => version.accounts().map(account).collect(),
            false => Vec::new(),
        };
        let mut snapshots = eyes.ec2.snapshots(region);
        snapshots.retain(|it| {
            let is_its = image.snapshot_ids().any(|id| *id == it.id);
            is_its && !eyes.sources.contains(&it.id) && made_by(&it.tags) == made_by(&image.tags)
        });
        snapshots.iter().all(|it| {
            let shared = &it.create_volume_permissions;
            asked.iter().all(|account| shared.contains(account))
                && shared.iter().all(|account| asked.contains(account))
        })
    }

    /// Whether it is deprecated so many days after the AMI in the stack's Region was made. Of one that is gone nobody knows when.
    fn is_deprecated_as_asked(&self, image: &Image, version: &Manifest) -> bool {
        if let (Some(asked), Some(at)) = (version.deprecate_at(), image.deprecation_time) {
            return self.is_near(at, asked.as_second());
        }
        let (Some(days), Some(at)) = (version.deprecate, image.deprecation_time) else {
            let is_asked = version.deprecate.is_some() || version.deprecate_at.is_some();
            return is_asked == image.deprecation_time.is_some()
                || (!is_asked && self.may_have_been_public(image));
        };
        let home = self.living(REGION).into_iter();
        let mut home = home.filter(|it| made_for(it) == made_for(image));
        home.next().is_none_or(|home| {
            let asked = home.created_at.as_second() + i64::from(days) * DAY;
            self.is_near(at, asked)
        })
    }

    /// Whether an AMI is deprecated at a time that was asked for. EC2 takes none that has passed: then it is a later one. Clocks
    /// are off.
    fn is_near(&self, at: Timestamp, asked: i64) -> bool {
        let is_over = self.now.is_some_and(|now| asked <= now.as_second() + OFF);
        (at.as_second() - asked).abs() <= ROUNDED || (is_over && at.as_second() > asked)
    }

    /// Whether a version of its manifest makes AMIs public: EC2 deprecates them itself then.
    pub(super) fn may_have_been_public(&self, image: &Image) -> bool {
        let versions = made_for(image).and_then(|(manifest, _)| self.wanted.get(manifest));
        versions.into_iter().flatten().any(|it| it.public)
    }

    /// A protection is switched on or off only for a version that says `protect`: what nobody asked for is somebody else's.
    pub(super) fn judge_protection(&mut self, call: &Call, sent: &[(String, String)]) {
        let id = field(sent, "ImageId").unwrap_or_default();
        let place = (call.region.clone(), id.to_owned());
        let image = self.images.get(&place).cloned();
        let Some((manifest, digest)) = image.as_ref().and_then(made_for) else {
            return self.wrong(call, &format!("{id} is not ours"));
        };
        let prefix = format!("s3://{}/", self.eyes().bucket);
        let key = manifest.strip_prefix(&prefix).unwrap_or_default();
        // That of the newest version has what its manifest asks for.
        let is_going = self.written.last.get(key).is_some_and(|status| {
            status["removedAt"].is_string() || text(status, "/build/digest") != digest
        });
        // People protect without a cooldown here.
        let mut versions = self.wanted.get(manifest).into_iter().flatten();
        let is_said = versions.any(|it| it.protect == Some(Protect::On));
        if self.ends_protection_by_hand(call, &place) && is_going && !is_said {
            let what = format!("{id} was protected by hand, and no version of {manifest} says so");
            self.wrong(call, &what);
        }
        let mut versions = self.wanted.get(manifest).into_iter().flatten();
        if !versions.any(|it| it.protect.is_some()) {
            let what =
                format!("{id} is protected by somebody else: no version of {manifest} says so");
            self.wrong(call, &what);
        }
    }
}

fn account(id: &str) -> Permission {
    Permission::Account(id.to_owned())
}

fn made_by(tags: &BTreeMap<String, String>) -> Option<&String> {
    tags.get("amiwright:digest")
}

/// Whether just those of whom manifests may speak may launch it that this version names.
fn is_shared_as_asked(image: &Image, version: &Manifest) -> bool {
    let has = |it: &Permission| image.launch_permissions.contains(it);
    let organization = Permission::Organization(ORGANIZATION.to_owned());
    let unit = Permission::OrganizationalUnit(UNIT.to_owned());
    PARTNERS.iter().all(|partner| {
        let is_asked = version.accounts().any(|it| it == *partner);
        has(&account(partner)) == is_asked
    }) && has(&organization) == version.organization
        && has(&unit) == version.unit
        && has(&Permission::Everyone) == version.public
}

fn is_protected_as_asked(image: &Image, version: &Manifest) -> bool {
    use DeregistrationProtection::{
        CoolingDown, Disabled, EnabledWithCooldown, EnabledWithoutCooldown,
    };
    match (version.protect, &image.deregistration_protection) {
        (None, Disabled | CoolingDown(_))
        | (Some(Protect::On), EnabledWithoutCooldown)
        | (Some(Protect::WithCooldown), EnabledWithCooldown) => true,
        (None, EnabledWithCooldown | EnabledWithoutCooldown) | (Some(_), _) => false,
    }
}
