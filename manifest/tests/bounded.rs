//! What a hostile manifest of the largest size can cost: each is checked in a process of its own, which has no more memory
//! than the function that reads manifests (`template.yaml`), and little of a processor's time.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    reason = "this is a test: what must not happen fails it"
)]

use std::{env, fmt::Write as _, process::Command};

use amiwright_manifest::{Problem, image::parse, limits};

/// KiB of address space of a check: the function has 256 MiB, and needs some of it for everything else.
const MEMORY_KIB: u32 = 160 * 1024;

/// Seconds of a processor; this is a build without optimization.
const SECONDS: u32 = 6;

const VALUES: usize = limits::NODES - 1_000;

#[test]
fn hostile_manifests_are_checked_within_the_memory_and_the_time_of_a_function() {
    let mut failed = Vec::new();
    for (name, _, _) in shapes() {
        let checked = Command::new("sh")
            .args(["-c", "ulimit -v $0 && ulimit -t $1 && shift && exec \"$@\""])
            .args([MEMORY_KIB.to_string(), SECONDS.to_string()])
            .arg(env::current_exe().unwrap())
            .args(["--exact", "one_manifest", "--ignored", "--test-threads=1"])
            .env("SHAPE", &name)
            .env("MALLOC_ARENA_MAX", "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&checked.stdout);
        if !checked.status.success() || !said.contains("1 passed") {
            let error = String::from_utf8_lossy(&checked.stderr);
            failed.push(format!("{name}: {}: {error} {said}", checked.status));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// The child of the test above.
#[test]
#[ignore = "run by the test above, in a process with limits"]
fn one_manifest() {
    let wanted = env::var("SHAPE").unwrap();
    let shape = shapes().into_iter().find(|(name, _, _)| *name == wanted);
    let (_, key, text) = shape.unwrap();
    assert!(text.len() <= limits::MANIFEST_BYTES, "{}", text.len());
    let now = "2026-11-21T12:00:00Z".parse().unwrap();
    let problems = parse(key, text.as_bytes(), now).unwrap_err();
    assert!((1..=limits::PROBLEMS).contains(&problems.len()));
    // It is read, and refused for what its name says.
    let is_unread = |it: &&Problem| {
        it.message.starts_with("not YAML") || it.message.contains("the manifest has more than")
    };
    assert_eq!(problems.iter().find(is_unread), None);
    let bytes: usize = problems.iter().map(|problem| problem.path.len()).sum();
    assert!(bytes < 1 << 20, "{bytes} bytes of paths");
}

/// Documents near the limits, each with its name and its key in the bucket.
fn shapes() -> Vec<(String, &'static str, String)> {
    let mut shapes = Vec::new();
    for (name, text) in trees() {
        shapes.push((format!("{name}, JSON"), "a.image.json", text.clone()));
        shapes.push((format!("{name}, YAML"), "a.image.yaml", text));
    }
    for (name, field, count, item) in lists_of_names().into_iter().chain(lists_of_devices()) {
        let mut text =
            format!("name: web\nsource: {{snapshot: {{id: snap-01234567}}}}\n{field}:\n");
        (0..count).for_each(|at| writeln!(text, "  {}", item(at)).unwrap());
        shapes.push((name.to_owned(), "a.image.yaml", text));
    }
    shapes
}

/// Documents with long keys, and with deep values.
fn trees() -> Vec<(&'static str, String)> {
    let key = |bytes: usize| "k".repeat(bytes);
    let numbers = format!("[{}1]", "1,".repeat(VALUES));
    let nested = |key: &str| {
        let open = format!("{{\"{key}\":").repeat(30);
        format!("{open}{numbers}{}", "}".repeat(30))
    };
    let entry = |at: usize| format!("\"{at}{}\":[1,1,1,1],", key(limits::KEY_BYTES - 4));
    let entries: String = (0..1_900).map(entry).collect();
    vec![
        (
            "a long key over many values",
            format!("{{\"{}\":{numbers}}}", key(900_000)),
        ),
        ("long keys in each other", nested(&key(30_000))),
        (
            "keys at the limit in each other",
            nested(&key(limits::KEY_BYTES)),
        ),
        ("many keys at the limit", format!("{{{entries}\"name\":1}}")),
        (
            "one key many times",
            format!("{{{}\"a\":1}}", "\"a\":1,".repeat(VALUES / 2)),
        ),
    ]
}

/// A field with very many items: its name and what each is.
type List = (&'static str, &'static str, usize, fn(usize) -> String);

fn lists_of_names() -> Vec<List> {
    vec![
        ("aliases", "parameters", VALUES, |at| match at {
            0 => "- &a /a".to_owned(),
            _ => "- *a".to_owned(),
        }),
        ("tags of YAML", "parameters", VALUES, |_| {
            "- !a b".to_owned()
        }),
        (
            "aliases and wrong names",
            "parameters",
            VALUES,
            |at| match (at, at % 2) {
                (0, _) => "- &a /a".to_owned(),
                (_, 0) => "- *a".to_owned(),
                _ => format!("- /a{at}//b"),
            },
        ),
        ("wrong names of parameters", "parameters", VALUES, |at| {
            format!("- /a{at}//b")
        }),
        ("parameters of one name", "parameters", VALUES, |_| {
            "- /a//b".to_owned()
        }),
        ("parameters as mappings", "parameters", VALUES / 3, |at| {
            format!("- {{name: /a{at}//b}}")
        }),
        ("numbers for texts", "parameters", VALUES, |at| {
            format!("- {at}")
        }),
        ("long texts", "parameters", 1_000, |at| {
            format!("- {at}{}", "k".repeat(1_000))
        }),
        ("wrong accounts", "access:\n accounts", VALUES, |at| {
            format!("- a{at}")
        }),
        ("wrong tags", "tags", VALUES / 2, |at| {
            format!("aws:{at}: b")
        }),
        ("wrong Regions", "regions", VALUES / 3, |at| {
            format!("US_EAST_{at}a: {{}}")
        }),
        ("unknown fields", "register", VALUES / 2, |at| {
            format!("field{at}: b")
        }),
    ]
}

fn lists_of_devices() -> Vec<List> {
    const DEVICES: &str = "register:\n blockDeviceMappings";
    vec![
        ("wrong devices", DEVICES, VALUES / 5, |at| {
            format!("- {{deviceName: /DEV/SDF{at}, virtualName: ephemeral0}}")
        }),
        ("devices in capitals", DEVICES, VALUES / 5, |_| {
            "- {deviceName: /DEV/SDF, virtualName: ephemeral0}".to_owned()
        }),
        ("unknown fields of devices", DEVICES, VALUES / 5, |_| {
            format!("- {{deviceName: /dev/sdf, {}: 1}}", "k".repeat(64))
        }),
        ("mappings that are texts", DEVICES, VALUES, |at| {
            format!("- a{at}")
        }),
    ]
}
