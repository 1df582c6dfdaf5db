//! What functions do to AMIs and snapshots.

use std::collections::BTreeSet;

use localaws::ec2::{Image, ImageState};
use localaws::faults::{Call, Exchange};

use super::claims::READ_TO_ACT_MAX;
use super::{State, field, values};
use crate::simulation::script::{
    Manifest, ORGANIZATION, PARTNERS, STORE_TAG, STRANGER, Source, UNIT,
};
use crate::support::REGION;

/// What makes an AMI.
const MAKING: [&str; 5] = [
    "RegisterImage",
    "CopyImage",
    "ImportImage",
    "CreateRestoreImageTask",
    "CreateTags",
];

/// What says for which manifest and version an AMI was made.
pub(super) fn made_for(image: &Image) -> Option<(&str, &str)> {
    let tag = |name: &str| image.tags.get(name).map(String::as_str);
    Some((tag("amiwright:manifest")?, tag("amiwright:digest")?))
}

impl State {
    pub(super) fn judge_images(&mut self, call: &Call, sent: &[(String, String)]) {
        self.coverage.action(&call.action);
        if self.judge_disowned(call, sent) {
            return self.look(&call.region);
        }
        self.judge_neighbor(call, sent);
        self.judge_absence(call, sent);
        self.judge_tags(call, sent);
        self.look(&call.region);
        self.judge_repetition(call, sent);
        self.judge_marker(call, sent);
        if MAKING.contains(&call.action.as_str()) {
            self.judge_once(call);
            self.judge_making(call, sent);
        }
        self.note_retirement(call, sent);
        self.judge_name(call, sent);
        match call.action.as_str() {
            "ModifyImageAttribute" => {
                self.judge_grant(call, sent);
                self.judge_revoke(call, sent);
            }
            "ModifySnapshotAttribute" => self.judge_share(call, sent),
            "DeregisterImage" => self.judge_retirement(call, sent),
            "DeleteSnapshot" => self.judge_deletion(call, sent),
            "EnableImageDeregistrationProtection" | "DisableImageDeregistrationProtection" => {
                self.judge_protection(call, sent);
            }
            "CopyImage" => {
                self.judge_minutes(call, sent);
                if call.region != REGION {
                    self.judge_copy(call, sent);
                }
            }
            "CreateStoreImageTask" => self.judge_storing(call, sent),
            _ => {}
        }
    }

    /// Whoever knows that the account blocks it does not ask EC2 to make an AMI public.
    pub(super) fn judge_block(&mut self, exchange: &Exchange, sent: &[(String, String)]) {
        const BLOCK: &str = "GetImageBlockPublicAccessState";
        let call = &exchange.call;
        let body = exchange.answer.as_ref().map(|it| it.body().as_ref());
        let body = String::from_utf8_lossy(body.unwrap_or_default());
        if call.action == BLOCK {
            match call.done && body.contains("block-new-sharing") {
                true => self.blocked.insert(call.region.clone()),
                false => self.blocked.remove(&call.region),
            };
        }
        let publishes = call.action == "ModifyImageAttribute"
            && values(sent, "LaunchPermission.Add.", "").any(|it| it == "all");
        if publishes && body.contains("block public access") && self.blocked.contains(&call.region)
        {
            self.wrong(
                call,
                "an AMI is to be public, and it was known that it cannot",
            );
        }
    }

    /// Tags of manifests have only keys that the stack opens.
    fn judge_tags(&mut self, call: &Call, sent: &[(String, String)]) {
        // One that was opened before may be taken away.
        if call.action == "DeleteTags" {
            return self.judge_untagging(call, sent);
        }
        let keys = values(sent, "Tag.", ".Key").chain(values(sent, "TagSpecification.", ".Key"));
        let given = self.given(call);
        let closed: BTreeSet<String> = keys
            .filter(|key| {
                let is_own = key.starts_with("amiwright:") || *key == "Name";
                !is_own && !given.allows_tag(key)
            })
            .map(str::to_owned)
            .collect();
        if !closed.is_empty() {
            self.wrong(call, &format!("{closed:?} are set, and nobody opened that"));
        }
    }

    /// A tag is taken away only with a value that a version of the manifest has given it: others are somebody else's.
    fn judge_untagging(&mut self, call: &Call, sent: &[(String, String)]) {
        let images = values(sent, "ResourceId.", "");
        let mut images = images.filter_map(|id| {
            let place = (call.region.clone(), id.to_owned());
            self.images.get(&place).and_then(made_for)
        });
        let Some((manifest, _)) = images.next() else {
            return;
        };
        let versions = self.wanted.get(manifest).into_iter().flatten();
        let own: BTreeSet<&str> = versions.filter_map(|it| it.team.as_deref()).collect();
        let keys = values(sent, "Tag.", ".Key").collect::<Vec<_>>();
        let taken = values(sent, "Tag.", ".Value").collect::<Vec<_>>();
        let is_own = taken.iter().all(|it| own.contains(it)) && taken.len() == keys.len();
        if keys == ["team"] && !is_own {
            let what = format!("no version of {manifest} has given a tag the value {taken:?}");
            self.wrong(call, &what);
        }
    }

    /// A copy is hurried, which costs money, only where the manifest says so.
    fn judge_minutes(&mut self, call: &Call, sent: &[(String, String)]) {
        let minutes = field(sent, "SnapshotCopyCompletionDurationMinutes");
        let minutes = minutes.and_then(|it| it.parse().ok());
        let mut tags = values(sent, "TagSpecification.", ".Value");
        let versions = tags.find_map(|it| self.wanted.get(it));
        let versions = versions.into_iter().flatten();
        let mut copied = versions.filter(|it| it.source == Source::Image);
        let is_asked = match call.region == REGION {
            true => copied.any(|it| it.minutes == minutes),
            false => minutes.is_none(),
        };
        if !is_asked {
            let what = format!("no manifest wants a copy to take {minutes:?} minutes");
            self.wrong(call, &what);
        }
    }

    /// An AMI is stored where the stack opens that, with the tags that its manifest says.
    fn judge_storing(&mut self, call: &Call, sent: &[(String, String)]) {
        if !self.given(call).stores {
            self.wrong(call, "an AMI is stored, and nobody opened that");
        }
        let id = field(sent, "ImageId").unwrap_or_default();
        let keys = values(sent, "S3ObjectTag.", ".Key").collect::<Vec<_>>();
        let is_tagged = keys == [STORE_TAG.0];
        let image = self.images.get(&(call.region.clone(), id.to_owned()));
        let manifest = image.and_then(made_for).map(|(manifest, _)| manifest);
        let versions = manifest.map(|it| self.versions_now(call, it));
        let mut versions = versions.into_iter().flatten().filter(|it| it.store);
        let bucket = field(sent, "Bucket").unwrap_or_default();
        let is_there = |it: &Manifest| it.store_bucket(&self.eyes().bucket) == bucket;
        if !versions.any(|it| it.store_tag == is_tagged && is_there(&it)) {
            let what = format!("no manifest stores {id} in {bucket} tagged {keys:?}");
            self.wrong(call, &what);
        }
    }

    /// What another stack has made is never changed, nor are the snapshots of its AMIs that it has made with them.
    fn judge_neighbor(&mut self, call: &Call, sent: &[(String, String)]) {
        let eyes = self.eyes();
        let ours = format!("s3://{}/", eyes.bucket);
        let is_source = |id: &str| eyes.sources.iter().any(|it| it == id);
        let named = values(sent, "ImageId", "").chain(values(sent, "SnapshotId", ""));
        let mut named = named.chain(values(sent, "ResourceId.", ""));
        let is_theirs = |id: &str| {
            let of_region = self.images.iter().filter(|((of, _), _)| *of == call.region);
            let mut images = of_region.map(|(_, image)| image);
            images.any(|image| {
                let has = image.id == id || image.snapshot_ids().any(|it| it == id);
                has && made_for(image).is_some_and(|(manifest, _)| !manifest.starts_with(&ours))
            })
        };
        let theirs = named.find(|id| !is_source(id) && is_theirs(id));
        if let Some(id) = theirs.map(str::to_owned) {
            self.wrong(call, &format!("{id} is another stack's"));
        }
    }

    /// Remembers the AMIs of a Region as they are now.
    pub(super) fn look(&mut self, region: &str) {
        let now = self.eyes().ec2.images(region);
        for image in now {
            let place = (region.to_owned(), image.id.clone());
            self.images.insert(place, image);
        }
    }

    /// The AMIs of a Region that are there and did not fail.
    pub(super) fn living(&self, region: &str) -> Vec<Image> {
        let mut images = self.eyes().ec2.images(region);
        images.retain(|image| image.state != ImageState::Failed);
        images
    }

    /// The manifest that a request makes something for, by the tags that it sets.
    pub(super) fn made_by(&self, sent: &[(String, String)]) -> Option<String> {
        let ours = format!("s3://{}/", self.eyes().bucket);
        let mut tags = values(sent, "TagSpecification.", ".Value");
        tags.find(|it| it.starts_with(&ours)).map(str::to_owned)
    }

    /// Nothing is made for a manifest of which the stack allows no version.
    fn judge_making(&mut self, call: &Call, sent: &[(String, String)]) {
        let manifest = self.made_by(sent);
        let Some(manifest) = manifest.filter(|it| self.wanted.contains_key(it)) else {
            return;
        };
        if self.refused(call, &manifest).all(|is_refused| is_refused) {
            let what = format!("the stack allows no version of {manifest}");
            self.wrong(call, &what);
        }
    }

    /// Never twice: at no moment there are two AMIs of one version in a Region.
    fn judge_once(&mut self, call: &Call) {
        let images = self.living(&call.region);
        let mut versions: Vec<_> = images.iter().filter_map(made_for).collect();
        versions.sort_unstable();
        let twins = versions.windows(2).find(|pair| pair[0] == pair[1]);
        if let Some((manifest, digest)) = twins.map(|pair| pair[0]) {
            let what = format!("there are two AMIs of {manifest} of version {digest}");
            self.wrong(call, &what);
        }
    }

    /// EC2 copies an AMI to a name that another one has, and whoever launches by that name may get either.
    fn judge_name(&mut self, call: &Call, sent: &[(String, String)]) {
        let manifest = self.made_by(sent);
        if call.action != "CopyImage" || call.region != REGION || manifest.is_none() {
            return;
        }
        let name = field(sent, "Name").unwrap_or_default();
        let mut others = self.living(REGION).into_iter();
        let other = others.find(|it| {
            let is_other = made_for(it).map(|(of, _)| of) != manifest.as_deref();
            let is_seen = call.at.duration_since(it.created_at) > READ_TO_ACT_MAX;
            it.name == name && it.state == ImageState::Available && is_other && is_seen
        });
        if let Some(other) = other {
            let what = format!("{} is named {name}, and so is a copy now", other.id);
            self.wrong(call, &what);
        }
    }

    fn judge_grant(&mut self, call: &Call, sent: &[(String, String)]) {
        let id = field(sent, "ImageId").unwrap_or_default();
        let place = (call.region.clone(), id.to_owned());
        let Some(image) = self.images.get(&place).cloned() else {
            return self.wrong(call, &format!("{id} was never seen"));
        };
        let Some(made) = made_for(&image) else {
            return self.wrong(call, &format!("{id} is not ours"));
        };
        let versions = self.versions_now(call, made.0);
        let added = values(sent, "LaunchPermission.Add.", "");
        for entity in added.map(str::to_owned) {
            if entity == PARTNERS[0] {
                self.claims.offered.remove(&place);
            }
            let asking = versions.iter().filter(|it| is_shared_by(it, &entity));
            let asking: Vec<&Manifest> = asking.collect();
            let is_open = match entity.as_str() {
                "all" => self.given(call).public,
                entity => self.given(call).shares_with(entity),
            };
            let given = self.given(call);
            let is_refused = asking.iter().all(|it| it.is_refused(given));
            if asking.is_empty() {
                self.wrong(call, &format!("no manifest shares {id} with {entity}"));
            } else if self.is_withdrawn(call, made, &entity) {
                let what =
                    format!("{id} is shared with {entity}, and its manifest says so no more");
                self.wrong(call, &what);
            } else if is_refused {
                let what = format!("the stack allows no version that shares {id} with {entity}");
                self.wrong(call, &what);
            } else if is_unsold(&image, &asking) {
                let what = format!("{id} is shared with {entity} before it has its product code");
                self.wrong(call, &what);
            }
            if !is_open {
                self.wrong(
                    call,
                    &format!("{id} is shared with {entity}: nobody opened that"),
                );
            }
        }
    }

    /// Nobody loses what each version gives that counts, nor, unless one says `exact`, what somebody else has given.
    fn judge_revoke(&mut self, call: &Call, sent: &[(String, String)]) {
        let id = field(sent, "ImageId").unwrap_or_default();
        let place = (call.region.clone(), id.to_owned());
        let image = self.images.get(&place).cloned();
        let Some((manifest, _)) = image.as_ref().and_then(made_for) else {
            return;
        };
        let versions = self.versions_now(call, manifest);
        let removed = values(sent, "LaunchPermission.Remove.", "");
        for entity in removed.map(str::to_owned) {
            let keeps = |version: &Manifest| is_shared_by(version, &entity);
            let is_offered =
                entity == PARTNERS[0] && self.claims.offered.get(&place) == Some(&true);
            let is_foreign =
                (entity == STRANGER || is_offered) && !versions.iter().any(|it| it.exact);
            if versions.iter().all(keeps) || is_foreign {
                let what = format!("{id} is taken from {entity}, who is to have it");
                self.wrong(call, &what);
            }
        }
    }

    fn judge_share(&mut self, call: &Call, sent: &[(String, String)]) {
        let id = field(sent, "SnapshotId").unwrap_or_default();
        let of_region = self.images.iter().filter(|((of, _), _)| *of == call.region);
        let users = of_region.map(|(_, image)| image);
        let users: Vec<Image> = users
            .filter(|image| image.snapshot_ids().any(|it| it == id))
            .cloned()
            .collect();
        let added = values(sent, "CreateVolumePermission.Add.", ".UserId");
        for account in added.map(str::to_owned) {
            let is_asked = |image: &Image| {
                let (manifest, _) = made_for(image)?;
                let mut versions = self.versions_now(call, manifest);
                versions.retain(|it| it.copy && it.accounts().any(|it| it == account));
                let asking: Vec<&Manifest> = versions.iter().collect();
                (!asking.is_empty()).then(|| is_unsold(image, &asking))
            };
            let asked: Vec<bool> = users.iter().filter_map(is_asked).collect();
            if asked.is_empty() || !self.given(call).shares_with(&account) {
                self.wrong(call, &format!("no manifest may share {id} with {account}"));
            } else if asked.iter().all(|is_unsold| *is_unsold) {
                let what = format!("{id} is shared with {account} before its AMI has its code");
                self.wrong(call, &what);
            }
        }
    }

    /// Whether manifests may have AMIs and parameters in a call's Region.
    pub(super) fn is_open_region(&self, call: &Call) -> bool {
        let mut opened = self.given(call).copy_regions();
        call.region == REGION || opened.any(|it| it == call.region)
    }

    fn judge_copy(&mut self, call: &Call, sent: &[(String, String)]) {
        let is_open = self.is_open_region(call);
        let manifest = self.made_by(sent).unwrap_or_default();
        let mut versions = self.versions_now(call, &manifest).into_iter();
        let is_asked = versions.any(|it| it.copies().any(|(region, _)| region == call.region));
        if !is_open || !is_asked {
            let what = format!("{manifest} may have no copy here");
            self.wrong(call, &what);
        }
    }
}

/// Whether a version shares its AMI with this account, this organization, or with all.
pub(super) fn is_shared_by(version: &Manifest, entity: &str) -> bool {
    match entity {
        "all" => version.public,
        ORGANIZATION => version.organization,
        UNIT => version.unit,
        account => version.accounts().any(|it| it == account),
    }
}

/// Whether an AMI has no product code yet, although each of these versions says that it is sold.
fn is_unsold(image: &Image, versions: &[&Manifest]) -> bool {
    image.product_codes.is_empty() && versions.iter().all(|it| it.product_code)
}
