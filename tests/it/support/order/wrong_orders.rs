//! The checks find wrong orders: what functions really did, with one call at another place.

mod held;
mod imported;

use localaws::faults::Call;
use localaws::ssm::InvalidValue;

use super::Recorded;
use crate::support::{REGION, TestStack};

const KEY: &str = "golden/web.image.yaml";
const OREGON: &str = "us-west-2";
const PARTNER: &str = "111122223333";
const SETTINGS: &str = "description: Web\nregions: {us-west-2: {}}\nparameters: [/images/web]\n\
                        access: {accounts: ['111122223333'], copy: true}\n";
const RETIRES: &str = "register: {imdsSupport: v2.0}\nreplaces: {previous: deregister}\n";
const DEPRECATES: &str = "register: {imdsSupport: v2.0}\nreplaces: {previous: deprecate}\n";
const DELETES: &str =
    "register: {imdsSupport: v2.0}\nreplaces: {previous: deregister, snapshots: delete}\n";

/// What happened while a version was published in two Regions, and then replaced by another.
async fn recorded(then: &str) -> Recorded {
    changed(&format!("{SETTINGS}{then}")).await
}

/// What happened while it was published, and the manifest then changed to these settings.
async fn changed(next: &str) -> Recorded {
    let stack = TestStack::built(|builder| {
        builder
            .parameter("ShareWith", "*")
            .parameter("CopyRegions", OREGON)
            .parameter("ParameterPrefix", "/images")
            .parameter("AllowRetire", "true")
    })
    .await;
    let manifest = |settings: &str| stack.manifest("web-{digest}") + settings;
    stack.drop_and_rest(KEY, manifest(SETTINGS)).await;
    stack.drop_and_rest(KEY, manifest(next)).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    let uploads = stack.uploads.lock().unwrap().clone();
    let recorded = Recorded::of(&stack.world, &uploads);
    assert_eq!(recorded.violations(), [""; 0]);
    recorded
}

/// A call of a function in a Region, by its action.
fn is(region: &'static str, action: &'static str) -> impl Fn(&Call) -> bool {
    move |call| call.function.is_some() && call.region == region && call.action == action
}

/// A change of who has a snapshot's content.
fn revokes(call: &Call) -> bool {
    let mut accounts = call.values("CreateVolumePermission.Remove.", ".UserId");
    call.function.is_some() && call.region == OREGON && accounts.any(|it| it == PARTNER)
}

impl Recorded {
    fn first(&self, is_meant: impl Fn(&Call) -> bool) -> usize {
        self.calls.iter().position(is_meant).unwrap()
    }

    fn last(&self, is_meant: impl Fn(&Call) -> bool) -> usize {
        self.calls.iter().rposition(is_meant).unwrap()
    }

    /// The same, with the call at one place made at another.
    fn moved(&self, from: usize, to: usize) -> Self {
        let mut other = self.clone();
        let call = other.calls.remove(from);
        other.calls.insert(to, call);
        for (call, place) in other.calls.iter_mut().zip(&self.calls) {
            (call.number, call.at) = (place.number, place.at);
        }
        other
    }

    /// The same, if the validation of a parameter's value had failed.
    fn invalid(&self, put: usize) -> Self {
        let put = &self.calls[put];
        let field = |name| put.field(name).unwrap().to_owned();
        let mut other = self.clone();
        other.invalid.push(InvalidValue {
            region: put.region.clone(),
            name: field("Name"),
            value: field("Value"),
            at: put.at,
        });
        other
    }

    /// The same, if these calls had not been made.
    fn without(&self, is_left_out: impl Fn(&Call) -> bool) -> Self {
        let mut other = self.clone();
        other.calls.retain(|call| !is_left_out(call));
        other
    }
}

fn assert_found(recorded: &Recorded, what: &[&str]) {
    let wrong = recorded.violations();
    let is_found = |it: &String| what.iter().all(|word| it.contains(word));
    assert!(
        wrong.iter().any(is_found),
        "{what:?} is not among {wrong:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_release_before_another_region_is_verified_is_found() {
    let recorded = recorded(RETIRES).await;
    let put = recorded.last(is(REGION, "PutParameter"));
    // In the stack's Region all is as it should be: only the copy was not looked at after it was changed.
    let changed = recorded.last(is(OREGON, "ModifyImageAttribute"));
    let read = recorded.calls[changed].number;
    let is_read = |call: &Call| {
        is(OREGON, "DescribeImages")(call)
            && (read..recorded.calls[put].number).contains(&call.number)
    };
    let found = ["released in us-east-1 before", "verified in us-west-2"];
    assert_found(&recorded.without(is_read), &found);
    // It was changed once more.
    assert_found(&recorded.moved(changed, put - 1), &found);
    // There is none yet.
    let mut other = recorded.clone();
    let number = recorded.calls[put].number;
    for image in other.images.get_mut(OREGON).unwrap() {
        image.created_at = recorded.calls.last().unwrap().at;
    }
    assert!(recorded.calls[put].number == number);
    assert_found(&other, &found);
}

#[tokio::test(start_paused = true)]
async fn an_ami_that_goes_before_its_parameter_was_seen_to_be_moved_is_found() {
    for (then, action) in [
        (RETIRES, "DeregisterImage"),
        (DELETES, "DeleteSnapshot"),
        (DEPRECATES, "EnableImageDeprecation"),
    ] {
        let recorded = recorded(then).await;
        for region in [REGION, OREGON] {
            if action == "DeleteSnapshot" && region == REGION {
                // The manifest names it: it stays.
                continue;
            }
            let put = recorded.last(is(region, "PutParameter"));
            let retired = recorded.first(is(region, action));
            assert!(put < retired);
            let found = [action, "before /images/web was confirmed", region];
            assert_found(&recorded.moved(retired, put + 1), &found);
            let is_read = |call: &Call| {
                is(region, "GetParameters")(call) && call.number > recorded.calls[put].number
            };
            assert_found(&recorded.without(is_read), &found);
            let found = [action, "retired while /images/web named it"];
            assert_found(&recorded.moved(retired, put), &found);
            // SSM has not taken the new value.
            assert_found(&recorded.invalid(put), &found);
            // It has never taken the old one.
            let first = recorded.first(is(region, "PutParameter"));
            let wrong = recorded.invalid(first).moved(retired, put);
            let wrong = wrong.violations();
            assert!(!wrong.iter().any(|it| it.contains(found[1])), "{wrong:#?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_share_that_ends_before_its_ami_is_deregistered_is_found() {
    let recorded = recorded(RETIRES).await;
    let (gone, revoked) = (
        recorded.last(is(OREGON, "DeregisterImage")),
        recorded.last(revokes),
    );
    assert!(gone < revoked);
    let found = ["was revoked from 111122223333 before", "was deregistered"];
    let early = recorded.moved(revoked, gone);
    assert_found(&early, &found);
    // Nobody has the AMI any more: nobody is to have its snapshot.
    let mut taken_back = early.clone();
    let share = taken_back.first(|call| {
        is(OREGON, "ModifyImageAttribute")(call)
            && call
                .values("LaunchPermission.Add.", ".UserId")
                .any(|it| it == PARTNER)
    });
    let mut ends = taken_back.calls[share].clone();
    for (name, _) in &mut ends.fields {
        *name = name.replace(".Add.", ".Remove.");
    }
    (ends.number, ends.at) = (early.calls[gone].number, early.calls[gone].at);
    taken_back.calls.insert(gone, ends);
    let wrong = taken_back.violations();
    assert!(
        !wrong.iter().any(|it| it.contains("was deregistered")),
        "{wrong:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_ami_that_is_shared_before_its_snapshots_is_found() {
    let recorded = recorded(RETIRES).await;
    let shared = recorded.first(is(OREGON, "ModifySnapshotAttribute"));
    let is_shared = |call: &Call| {
        let mut fields = call.fields.iter();
        is(OREGON, "ModifyImageAttribute")(call)
            && fields.any(|(name, value)| name.contains(".Add.") && value == PARTNER)
    };
    let image = recorded.first(is_shared);
    assert!(shared < image);
    // That AMI was deregistered since.
    let found = ["was shared with 111122223333 before its snap-"];
    assert_found(&recorded.moved(image, shared), &found);
}
