//! Every field of a status that says what was published, forged one at a time: AMIs, snapshots, parameters and accounts of
//! others in the place of its own. Nothing of others is changed, and nobody is granted anything.

use std::collections::BTreeSet;
use std::time::Duration;

use amiwright::image::status::{parse, schema};
use serde_json::{Map, Value, json};

use super::{KEY, forge};
use crate::support::{REGION, TestStack};

mod others;

use others::{Others, PARTNER};

const OREGON: &str = "us-west-2";
const NAME: &str = "/images/web";
const OTHER_NAME: &str = "/images/other";
/// What a status says of its AMIs, of their copies, of earlier ones, and of parameters.
const PARTS: [&str; 4] = ["regions", "copies", "previous", "release"];
/// Why something failed, waits or is kept: it is told, and nothing is done by it. Each of these has forms of its own.
const TOLD: [&str; 8] = [
    "failure",
    "told",
    "lastError",
    "waiting",
    "billing",
    "kept",
    "licensedSource",
    "bundle",
];

/// The settings of the manifest: something of each kind is to be done.
const SETTINGS: &str = "description: Web\ntags: {team: web}\naccess: {accounts: ['111122223333'], copy: true}\n\
                        deprecate: {at: 2027-06-01T00:00:00Z}\nprotect: true\nregions: {us-west-2: {}}\n\
                        parameters: [/images/web]\n\
                        replaces: {previous: deregister, snapshots: delete}\n";

/// Two versions in two Regions, of which the first is to be retired and is kept: it is in use.
async fn published() -> (TestStack, Others) {
    let stack = TestStack::built(|builder| {
        builder
            .parameter("ShareWith", "*")
            .parameter("AllowRetire", "true")
            .parameter("CopyRegions", OREGON)
            .parameter("ParameterPrefix", "/images")
            // What is forged is looked at because it is written.
            .parameter("AuditSchedule", "rate(3000 days)")
    })
    .await;
    let manifest = |settings: &str| stack.manifest("web-{digest}") + settings;
    stack.drop_and_rest(KEY, manifest(SETTINGS)).await;
    let first = stack.status(KEY).await;
    for region in [REGION, OREGON] {
        let image = first["regions"][region]["image"].as_str().unwrap();
        let ssm = stack.world.ssm();
        ssm.seed_image_parameter(region, "/somebody/uses", image);
    }
    let newer = format!("{SETTINGS}register: {{imdsSupport: v2.0}}\n");
    stack.drop_and_rest(KEY, manifest(&newer)).await;
    let others = Others::seeded(&stack, &first).await;
    (stack, others)
}

/// One of each kind of who may launch an AMI.
fn grants() -> Value {
    let of = "arn:aws:organizations::111122223333:";
    json!([
        {"account": PARTNER},
        {"organization": format!("{of}organization/o-exampleorgid")},
        {"organizational-unit": format!("{of}ou/o-exampleorgid/ou-examplerootid-exampleouid")},
        "public",
    ])
}

/// The status, with all that a status can say of what is published.
fn full(status: &Value) -> Value {
    let at = json!("2026-11-21T10:00:00Z");
    let mut full = status.clone();
    let region = |known: &mut Value| {
        let settings = known["applied"].as_object().unwrap().clone();
        let snapshot = known["snapshots"][0].clone();
        let mut settings = Value::Object(settings);
        settings["productCode"] = json!("774F4FF8");
        settings["grants"] = grants();
        settings["snapshots"] = json!({(snapshot.as_str().unwrap()): [PARTNER]});
        known["told"] = settings.clone();
        known["applied"] = settings.clone();
        known["applied"]["intended"] = json!({
            "at": at, "since": at, "settings": settings, "revokes": grants(), "earlier": [settings],
            "gone": settings,
        });
        known["unseenSince"] = at.clone();
        known["doubtedAt"] = at.clone();
        known["verifiedAt"] = at.clone();
        known["unlistedSince"] = at.clone();
        known["retiring"] = json!({
            "keptAt": at, "protection": "on", "staysUnprotected": true, "unprotectedAt": at, "hasCooldown": true,
            "deprecateAt": at, "askedSince": at, "askedAt": at, "isAskedAgain": true, "deregisteredAt": at,
            "snapshots": [snapshot],
            "deleting": [snapshot], "deleted": [snapshot],
            "notShownSince": {(snapshot.as_str().unwrap()): at},
            "revoked": {(snapshot.as_str().unwrap()): [PARTNER]},
            "shared": {(snapshot.as_str().unwrap()): [PARTNER]},
        });
    };
    let copy = |image: &Value| {
        json!({
            "attempt": 1, "failed": 1, "askedAt": at, "askedSince": at, "isRefused": true, "unansweredAt": at,
            "removed": [image], "isUnusable": true,
            "kmsKeyId": "alias/copies", "settings": {
                "description": "Web", "tags": {"team": "web"}, "productCode": "774F4FF8", "grants": grants(),
                "snapshots": {"snap-0123456789abcdef0": [PARTNER]}, "deprecateAt": at, "protection": "on",
            },
        })
    };
    let image = full["regions"][OREGON]["image"].clone();
    full["copies"] = json!({OREGON: copy(&image)});
    full["previous"][0]["copies"] = json!({OREGON: copy(&image)});
    full["previous"][0]["isOnlyDeprecated"] = json!(true);
    for place in [REGION, OREGON] {
        region(&mut full["regions"][place]);
        region(&mut full["previous"][0]["regions"][place]);
        let value = full["regions"][place]["image"].clone();
        let put = json!({
            "value": value, "after": 1, "askedAt": at, "since": at, "attempts": 1, "version": 2,
        });
        full["release"]["parameters"][format!("{place}:{NAME}")] = json!({
            "value": value, "version": 2, "confirmedAt": at, "overwritten": 1, "isText": true, "leftAt": at,
            "put": put, "possible": [{"value": value, "after": 2, "last": 3, "askedAt": at}],
        });
    }
    full["release"]["releasedAt"] = at.clone();
    full
}

/// The same as the functions would have it in the midst of this step: only what is forged is out of place.
fn amid(status: &Value, step: &str) -> Value {
    let mut status = status.clone();
    status["state"] = json!("working");
    status["build"]["step"] = json!(step);
    status
}

/// The places of fields in the schema, below these parts: `*` for any key, `[]` for any place of a list.
fn in_schema() -> BTreeSet<String> {
    let schema = schema();
    let mut found = BTreeSet::new();
    for part in PARTS {
        walk_schema(&schema, &schema["properties"][part], part, &mut found);
    }
    found
}

fn walk_schema(schema: &Value, node: &Value, at: &str, found: &mut BTreeSet<String>) {
    if let Some(name) = node["$ref"].as_str() {
        let of = schema.pointer(name.trim_start_matches('#')).unwrap();
        walk_schema(schema, of, at, found);
    }
    for list in ["anyOf", "oneOf", "allOf"] {
        for form in node[list].as_array().into_iter().flatten() {
            walk_schema(schema, form, at, found);
        }
    }
    for (name, below) in node["properties"].as_object().into_iter().flatten() {
        if TOLD.contains(&name.as_str()) {
            continue;
        }
        let at = format!("{at}/{name}");
        found.insert(at.clone());
        walk_schema(schema, below, &at, found);
    }
    if node["additionalProperties"].is_object() {
        let at = format!("{at}/*");
        walk_schema(schema, &node["additionalProperties"], &at, found);
    }
    if node["items"].is_object() {
        walk_schema(schema, &node["items"], &format!("{at}/[]"), found);
    }
}

/// The same of a status, as the schema names the places.
fn in_status(status: &Value, named: &BTreeSet<String>) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in PARTS {
        walk_status(&status[part], part, named, &mut found);
    }
    found
}

fn walk_status(node: &Value, at: &str, named: &BTreeSet<String>, found: &mut BTreeSet<String>) {
    for (name, below) in node.as_object().into_iter().flatten() {
        let own = format!("{at}/{name}");
        let at = match named.contains(&own) {
            true => own,
            false => format!("{at}/*"),
        };
        found.insert(at.clone());
        walk_status(below, &at, named, found);
    }
    for below in node.as_array().into_iter().flatten() {
        walk_status(below, &format!("{at}/[]"), named, found);
    }
}

#[tokio::test(start_paused = true)]
async fn the_statuses_that_are_forged_have_every_field() {
    let (stack, _) = published().await;
    let full = full(&stack.status(KEY).await);
    parse(full.to_string().as_bytes()).unwrap();
    let named = in_schema();
    assert!(named.contains("regions/*/applied/snapshots"), "{named:#?}");
    let has = in_status(&full, &named);
    let lacks: Vec<&String> = named.difference(&has).collect();
    assert_eq!(lacks, [""; 0], "forge them, too");
}

/// Every forgery of a status, with what it is.
fn forgeries(others: &Others, status: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for part in PARTS {
        for (at, value) in others.instead_in(&status[part], part) {
            let mut forged = status.clone();
            forged[part] = value;
            all.push((at, forged));
        }
    }
    all
}

/// A real status, forged, and one that says all that can be said, amid each step that publishes.
async fn nothing_of_others_is_changed(step: &str, of: impl Fn(&Value) -> Value) {
    let (stack, others) = published().await;
    let real = amid(&of(&stack.status(KEY).await), step);
    let before = others.seen(&stack).await;
    let (ec2, ssm) = (stack.world.ec2().save(), stack.world.ssm().save());
    let (mut tried, mut is_visited) = (0, false);
    for (index, (what, forged)) in forgeries(&others, &real).into_iter().enumerate() {
        if !is_chosen(index, step) || parse(forged.to_string().as_bytes()).is_err() {
            continue;
        }
        tried += 1;
        stack.note_upload();
        forge(&stack, KEY, &forged).await;
        for _ in 0..2 {
            stack.world.run_for(Duration::from_secs(11 * 60)).await;
        }
        is_visited |= stack.status(KEY).await != forged;
        assert_eq!(others.seen(&stack).await, before, "{step}: {what}");
        assert_eq!(others.granted(&stack), [""; 0], "{step}: {what}");
        stack.world.ec2().load(ec2.clone()).unwrap();
        stack.world.ssm().load(ssm.clone()).unwrap();
    }
    assert!(tried > 8 && is_visited, "{step}: {tried}");
}

/// Each 11th, always the same, from another one for each step; all of them with `AMIWRIGHT_ALL_FAULTS=1`, which takes
/// minutes.
fn is_chosen(index: usize, step: &str) -> bool {
    (index + step.len()).is_multiple_of(11) || std::env::var_os("AMIWRIGHT_ALL_FAULTS").is_some()
}

#[tokio::test(start_paused = true)]
async fn no_forged_field_of_what_is_published_changes_what_is_others() {
    for step in ["publish", "retire"] {
        nothing_of_others_is_changed(step, Value::clone).await;
    }
}

#[tokio::test(start_paused = true)]
async fn no_forged_field_of_a_status_that_says_everything_changes_what_is_others() {
    for step in ["publish", "retire"] {
        nothing_of_others_is_changed(step, full).await;
    }
}

/// A map with one key more, or another instead of one.
fn with(map: &Map<String, Value>, without: Option<&str>, key: &str, value: Value) -> Value {
    let mut map = map.clone();
    if let Some(without) = without {
        map.remove(without);
    }
    map.insert(key.to_owned(), value);
    Value::Object(map)
}
