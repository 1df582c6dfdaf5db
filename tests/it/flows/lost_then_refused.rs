//! The answer to a call that makes something is lost, and the next try is refused: somebody took the permission away meanwhile.
//! What the first try made is looked for, not forgotten.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::StatusCode;
use localaws::ec2::Permission;
use localaws::faults::{Call, Fault};

use crate::support::{DISK, REGION, TestStack, changes_since, minutes, refused};

const KEY: &str = "golden/web.image.yaml";
const OREGON: &str = "us-west-2";

const PARTNER: &str = "222222222222";
const DENIED: &str = "UnauthorizedOperation";

/// For how many seconds EC2 does not show what was made.
const HIDDEN: [u64; 2] = [0, 100];

async fn stack(hidden: u64) -> TestStack {
    let stack = TestStack::built(|builder| {
        builder
            .parameter("CopyRegions", OREGON)
            .parameter("ShareWith", PARTNER)
            .parameter("AllowRetire", "true")
    })
    .await;
    let ec2 = stack.world.ec2();
    ec2.set_visibility_delay(Duration::from_secs(hidden));
    stack
}

/// The answer to this call of the action is lost in this way, and what comes after that is refused.
fn lose(stack: &TestStack, action: &str, nth: u64, how: Fault) {
    let faults = stack.world.faults();
    faults.on("ec2", action, nth, how);
    for later in 1..=3 {
        faults.on("ec2", action, nth + later, refused(DENIED));
    }
}

/// There is one AMI in each Region, one email has told of them, and the same manifest changes nothing.
async fn is_made_once(stack: &TestStack, manifest: &str) {
    stack.drop_and_rest(KEY, manifest).await;
    stack.world.faults().clear();
    is_there_once(stack, manifest).await;
}

async fn is_there_once(stack: &TestStack, manifest: &str) {
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "available", "{status:#}");
    for region in [REGION, OREGON] {
        let images = stack.world.ec2().images(region);
        let ids: Vec<&str> = images.iter().map(|it| &*it.id).collect();
        assert_eq!(ids, [status["regions"][region]["image"].as_str().unwrap()]);
    }
    let emails = stack.subjects();
    let ends = emails.iter().filter(|it| !it.starts_with("Still waiting"));
    let ends: Vec<&String> = ends.collect();
    assert!(
        matches!(ends[..], [end] if end.starts_with("Available: web")),
        "{emails:?}"
    );

    let calls = stack.world.faults().count();
    stack.drop_and_rest(KEY, manifest).await;
    assert_eq!(changes_since(stack, calls), []);
    assert_eq!(stack.subjects(), emails);
}

fn copied(manifest: &str) -> String {
    format!("{manifest}regions: {{{OREGON}: {{}}}}\n")
}

#[tokio::test(start_paused = true)]
async fn a_copy_is_found() {
    for hidden in HIDDEN {
        let stack = stack(hidden).await;
        lose(&stack, "CopyImage", 1, Fault::LoseAnswer);
        is_made_once(&stack, &copied(&stack.manifest("web"))).await;
        assert!(stack.count("CopyImage") > 1, "nothing was refused");
    }
}

/// From the first copy on, nobody may make such calls.
fn deny(stack: &TestStack, is_meant: fn(&Call) -> bool) {
    let is_asked = AtomicBool::new(false);
    let is_denied = move |call: &Call| {
        is_asked.fetch_or(call.action == "CopyImage", Ordering::SeqCst)
            && call.service == "ec2"
            && is_meant(call)
    };
    let faults = stack.world.faults();
    faults.on("ec2", "CopyImage", 1, Fault::Crash);
    faults.each(is_denied, refused(DENIED));
}

/// Calls to that Region; and the one that tells whether the account can use it.
const LOOKS: [fn(&Call) -> bool; 2] = [
    |call| call.region == OREGON,
    |call| call.action == "DescribeRegions",
];

/// Nobody may look either, for a while.
#[tokio::test(start_paused = true)]
async fn a_copy_is_found_once_somebody_may_look() {
    for look in LOOKS {
        let stack = stack(0).await;
        deny(&stack, look);
        let manifest = copied(&stack.manifest("web"));
        stack.drop_file(KEY, &manifest).await;
        stack.world.run_for(minutes(40)).await;
        assert_eq!(stack.status(KEY).await["state"], "working");
        stack.world.faults().clear();
        stack.rest().await;
        is_there_once(&stack, &manifest).await;
    }
}

/// Nobody may look for hours: the Region ends, and whoever asks for another attempt gets the copy that is there.
#[tokio::test(start_paused = true)]
async fn a_copy_that_nobody_may_look_for_ends_its_region() {
    for look in LOOKS {
        let stack = stack(0).await;
        deny(&stack, look);
        let manifest = copied(&stack.manifest("web"));
        stack.drop_file(KEY, &manifest).await;
        stack.world.run_for(minutes(350)).await;
        assert_eq!(stack.status(KEY).await["state"], "working");
        stack.world.run_for(minutes(30)).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "incomplete", "{status:#}");
        let failure = &status["copies"][OREGON]["failure"];
        assert_eq!(failure["kind"], "not-published", "{status:#}");
        let email = stack.last_email();
        assert!(email.starts_with("Incomplete"), "{email}");
        assert!(email.contains(DENIED), "{email}");
        assert_eq!(stack.count("CopyImage"), 1);
        let told = stack.subjects();
        stack.world.run_for(minutes(60)).await;
        assert_eq!(stack.subjects(), told);

        stack.world.faults().clear();
        let made = stack.world.ec2().images(OREGON).remove(0).id;
        stack.retry(KEY).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "available", "{status:#}");
        assert_eq!(status["regions"][OREGON]["image"], made.as_str());
        assert_eq!(stack.world.ec2().images(OREGON).len(), 1);
        let calls = stack.world.faults().count();
        stack.drop_and_rest(KEY, &manifest).await;
        assert_eq!(changes_since(&stack, calls), []);
    }
}

/// Nothing was asked for before that may have been heard: the refusal counts.
#[tokio::test(start_paused = true)]
async fn a_region_that_nobody_may_look_for_gets_no_copy() {
    let stack = stack(0).await;
    let faults = stack.world.faults();
    faults.always("ec2", "DescribeRegions", refused(DENIED));
    let manifest = copied(&stack.manifest("web"));
    stack.drop_and_rest(KEY, &manifest).await;
    let status = stack.status(KEY).await;
    assert_eq!(status["state"], "incomplete", "{status:#}");
    let request = &status["copies"][OREGON];
    assert_eq!(request["failure"]["kind"], "request-refused", "{status:#}");
    assert_eq!(request["isRefused"], true, "{status:#}");
    assert!(stack.last_email().contains(DENIED));
    assert_eq!(stack.count("CopyImage"), 0);
    let (calls, told) = (faults.count(), stack.subjects());
    stack.drop_and_rest(KEY, &manifest).await;
    assert_eq!(changes_since(&stack, calls), []);
    assert_eq!(stack.subjects(), told);

    faults.clear();
    stack.retry(KEY).await;
    assert_eq!(stack.status(KEY).await["state"], "available");
    assert_eq!(stack.count("CopyImage"), 1);
}

/// The process dies with the answer, long after EC2 was first asked.
#[tokio::test(start_paused = true)]
async fn a_copy_that_had_to_wait_for_its_turn_is_found() {
    for hidden in HIDDEN {
        let stack = stack(hidden).await;
        for full in 1..=30 {
            let faults = stack.world.faults();
            faults.on("ec2", "CopyImage", full, refused("ResourceLimitExceeded"));
        }
        lose(&stack, "CopyImage", 31, Fault::Crash);
        is_made_once(&stack, &copied(&stack.manifest("web"))).await;
        let is_refused = stack.count("CopyImage") > 31;
        assert_eq!(
            is_refused,
            hidden > 0,
            "it is found before it is asked for again"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_import_is_found() {
    for hidden in HIDDEN {
        let stack = stack(hidden).await;
        let mut disk = b"KDMV".to_vec();
        disk.resize(1 << 20, 0);
        stack.drop_silently("golden/web.vmdk", disk);
        lose(&stack, "ImportSnapshot", 1, Fault::LoseAnswer);
        is_made_once(&stack, &copied(DISK)).await;
        assert!(stack.count("ImportSnapshot") > 1, "nothing was refused");
    }
}

/// The SDK does not try it again by itself: it has no token.
#[tokio::test(start_paused = true)]
async fn a_registered_ami_is_found() {
    for hidden in HIDDEN {
        let stack = stack(hidden).await;
        lose(&stack, "RegisterImage", 1, Fault::LoseAnswer);
        is_made_once(&stack, &copied(&stack.manifest("web"))).await;
        let is_refused = stack.count("RegisterImage") > 1;
        assert_eq!(
            is_refused,
            hidden > 0,
            "it is found before it is tried again"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_share_is_seen() {
    let stack = stack(0).await;
    let faults = stack.world.faults();
    faults.on("ec2", "ModifyImageAttribute", 1, Fault::LoseAnswer);
    faults.on("ec2", "ModifyImageAttribute", 2, refused(DENIED));
    let access = format!("access: {{accounts: ['{PARTNER}']}}\n");
    let manifest = copied(&stack.manifest("web")) + &access;
    is_made_once(&stack, &manifest).await;
    assert_eq!(
        stack.count("ModifyImageAttribute"),
        3,
        "nothing was refused"
    );
    for region in [REGION, OREGON] {
        let image = stack.world.ec2().images(region).remove(0);
        let partner = Permission::Account(PARTNER.to_owned());
        assert_eq!(image.launch_permissions, [partner].into());
    }
}

/// Nobody is told that an AMI is kept that is gone.
#[tokio::test(start_paused = true)]
async fn a_retired_ami_is_told_as_deregistered() {
    let stack = stack(0).await;
    stack
        .drop_and_rest(KEY, stack.manifest("web-{digest}"))
        .await;
    let old = stack.only_image().id;
    lose(&stack, "DeregisterImage", 1, Fault::LoseAnswer);
    let next = stack.manifest("web-{digest}")
        + "register: {imdsSupport: v2.0}\nreplaces: {previous: deregister}\n";
    stack.drop_and_rest(KEY, &next).await;
    stack.world.faults().clear();
    assert!(stack.count("DeregisterImage") > 1, "nothing was refused");
    assert_ne!(stack.only_image().id, old);
    let email = stack.last_email();
    assert!(email.contains(&format!("{old} deregistered")), "{email}");
}

/// The process dies with the answer. EC2 still shows the AMI when it is asked again, and refuses.
#[tokio::test(start_paused = true)]
async fn a_retired_ami_that_ec2_still_shows_is_told_as_deregistered() {
    let stack = stack(100).await;
    stack
        .drop_and_rest(KEY, stack.manifest("web-{digest}"))
        .await;
    let old = stack.only_image().id;
    let faults = stack.world.faults();
    faults.on("ec2", "DeregisterImage", 1, Fault::Crash);
    faults.always("ec2", "DeregisterImage", refused(DENIED));
    let next = stack.manifest("web-{digest}")
        + "register: {imdsSupport: v2.0}\nreplaces: {previous: deregister}\n";
    stack.drop_and_rest(KEY, &next).await;
    faults.clear();
    assert!(stack.count("DeregisterImage") > 1, "nothing was refused");
    assert_ne!(stack.only_image().id, old);
    let email = stack.last_email();
    assert!(email.contains(&format!("{old} deregistered")), "{email}");
    let (calls, told) = (faults.count(), stack.subjects());
    stack.drop_and_rest(KEY, &next).await;
    assert_eq!(changes_since(&stack, calls), []);
    assert_eq!(stack.subjects(), told);
}

/// No try before may have been heard, or it was waited for long enough: then a refusal is one.
#[tokio::test(start_paused = true)]
async fn a_copy_that_was_never_begun_fails() {
    let soon = minutes(2);
    let grace = minutes(20);
    for (first, within) in [(refused(DENIED), soon), (Fault::CrashBefore, grace)] {
        let stack = stack(0).await;
        let faults = stack.world.faults();
        faults.on("ec2", "CopyImage", 1, first);
        faults.always("ec2", "CopyImage", refused(DENIED));
        stack.drop_file(KEY, copied(&stack.manifest("web"))).await;
        if within == grace {
            stack.world.run_for(minutes(14)).await;
            assert_eq!(stack.status(KEY).await["state"], "working");
        }
        stack.world.run_for(within).await;
        let status = stack.status(KEY).await;
        assert_eq!(status["state"], "incomplete", "{status:#}");
        let email = stack.last_email();
        assert!(email.contains("copying the AMI"), "{email}");
        assert!(email.contains(DENIED), "{email}");
    }
}

/// Whoever does not know a call has not heard it.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_implemented_is_not_waited_for() {
    let stack = stack(0).await;
    let mut disk = b"KDMV".to_vec();
    disk.resize(1 << 20, 0);
    stack.drop_silently("golden/web.vmdk", disk);
    let unknown = Fault::Refuse {
        status: StatusCode::NOT_IMPLEMENTED,
        code: "NotImplemented".to_owned(),
        message: "This is not built".to_owned(),
    };
    stack
        .world
        .faults()
        .always("ec2", "ImportSnapshot", unknown);
    stack.drop_file(KEY, DISK).await;
    stack.world.run_for(minutes(2)).await;
    assert_eq!(stack.status(KEY).await["state"], "failed");
    assert!(stack.last_email().contains("This is not built"));
}
