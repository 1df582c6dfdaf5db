//! What emails say of the AMIs of earlier versions. Their whole texts are in [`super::emails`].

use super::emails::assert_email;
use super::retire::{DEPRECATE, seen_as};
use super::*;
use crate::image::outcome::Retired;
use crate::image::publish::retire::{Plan, Shown, plan, targets};
use crate::image::status::PreviousVersion;
use crate::image::words::{State, Step};

/// An earlier version that has an AMI.
fn earlier(image: &str, sha256: Option<&str>) -> PreviousVersion {
    let image = RegionStatus::pending(image.to_owned());
    PreviousVersion {
        digest: Some("0000".to_owned()),
        bundle: sha256.map(bundle),
        ..earlier_version(image)
    }
}

#[test]
fn completed_after_a_previous_version() {
    for (name, sha256) in [
        ("completed-previous-kept", "b1b1b1b1"),
        ("completed-previous-invalid", "b0b0b0b0"),
    ] {
        let mut status = accepted(SourceKind::Bundle);
        status.previous = vec![earlier("ami-0", Some(sha256))];
        advance(&mut status, bundle_checked("b1b1b1b1"), 1);
        advance(&mut status, image_registered(), 1);
        poll_image(&mut status, Some(&seen("available")), 2);
        assert_email(name, &status);
    }
}

/// What the email says that goes out while an available image's earlier AMIs are retired.
fn text_while_retiring(replaces: bool, previous: Vec<PreviousVersion>) -> String {
    let mut status = accepted(SourceKind::Snapshot);
    status.previous = previous;
    advance(&mut status, image_registered(), 1);
    poll_image(&mut status, Some(&seen("available")), 2);
    status.replaces = replaces;
    (status.state, status.build.step) = (State::Working, Step::Retire);
    of_now(status).text
}

#[test]
fn all_earlier_amis_that_are_being_retired_are_named() {
    let mut gone = earlier("ami-6", None);
    let image = gone.regions.get_mut(REGION).unwrap();
    image.retiring.deregistered_at = Some(after(0));
    let previous = vec![gone, earlier("ami-7", None), earlier("ami-8", None)];
    let text = text_while_retiring(true, previous);
    let all = format!(
        "The previous AMIs, ami-8 in {REGION}, ami-7 in {REGION}, are being retired: another email tells how that ends.\n"
    );
    assert!(text.contains(&all), "{text}");

    let text = text_while_retiring(true, vec![earlier("ami-8", None)]);
    let one = format!("The previous AMI, ami-8 in {REGION}, is being retired");
    assert!(text.contains(&one), "{text}");
}

/// One that an earlier version has dealt with stays as it is: no other email will tell of it.
#[test]
fn an_earlier_ami_that_was_dealt_with_is_not_said_to_be_retired() {
    let mut dealt_with = earlier("ami-7", None);
    dealt_with.is_dealt_with = true;
    let text = text_while_retiring(true, vec![dealt_with, earlier("ami-8", None)]);
    let one = format!("The previous AMI, ami-8 in {REGION}, is being retired");
    assert!(text.contains(&one) && !text.contains("ami-7"), "{text}");
}

/// It was announced, and not with each change of settings.
#[test]
fn an_earlier_ami_that_is_deprecated_already_is_told_of_once() {
    let mut status = available();
    status.previous = vec![earlier("ami-8", None)];
    status.replaces = true;
    let deprecated = seen_as(Shown {
        is_ours: true,
        protection: "disabled".to_owned(),
        deprecate_at: Some(after(-60)),
        ..Shown::default()
    });
    let seen = |status: &Status| [(targets(status).remove(0), deprecated.clone())];
    let begin = |status: &mut Status| {
        (status.state, status.build.step) = (State::Working, Step::Retire);
        status.retired.clear();
    };
    begin(&mut status);
    let announced = of_now(status.clone()).text;
    assert!(announced.contains("another email tells"), "{announced}");
    let retired = Retired {
        ended: plan(DEPRECATE, &seen(&status), after(10)).ended,
        is_finished: true,
        ..Retired::default()
    };
    advance(&mut status, Evidence::Retired(retired), 10);
    let text = newest(&status).text;
    assert!(text.contains("ami-8 deprecated\n"), "{text}");

    begin(&mut status);
    let announced = of_now(status.clone()).text;
    assert!(!announced.contains("another email tells"), "{announced}");
    assert_eq!(plan(DEPRECATE, &seen(&status), after(20)), Plan::default());
}

/// A version that replaces none ends what was begun, and keeps the others.
#[test]
fn an_earlier_ami_that_is_kept_is_not_said_to_be_retired() {
    let mut begun = earlier("ami-7", None);
    let image = begun.regions.get_mut(REGION).unwrap();
    image.retiring.asked_at = Some(after(0));
    let text = text_while_retiring(false, vec![begun, earlier("ami-8", None)]);
    for line in [
        format!("The previous AMI, ami-7 in {REGION}, is being retired"),
        format!("The previous AMI is kept: ami-8 in {REGION}.\n"),
    ] {
        assert!(text.contains(&line), "{text}");
    }
    assert!(!text.contains("was not finished"), "{text}");
}

/// The last version of which there are AMIs is meant, wherever the last one's are gone.
#[test]
fn a_previous_ami_that_is_gone_says_nothing_of_the_one_before() {
    let mut status = accepted(SourceKind::Bundle);
    let kept = earlier("ami-8", None);
    let mut gone = earlier("ami-9", Some("b0b0b0b0"));
    let image = gone.regions.get_mut(REGION).unwrap();
    image.retiring.deregistered_at = Some(after(0));
    status.previous = vec![kept, gone];
    advance(&mut status, bundle_checked("b1b1b1b1"), 1);
    advance(&mut status, image_registered(), 1);
    poll_image(&mut status, Some(&seen("available")), 2);
    assert!(!status.invalidates_previous());
    let notice = status.notices.first().unwrap();
    let text = crate::image::message::compose(&status, notice, SENDER).text;
    assert!(
        text.contains("The previous AMI is kept: ami-8 in"),
        "{text}"
    );
}

/// The version that began to retire it is removed, and another one has ended otherwise than it said.
#[test]
fn a_previous_ami_that_may_have_been_deprecated_is_said_to_be() {
    let mut status = accepted(SourceKind::Snapshot);
    let mut one = earlier("ami-8", None);
    let image = one.regions.get_mut(REGION).unwrap();
    image.retiring.deprecate_at = Some(after(2));
    status.previous = vec![one];
    advance(&mut status, image_registered(), 1);
    poll_image(&mut status, Some(&seen("available")), 2);
    let text = of_now(status.clone()).text;
    let told = format!("The previous AMI, ami-8 in {REGION}, is being retired: another email");
    assert!(text.contains(&told), "{text}");
    assert!(!text.contains("The previous AMI is kept"), "{text}");
    status.state = State::Failed;
    let text = of_now(status).text;
    let told = format!("{REGION}: ami-8 was to be retired, and is kept; EC2 was asked before");
    assert!(text.contains(&told), "{text}");
    assert!(text.contains("it may be deprecated: check it"), "{text}");
}

/// Its bundle was overwritten, too: what is known of its registration matters more.
#[test]
fn a_previous_ami_that_is_no_longer_valid_is_said_to_be_although_it_may_be_deprecated() {
    let mut status = accepted(SourceKind::Bundle);
    let mut one = earlier("ami-8", Some("b0b0b0b0"));
    let image = one.regions.get_mut(REGION).unwrap();
    image.retiring.deprecate_at = Some(after(2));
    status.previous = vec![one];
    advance(&mut status, bundle_checked("b1b1b1b1"), 1);
    advance(&mut status, image_registered(), 1);
    poll_image(&mut status, Some(&seen("available")), 2);
    for state in [State::Working, State::Incomplete] {
        status.state = state;
        let text = of_now(status.clone()).text;
        assert!(text.contains("The previous AMI, ami-8 in"), "{text}");
        assert!(text.contains("no longer valid (RegisterImage)"), "{text}");
        let is_told = text.contains("it may be deprecated: check it");
        assert_eq!(is_told, state.is_final(), "{text}");
    }
}

/// People were told that those are being retired, and the next version is not all that its manifest says.
#[test]
fn earlier_amis_whose_retiring_did_not_end_are_said_to_be_kept() {
    let mut status = accepted(SourceKind::Snapshot);
    status.previous = vec![earlier("ami-7", None), earlier("ami-8", None)];
    advance(&mut status, image_registered(), 1);
    poll_image(&mut status, Some(&seen("available")), 2);
    status.state = State::Failed;
    let kept = |status: &Status| {
        let text = of_now(status.clone()).text;
        let line = text.lines().find(|it| it.starts_with("The previous AMI"));
        line.unwrap().to_owned()
    };
    status.replaces = false;
    assert_eq!(
        kept(&status),
        format!("The previous AMI is kept: ami-8 in {REGION}.")
    );
    status.replaces = true;
    let both = format!("The previous AMIs are kept: ami-8 in {REGION}, ami-7 in {REGION}.");
    assert_eq!(kept(&status), both);
    status.previous[0].is_dealt_with = true;
    status.deregisters_previous = false;
    assert_eq!(
        kept(&status),
        format!("The previous AMI is kept: ami-8 in {REGION}.")
    );
}
