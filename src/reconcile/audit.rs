//! The audit of a finished image: what EC2 shows of its AMI now, compared with what its manifest says. Nothing is changed
//! in EC2: what is to be repaired is published again, by the steps that publish.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt};

use super::arrival::{had_no_manifest, is_outdated};
use super::build::bundle_is_replaced;
use super::context::{Context, Error, REGIONS_AT_ONCE};
use super::described::Described;
use super::draft::change;
use super::execute::observe::{Look, look};
use super::parameters::Parameters;
use super::proof::is_own_image;
use super::spec::Spec;
use crate::aws::{AwsError, Saved, Which};
use crate::image::apply::{self, Audit, Compared};
use crate::image::plan::{self, Next};
use crate::image::publish::audit::{self as compared, is_auditable};
use crate::image::publish::{Asked, Observation, Observed};
use crate::image::status::{Drift, ParameterId, Status};
use crate::image::words::{SourceKind, State};
use crate::limits;
use crate::manifest::image::PublishSpec;
use crate::manifest::sha256_hex;
use crate::metrics::Metric;
use crate::status_store::{self, Loaded};

/// A finished image that is to be audited.
#[derive(Debug)]
pub(crate) struct Candidate {
    loaded: Loaded,
    spec: Box<PublishSpec>,
    /// The name that its AMI has; none where the manifest does not say that.
    name: Option<String>,
}

/// What a status says about auditing its image.
#[derive(Debug)]
pub(crate) enum Auditing {
    /// It is to be audited.
    Now(Box<Candidate>),
    /// It is not to be audited now.
    No,
    /// Another version was uploaded, and its event may be lost: that comes first.
    Outdated,
}

impl Candidate {
    /// The key of its manifest.
    pub(crate) fn manifest_key(&self) -> &str {
        &self.loaded.status.manifest.key
    }

    /// Its AMIs, with their Regions.
    pub(crate) fn images(&self) -> impl Iterator<Item = (&str, &str)> {
        let asked = |region: &&String| {
            self.spec.regions.contains_key(*region)
                || !self.loaded.status.copies.contains_key(*region)
        };
        let all = self.loaded.status.regions.iter();
        let all = all.filter(move |(region, _)| asked(region));
        all.map(|(region, known)| (region.as_str(), known.image.as_str()))
    }

    /// The parameters that are to point to them, of those that were written before.
    pub(crate) fn parameters(&self) -> impl Iterator<Item = &ParameterId> {
        let named = self.loaded.status.release.named();
        let asked = named.filter(|(id, known)| {
            let mut asked = self.spec.parameters.iter();
            known.failure.is_none() && asked.any(|it| it.name == id.name)
        });
        asked.map(|(id, _)| id)
    }
}

/// Whether an image is to be audited, and by what. Who writes a status later than a manifest was uploaded says by that that
/// the upload is known (the sweep relies on it): so the manifest is read as it is now, and not as it was pinned.
///
/// # Errors
/// If S3 fails.
pub(crate) async fn candidate(context: Context<'_>, loaded: Loaded) -> Result<Auditing, Error> {
    let status = &loaded.status;
    if is_without_image(status) && is_outdated(context, status).await? {
        return Ok(Auditing::Outdated);
    }
    if !is_auditable(status, context.now) {
        return Ok(Auditing::No);
    }
    let version = &status.manifest;
    let object = context
        .aws
        .get_object(
            &version.bucket,
            &version.key,
            Which::Current,
            limits::MANIFEST_BYTES,
        )
        .await?;
    // Nothing asks for the AMI any more.
    let Some(object) = object else {
        return Ok(Auditing::No);
    };
    let info = &object.info;
    if info.etag != version.etag || info.modified_at > version.last_uploaded_at() {
        return Ok(Auditing::Outdated);
    }
    if bundle_is_replaced(context, status).await? {
        return Ok(Auditing::Outdated);
    }
    let content = object.content.unwrap_or_default();
    if sha256_hex(&content) != version.sha256 {
        return Ok(Auditing::No);
    }
    let owners = &status.build.source_owners;
    let Ok(spec) = Spec::parse(version, &content, context.config, owners) else {
        // The stack's owner has closed what it asks for: AMIs that are there are left as they are.
        return Ok(Auditing::No);
    };
    let is_named = spec.source_kind() != SourceKind::Vm && spec.contradiction(status).is_none();
    let name = status.build.name.clone().filter(|_| is_named);
    let spec = Box::new(spec.publish().into_owned());
    Ok(Auditing::Now(Box::new(Candidate { loaded, spec, name })))
}

/// Whether an image has ended without an AMI, or without its manifest. An older version of that may be there again, as what was
/// uploaded last, or its delete marker, was deleted: no list shows that.
fn is_without_image(status: &Status) -> bool {
    let has_none = matches!(
        status.state,
        State::Rejected | State::Failed | State::Cancelled
    );
    has_none || had_no_manifest(status)
}

/// Compares one image with what was described, and writes what that comes to. Returns whether its status changed, and what
/// kept a Region from being seen.
///
/// # Errors
/// If S3 fails, or the request rate is used up: then nothing is written.
pub(crate) async fn audit(
    context: Context<'_>,
    candidate: Box<Candidate>,
    described: &Described,
) -> Result<(bool, Option<AwsError>), Error> {
    let Candidate { loaded, spec, name } = *candidate;
    let status = &loaded.status;
    let home = &context.config.region;
    let shown = status.image_in(home);
    let shown = shown.and_then(|known| described.image(home, &known.image)?.ok()?);
    let created_at = shown.and_then(|image| image.created_at);
    let asked = Asked::of_known(&spec, home, created_at, status);
    let mut error = None;
    let (mut observed, mut seen) = (Observed::default(), BTreeMap::new());
    let anew = status.unverified(context.now);
    for (region, look) in look_at_all(context, &anew, &asked, described).await {
        let observation = match look {
            Ok((observation, image)) => {
                seen.extend(image.map(|image| (region.clone(), image)));
                observation
            }
            Err(refused) if refused.is_rate_limited_locally() => return Err(refused.into()),
            Err(refused) => {
                error = error.or(Some(refused));
                Observation::Unknown
            }
        };
        observed.regions.insert(region, observation);
    }
    let mut comparison = compared::compare(&asked, &anew, &observed, context.now);
    let pending = comparison.pending();
    if !pending.is_empty() {
        let read = parameters(context, &pending, described).await?;
        observed.parameters = read.seen;
        comparison = compared::compare(&asked, &anew, &observed, context.now);
        error = error.or(read.errors.into_values().next());
    }
    let mut audited = compared::audit(&comparison, status, &observed, context.now);
    for region in asked.regions.keys() {
        if has_lost_tags(status, described, region, name.as_deref()) {
            audited.untagged(status, region);
        } else if !is_described(status, described, region) {
            audited.unknown.insert(region.clone());
        }
    }
    let audit = Audit {
        about: Compared::of(status),
        audited,
        seen,
        repair: spec.repair,
    };
    Ok((save(context, loaded, &audit).await?, error))
}

/// What SSM shows of these parameters. Those that were not read with those of other images are read apart, but for Regions that do
/// not answer: they would be asked once more for each image.
async fn parameters(
    context: Context<'_>,
    ids: &BTreeSet<ParameterId>,
    described: &Described,
) -> Result<Parameters, Error> {
    let shared = &described.parameters;
    let is_unread = |id: &&ParameterId| !shared.is_seen(id) && described.answers(&id.region);
    let mut read = Parameters::read(context.aws, ids.iter().filter(is_unread)).await;
    if let Some(error) = read.rate_limited() {
        return Err(error.clone().into());
    }
    let seen = shared.seen.iter().filter(|(id, _)| ids.contains(id));
    for (id, seen) in seen {
        let known = read.seen.entry(id.clone());
        known.or_insert_with(|| seen.clone());
    }
    Ok(read)
}

/// Whether EC2 told whether the AMI of a Region is there. What was found of it before stays as it was until then, also where the
/// Region had failed.
fn is_described(status: &Status, described: &Described, region: &str) -> bool {
    let known = status.image_in(region);
    known.is_none_or(|known| matches!(described.image(region, &known.image), Some(Ok(_))))
}

/// Whether the account's AMI of this id has the name that the manifest gives it, which cannot be changed, and not the tags
/// that prove whose it is. That is only told: an id from a status and a name prove too little to change anything.
fn has_lost_tags(status: &Status, described: &Described, region: &str, name: Option<&str>) -> bool {
    let known = status.image_in(region);
    let image = known.and_then(|known| described.image(region, &known.image)?.ok()?);
    image.is_some_and(|image| {
        image.state != "deregistered" && name == Some(&image.name) && !is_own_image(status, image)
    })
}

/// Looks closer at the AMI of each Region that answered. The status is as one whose AMIs are to be looked at again.
async fn look_at_all(
    context: Context<'_>,
    anew: &Status,
    asked: &Asked,
    described: &Described,
) -> Vec<(String, Result<Look, AwsError>)> {
    let mut looks = Vec::new();
    for (region, wanted) in &asked.regions {
        let known = anew.image_in(region);
        let image = known.and_then(|known| described.image(region, &known.image));
        let Some(Ok(image)) = image else {
            continue;
        };
        let (aws, image) = (context.aws.in_region(region), image.cloned());
        looks.push(Box::pin(async move {
            (
                region.clone(),
                look(anew, &aws, &wanted.desired, image).await,
            )
        }));
    }
    let looks = stream::iter(looks).buffer_unordered(REGIONS_AT_ONCE);
    looks.collect().await
}

/// Writes what an audit has seen, unless something else was begun for the image meanwhile. What is to be repaired is marked
/// as open first, so that a tick finds it.
async fn save(context: Context<'_>, loaded: Loaded, audit: &Audit) -> Result<bool, Error> {
    let Context {
        aws, config, now, ..
    } = context;
    let mut after = loaded.status.clone();
    match apply::audited(&mut after, audit, now) {
        Ok(true) => {}
        Ok(false) => return Ok(false),
        Err(problem) => {
            let manifest = &after.manifest.key;
            tracing::error!(manifest, %problem, "what the audit saw cannot be written");
            return Ok(false);
        }
    }
    let mut marker = None;
    // Until its notice is sent, and until it was looked at again, too: a function that dies now must not lose that.
    if plan::next(&after, now) != Next::Finalize {
        let known = after.open_marker.as_deref();
        let marked = status_store::mark_open(aws, config, &after.manifest, known, now);
        // Somebody else's is about to be removed, and then nothing would visit this image: the next audit does it.
        let Saved::Yes(etag) = marked.await? else {
            return Ok(false);
        };
        marker = Some(etag);
    }
    let before = loaded.etag.clone();
    let known = loaded.status.drift.clone();
    let written = change(context, loaded, |status| {
        let changed = apply::audited(status, audit, now).unwrap_or(false);
        if changed && marker.is_some() {
            status.open_marker.clone_from(&marker);
        }
        changed
    })
    .await?;
    let is_written = written.etag != before;
    let exceeds = |drift: &Drift| known.as_ref().is_none_or(|known| drift.exceeds(known));
    if is_written && written.status.drift.as_ref().is_some_and(exceeds) {
        context.measure(|it| it.count(Metric::ImagesDrifted, 1));
    }
    Ok(is_written)
}
