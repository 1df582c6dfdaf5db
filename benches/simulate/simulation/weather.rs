//! What goes wrong in the world, and how it ends.

use std::time::Duration;

use http::StatusCode;
use jiff::SignedDuration;
use localaws::deliveries::Trigger;
use localaws::ec2::{Image, StateReason, TaskKind};
use localaws::faults::{Call, Fault};
use localaws::world::World;

use super::manifest::key;
use super::play::Played;
use super::script::{COPY_REGIONS, Event, Kind, Meant, Wrong};
use super::setting::region;
use crate::support::REGION;

/// The services that functions call.
const SERVICES: [&str; 4] = ["ec2", "s3", "sns", "ssm"];

/// Ends of tasks, in EC2's words.
const MESSAGES: [&str; 4] = [
    "Client.InternalError: it broke",
    "ClientError: Disk validation failed [Unsupported VMDK File Format]",
    "Server.InternalError: An internal error has occurred.",
    "ClientError: No valid partitions.",
];

/// The key of the tag that manifests set.
const TEAM: &str = "team";

/// How long registrations and tasks take unless set.
const USUAL: Duration = Duration::from_secs(40);

/// Every kind of task.
const KINDS: [Kind; 6] = [
    Kind::ImportSnapshot,
    Kind::ImportImage,
    Kind::BundleInstance,
    Kind::CopyImage,
    Kind::StoreImage,
    Kind::RestoreImage,
];

/// Lets this happen if it is about the world; whether it was.
pub(super) async fn happen(played: &mut Played, event: &Event) -> bool {
    let world = &played.stack.world;
    let seconds = Duration::from_secs;
    match event {
        Event::Fail { later, fault } => {
            let faults = world.faults();
            faults.at(faults.count() + later, wrong(*fault, "ec2"));
        }
        Event::Storm {
            what,
            fault,
            seconds,
        } => storm(world, what, *fault, *seconds),
        Event::Kill { later, polls } => played.stack.machines.kill(*later, *polls),
        Event::Deliver {
            tick,
            later,
            delays,
        } => {
            let trigger = match tick {
                true => Trigger::Tick,
                false => Trigger::Event,
            };
            let delays: Vec<_> = delays.iter().copied().map(seconds).collect();
            world.deliveries().on(trigger, *later, &delays);
        }
        Event::Ahead { seconds } => played.stack.machines.set_ahead(*seconds),
        Event::RuleOff { rule } => {
            assert!(world.set_rule_enabled(rule, false), "no rule {rule}");
        }
        Event::HideTask { key: at } => {
            for id in tasks(played, key(*at)).await {
                world.ec2().hide_task(&id);
            }
        }
        Event::ShowTask { key: at, state } => {
            let mut shown = Vec::new();
            for id in tasks(played, key(*at)).await {
                world.ec2().show_task_as(&id, Some(state));
                if state == "error" {
                    played.monitor.show_as_failed(&id);
                }
                // Of what is listed by its AMI, EC2 documents none of these states.
                if state != "error" || id.starts_with("ami-") {
                    shown.push(id);
                }
            }
            played.shown.extend(shown);
        }
        Event::HideSnapshots {
            key: at,
            region: place,
            seconds: time,
        } => hide_snapshots(played, key(*at), region(*place), seconds(*time)),
        Event::HideImages {
            key: at,
            region: place,
            only_settings,
            seconds: time,
        } => hide_images(
            played,
            (key(*at), region(*place)),
            *only_settings,
            seconds(*time),
        ),
        event => return of_ec2(world, event),
    }
    true
}

/// EC2 does not show the snapshots that were made with a manifest's AMIs.
fn hide_snapshots(played: &Played, key: &str, region: &str, time: Duration) {
    let ec2 = played.stack.world.ec2();
    let tag = format!("s3://{}/{key}", played.stack.bucket);
    let mut snapshots = ec2.snapshots(region);
    snapshots.retain(|it| it.tags.get("amiwright:manifest") == Some(&tag));
    for snapshot in snapshots {
        ec2.hide_snapshot(region, &snapshot.id, time);
    }
}

/// EC2 does not list the AMIs of a manifest, as if another machine had answered; or it shows them without description and without
/// the tag that manifests set.
fn hide_images(played: &Played, (key, region): (&str, &str), only_settings: bool, time: Duration) {
    let ec2 = played.stack.world.ec2();
    for image in images(played, key, region) {
        match only_settings {
            true => ec2.show_image_as(region, &image.id, time, |it| {
                it.description = None;
                it.tags.remove(TEAM);
            }),
            false => ec2.hide_image(region, &image.id, time),
        }
    }
}

/// The AMIs of a manifest in a Region.
fn images(played: &Played, key: &str, region: &str) -> Vec<Image> {
    let tag = format!("s3://{}/{key}", played.stack.bucket);
    let mut images = played.stack.world.ec2().images(region);
    images.retain(|it| it.tags.get("amiwright:manifest") == Some(&tag));
    images
}

/// What is set about EC2 and SSM; whether it was that.
fn of_ec2(world: &World, event: &Event) -> bool {
    let (ec2, ssm) = (world.ec2(), world.ssm());
    let secs = Duration::from_secs;
    match event {
        Event::StaleReads { seconds } => ec2.set_stale_reads(secs(*seconds)),
        Event::LateVisibility { seconds } => ec2.set_visibility_delay(secs(*seconds)),
        Event::TaskTime { kind, seconds } => set_time(world, *kind, secs(*seconds)),
        Event::FailNext { kind, message } => {
            let message = MESSAGES[message % MESSAGES.len()];
            match kind {
                Some(kind) => ec2.fail_next_task(task_kind(*kind), message),
                None => {
                    let (code, text) = message
                        .split_once(": ")
                        .unwrap_or(("Client.Error", message));
                    ec2.fail_next_registration(StateReason {
                        code: code.to_owned(),
                        message: text.to_owned(),
                    });
                }
            }
        }
        Event::OptIn { region: at, on } => ec2.set_opted_in(region(*at), *on),
        Event::Quota { shares, copies } => {
            ec2.set_share_quota(*shares);
            ec2.set_copy_limit(*copies);
        }
        Event::Validation { seconds, fails } => {
            ssm.set_validation_time(secs(*seconds));
            if *fails {
                ssm.set_image_check(|_, _| false);
            } else {
                check_images(world);
            }
        }
        Event::Encrypts { region: at, on } => ec2.set_encryption_by_default(region(*at), *on, None),
        _ => return false,
    }
    true
}

/// SSM validates again by what EC2 has.
fn check_images(world: &World) {
    let ec2 = world.ec2().clone();
    let is_available = move |region: &str, id: &str| ec2.has_available_image(region, id);
    world.ssm().set_image_check(is_available);
}

fn set_time(world: &World, kind: Option<Kind>, time: Duration) {
    match kind {
        Some(kind) => world.ec2().set_task_time(task_kind(kind), time),
        None => world.ec2().set_pending_time(time),
    }
}

/// The ids by which EC2 lists the tasks of a manifest's image.
async fn tasks(played: &Played, key: &str) -> Vec<String> {
    let statuses = played.statuses().await;
    let tasks = statuses.get(key).map(|status| &status["build"]["tasks"]);
    let tasks = tasks.and_then(|it| it.as_array()).into_iter().flatten();
    tasks
        .filter_map(|task| task["id"].as_str().map(str::to_owned))
        .collect()
}

/// All is well from now on. What has begun goes on.
pub(super) async fn clear(played: &Played) {
    let world = &played.stack.world;
    let ec2 = world.ec2();
    world.faults().clear();
    world.deliveries().clear();
    played.stack.machines.clear();
    ec2.set_stale_reads(Duration::ZERO);
    ec2.set_visibility_delay(Duration::ZERO);
    for kind in KINDS.into_iter().map(Some).chain([None]) {
        set_time(world, kind, USUAL);
    }
    for copies in COPY_REGIONS {
        ec2.set_opted_in(copies, true);
        ec2.set_encryption_by_default(copies, false, None);
    }
    ec2.set_encryption_by_default(REGION, false, None);
    ec2.set_share_quota(1_000);
    ec2.set_copy_limit(300);
    world.ssm().set_validation_time(Duration::from_secs(5));
    check_images(world);
    for each in &played.script.moves {
        if let Event::RuleOff { rule } = &each.event {
            world.set_rule_enabled(rule, true);
        }
    }
    // A task in a state that is no end, known or not, is polled for as long as it is in it, by whatever version comes next.
    for id in &played.shown {
        ec2.show_task_as(id, None);
    }
}

fn storm(world: &World, what: &Meant, fault: Wrong, seconds: u64) {
    let until = world.clock().now() + SignedDuration::from_secs(i64::try_from(seconds).unwrap());
    for service in SERVICES {
        let what = what.clone();
        let is_meant = move |call: &Call| {
            let is_meant = match &what {
                Meant::Action(of, action) => *of == call.service && *action == call.action,
                Meant::Service(of) => *of == call.service,
                Meant::Region(at) => call.region == region(*at),
            };
            is_meant && call.at < until && call.service == service && call.function.is_some()
        };
        world.faults().each(is_meant, wrong(fault, service));
    }
}

fn wrong(fault: Wrong, service: &str) -> Fault {
    let refuse = |status, code: &str, message: &str| Fault::Refuse {
        status,
        code: code.to_owned(),
        message: message.to_owned(),
    };
    match fault {
        Wrong::Throttled => Fault::Throttle,
        Wrong::AnswerLost => Fault::LoseAnswer,
        Wrong::CrashAfter => Fault::Crash,
        Wrong::CrashBefore => Fault::CrashBefore,
        Wrong::Slow(seconds) => Fault::Slow(Duration::from_secs(seconds)),
        Wrong::InternalError => refuse(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalError",
            "We encountered an internal error. Please try again.",
        ),
        Wrong::Unavailable => {
            let code = match service {
                "ec2" => "Unavailable",
                _ => "ServiceUnavailable",
            };
            refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                code,
                "The server is overloaded and can't handle the request.",
            )
        }
        Wrong::LimitExceeded => refuse(
            StatusCode::BAD_REQUEST,
            "ResourceLimitExceeded",
            "You have exceeded the number of concurrent tasks.",
        ),
        Wrong::Denied => {
            let code = match service {
                "ec2" => "UnauthorizedOperation",
                "ssm" => "AccessDeniedException",
                "sns" => "AuthorizationError",
                _ => "AccessDenied",
            };
            let message = "You are not authorized to perform this operation.";
            refuse(StatusCode::FORBIDDEN, code, message)
        }
    }
}

fn task_kind(kind: Kind) -> TaskKind {
    match kind {
        Kind::ImportSnapshot => TaskKind::ImportSnapshot,
        Kind::ImportImage => TaskKind::ImportImage,
        Kind::BundleInstance => TaskKind::BundleInstance,
        Kind::CopyImage => TaskKind::CopyImage,
        Kind::StoreImage => TaskKind::StoreImage,
        Kind::RestoreImage => TaskKind::RestoreImage,
    }
}
