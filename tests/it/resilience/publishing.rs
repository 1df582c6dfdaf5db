//! Every call that publishes an AMI goes wrong once, in every way, in the stack's Region and in that of a copy; then the
//! world comes to rest: the AMIs are as asked for, by just the changes that are needed, and the status shows it.

mod picture;

use localaws::ec2::{Era, ImageBlock};
use localaws::faults::{Call, Fault};

use crate::support::{
    BUNDLE_MANIFEST, BUNDLE_PART, DISK, REGION, TestStack, faults, meddle, minutes, vmdk,
};
use picture::{Picture, differences};

const KEY: &str = "golden/web.image.yaml";
const OREGON: &str = "us-west-2";
/// The parameter that points to the AMI of each Region.
const NAME: &str = "/images/web";

const SOLD: &str = "name: web-{digest}\nsource: {bundle: {manifest: web.manifest.xml}}\n";
const REGIONS: &str = "regions: {us-west-2: {}}\n";
const SETTINGS: &str = "description: Web\ntags: {team: web}\naccess: {accounts: ['111122223333'], copy: true}\n\
                        deprecate: {at: 2027-06-01T00:00:00Z}\nprotect: true\n";
const OTHERS: &str = "tags: {cost: a}\naccess: {accounts: ['444455556666'], copy: true}\n\
                      deprecate: {at: 2027-05-01T00:00:00Z}\nprotect: {cooldown: true}\n";
const PUBLIC: &str = "access: {public: true}\n";
const REPLACES: &str = "replaces: {previous: deregister, snapshots: delete}\n";
const RELEASED: &str = "parameters: [/images/web]\n";
const MOVED: &str = "parameters: [/images/web]\nreplaces: {previous: deregister}\n";
const KEPT: &str = "description: Web\ntags: {team: web}\naccess: {accounts: ['111122223333'], copy: true}\n\
                    deprecate: {at: 2027-06-01T00:00:00Z}\nprotect: true\nparameters: [/images/web]\n";
const REPAIRED: &str = "description: Web\ntags: {team: web}\naccess: {accounts: ['111122223333'], copy: true}\n\
                        deprecate: {at: 2027-06-01T00:00:00Z}\nprotect: true\nrepair: true\n\
                        parameters: [{name: /images/web, takeOver: true}]\n";

const DEPRECATES: &str = "replaces: {previous: deprecate}\n";
const KEPT_SNAPSHOTS: &str =
    "access: {accounts: ['111122223333'], copy: true}\nonDelete: deregister\n";
const DELETED_SNAPSHOTS: &str = "access: {accounts: ['111122223333'], copy: true}\n\
                                 onDelete: deregister\nreplaces: {snapshots: delete}\n";
const DEPRECATED: &str = "onDelete: deprecate\n";
const STORED: &str = "store: {bucket: local-bucket}\n";
const CODED: &str = "productCodes: [774F4FF8]\naccess: {accounts: ['111122223333']}\n";

/// What the manifest asks for before, and what happens then.
#[derive(Clone, Copy)]
struct Case {
    before: Option<&'static str>,
    then: Then,
    /// How the subject of the email begins that tells how it ended.
    notice: &'static str,
}

#[derive(Clone, Copy)]
enum Then {
    /// The manifest asks for this.
    Asked(&'static str),
    /// The same, of the AMI of a bundle: only that can be given a product code. It is not copied.
    Sold(&'static str),
    /// The same, of another version.
    Newer(&'static str),
    /// Others have changed all that can be set back, and it is audited.
    Audited,
    /// The manifest is removed.
    Removed,
    /// The same, of an AMI of a disk: its snapshot was made for it, which its tags prove once it is deregistered.
    RemovedOwn,
}

impl Case {
    fn manifest(self, stack: &TestStack, settings: &str) -> String {
        match self.then {
            Then::Sold(_) => format!("{SOLD}{settings}"),
            Then::RemovedOwn => format!("{DISK}{REGIONS}{settings}"),
            _ => format!("{}{REGIONS}{settings}", stack.manifest("web-{digest}")),
        }
    }

    /// The Regions of its AMIs.
    fn regions(self) -> &'static [&'static str] {
        match self.then {
            Then::Sold(_) => &[REGION],
            _ => &[REGION, OREGON],
        }
    }

    /// A world that is at rest before it.
    async fn ready(self) -> TestStack {
        let stack = TestStack::built(|builder| {
            builder
                .parameter("ShareWith", "*")
                .parameter("AllowPublic", "true")
                .parameter("AllowRetire", "true")
                .parameter("CopyRegions", OREGON)
                .parameter("ParameterPrefix", "/images")
                // The cases say when.
                .parameter("AuditSchedule", "rate(3000 days)")
        })
        .await;
        for region in [REGION, OREGON] {
            let ec2 = stack.world.ec2();
            ec2.set_image_block(region, ImageBlock::Unblocked);
        }
        if matches!(self.then, Then::RemovedOwn) {
            stack.drop_silently("golden/web.vmdk", vmdk());
        }
        if matches!(self.then, Then::Sold(_)) {
            stack.world.ec2().set_era(Era::Classic);
            stack.drop_silently("golden/image.part.0", BUNDLE_PART);
            stack.drop_silently("golden/web.manifest.xml", BUNDLE_MANIFEST);
        }
        if let Some(before) = self.before {
            let manifest = self.manifest(&stack, before);
            stack.drop_and_rest(KEY, manifest).await;
        }
        if matches!(self.then, Then::Audited) {
            meddle(&stack, &[REGION, OREGON], NAME).await;
        }
        stack
    }

    async fn play(self, stack: &TestStack) {
        let manifest = match self.then {
            Then::Asked(settings) | Then::Sold(settings) => self.manifest(stack, settings),
            Then::Newer(settings) => {
                self.manifest(stack, settings) + "register: {imdsSupport: v2.0}\n"
            }
            Then::Audited => {
                // What the first did not see, or did not live to repair, is the next one's.
                stack.audit().await;
                return stack.audit().await;
            }
            Then::Removed | Then::RemovedOwn => {
                stack.remove(KEY).await;
                return stack.rest().await;
            }
        };
        stack.drop_and_rest(KEY, manifest).await;
    }
}

/// Whether a call is one of those that go wrong here: EC2's and SSM's, and those by which a function writes down what it is
/// about to do, or has done. Others are other loops' (`faults`, `task_faults`).
fn is_meant(case: Case, call: &Call) -> bool {
    // An audit decides by what it reads of many.
    let is_audited = matches!(case.then, Then::Audited) && call.action == "GetObject";
    let is_status = call.action == "PutObject"
        && call
            .key
            .as_ref()
            .is_some_and(|key| key.starts_with("status/"));
    match call.function.as_deref() {
        None | Some("Notify" | "notify") => false,
        Some(_) => ["ec2", "ssm"].contains(&call.service.as_str()) || is_status || is_audited,
    }
}

/// The faults of each call. A test run tries one of them in turn, at each change and at one of four reads;
/// `AMIWRIGHT_ALL_FAULTS=1 cargo test --test it resilience::publishing` tries them all at each call.
fn planned<'a>(calls: &[&'a Call]) -> Vec<(&'a Call, Vec<Fault>)> {
    let all = faults();
    if std::env::var_os("AMIWRIGHT_ALL_FAULTS").is_some() {
        return calls.iter().map(|call| (*call, all.clone())).collect();
    }
    let mut reads = 0;
    let mut chosen = calls.to_vec();
    chosen.retain(|call| {
        reads += usize::from(call.is_read());
        !call.is_read() || reads % 4 == 1
    });
    let turn = chosen.into_iter().zip(all.iter().cycle());
    turn.map(|(call, fault)| (call, vec![fault.clone()]))
        .collect()
}

async fn whatever_goes_wrong_once(case: Case) {
    let quiet = case.ready().await;
    let (first, told) = (quiet.world.faults().count(), quiet.emails().len());
    case.play(&quiet).await;
    let expected = Picture::of(&quiet, (first, told), case.notice, None).await;
    assert_eq!(expected.notices, 1, "{expected:#?}");
    assert_eq!(expected.twice, [""; 0]);
    let calls = quiet.world.calls();
    let mut meant: Vec<&Call> = calls.iter().filter(|call| is_meant(case, call)).collect();
    meant.retain(|call| call.number > first);
    for region in case.regions() {
        let mut meant = meant.iter();
        assert!(meant.any(|call| call.region == *region), "{region}");
    }
    let mut wrong = Vec::new();
    for (call, faults) in planned(&meant) {
        for fault in faults {
            let stack = case.ready().await;
            assert_eq!(stack.world.faults().count(), first);
            stack.world.faults().at(call.number, fault.clone());
            case.play(&stack).await;
            // An event may be lost with the invocation that it started.
            stack.world.run_for(minutes(16)).await;
            stack.rest().await;
            assert_eq!(stack.world.faults().pending(), 0, "{call:?} did not come");
            let seen = Picture::of(&stack, (first, told), case.notice, Some(&fault)).await;
            if seen != expected {
                let what = format!("call {} ({} {})", call.number, call.region, call.action);
                wrong.push(format!(
                    "{what}, {fault:?}: {}",
                    differences(&seen, &expected)
                ));
            }
        }
    }
    let count = wrong.len();
    wrong.truncate(4);
    assert!(count == 0, "{count} wrong, as {}", wrong.join("\n"));
}

macro_rules! cases {
    ($($name:ident: $before:expr, $then:expr, $notice:literal;)*) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                let case = Case {
                    before: $before,
                    then: $then,
                    notice: $notice,
                };
                whatever_goes_wrong_once(case).await;
            }
        )*
    };
}

cases! {
    an_ami_is_published: None, Then::Asked(SETTINGS), "Available";
    settings_are_added: Some(""), Then::Asked(SETTINGS), "Changed";
    settings_are_changed: Some(SETTINGS), Then::Asked(OTHERS), "Changed";
    settings_are_removed: Some(SETTINGS), Then::Asked(""), "Changed";
    an_ami_becomes_public: Some(""), Then::Asked(PUBLIC), "Changed";
    an_ami_replaces_another: Some(""), Then::Newer(REPLACES), "Previous AMIs retired";
    parameters_are_set: None, Then::Asked(RELEASED), "Available";
    parameters_are_added: Some(""), Then::Asked(RELEASED), "Changed";
    parameters_are_moved: Some(RELEASED), Then::Newer(MOVED), "Available";
    what_others_changed_is_told: Some(KEPT), Then::Audited, "Drifted";
    what_others_changed_is_repaired: Some(REPAIRED), Then::Audited, "Repaired";
    an_ami_is_deprecated_for_another: Some(""), Then::Newer(DEPRECATES), "Previous AMIs retired";
    an_ami_is_stored: Some(""), Then::Asked(STORED), "Changed";
    an_ami_gets_a_product_code: Some(""), Then::Sold(CODED), "Changed";
    a_manifest_is_removed_and_the_ami_deprecated: Some(DEPRECATED), Then::Removed, "Manifest removed";
    a_manifest_is_removed_and_the_snapshots_deleted: Some(DELETED_SNAPSHOTS), Then::RemovedOwn, "Manifest removed";
    a_manifest_is_removed_and_the_snapshots_kept: Some(KEPT_SNAPSHOTS), Then::Removed, "Manifest removed";
}
