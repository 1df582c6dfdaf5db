use super::{accepted, seen};
use crate::image::look::{Look, judge};
use crate::image::observed::{DIGEST_TAG, ObservedImage};

fn other(id: &str) -> ObservedImage {
    let mut image = seen("available");
    image.id = id.to_owned();
    image
}

#[test]
fn nothing_found_is_absent() {
    assert_eq!(judge(&accepted(), &[]), Look::Absent);
}

#[test]
fn ours_is_told_by_both_tags_and_found_twice_is_one() {
    let image = seen("pending");
    let found = [image.clone(), image.clone()];
    assert_eq!(judge(&accepted(), &found), Look::Ours(image));
}

#[test]
fn a_name_without_our_tags_is_taken() {
    let mut image = seen("available");
    image.tags.clear();
    assert_eq!(judge(&accepted(), &[image.clone()]), Look::NameTaken(image));
}

#[test]
fn another_version_with_another_name_is_no_hindrance() {
    let mut image = seen("available");
    image.tags.insert(DIGEST_TAG.to_owned(), "bbbb".to_owned());
    image.name = "web-old".to_owned();
    assert_eq!(judge(&accepted(), &[image]), Look::Absent);
}

#[test]
fn two_of_ours_are_for_a_person_to_judge() {
    let found = [other("ami-2"), other("ami-1")];
    assert_eq!(
        judge(&accepted(), &found),
        Look::Several(vec!["ami-1".to_owned(), "ami-2".to_owned()])
    );
}

#[test]
fn a_deregistered_image_stands_for_nothing_but_a_disabled_one_holds_its_name() {
    assert_eq!(judge(&accepted(), &[seen("deregistered")]), Look::Absent);
    let mut disabled = seen("disabled");
    disabled.tags.clear();
    assert_eq!(
        judge(&accepted(), &[disabled.clone()]),
        Look::NameTaken(disabled)
    );
}
