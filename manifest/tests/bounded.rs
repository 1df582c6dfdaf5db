//! What a hostile manifest of the largest size can cost: each is checked in a process of its own, which has no more memory
//! than the function that reads manifests (`template.yaml`), and little of a processor's time.

#![cfg(target_os = "linux")]

use std::{env, fmt::Write as _, process::Command};

use amiwright_manifest::{image::parse, limits};

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
            .env("SHAPE", name)
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
    let bytes: usize = problems.iter().map(|problem| problem.path.len()).sum();
    assert!(bytes < 1 << 20, "{bytes} bytes of paths");
}

/// Documents near the limits, each with its name and its key in the bucket.
fn shapes() -> Vec<(&'static str, &'static str, String)> {
    let numbers = format!("[{}1]", "1,".repeat(VALUES));
    let lists = |key: &str| {
        let open = format!("{{\"{key}\":").repeat(30);
        format!("{open}{numbers}{}", "}".repeat(30))
    };
    let long = |bytes: usize| "k".repeat(bytes);
    let list = |field: &str, item: &dyn Fn(usize) -> String, count: usize| {
        let mut text = format!("name: web\nsource: {{snapshot: {{id: snap-01234567}}}}\n{field}");
        (0..count).for_each(|at| writeln!(text, "  {}", item(at)).unwrap());
        text
    };
    let yaml = "a.image.yaml";
    let mut shapes = vec![
        (
            "a long key over many values",
            format!("{{\"{}\":{numbers}}}", long(900_000)),
        ),
        ("long keys in each other", lists(&long(30_000))),
        (
            "keys at the limit in each other",
            lists(&long(limits::KEY_BYTES)),
        ),
        ("many keys at the limit", {
            let key = |at: usize| format!("\"{at}{}\":[1,1,1,1],", long(limits::KEY_BYTES - 4));
            format!("{{{}\"name\":1}}", (0..1_900).map(key).collect::<String>())
        }),
        (
            "one key many times",
            format!("{{{}\"a\":1}}", "\"a\":1,".repeat(VALUES / 2)),
        ),
    ]
    .into_iter()
    .flat_map(|(name, text)| [(name, "a.image.json", text.clone()), (name, yaml, text)])
    .collect::<Vec<_>>();
    let mut more = |name, field: &str, count, item: &dyn Fn(usize) -> String| {
        shapes.push((name, yaml, list(field, item, count)));
    };
    more("aliases", "parameters:\n", VALUES, &|_| "- *a".to_owned());
    more("tags of YAML", "parameters:\n", VALUES, &|_| {
        "- !a b".to_owned()
    });
    more("aliases and wrong names", "parameters:\n", VALUES, &|at| {
        if at % 2 == 0 {
            "- *a".to_owned()
        } else {
            format!("- /a{at}//b")
        }
    });
    more(
        "wrong names of parameters",
        "parameters:\n",
        VALUES,
        &|at| format!("- /a{at}//b"),
    );
    more("parameters of one name", "parameters:\n", VALUES, &|_| {
        "- /a//b".to_owned()
    });
    more(
        "parameters as mappings",
        "parameters:\n",
        VALUES / 2,
        &|at| format!("- {{name: /a{at}//b}}"),
    );
    more("numbers for texts", "parameters:\n", VALUES, &|at| {
        format!("- {at}")
    });
    more("wrong accounts", "access:\n accounts:\n", VALUES, &|at| {
        format!("- a{at}")
    });
    more("wrong tags", "tags:\n", VALUES / 2, &|at| {
        format!("aws:{at}: b")
    });
    more("wrong Regions", "regions:\n", VALUES / 3, &|at| {
        format!("US_EAST_{at}a: {{}}")
    });
    more("unknown fields", "tpm:\n", VALUES / 2, &|at| {
        format!("field{at}: b")
    });
    let mappings = "register:\n blockDeviceMappings:\n";
    more("wrong devices", mappings, VALUES / 4, &|at| {
        format!("- {{deviceName: /DEV/SDF{at}, virtualName: ephemeral0}}")
    });
    more("devices in capitals", mappings, VALUES / 4, &|_| {
        "- {deviceName: /DEV/SDF, virtualName: ephemeral0}".to_owned()
    });
    more("unknown fields of devices", mappings, VALUES / 4, &|_| {
        format!("- {{deviceName: /dev/sdf, {}: 1}}", long(64))
    });
    more("mappings that are texts", mappings, VALUES, &|at| {
        format!("- a{at}")
    });
    more("long texts", "parameters:\n", 1_000, &|at| {
        format!("- {at}{}", long(1_000))
    });
    let mut seen = std::collections::BTreeMap::new();
    for (name, key, _) in &mut shapes {
        if seen.insert(*name, ()).is_some() {
            let named = format!("{name}, {key}");
            *name = named.leak();
        }
    }
    shapes
}
