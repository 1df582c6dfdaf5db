//! What may keep an image from becoming available. What the functions are to outlast is none of it: calls that fail for a
//! while, answers that are lost, invocations that die, events that do not come, and reads that are stale.
//!
//! Each excuse is as narrow as can be said of a script: what happens to another manifest, or to what no version of this one
//! uses, is none.

mod calls;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::manifest::{key as manifest_key, short};
use super::script::{
    COPY_REGIONS, Edit, Event, Kind, Manifest, Meant, Object, Retire, Script, Source, VALIDATED,
    Wrong,
};
use super::setting::region;
use super::text;
use crate::support::REGION;

/// The Region of the AMI that manifests copy.
const SOURCE_REGION: &str = COPY_REGIONS[1];

/// A copy to another Region fails for good if that many fail.
const COPIES: usize = 2;

/// What kept a manifest's image from becoming available that nothing in the script explains, in the words of its status: the kinds
/// of its failures, or how it ended without one.
pub(super) fn unexplained(script: &Script, key: &str, status: &Value) -> Vec<String> {
    let wanted = Wanted::of(script, key);
    let events = script.moves.iter().map(|each| &each.event);
    let explained = events.flat_map(|it| wanted.explained_by(it));
    let mut explained: BTreeSet<String> = explained.map(|it| (*it).to_owned()).collect();
    explained.extend(
        script
            .moves
            .iter()
            .filter_map(|it| wanted.refused_by(&it.event)),
    );
    let others = [
        (wanted.is_name_taken(), "name-taken"),
        (wanted.is_parameter_taken(), "parameter-conflict"),
        (wanted.has_other_keys(), "copy-unusable"),
        (wanted.is_blocked(), "not-shareable"),
        (wanted.is_put_off(), "blocked"),
        (
            wanted.is_put_off(),
            "request-refused EnableImageDeprecation",
        ),
        (
            wanted.may_have_no_source(),
            "request-refused DescribeImages",
        ),
        // None can lose the product code that it has.
        (wanted.any(|it| it.product_code), "blocked"),
    ];
    let others = others.iter().filter(|(is, _)| *is);
    explained.extend(others.map(|(_, kind)| (*kind).to_owned()));
    let mut ended = failures(status);
    if ended.is_empty() {
        ended.insert(text(status, "/state").to_owned());
    }
    ended.retain(|it| {
        let kind = it.split(' ').next().unwrap_or_default();
        !explained.contains(it) && !explained.contains(kind)
    });
    ended.into_iter().collect()
}

/// The kinds of the failures that a status names, with the action that was refused.
fn failures(status: &Value) -> BTreeSet<String> {
    let all = ["/regions", "/copies", "/release/parameters"].map(|it| status.pointer(it));
    let all = all.into_iter().flatten().filter_map(Value::as_object);
    let of_places = all.flat_map(|it| it.values());
    let all = of_places.chain([&status["build"]]);
    let said = all.map(|it| (text(it, "/failure/kind"), text(it, "/failure/action")));
    let said = said.filter(|(kind, _)| !kind.is_empty());
    said.map(|(kind, action)| format!("{kind} {action}").trim_end().to_owned())
        .collect()
}

/// What a manifest's versions want, and what others do.
struct Wanted<'a> {
    script: &'a Script,
    key: &'a str,
    /// All versions that were dropped.
    versions: Vec<&'a Manifest>,
    /// The manifests of other keys, and of the other stack, with their keys.
    others: Vec<(&'static str, &'a Manifest)>,
}

impl<'a> Wanted<'a> {
    fn of(script: &'a Script, key: &'a str) -> Self {
        let (mut versions, mut others) = (Vec::new(), Vec::new());
        for each in &script.moves {
            match &each.event {
                Event::Drop {
                    key: at, manifest, ..
                } if manifest_key(*at) == key => versions.push(manifest),
                Event::Drop {
                    key: at, manifest, ..
                }
                | Event::DropBeside {
                    key: at, manifest, ..
                } => {
                    others.push((manifest_key(*at), manifest));
                }
                _ => {}
            }
        }
        Self {
            script,
            key,
            versions,
            others,
        }
    }

    fn any(&self, is_so: impl Fn(&Manifest) -> bool) -> bool {
        self.versions.iter().any(|it| is_so(it))
    }

    /// How the image may end for this, if that is about it.
    fn explained_by(&self, event: &Event) -> &'static [&'static str] {
        let is_its = |at: &usize| manifest_key(*at) == self.key;
        match event {
            Event::Cancel { key } if is_its(key) => &["cancelled"],
            Event::ShowTask { key, .. } if is_its(key) => &["task-failed", "image-failed"],
            // What an import has made is proven to be ours by its task alone.
            Event::HideTask { key } if is_its(key) && self.any(has_task) => &["task-lost"],
            Event::DropObject { key, what, .. } if is_its(key) && self.uses(*what) => match what {
                // Each is a disk or a machine.
                Object::Disk | Object::Machine => &[],
                Object::BundleManifest | Object::BundlePart => &["bundle-invalid", "rejected"],
            },
            Event::Edit { key, edit, .. } if is_its(key) => self.explained_by_edit(*edit),
            Event::Storm { what, fault, .. }
                if *fault == Wrong::Denied && self.needs(what) && self.is_denied_for_long() =>
            {
                match what {
                    Meant::Action(service, _) | Meant::Service(service) if service == "s3" => {
                        &["source-unreadable"]
                    }
                    Meant::Service(service) if service == "ssm" => {
                        &["not-published", "bundle-key-unusable"]
                    }
                    _ => &["not-published"],
                }
            }
            Event::FailNext { kind, .. } if self.any(|it| is_made_by(it, *kind)) => match kind {
                None => &["image-failed"],
                // The name of one that failed is free once that is deregistered.
                Some(Kind::CopyImage)
                    if self.failing_copies() >= COPIES || self.may_not("DeregisterImage") =>
                {
                    &["image-failed", "copy-failed"]
                }
                Some(Kind::CopyImage) => &["image-failed"],
                Some(Kind::RestoreImage) => &["image-failed", "task-failed"],
                Some(_) => &["task-failed"],
            },
            Event::Validation { fails, seconds }
                if (*fails || *seconds >= VALIDATED) && self.has_parameters() =>
            {
                &["parameter-not-validated", "request-refused PutParameter"]
            }
            Event::OptIn { region: at, on } if !on && self.is_in(region(*at)) => {
                &["region-disabled", "request-refused", "not-published"]
            }
            Event::Quota { shares, .. } if self.entities() > *shares => {
                &["request-refused ModifyImageAttribute"]
            }
            Event::Encrypts { region: at, on }
                if *on && self.any(is_shared) && self.is_in(region(*at)) =>
            {
                &[
                    "not-shareable",
                    "request-refused ModifyImageAttribute",
                    "request-refused ModifySnapshotAttribute",
                ]
            }
            _ => &[],
        }
    }

    /// Whether policies refuse something for so long that it counts: a quarter of an hour, by clocks that are two minutes off.
    fn is_denied_for_long(&self) -> bool {
        const COUNTS: u64 = 11 * 60;
        let moves = self.script.moves.iter();
        let denied = moves.map(|each| match &each.event {
            Event::Storm {
                fault: Wrong::Denied,
                seconds,
                ..
            } => *seconds,
            _ => 0,
        });
        denied.sum::<u64>() >= COUNTS
    }

    /// Whether policies refuse an action for a while.
    fn may_not(&self, action: &str) -> bool {
        self.happens(|event| match event {
            Event::Storm { what, fault, .. } if *fault == Wrong::Denied => match what {
                Meant::Action(_, it) => it == action,
                Meant::Service(service) => service == "ec2",
                Meant::Region(_) => true,
            },
            _ => false,
        })
    }

    fn failing_copies(&self) -> usize {
        let moves = self.script.moves.iter();
        let fails = |event: &Event| {
            matches!(
                event,
                Event::FailNext {
                    kind: Some(Kind::CopyImage),
                    ..
                }
            )
        };
        moves.filter(|each| fails(&each.event)).count()
    }

    fn uses(&self, what: Object) -> bool {
        let source = match what {
            Object::Disk => Source::Disk,
            Object::Machine => Source::Vm,
            Object::BundleManifest | Object::BundlePart => Source::Bundle,
        };
        self.any(|it| it.source == source)
    }

    /// Whether it has AMIs in a Region, or takes what is there.
    fn is_in(&self, region: &str) -> bool {
        self.any(|it| {
            region == REGION
                || it.copies().any(|(copy, _)| copy == region)
                || (it.source == Source::Image && region == SOURCE_REGION)
        })
    }

    fn has_parameters(&self) -> bool {
        self.any(|it| !it.parameters(self.key).is_empty())
    }

    /// How the image may end for what somebody does to its AMIs by hand.
    fn explained_by_edit(&self, edit: Edit) -> &'static [&'static str] {
        match edit {
            // EC2 may be asked for something of an AMI that was there a moment ago.
            Edit::Deregister => &[
                "image-deregistered",
                "image-lost",
                "not-published",
                "request-refused",
            ],
            Edit::Disable => &["image-disabled", "not-published", "request-refused"],
            // It counts as not shown, and keeps its name.
            Edit::Disown => &["image-lost", "name-taken", "not-published", "unproven"],
            Edit::Parameter if self.has_parameters() => &["parameter-conflict"],
            // The earlier AMI may have to go before there can be another of its name.
            Edit::UseInTemplate | Edit::Protect if self.any(has_own_name) => &["name-taken"],
            _ => &[],
        }
    }

    /// How many its AMIs may be shared with at once, if with any: somebody may add one.
    fn entities(&self) -> usize {
        let accounts = self.versions.iter().flat_map(|it| it.accounts());
        let accounts: BTreeSet<_> = accounts.collect();
        let groups = [self.any(|it| it.organization), self.any(|it| it.unit)];
        let named = accounts.len() + groups.iter().filter(|is_named| **is_named).count();
        let is_granted = self.happens(|event| {
            matches!(event, Event::Edit { key, edit: Edit::Grant | Edit::Offer, .. } if manifest_key(*key) == self.key)
        });
        match named {
            0 => 0,
            named => named + usize::from(is_granted),
        }
    }

    fn happens(&self, is_meant: impl Fn(&Event) -> bool) -> bool {
        self.script.moves.iter().any(|it| is_meant(&it.event))
    }

    /// Whether another AMI may have its name: one of another manifest, or of an earlier version.
    fn is_name_taken(&self) -> bool {
        let named = self.versions.iter().map(|it| (name(self.key, it), it));
        let mut builds: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (name, version) in named {
            builds.entry(name).or_default().insert(build(version));
        }
        let mut others = self.others.iter().map(|(key, it)| name(key, it));
        let is_replaced = self.happens(|event| match event {
            Event::DropObject { key, what, .. } => {
                manifest_key(*key) == self.key && self.uses(*what)
            }
            _ => false,
        });
        others.any(|it| builds.contains_key(&it))
            || builds.values().any(|it| it.len() > 1)
            || (is_replaced && self.any(has_own_name))
    }

    /// Whether another manifest may have its parameter.
    fn is_parameter_taken(&self) -> bool {
        let own = self.versions.iter().flat_map(|it| it.parameters(self.key));
        let own: BTreeSet<String> = own.collect();
        let others = self.others.iter();
        let mut others = others.flat_map(|(key, it)| it.parameters(key));
        others.any(|it| own.contains(&it))
    }

    /// Whether it is to be public, and the account blocks that.
    fn is_blocked(&self) -> bool {
        self.any(|it| it.public) && !self.script.stack.unblocked
    }

    /// Whether it is to be public more than once, and the deprecation of then may have to be put off, which EC2 refuses: another
    /// version has another one, or the AMI was deprecated as it was not wanted any more.
    fn is_put_off(&self) -> bool {
        let dates = self.versions.iter();
        let dates: BTreeSet<_> = dates.map(|it| (it.deprecate, it.deprecate_at)).collect();
        let retires = |it: &Manifest| it.replaces != Retire::Keep || it.on_delete != Retire::Keep;
        let publics = self.versions.iter().filter(|it| it.public).count();
        publics > 1 && (dates.len() > 1 || self.any(retires))
    }

    /// Whether the copies of a version are to have other KMS keys than they had: EC2 cannot change that.
    fn has_other_keys(&self) -> bool {
        let is_other = |one: &Manifest, other: &Manifest| {
            let regions = one.copies().map(|(region, _)| region);
            let mut both = regions.filter(|it| other.copies().any(|(region, _)| region == *it));
            let is_same =
                (name(self.key, one), build(one)) == (name(self.key, other), build(other));
            is_same && both.any(|it| one.kms_key(it) != other.kms_key(it))
        };
        self.any(|one| self.any(|other| is_other(one, other)))
    }
}

/// What makes a version, but for its name and what is in its object.
fn build(manifest: &Manifest) -> String {
    let Manifest {
        source,
        encrypted,
        imds,
        volume,
        elsewhere,
        copy_tags,
        minutes,
        ..
    } = manifest;
    format!("{source:?} {encrypted} {imds} {volume:?} {elsewhere} {copy_tags} {minutes:?}")
}

/// The name of its AMI: one that has the version's digest in it is another for each version.
fn name(key: &str, manifest: &Manifest) -> String {
    match (manifest.shared_name, manifest.fixed_name) {
        (true, _) => "shared".to_owned(),
        (false, true) => short(key).to_owned(),
        (false, false) => format!("{}-{}", short(key), build(manifest)),
    }
}

/// Whether other versions of it may have the same name.
fn has_own_name(manifest: &Manifest) -> bool {
    manifest.fixed_name || manifest.shared_name
}

/// Whether others than its owner may have its AMI.
fn is_shared(manifest: &Manifest) -> bool {
    !manifest.accounts.is_empty() || manifest.organization || manifest.unit || manifest.public
}

/// Whether it is made or stored by a task that EC2 lists by itself.
fn has_task(manifest: &Manifest) -> bool {
    let has_own = matches!(
        manifest.source,
        Source::Disk | Source::Vm | Source::Instance
    );
    has_own || manifest.store
}

/// Whether its AMIs are made by such a task; `None` is registration.
fn is_made_by(manifest: &Manifest, kind: Option<Kind>) -> bool {
    match kind {
        None => matches!(
            manifest.source,
            Source::Snapshot(_) | Source::Theirs | Source::Disk | Source::Bundle | Source::Instance
        ),
        Some(Kind::ImportSnapshot) => manifest.source == Source::Disk,
        Some(Kind::ImportImage) => manifest.source == Source::Vm,
        Some(Kind::BundleInstance) => manifest.source == Source::Instance,
        Some(Kind::CopyImage) => manifest.source == Source::Image || !manifest.regions.is_empty(),
        Some(Kind::StoreImage) => manifest.store,
        Some(Kind::RestoreImage) => manifest.source == Source::Stored,
    }
}
