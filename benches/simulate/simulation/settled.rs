//! Whether what rests is what a manifest asks for, or its status says what is not.

use std::collections::BTreeSet;

use amiwright::image::observed::ObservedImage;
use amiwright::image::status::Grantee;
use jiff::ToSpan as _;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::by_drift::{ByHand, WORDS};
use super::excuses::unexplained;
use super::made::{self, Made};
use super::play::Played;
use super::rest::{of_version, wanted_regions};
use super::script::{Manifest, ORGANIZATION, PARTNERS, Protect, Source, Stack, UNIT};
use super::text;
use crate::support::REGION;

/// The last version that was dropped is what the status is about, and its AMI is as it says.
pub(super) async fn check(
    played: &Played,
    (key, manifest): (&str, &Manifest),
    status: &Value,
    wrong: &mut Vec<String>,
) {
    let text_of = manifest.text(key, &played.sources);
    let digest = amiwright::manifest::sha256_hex(text_of.as_bytes());
    let mut say = |what: &str| wrong.push(format!("{key} {what}: {status:#}"));
    if text(status, "/manifest/sha256") != digest {
        say("is about another version than the last one");
        return;
    }
    let (since_upload, since_first) = played.monitor.given_since(&played.stack, key);
    let is_refused = |given: &Stack| manifest.is_refused(given);
    let is_rejected = text(status, "/state") == "rejected";
    // Whose a source is, EC2 is asked once the name is free, unless it is cancelled before.
    let is_taken =
        manifest.source == Source::Theirs && text(status, "/build/failure/kind") == "name-taken";
    // What was begun while it was allowed is not rejected later.
    let is_cancelled = text(status, "/state") == "cancelled" && manifest.source == Source::Theirs;
    // That of an AMI that is there already, as the manifest was set back, EC2 is asked before anything is done with it.
    let is_closed = manifest.source == Source::Theirs
        && text(status, "/build/failure/kind") == "manifest-not-allowed";
    // Nor is anything made of a source of which EC2 is not allowed to say whose it is.
    let is_unseen = manifest.source == Source::Theirs
        && text(status, "/build/failure/kind") == "request-refused"
        && unexplained(&played.script, key, status).is_empty();
    let is_ended = is_taken || is_cancelled || is_closed || is_unseen;
    if since_first.iter().all(is_refused) && !is_rejected && !is_ended {
        say("should be rejected");
    }
    let was_refused = since_first.iter().any(is_refused);
    // An object may be no disk, or a source be gone; the manifest itself is all right.
    if !since_upload.iter().any(is_refused)
        && is_rejected
        && status
            .pointer("/problems/0/line")
            .is_some_and(|it| *it != 0)
    {
        let is_known = status["problems"][0]["path"]
            .as_str()
            .is_some_and(|path| path.starts_with("source"));
        if !is_known {
            say("should not be rejected");
        }
    }
    let state = text(status, "/state");
    if state != "available" && !was_refused {
        let unexplained = unexplained(&played.script, key, status);
        if !unexplained.is_empty() {
            let what = "did not become available although nothing kept it from that";
            say(&format!("{what}: {unexplained:?}"));
        }
    }
    if !["available", "incomplete"].contains(&state) {
        return;
    }
    if manifest.store && state == "available" {
        let image = text(status, "/regions/us-east-1/image");
        let bucket = manifest.store_bucket(&played.stack.bucket);
        let s3 = played.stack.world.s3();
        let stored = s3.get(bucket, &format!("{image}.bin")).await;
        if stored.unwrap().is_none() {
            say("is not stored");
        }
    }
    for region in wanted_regions(manifest) {
        // Without an AMI in the stack's Region none is copied.
        let is_copied = !status["regions"][region].is_null();
        if is_named_as_failed(status, region) || (!is_copied && is_named_as_failed(status, REGION))
        {
            continue;
        }
        let wrong_here = check_region(played, (key, manifest), region, status).await;
        wrong.extend(wrong_here.map(|what| format!("{key} in {region}: {what}: {status:#}")));
    }
}

/// Whether a status says why something about the AMI of a Region is not as its manifest says, and will not be. That it could not
/// be stored it says once all else is done.
fn is_named_as_failed(status: &Value, region: &str) -> bool {
    let of_region = ["regions", "copies"].map(|of| &status[of][region]["failure"]);
    let is_after = ["store-image", "await-store"].contains(&text(status, "/build/step"));
    of_region.iter().any(|failure| !failure.is_null())
        || (!is_after && !status["build"]["failure"].is_null())
}

/// Whether an AMI is as it should be wherever that is required, as far as its status says: then its parameters are set.
fn is_released(status: &Value, manifest: &Manifest) -> bool {
    let copies = manifest.copies().filter(|(_, is_required)| *is_required);
    let mut required = std::iter::once(REGION).chain(copies.map(|(region, _)| region));
    !required.any(|region| is_named_as_failed(status, region))
}

async fn check_region(
    played: &Played,
    (key, manifest): (&str, &Manifest),
    region: &'static str,
    status: &Value,
) -> Option<String> {
    let id = status["regions"][region]["image"].as_str();
    let Some(id) = id else {
        return Some("there is no AMI".to_owned());
    };
    let place = (region, id.to_owned());
    let edits = played.edited.get(&place).cloned().unwrap_or_default();
    let by_hand = ByHand {
        region,
        edits: edits.clone(),
        parameters: &played.edited_parameters,
        drift: &status["drift"],
    };
    // An AMI whose manifest does not pass the checks any more is not audited.
    let is_audited = !manifest.is_refused(&played.given);
    if let Some(is_told) = by_hand.is_told_taken(played, manifest, id) {
        // Disabled while it was being published, it cannot be seen as finished.
        let is_told = !is_audited || is_told;
        return (!is_told)
            .then(|| format!("nobody was told that {id} is gone, or not amiwright's"));
    }
    if is_audited && by_hand.is_told_gone() {
        return Some(format!("{id} is said to be gone, and is not"));
    }
    let images = played.ours(region).await;
    let found = of_version(&images, key, status);
    let [image] = found[..] else {
        return Some(format!("there is not one AMI but {found:#?}"));
    };
    if image.id != id {
        return Some(format!("its AMI is {}", image.id));
    }
    let made = Made {
        region,
        image,
        status,
        edits: &edits,
    };
    // None of that comes from what people change about an AMI.
    let otherwise = made::differences(played, (key, manifest), made).await;
    if !otherwise.is_empty() {
        let otherwise = otherwise.join(", ");
        return Some(format!("{otherwise} of {image:#?}\n{manifest:#?}"));
    }
    let mut differs = differences(played, manifest, region, image, &edits).await.0;
    differs.extend(parameters(played, (key, manifest), status, (region, id)));
    // What was set right again is not said to differ any more.
    let has = |word: &str| differs.iter().any(|it| it == word);
    let is_over = |word: &&&str| {
        let is_there = has(word) || (**word == "grants" && has("public"));
        by_hand.is_told(word) && !is_there
    };
    if is_audited && let Some(word) = WORDS.iter().find(is_over) {
        return Some(format!(
            "{word} differs, as its status says, and does not: {image:#?}"
        ));
    }
    if is_audited && let Some(name) = by_hand.told_and_right(played, id) {
        return Some(format!("{name} points to {id}, and its status says not"));
    }
    let is_repaired = manifest.repair && by_hand.is_repairable();
    let is_left = |word: &String| {
        let may_stay = !is_audited || (by_hand.is_told(word) && !is_repaired);
        by_hand.explains(word) && may_stay
    };
    differs.retain(|word| !is_left(word));
    (!differs.is_empty()).then(|| format!("{} of {image:#?}\n{manifest:#?}", differs.join(", ")))
}

/// What is not as it should be, in words.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    fn unless(&mut self, is_so: bool, what: &str) {
        if !is_so {
            self.0.push(what.to_owned());
        }
    }
}

/// What about an AMI is not as its manifest says.
async fn differences(
    played: &Played,
    manifest: &Manifest,
    region: &'static str,
    image: &ObservedImage,
    edits: &BTreeSet<String>,
) -> Differences {
    let mut differs = Differences::default();
    // What a manifest does not mention others may set.
    let free = |is_mentioned: bool, edit: &str| !is_mentioned && edits.contains(edit);
    differs.unless(image.state == "available", "state");
    differs.unless(
        image.description == manifest.description
            || (manifest.description.is_none() && is_described_by_others(manifest))
            || free(manifest.description.is_some(), "Describe"),
        "description",
    );
    differs.unless(
        image.tags.get("team") == manifest.team.as_ref() || free(manifest.team.is_some(), "Tag"),
        "tags",
    );
    // One with a cooldown ends a day after it was switched off: `disabled after TIME`.
    let protection = match manifest.protect {
        None => "disabled",
        Some(Protect::On) => "enabled-without-cooldown",
        Some(Protect::WithCooldown) => "enabled-with-cooldown",
    };
    differs.unless(
        image.protection.starts_with(protection)
            || (manifest.protect.is_none() && image.protection.is_empty())
            || free(manifest.protect.is_some(), "Protect"),
        "protection",
    );
    differs.unless(
        is_deprecated_as_asked(played, manifest, image).await,
        "deprecation",
    );
    differs.unless(
        made::is_of_source(played, manifest, region, image),
        "source",
    );
    differs.unless(
        has_product_code(played, manifest, region, image),
        "product code",
    );
    differs.unless(
        made::is_registered_as_asked(played, manifest, region, image),
        "registration",
    );
    differs.unless(image.public == manifest.public, "public");
    shares(played, manifest, image, region, &mut differs).await;
    differs
}

/// Who has an AMI and its snapshots that should not, or the other way round.
async fn shares(
    played: &Played,
    manifest: &Manifest,
    image: &ObservedImage,
    region: &'static str,
    differs: &mut Differences,
) {
    let aws = played.stack.aws().in_region(region);
    let granted = aws.launch_permissions(&image.id).await.unwrap();
    let asked = asked(manifest);
    let mut of_manifests: BTreeSet<_> = granted.intersection(&all()).cloned().collect();
    let partner = Grantee::Account(PARTNERS[0].to_owned());
    if played.monitor.is_offered(region, &image.id) && !asked.contains(&partner) {
        of_manifests.remove(&partner);
    }
    differs.unless(of_manifests == asked, "grants");
    if manifest.exact {
        let others = granted.difference(&asked).any(|it| *it != Grantee::Public);
        differs.unless(!others, "exact");
    }
    let readers_asked: BTreeSet<String> = match manifest.copy {
        true => manifest.accounts().map(str::to_owned).collect(),
        false => BTreeSet::new(),
    };
    // Another account alone knows who has its own.
    let own = |it: &&String| **it != played.sources.theirs;
    for snapshot in image.snapshots.iter().filter(own) {
        let readers = aws.snapshot_accounts(snapshot).await.unwrap();
        // The snapshots that manifests are made from belong to somebody, and may have several AMIs.
        let is_so = match played.snapshots_before.contains(snapshot) {
            true => readers.is_superset(&readers_asked),
            false => readers == readers_asked,
        };
        differs.unless(is_so, &format!("{snapshot} is shared with {readers:?}"));
    }
}

/// Whether it is deprecated so many days after the AMI in the stack's Region was made; EC2 rounds to minutes.
async fn is_deprecated_as_asked(
    played: &Played,
    manifest: &Manifest,
    image: &ObservedImage,
) -> bool {
    if let (Some(asked), Some(at)) = (manifest.deprecate_at(), image.deprecate_at) {
        return (at.as_second() - asked.as_second()).abs() <= 60;
    }
    let (Some(days), Some(at)) = (manifest.deprecate, image.deprecate_at) else {
        let is_asked = manifest.deprecate.is_some() || manifest.deprecate_at.is_some();
        return image.deprecate_at.is_some() == is_asked
            || (!is_asked && is_deprecated_as_public(played, image));
    };
    let version = |it: &ObservedImage| {
        let tags = ["amiwright:manifest", "amiwright:digest"];
        tags.map(|tag| it.tags.get(tag).cloned())
    };
    let home = played.ours(REGION).await.into_iter();
    let mut home = home.filter(|it| version(it) == version(image));
    // Of an AMI that is gone nobody knows when it was made.
    let Some(made) = home.find_map(|it| it.created_at) else {
        return true;
    };
    let asked = made.as_second() + i64::from(days) * 24 * 3600;
    // EC2 takes no time that has passed when it is asked for it.
    let is_over = asked <= played.stack.world.clock().now().as_second();
    (at.as_second() - asked).abs() <= 60 || (is_over && at.as_second() > asked)
}

/// Whether it is deprecated two years after it was made, as EC2 deprecates what becomes public itself; who makes it private again
/// leaves it so.
fn is_deprecated_as_public(played: &Played, image: &ObservedImage) -> bool {
    let manifest = image.tags.get("amiwright:manifest");
    let key = manifest.and_then(|it| it.strip_prefix(&format!("s3://{}/", played.stack.bucket)));
    let versions = key.map(|key| played.monitor.versions(&played.stack, key));
    let was_public = versions.into_iter().flatten().any(|it| it.public);
    let (Some(made), Some(at)) = (image.created_at, image.deprecate_at) else {
        return false;
    };
    let latest = made.to_zoned(TimeZone::UTC).checked_add(2.years());
    let latest = latest.map_or(0, |it| it.timestamp().as_second());
    was_public && (at.as_second() - latest).abs() <= 60
}

/// Whether its instances are paid for, if its manifest says so.
fn has_product_code(
    played: &Played,
    manifest: &Manifest,
    region: &str,
    image: &ObservedImage,
) -> bool {
    if !manifest.product_code {
        return true;
    }
    let mut images = played.stack.world.ec2().images(region).into_iter();
    let found = images.find(|it| it.id == image.id);
    found.is_some_and(|it| !it.product_codes.is_empty())
}

/// Whether EC2 describes what it makes from such a source itself, or takes what the source is described as.
pub(super) fn is_described_by_others(manifest: &Manifest) -> bool {
    matches!(manifest.source, Source::Vm | Source::Image | Source::Stored)
}

/// The parameters that do not point to an AMI although nothing has failed that keeps them from that, each by its name.
fn parameters(
    played: &Played,
    (key, manifest): (&str, &Manifest),
    status: &Value,
    (region, id): (&'static str, &str),
) -> Vec<String> {
    // They wait for all Regions that are required.
    if !is_released(status, manifest) {
        return Vec::new();
    }
    let own = Manifest {
        // Another manifest may have it.
        shared_parameter: false,
        ..manifest.clone()
    };
    let mut names = own.parameters(key);
    names.retain(|name| {
        let of_status = &status["release"]["parameters"][format!("{region}:{name}")];
        let value = played.stack.world.ssm().parameter(region, name);
        value.as_deref() != Some(id) && of_status["failure"].is_null()
    });
    names
}

fn asked(manifest: &Manifest) -> BTreeSet<Grantee> {
    let accounts = manifest
        .accounts()
        .map(|it| Grantee::Account(it.to_owned()));
    let organization = manifest
        .organization
        .then(|| Grantee::Organization(ORGANIZATION.to_owned()));
    let unit = manifest
        .unit
        .then(|| Grantee::OrganizationalUnit(UNIT.to_owned()));
    accounts.chain(organization).chain(unit).collect()
}

/// All that manifests name.
fn all() -> BTreeSet<Grantee> {
    let partners = PARTNERS.map(|it| Grantee::Account(it.to_owned()));
    let organization = Grantee::Organization(ORGANIZATION.to_owned());
    let unit = Grantee::OrganizationalUnit(UNIT.to_owned());
    partners.into_iter().chain([organization, unit]).collect()
}
