//! Which AMIs are ours.

use super::*;
use crate::image::observed::ATTEMPT_TAG;
use crate::image::ownership::{
    self, Attempt, CLOCKS, Lookup, attempt_of_version, creation_tags, has_tags, is_later_attempt,
    is_of_other_attempt, is_previous, ownership_tags,
};
use crate::image::status::RegionStatus;

fn other(id: &str) -> ObservedImage {
    ObservedImage {
        id: id.to_owned(),
        ..seen("available")
    }
}

/// Judges what EC2 shows, none of which is about to go.
fn judge(status: &Status, found: &[ObservedImage]) -> Lookup {
    ownership::judge(status, found, |_| false)
}

#[test]
fn nothing_found_is_absent() {
    assert_eq!(judge(&to_be_registered(), &[]), Lookup::Absent);
}

#[test]
fn ours_is_known_by_both_tags_and_found_twice_is_one() {
    let image = seen("pending");
    let found = [image.clone(), image.clone()];
    assert_eq!(judge(&to_be_registered(), &found), Lookup::Ours(image));
    for tag in [MANIFEST_TAG, DIGEST_TAG] {
        let mut image = seen("pending");
        image.tags.remove(tag);
        let taken = Lookup::NameTaken(image.clone());
        assert_eq!(judge(&to_be_registered(), &[image]), taken, "{tag}");
    }
}

#[test]
fn a_name_without_our_tags_is_taken() {
    let mut image = seen("available");
    image.tags.clear();
    assert_eq!(
        judge(&to_be_registered(), &[image.clone()]),
        Lookup::NameTaken(image)
    );
}

#[test]
fn another_version_with_another_name_does_not_matter() {
    let mut image = seen("available");
    image.tags.insert(DIGEST_TAG.to_owned(), "bbbb".to_owned());
    image.name = "web-old".to_owned();
    assert_eq!(judge(&to_be_registered(), &[image]), Lookup::Absent);
}

#[test]
fn two_of_ours_are_for_a_person_to_judge() {
    let found = [other("ami-2"), other("ami-1")];
    let both = vec!["ami-1".to_owned(), "ami-2".to_owned()];
    assert_eq!(judge(&to_be_registered(), &found), Lookup::Several(both));
}

#[test]
fn one_that_is_only_still_shown_counts_where_there_is_no_other() {
    let judge = |found: &[ObservedImage], going: &[&str]| {
        ownership::judge(&to_be_registered(), found, |id| going.contains(&id))
    };
    let ours = ["ami-1", "ami-2", "ami-3"].map(other);
    let is_ours = |image: &ObservedImage| Lookup::Ours(image.clone());
    assert_eq!(judge(&ours, &["ami-1", "ami-2"]), is_ours(&ours[2]));
    assert_eq!(
        judge(&ours, &["ami-1", "ami-2", "ami-3"]),
        is_ours(&ours[0])
    );
    let both = vec!["ami-1".to_owned(), "ami-3".to_owned()];
    assert_eq!(judge(&ours, &["ami-2"]), Lookup::Several(both));

    let named = ours.map(|mut image| {
        image.tags.clear();
        image
    });
    let has_name = |image: &ObservedImage| Lookup::NameTaken(image.clone());
    assert_eq!(judge(&named, &["ami-1"]), has_name(&named[1]));
    assert_eq!(
        judge(&named, &["ami-1", "ami-2", "ami-3"]),
        has_name(&named[0])
    );
}

#[test]
fn ours_counts_more_than_a_name_that_is_taken() {
    let mut taken = other("ami-0");
    taken.tags.clear();
    let found = [taken, other("ami-1")];
    assert_eq!(
        judge(&to_be_registered(), &found),
        Lookup::Ours(other("ami-1"))
    );
}

#[test]
fn a_deregistered_image_counts_for_nothing_but_a_disabled_one_keeps_its_name() {
    assert_eq!(
        judge(&to_be_registered(), &[seen("deregistered")]),
        Lookup::Absent
    );
    let mut disabled = seen("disabled");
    disabled.tags.clear();
    assert_eq!(
        judge(&to_be_registered(), &[disabled.clone()]),
        Lookup::NameTaken(disabled)
    );
}

#[test]
fn what_is_made_has_the_ownership_tags_and_its_attempts() {
    let mut status = registered();
    let made = creation_tags(&status);
    assert!(has_tags(&made, &ownership_tags(&status)));
    assert_eq!(made[MANIFEST_TAG], "s3://images/golden/web.image.yaml");
    assert_eq!(made[ATTEMPT_TAG], "2026-11-21T10:00:00Z 0");
    status = open(Some(status), manifest("bbbb"), after(9));
    assert_eq!(
        creation_tags(&status)[ATTEMPT_TAG],
        "2026-11-21T10:00:00Z 1"
    );
    // Before the version's digest is known, the manifest's stands for it.
    assert_eq!(ownership_tags(&status)[DIGEST_TAG], "bbbb");
}

#[test]
fn a_later_attempt_is_known_by_its_time_and_its_number() {
    let mut status = to_be_registered();
    status.build.attempt = 9;
    let own = creation_tags(&status);
    let uploaded_at = status.manifest.uploaded_at;
    let tagged = |attempt: String| {
        let mut tags = own.clone();
        tags.insert(ATTEMPT_TAG.to_owned(), attempt);
        tags
    };
    assert!(!is_later_attempt(&status, &own));
    assert!(is_later_attempt(
        &status,
        &tagged(format!("{uploaded_at} 10"))
    ));
    assert!(is_later_attempt(
        &status,
        &tagged("2099-01-01T00:00:00Z 0".to_owned())
    ));
    for earlier in [
        format!("{uploaded_at} 8"),
        "2001-01-01T00:00:00Z 99".to_owned(),
        String::new(),
    ] {
        assert!(!is_later_attempt(&status, &tagged(earlier)));
    }
    let mut of_other = tagged("2099-01-01T00:00:00Z 0".to_owned());
    of_other.insert(MANIFEST_TAG.to_owned(), "s3://other/key".to_owned());
    assert!(!is_later_attempt(&status, &of_other));
}

#[test]
fn an_ami_of_another_attempt_is_known_by_its_tags_or_its_age() {
    let status = to_be_registered();
    let started_at = status.build.started_at;
    let own = creation_tags(&status)[ATTEMPT_TAG].clone();
    let is_other = |attempt: Option<&str>, created_at: Option<Timestamp>| {
        let mut tags = ownership_tags(&status);
        tags.extend(attempt.map(|it| (ATTEMPT_TAG.to_owned(), it.to_owned())));
        let image = ObservedImage {
            tags,
            created_at,
            ..seen("available")
        };
        is_of_other_attempt(&status, &image)
    };
    for created_at in [None, Some(started_at), Some(started_at - CLOCKS)] {
        assert!(!is_other(Some(&own), created_at), "{created_at:?}");
        assert!(is_other(Some("2001-01-01T00:00:00Z 0"), created_at));
        // An older amiwright did not set it.
        assert!(!is_other(None, created_at), "{created_at:?}");
    }
    // A status that is written anew without another upload is of the same attempt by name.
    let before = started_at - CLOCKS - SignedDuration::from_secs(1);
    assert!(is_other(Some(&own), Some(before)));
    assert!(is_other(None, Some(before)));
}

#[test]
fn an_attempt_of_this_version_is_known_by_just_the_tags_that_it_gives() {
    let status = to_be_registered();
    let own = creation_tags(&status);
    assert_eq!(
        attempt_of_version(&status, &own),
        Some(Attempt::of(&status))
    );
    let tagged = |key: &str, value: &str| {
        let mut tags = own.clone();
        tags.insert(key.to_owned(), value.to_owned());
        attempt_of_version(&status, &tags)
    };
    let other = Attempt {
        uploaded_at: after(9),
        number: 3,
    };
    assert_eq!(tagged(ATTEMPT_TAG, &other.to_string()), Some(other));
    assert_eq!(tagged(ATTEMPT_TAG, "2026-11-21T10:00:00+00:00 3"), None);
    assert_eq!(tagged(ATTEMPT_TAG, "2026-11-21T10:00:00Z +3"), None);
    assert_eq!(tagged(ATTEMPT_TAG, ""), None);
    assert_eq!(tagged(DIGEST_TAG, "bbbb"), None);
    assert_eq!(tagged(MANIFEST_TAG, "s3://other/key"), None);
}

#[test]
fn what_is_listed_as_previous_is_an_earlier_versions() {
    let mut status = to_be_registered();
    let image = RegionStatus {
        snapshots: vec!["snap-1".to_owned()],
        ..RegionStatus::pending("ami-1".to_owned())
    };
    status.previous = vec![earlier_version(image)];
    for (what, is) in [("ami-1", true), ("snap-1", true), ("ami-2", false)] {
        assert_eq!(is_previous(&status, what), is, "{what}");
    }
}
