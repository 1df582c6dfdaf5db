//! Who keeps an AMI's snapshots, as statuses and emails say: each share that is said to stay was there when that was recorded,
//! and something keeps it.

use std::collections::{BTreeMap, BTreeSet};

use localaws::ec2::{Image, ImageState, Permission};
use localaws::faults::Call;
use serde_json::Value;

use super::happened::UNCLEAR;
use super::images::made_for;
use super::{Monitor, State, field, text, values};
use crate::simulation::script::{Change, Edit, Event, Meant};

/// The Region, the snapshot and the account of a share.
type Share = (String, String, String);

/// What is known of shares that stay.
#[derive(Default)]
pub(super) struct Shares {
    /// Those that people were told of.
    told: BTreeSet<Share>,
    /// Those of AMIs of which people were told that not all was seen to be set, with these AMIs.
    unseen: BTreeMap<Share, BTreeSet<String>>,
    /// Those that a function has asked EC2 to end, and it did not, or nobody heard its answer.
    not_ended: BTreeSet<Share>,
}

impl Monitor {
    /// Whether people were told that an account keeps a snapshot, and it had it then.
    pub(in crate::simulation) fn is_told_to_stay(
        &self,
        region: &str,
        snapshot: &str,
        account: &str,
    ) -> bool {
        let share = share(region, snapshot, account);
        self.lock().shares.told.contains(&share)
    }

    /// The AMIs of which people were told that an account can copy them, and that not all was seen to be set.
    pub(in crate::simulation) fn told_unseen(
        &self,
        region: &str,
        snapshot: &str,
        account: &str,
    ) -> BTreeSet<String> {
        let share = share(region, snapshot, account);
        let state = self.lock();
        state.shares.unseen.get(&share).cloned().unwrap_or_default()
    }
}

fn share(region: &str, snapshot: &str, account: &str) -> Share {
    [region, snapshot, account].map(str::to_owned).into()
}

impl State {
    /// Remembers which shares EC2 was asked to end, and did not.
    pub(super) fn hear_revocation(&mut self, call: &Call, sent: &[(String, String)]) {
        if call.action != "ModifySnapshotAttribute" {
            return;
        }
        let snapshot = field(sent, "SnapshotId").unwrap_or_default();
        let accounts = values(sent, "CreateVolumePermission.Remove.", ".UserId");
        let shares: Vec<Share> = accounts
            .map(|it| share(&call.region, snapshot, it))
            .collect();
        for it in shares {
            match call.done {
                true => self.shares.not_ended.remove(&it),
                false => self.shares.not_ended.insert(it),
            };
        }
    }

    /// Remembers what a notice says of shares, as far as it is so.
    pub(super) fn note_shares(&mut self, facts: &Value) {
        let retired = facts["retired"].as_array().into_iter().flatten();
        let mut told: Vec<Share> = retired
            .flat_map(|it| shares(text(it, "/region"), &it["shared"]))
            .collect();
        let changes = facts["changes"].as_array().into_iter().flatten();
        for it in changes.filter(|it| text(it, "/action") == "leave-share") {
            let accounts = it["accounts"].as_array().into_iter().flatten();
            let (region, snapshot) = (text(it, "/region"), text(it, "/snapshot"));
            let accounts = accounts.filter_map(Value::as_str);
            told.extend(accounts.map(|account| share(region, snapshot, account)));
        }
        let previous = facts["previous"].as_array().into_iter().flatten();
        let images = previous
            .filter_map(|it| it["regions"].as_object())
            .flatten();
        for (region, known) in images.filter(|(_, it)| {
            !it["retiring"]["askedAt"].is_null() || !it["retiring"]["deregisteredAt"].is_null()
        }) {
            told.extend(shares(region, &known["applied"]["snapshots"]));
        }
        told.retain(|it| self.is_shared(it));
        self.shares.told.extend(told);
        let regions = facts["regions"].as_object().into_iter().flatten();
        for (region, known) in regions.filter(|(_, it)| it["applied"]["intended"].is_object()) {
            let image = text(known, "/image").to_owned();
            let of_image = shares(region, &known["applied"]["snapshots"]);
            for it in of_image
                .into_iter()
                .filter(|it| self.is_shared(it))
                .collect::<Vec<_>>()
            {
                self.shares
                    .unseen
                    .entry(it)
                    .or_default()
                    .insert(image.clone());
            }
        }
    }

    /// Whether an account has a snapshot now.
    fn is_shared(&self, (region, snapshot, account): &Share) -> bool {
        let account = Permission::Account(account.clone());
        let mut snapshots = self.eyes().ec2.snapshots(region).into_iter();
        snapshots.any(|it| it.id == *snapshot && it.create_volume_permissions.contains(&account))
    }

    /// What a status says of shares that stay after an AMI, and nothing keeps.
    pub(super) fn wrong_with_shared(&self, key: &str, status: &Value, it: &Value) -> Vec<String> {
        let (region, image) = (text(it, "/region"), text(it, "/image"));
        let left = shares(region, &it["shared"]).into_iter();
        let left = left.filter(|share| !self.may_stay(key, status, image, share));
        left.map(|(_, snapshot, account)| format!("nothing keeps {snapshot} shared with {account}"))
            .collect()
    }

    /// Whether something may keep a share after its AMI.
    fn may_stay(&self, key: &str, status: &Value, image: &str, share: &Share) -> bool {
        let (region, snapshot, account) = share;
        // The role may change nothing there any more.
        let is_closed = || {
            self.has_happened(|event| {
                matches!(
                    event,
                    Event::Update {
                        change: Change::Copies(_) | Change::OnlyRegion(_)
                    }
                )
            })
        };
        // What was begun is told, and nothing more is done, once the manifest is there again, or asks for something else.
        let is_given_up = || {
            self.is_removed(key)
                || self.is_updated()
                || it_is_kept_for_more(status, image)
                || self.is_edited(key, &[Edit::Deregister])
        };
        let is_kept = || {
            self.shares.not_ended.contains(share)
                || self.is_disowned(region, image)
                || is_closed()
                || is_given_up()
                || self.is_switched_off(region)
                || self.is_denied()
                || self.unclear() >= UNCLEAR
        };
        if is_kept() {
            return true;
        }
        // Where an invocation dies, or does not hear that it has deregistered the AMI, nothing proves whose the share of a source is.
        let is_source = self.eyes().sources.contains(snapshot);
        let is_cut_short = |ends: &dyn Fn(&Meant) -> bool| {
            let is_meant = |event: &Event| match event {
                Event::Fail { .. } | Event::Kill { .. } => true,
                Event::Storm { what, .. } => ends(what),
                _ => false,
            };
            is_source && self.has_happened(is_meant)
        };
        let current = text(status, &format!("/regions/{region}/image"));
        let is_used_beside = |id: &str, needs: &dyn Fn(&Image) -> bool| {
            let mut others = self.eyes().ec2.images(region).into_iter();
            others.any(|it| {
                let is_other = it.id != image && it.id != id;
                is_other && needs(&it) && it.snapshot_ids().any(|of| of == snapshot)
            })
        };
        // It ends with the AMI that needs it, which is written down before the first one goes, unless somebody else's does, too.
        if self.is_passed_on(key, status, image, share) {
            let reader = Permission::Account(account.clone());
            return is_cut_short(&deregisters)
                || is_used_beside(current, &|it| it.launch_permissions.contains(&reader));
        }
        is_cut_short(&|_| true) || is_used_beside("", &|_| true)
    }

    /// Whether the AMI that is there now of the manifest needs a share which was granted for one before: its version says so, and
    /// it was seen to be so. That it stays is no news then, and to end it by hand would be wrong.
    fn is_passed_on(&self, key: &str, status: &Value, image: &str, share: &Share) -> bool {
        let (region, snapshot, account) = share;
        let known = &status["regions"][region];
        let is_settled = known["verifiedAt"].is_string() && known["applied"]["intended"].is_null();
        // Who looks for the AMIs that have the snapshot may not see that.
        let is_late = self.has_happened(|event| {
            matches!(
                event,
                Event::StaleReads { .. } | Event::LateVisibility { .. }
            )
        });
        let version = self.version(key, text(status, "/manifest/sha256"));
        let is_asked = version.is_some_and(|it| it.copy && it.accounts().any(|it| it == account));
        if is_late || !is_settled || !is_asked {
            return false;
        }
        let manifest = format!("s3://{}/{key}", self.eyes().bucket);
        let reader = Permission::Account(account.clone());
        let mut images = self.eyes().ec2.images(region).into_iter();
        images.any(|it| {
            let place = (region.clone(), it.id.clone());
            it.id != image
                && text(known, "/image") == it.id
                && it.state == ImageState::Available
                && !self.touched.contains(&place)
                && made_for(&it).is_some_and(|(of, _)| of == manifest)
                && it.snapshot_ids().any(|of| of == snapshot)
                && it.launch_permissions.contains(&reader)
        })
    }
}

/// Whether an AMI is deregistered, or that is written down, by what is meant.
fn deregisters(what: &Meant) -> bool {
    match what {
        Meant::Action(_, action) => ["DeregisterImage", "PutObject"].contains(&action.as_str()),
        Meant::Service(service) => ["ec2", "s3"].contains(&service.as_str()),
        Meant::Region(_) => true,
    }
}

/// Whether a status says why nothing more is tried about an AMI that is gone.
fn it_is_kept_for_more(status: &Value, image: &str) -> bool {
    let retired = status["retired"].as_array().into_iter().flatten();
    let mut of_image = retired.filter(|it| text(it, "/image") == image);
    of_image.any(|it| {
        let mut kept = it["kept"].as_array().into_iter().flatten();
        kept.any(|it| text(it, "/reason") == "given-up")
    })
}

/// What a list of accounts by snapshot names.
fn shares(region: &str, of: &Value) -> Vec<Share> {
    let snapshots = of.as_object().into_iter().flatten();
    let shares = snapshots.flat_map(|(snapshot, accounts)| {
        let accounts = accounts.as_array().into_iter().flatten();
        let accounts = accounts.filter_map(Value::as_str);
        accounts.map(|account| share(region, snapshot, account))
    });
    shares.collect()
}
