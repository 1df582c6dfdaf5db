//! What is left in AWS besides the AMI that an email is about: of an image that did not come to be, and of earlier versions.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::quoting::{more, word};
use super::retiring::{begun_text, unnamed_text};
use super::waiting::{not_listed, orphan_text};
use crate::image::observed::MANIFEST_TAG;
use crate::image::ownership::is_previous;
use crate::image::status::{Failure, Orphan, OrphanReason, PreviousVersion, RegionStatus, Status};
use crate::image::words::{FailureKind, NoticeKind, Step};

const LEFT_OVER: &str = "\nThese may be left over in AWS and could not be deleted. Delete them manually, AMIs before \
                         their snapshots:\n";
const UNPROVEN: &str = "\nThese may be left over, too, but nothing in EC2 proves that they were made for this image. They \
                        were not touched.\nFind out whose they are before you delete any:\n";

const FORGOTTEN: &str = "\nThese earlier AMIs were to be retired, and are not retired automatically any more: amiwright remembers \
                         ten\nearlier versions, and more than that came before they could be retired. They are kept. If \
                         nothing uses them,\nderegister them manually:\n";

const UNSEEN_COPIES: &str = "\nEC2 was asked for these copies, and its answer was lost. None was found since, and they may be there all the \
                             same:\n";

/// What became of all that was made for an image that did not come to be.
pub(super) fn clean_up_text(status: &Status, kind: NoticeKind, listed: usize) -> String {
    if !status.build.orphans.is_empty() {
        return orphans_text(&status.build.orphans, listed);
    }
    let words = if !status.build.deleted.is_empty() {
        "What had been made for it in AWS was deleted (see Deleted)."
    } else if status.build.step == Step::CleanUp && is_lost(status) {
        "Nothing of it was found in AWS."
    } else if status.build.step == Step::CleanUp && is_kept_of_earlier(status) {
        "The AMI was made by an earlier attempt and is kept as it is."
    } else if status.build.step == Step::CleanUp {
        "Nothing of it was left over in AWS."
    } else if is_disabled(status) {
        "Nothing was deleted: the AMI is kept as it is."
    } else if kind == NoticeKind::Cancelled {
        "Nothing had been made for it in AWS."
    } else {
        return String::new();
    };
    format!("\n{words}\n")
}

/// Whether the AMI that it was to have is one that an earlier attempt had made.
fn is_kept_of_earlier(status: &Status) -> bool {
    let mut images = status.regions.values().map(|it| &it.image);
    images.any(|image| is_previous(status, image))
}

/// Whether its task is not listed any more, and may run all the same.
fn is_lost(status: &Status) -> bool {
    let failure = status.build.failure.as_ref();
    failure.is_some_and(|it| matches!(it.kind, FailureKind::TaskLost))
}

/// Whether it failed because somebody had disabled its AMI before it was published.
fn is_disabled(status: &Status) -> bool {
    let failure = status.build.failure.as_ref();
    let is_it = |it: &Failure| matches!(it.kind, FailureKind::ImageDisabled { .. });
    !status.is_built() && failure.is_some_and(is_it)
}

/// What may be left over, separated by whether it is known to be the image's own.
fn orphans_text(orphans: &[Orphan], listed: usize) -> String {
    let is_unproven = |orphan: &&Orphan| orphan.reason == OrphanReason::Unproven;
    let (unproven, kept): (Vec<_>, Vec<_>) = orphans.iter().partition(is_unproven);
    let mut text = String::new();
    for (orphans, words) in [(kept, LEFT_OVER), (unproven, UNPROVEN)] {
        if !orphans.is_empty() {
            text.push_str(words);
        }
        for orphan in orphans.iter().take(listed) {
            let why = orphan_text(&orphan.reason);
            let _ = writeln!(text, "  - {}: {why}", word(&orphan.what));
        }
        if let Some(more) = more(orphans.len().saturating_sub(listed)) {
            let _ = writeln!(text, "  {more}");
        }
    }
    text
}

/// What becomes of the AMIs of earlier versions.
pub(super) fn previous_text(status: &Status, listed: usize) -> String {
    let is_retiring = status.build.step.retires() && !status.state.is_final();
    let is_invalid = status.invalidates_previous();
    let mut begun = status.begun_previous();
    let mut text = match is_retiring && !is_invalid {
        true => retiring_text(status, listed),
        false => String::new(),
    };
    if text.is_empty() || !status.replaces {
        // That the registration is no longer valid is told of those, too, that are being retired, or may only be deprecated.
        let is_told_here = |it: &RegionStatus| {
            is_invalid && (is_retiring || it.retiring.is_only_deprecation_begun())
        };
        let mut told_later = begun.clone();
        told_later.retain(|(_, it)| !is_told_here(it));
        text.push_str(&last_previous_text(status, &told_later, listed));
    }
    // What becomes of AMIs that are being retired is told once that is known.
    if is_retiring {
        begun.clear();
    }
    begun.extend(status.left_unprotected());
    if !begun.is_empty() {
        text.push_str("\nRetiring these AMIs was begun, and was not finished:\n");
    }
    for (region, it) in begun.iter().take(listed) {
        let (region, image, state) = (word(region), word(&it.image), begun_text(it));
        let _ = writeln!(text, "  - {region}: {image} {state}");
    }
    if let Some(more) = more(begun.len().saturating_sub(listed)) {
        let _ = writeln!(text, "  {more}");
    }
    text.push_str(&forgotten_text(status, listed));
    text
}

/// The copies that may be there and that nobody has seen: their Region is closed meanwhile, or has not answered for hours.
pub(super) fn unseen_copies_text(status: &Status, listed: usize) -> String {
    let copies = status.unseen_copies();
    if copies.is_empty() {
        return String::new();
    }
    let mut text = UNSEEN_COPIES.to_owned();
    for (region, is_earlier, asked_at) in copies.iter().take(listed) {
        let of = if *is_earlier {
            ", of an earlier version"
        } else {
            ""
        };
        let _ = writeln!(text, "  - {}{of}, asked for at {asked_at}", word(region));
    }
    if let Some(more) = more(copies.len().saturating_sub(listed)) {
        let _ = writeln!(text, "  {more}");
    }
    let manifest = word(&status.manifest.uri());
    let _ = write!(
        text,
        "amiwright searches for them whenever it publishes the AMI, in Regions that the stack's parameter CopyRegions lists.\n\
         In others, look for AMIs with the tag {MANIFEST_TAG} = {manifest}.\n"
    );
    text
}

/// The AMIs of earlier versions that no version retires any more, until a notice names them.
fn forgotten_text(status: &Status, listed: usize) -> String {
    let forgotten: Vec<_> = status.forgotten_previous().collect();
    let unnamed = status.unnamed_forgotten();
    if (forgotten.is_empty() && unnamed == 0) || status.forgotten.told {
        return String::new();
    }
    let mut text = FORGOTTEN.to_owned();
    for it in forgotten.iter().take(listed) {
        let (image, region) = (word(&it.image), word(&it.region));
        let _ = writeln!(text, "  - {image} in {region}");
    }
    if let Some(more) = more(forgotten.len().saturating_sub(listed)) {
        let _ = writeln!(text, "  {more}");
    }
    if unnamed > 0 {
        let _ = writeln!(text, "  - {}", unnamed_text(unnamed));
    }
    text
}

/// The AMIs of earlier versions that are being retired, the newest first: those with which nothing is done yet, or of which that
/// was begun.
fn retiring_text(status: &Status, listed: usize) -> String {
    let is_current = |image: &str| status.regions.values().any(|it| it.image == image);
    let is_meant = |version: &PreviousVersion, known: &RegionStatus| {
        let is_left = status.replaces && is_left_to_retire(status, version, known);
        known.retiring.is_begun() || is_left
    };
    let (mut seen, mut images) = (BTreeSet::new(), Vec::new());
    for version in status.previous.iter().rev() {
        for (region, known) in version.images() {
            // The last version knows best of an AMI that was several versions'.
            let is_new = seen.insert(&known.image) && !is_current(&known.image);
            if is_new && is_meant(version, known) && !known.is_known_to_be_gone() {
                images.push((region, known));
            }
        }
    }
    let count = images.len();
    let list = listed_images(images.into_iter(), listed);
    let are = match count {
        0 => return String::new(),
        1 => format!("AMI, {list}, is"),
        _ => format!("AMIs, {list}, are"),
    };
    format!("\nThe previous {are} being retired: another email tells how that ends.\n")
}

/// What becomes of the AMIs of the version before, without those whose retiring was `begun`; and where the manifest says `replaces`,
/// of those of all versions before that which nobody has retired: people may have been told that they are being retired.
fn last_previous_text(
    status: &Status,
    begun: &[(&String, &RegionStatus)],
    listed: usize,
) -> String {
    // One that had to go first is told of separately.
    let Some(last) = status.last_previous() else {
        return String::new();
    };
    let is_begun = |it: &RegionStatus| begun.iter().any(|(_, begun)| begun.image == it.image);
    let is_current = |it: &RegionStatus| status.regions.values().any(|own| own.image == it.image);
    let is_kept = |it: &RegionStatus| !is_begun(it) && !is_current(it) && !it.is_known_to_be_gone();
    let mut images: Vec<_> = last.images().filter(|(_, it)| is_kept(it)).collect();
    let mut text = String::new();
    if status.invalidates_previous() && !images.is_empty() {
        let list = listed_images(std::mem::take(&mut images).into_iter(), listed);
        text = format!(
            "\nThe previous AMI, {list}, was registered from the same bundle. That has changed, so its registration is\n\
             no longer valid (RegisterImage), and launches of it may fail: deregister it. In a stack whose\n\
             parameter AllowRetire is true, it goes before the next one is registered.\n"
        );
    }
    let of_last = images.len();
    let mut seen: BTreeSet<&String> = last.images().map(|(_, it)| &it.image).collect();
    for version in status.previous.iter().rev() {
        let is_left = |it: &RegionStatus| status.replaces && is_left_to_retire(status, version, it);
        let others = version.images().filter(|(_, it)| seen.insert(&it.image));
        images.extend(others.filter(|(_, it)| is_left(it) && is_kept(it)));
    }
    let are = match images.len() {
        0 => return text,
        1 => "AMI is",
        all if all == of_last => "AMI is",
        _ => "AMIs are",
    };
    let list = listed_images(images.into_iter(), listed);
    let _ = writeln!(text, "\nThe previous {are} kept: {list}.");
    text
}

/// Whether an AMI of an earlier version is to be retired, nobody has dealt with it, and nobody was told why it stays.
fn is_left_to_retire(status: &Status, version: &PreviousVersion, known: &RegionStatus) -> bool {
    let is_left = !version.is_done(status.deregisters_previous);
    (is_left || known.retiring.kept_at.is_some()) && known.retiring.told.is_none()
}

/// AMIs with their Regions.
fn listed_images<'a>(
    images: impl ExactSizeIterator<Item = (&'a String, &'a RegionStatus)>,
    listed: usize,
) -> String {
    let omitted = images.len().saturating_sub(listed);
    let named = images.take(listed).map(|(region, it)| {
        let unlisted = it.unseen_since.map(not_listed);
        let unlisted = unlisted.map(|it| format!(" ({it})")).unwrap_or_default();
        format!("{} in {}{unlisted}", word(&it.image), word(region))
    });
    named
        .chain(more(omitted))
        .collect::<Vec<String>>()
        .join(", ")
}
