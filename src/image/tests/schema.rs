//! The number of the schema of statuses: what the release before wrote is read as it is, and what it does not know has
//! another number, so that it does not read that and drop what it does not know.

use serde_json::Value;

use crate::image::plan::{Next, next};
use crate::image::status::{SCHEMA, parse, schema};
use crate::image::words::State;
use crate::manifest::sha256_hex;

use super::after;

/// Each release: its version, its schema of statuses, and the digest of that schema's shape. The rows of releases never
/// change.
const RELEASED: [(&str, u32, &str); 1] = [(
    "0.2.0",
    2,
    "50670f41f7a85f3a1e7e99dd2008cf6bd654ce4489dab60fef66a6dca05f9734",
)];

const FIXTURES: [&str; 2] = ["full", "untold"];

fn fixture(name: &str) -> String {
    let root = env!("CARGO_MANIFEST_DIR");
    std::fs::read_to_string(format!("{root}/tests/fixtures/status-2/{name}.json")).unwrap()
}

/// A schema in one form for each meaning: without the texts for people, and without an order.
fn shape(schema: &Value) -> String {
    let is_text = |(name, value): &(&String, &Value)| {
        value.is_string() && ["title", "description"].contains(&name.as_str())
    };
    let sorted = |mut parts: Vec<String>| {
        parts.sort();
        parts.join(",")
    };
    match schema {
        Value::Object(fields) => {
            let fields = fields.iter().filter(|it| !is_text(it));
            let fields = fields.map(|(name, value)| format!("{name:?}:{}", shape(value)));
            format!("{{{}}}", sorted(fields.collect()))
        }
        Value::Array(items) => format!("[{}]", sorted(items.iter().map(shape).collect())),
        leaf => leaf.to_string(),
    }
}

#[test]
fn what_the_last_release_does_not_know_has_another_number() {
    let (release, number, digest) = RELEASED[RELEASED.len() - 1];
    let known = sha256_hex(shape(&schema()).as_bytes()) == digest;
    assert!(
        known || SCHEMA == number + 1,
        "Statuses are not as release {release} writes them (schema {number}), and SCHEMA is {SCHEMA}. While a stack is updated, \
         functions of that release would read them and drop what they do not know. In src/image/status/document.rs, SCHEMA \
         becomes {}, once for all changes until the next release; `parse` (src/image/status.rs) reads schema {number} still, with a \
         status of {release} in tests/fixtures; docs/operating.md and the doc of `Status::schema` name the number.",
        number + 1
    );
    assert!(
        !known || SCHEMA == number,
        "Statuses are as release {release} writes them: SCHEMA is {number}, so that it reads them after a rollback."
    );
}

#[test]
fn each_release_is_recorded() {
    let (release, number, _) = RELEASED[RELEASED.len() - 1];
    let version = env!("CARGO_PKG_VERSION");
    let digest = sha256_hex(shape(&schema()).as_bytes());
    assert_eq!(
        release, version,
        "a release has its own row in RELEASED: (\"{version}\", {SCHEMA}, \"{digest}\")"
    );
    assert!(number <= SCHEMA);
}

#[test]
fn a_status_of_schema_2_is_read_as_it_is_and_written_in_this_one() {
    for name in FIXTURES {
        let status = parse(fixture(name).as_bytes()).unwrap();
        // That of the facts of a notice, too.
        let raised = fixture(name).replace("\"schema\": 2,", &format!("\"schema\": {SCHEMA},"));
        let raised: Value = serde_json::from_str(&raised).unwrap();
        let written = serde_json::to_value(&status).unwrap();
        assert_eq!(written, raised, "{name}");
        assert_eq!(parse(written.to_string().as_bytes()), Ok(status), "{name}");
    }
}

/// Its sender was killed before the update.
#[test]
fn a_notice_that_was_recorded_in_schema_2_is_still_sent() {
    let mut status = parse(fixture("untold").as_bytes()).unwrap();
    assert_eq!(status.state, State::Available);
    let facts = status.notices[0].facts.clone().unwrap();
    assert_eq!(facts.status().schema, SCHEMA);
    let now = after(60 * 24 * 7);
    assert_eq!(next(&status, now), Next::SendNotices);
    assert!(status.notice_sent(1, "m-1", now));
    assert_eq!(next(&status, now), Next::Finalize);
}
