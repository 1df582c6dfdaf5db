//! What is held until something else is done: a snapshot's share until its AMI's has ended, a parameter until its AMI is
//! verified, an AMI until the one that replaces it is. Each with what is not a wrong order, though it looks like one.

use jiff::SignedDuration;
use localaws::ec2::{Image, ImageState};
use localaws::faults::Call;

use super::{KEY, OREGON, PARTNER, RETIRES, assert_found, changed, is, recorded};
use crate::support::REGION;
use crate::support::order::{MANIFEST_TAG, Recorded, Upload, is_about};

/// Nobody else may launch or copy it any more.
const WITHDRAWN: &str = "description: Web\nregions: {us-west-2: {}}\nparameters: [/images/web]\n";

/// A change of who may use what, which adds or removes the other account.
fn shares(region: &'static str, action: &'static str, how: &'static str) -> impl Fn(&Call) -> bool {
    move |call| {
        let mut fields = call.fields.iter();
        let is_meant = |(name, value): &(String, String)| name.contains(how) && value == PARTNER;
        is(region, action)(call) && fields.any(is_meant)
    }
}

fn of_another_manifest(image: &mut Image) {
    let tag = image.tags.get_mut(MANIFEST_TAG).unwrap();
    tag.push_str("-other");
}

impl Recorded {
    /// The same, with one call more, before the one at this place.
    fn with(&self, at: usize, mut call: Call) -> Self {
        let mut other = self.clone();
        let place = &self.calls[at];
        (call.number, call.at) = (place.number, place.at);
        for later in &mut other.calls[at..] {
            later.number += 1;
        }
        for upload in &mut other.uploads {
            upload.number += u64::from(upload.number >= place.number);
        }
        other.calls.insert(at, call);
        other
    }

    /// The same, if somebody had asked for something else just before the call at this place.
    fn asked_before(&self, at: usize) -> Self {
        let mut other = self.clone();
        let place = &self.calls[at];
        let upload = Upload {
            number: place.number - 1,
            at: place.at,
            object: None,
            is_rejected: false,
        };
        let mut uploads = self.uploads.iter();
        let later = uploads.position(|it| it.number >= place.number);
        other
            .uploads
            .insert(later.unwrap_or(self.uploads.len()), upload);
        other
    }

    /// The same, if no function had looked at the AMIs of a Region between the calls at two places.
    fn unseen(&self, region: &'static str, from: usize, to: usize) -> Self {
        let between = self.calls[from].number..self.calls[to].number;
        self.without(|call| is(region, "DescribeImages")(call) && between.contains(&call.number))
    }

    /// The same, with another AMI in a Region, which is like its current one, but for this.
    fn beside(&self, region: &str, change: impl Fn(&mut Image)) -> Self {
        let mut other = self.clone();
        let mut image = self.current(region).clone();
        "ami-beside".clone_into(&mut image.id);
        change(&mut image);
        other.images.get_mut(region).unwrap().push(image);
        other
    }

    /// The same, if the AMI of a Region that was deregistered had been another.
    fn with_gone(&self, region: &str, change: impl Fn(&mut Image)) -> Self {
        let mut other = self.clone();
        let gone = other.gone.get_mut(region).unwrap();
        gone.iter_mut().for_each(change);
        other
    }

    /// The only AMI of a Region that is there in the end.
    fn current(&self, region: &str) -> &Image {
        let [image] = self.images[region].as_slice() else {
            panic!("{:?}", self.images[region]);
        };
        image
    }

    /// The last change of the AMI that is there in the end.
    fn changed_last(&self, region: &'static str) -> usize {
        let id = self.current(region).id.clone();
        let is_change = |call: &Call| !call.is_read() && is_about(call, &id);
        self.last(is_change)
    }
}

fn assert_not_found(recorded: &Recorded, what: &str) {
    let wrong = recorded.violations();
    let is_found = wrong.iter().any(|it| it.contains(what));
    assert!(!is_found, "{what}: {wrong:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_is_revoked_before_its_ami_is_found() {
    let recorded = changed(WITHDRAWN).await;
    let found = "was revoked from 111122223333 before its ami-";
    for region in [REGION, OREGON] {
        let ended = recorded.last(shares(region, "ModifyImageAttribute", ".Remove."));
        let revoked = recorded.last(shares(region, "ModifySnapshotAttribute", ".Remove."));
        assert!(ended < revoked);
        let wrong = recorded.moved(revoked, ended);
        let (revoked, ended) = (ended, ended + 1);
        assert_found(&wrong, &["snap-", found]);

        // The manifest was changed between the two.
        assert_not_found(&wrong.asked_before(ended), found);
        // What ends there was granted after the snapshot was revoked.
        let granted = wrong.first(shares(region, "ModifyImageAttribute", ".Add."));
        let granted = wrong.calls[granted].clone();
        assert_not_found(&wrong.with(ended, granted.clone()), found);
        assert_found(&wrong.with(revoked, granted.clone()), &[found]);
        // That was another AMI's, or another account's.
        for (from, to) in [
            (wrong.current(region).id.as_str(), "ami-other"),
            (PARTNER, "444455556666"),
        ] {
            let mut other = granted.clone();
            for (_, value) in &mut other.fields {
                *value = value.replace(from, to);
            }
            assert_found(&wrong.with(ended, other), &[found]);
        }
        // Another AMI has the snapshot: it may be revoked for that one.
        assert_not_found(&wrong.beside(region, |_| {}), found);
    }
    // Another one was made of it.
    let ended = recorded.last(shares(REGION, "ModifyImageAttribute", ".Remove."));
    let revoked = recorded.last(shares(REGION, "ModifySnapshotAttribute", ".Remove."));
    let wrong = recorded.moved(revoked, ended);
    let registered = wrong.first(is(REGION, "RegisterImage"));
    let again = wrong.calls[registered].clone();
    assert_not_found(&wrong.with(registered, again), found);
}

#[tokio::test(start_paused = true)]
async fn an_ami_that_goes_before_its_successor_is_verified_is_found() {
    let recorded = recorded(RETIRES).await;
    for region in [REGION, OREGON] {
        let retired = recorded.last(is(region, "DeregisterImage"));
        let gone = recorded.calls[retired].field("ImageId").unwrap();
        let new = recorded.current(region).id.as_str();
        let found = format!("{gone} was deregistered before {new} was verified");
        let change = recorded.changed_last(region);
        let unseen = recorded.unseen(region, change, retired);
        let changed_again = recorded.moved(change, retired - 1);
        for wrong in [unseen, changed_again] {
            assert_found(&wrong, &[&found]);
            // What failed is deregistered as soon as that is seen.
            let failed = wrong.with_gone(region, |it| it.state = ImageState::Failed);
            assert_not_found(&failed, &found);
            // It is of another manifest: what is there does not replace it.
            let others = wrong.with_gone(region, of_another_manifest);
            assert_not_found(&others, &found);
            // With two manifests, nobody can tell what replaces what: by the AMIs that are there, or by those that were made.
            assert_not_found(&wrong.beside(region, of_another_manifest), &found);
            let registered = wrong.first(is(REGION, "RegisterImage"));
            let mut other = wrong.calls[registered].clone();
            for (_, value) in &mut other.fields {
                *value = value.replace(KEY, "other.image.yaml");
            }
            other.region = region.to_owned();
            assert_not_found(&wrong.with(registered, other), &found);
        }

        // Beside another AMI, which nobody looked at after it was changed: one of the manifest, of none, or made later.
        let found = format!("{gone} was deregistered before ami-beside was verified");
        let mut other = recorded.calls[change].clone();
        for (_, value) in &mut other.fields {
            *value = value.replace(new, "ami-beside");
        }
        let recorded = recorded.with(retired, other);
        assert_found(&recorded.beside(region, |_| {}), &[&found]);
        assert_not_found(&recorded.beside(region, |it| it.tags.clear()), &found);
        let later = recorded.calls.last().unwrap().at + SignedDuration::from_secs(1);
        let is_later = |image: &mut Image| image.created_at = later;
        assert_not_found(&recorded.beside(region, is_later), &found);
    }
}

#[tokio::test(start_paused = true)]
async fn a_release_before_its_ami_is_verified_or_after_another_went_is_found() {
    let recorded = recorded(RETIRES).await;
    for region in [REGION, OREGON] {
        let put = recorded.last(is(region, "PutParameter"));
        let new = recorded.current(region).id.as_str();
        let found = format!("{new} was released before it was verified");
        let change = recorded.changed_last(region);
        assert_found(&recorded.unseen(region, change, put), &[&found]);
        assert_found(&recorded.moved(change, put - 1), &[&found]);
        assert_not_found(&recorded, &found);
    }
    for region in [REGION, OREGON] {
        let put = recorded.last(is(region, "PutParameter"));
        let new = recorded.current(region).id.as_str();
        let retired = recorded.last(is(region, "DeregisterImage"));
        let gone = recorded.calls[retired].field("ImageId").unwrap();
        let wrong = recorded.moved(retired, put);
        let (retired, put) = (put, put + 1);
        let found = format!("{new} was released after {gone} was retired");
        assert_found(&wrong, &[&found]);
        // It had failed: nobody had launched from it.
        let failed = wrong.with_gone(region, |it| it.state = ImageState::Failed);
        assert_not_found(&failed, &found);
        // The manifest was changed between the two.
        assert_not_found(&wrong.asked_before(put), &found);
        // Another AMI takes its name; not one that was made before.
        let registered = wrong.calls[wrong.first(is(REGION, "RegisterImage"))].clone();
        let registered = Call {
            region: region.to_owned(),
            ..registered
        };
        assert_not_found(&wrong.with(put, registered.clone()), &found);
        assert_found(&wrong.with(retired, registered), &[&found]);
        assert_not_found(&wrong.beside(region, of_another_manifest), &found);
    }
}
