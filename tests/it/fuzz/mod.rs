//! The targets of fuzzing (`fuzz/`), each with the inputs of its corpus: what was found once stays fixed.

#[path = "../../../fuzz/targets/address.rs"]
mod address;
#[path = "../../../fuzz/targets/bundle_manifest.rs"]
mod bundle_manifest;
#[path = "../../../fuzz/targets/disk.rs"]
mod disk;
#[path = "../../../fuzz/targets/events.rs"]
mod events;
#[path = "../../../fuzz/targets/image_manifest.rs"]
mod image_manifest;
#[path = "../../../fuzz/targets/import_message.rs"]
mod import_message;
#[path = "../../../fuzz/targets/places.rs"]
mod places;
#[path = "../../../fuzz/targets/query.rs"]
mod query;
#[path = "../../../fuzz/targets/s3.rs"]
mod s3;
#[path = "../../../fuzz/targets/small_world.rs"]
mod small_world;
#[path = "../../../fuzz/targets/status.rs"]
mod status;
#[path = "../../../fuzz/targets/template.rs"]
mod template;
#[path = "../../../fuzz/targets/texts.rs"]
mod texts;

use std::collections::BTreeSet;
use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

/// What a target does with an input; it panics where something is wrong.
type Target = fn(&[u8]);

const TARGETS: [(&str, Target); 10] = [
    ("address", address::run),
    ("bundle_manifest", bundle_manifest::run),
    ("disk", disk::run),
    ("events", events::run),
    ("image_manifest", image_manifest::run),
    ("import_message", import_message::run),
    ("query", query::run),
    ("s3", s3::run),
    ("status", status::run),
    ("template", template::run),
];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz")
        .join(name)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Puts every input of a target's corpus through it.
#[track_caller]
fn corpus(name: &str) {
    let (_, run) = TARGETS.into_iter().find(|it| it.0 == name).unwrap();
    let inputs = entries(&folder("corpus").join(name));
    assert!(!inputs.is_empty(), "no corpus of {name}");
    let fails = |input: &&PathBuf| {
        let data = fs::read(input).unwrap();
        catch_unwind(|| run(&data)).is_err()
    };
    let failed: Vec<_> = inputs.iter().filter(fails).collect();
    assert!(failed.is_empty(), "{name} fails with {failed:#?}");
}

macro_rules! corpora {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            corpus(stringify!($name));
        })*
    };
}

corpora! {
    address bundle_manifest disk events image_manifest import_message query s3 status template
}

#[test]
fn every_target_has_a_program_and_a_corpus() {
    let targets: BTreeSet<_> = TARGETS.iter().map(|it| it.0.to_owned()).collect();
    let names = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let in_folder =
        |name| -> BTreeSet<_> { entries(&folder(name)).into_iter().map(names).collect() };
    assert_eq!(in_folder("corpus"), targets);
    assert_eq!(in_folder("fuzz_targets"), targets);
    let manifest = fs::read_to_string(folder("Cargo.toml")).unwrap();
    let bins = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("path = \"fuzz_targets/"));
    let bins: BTreeSet<_> = bins
        .map(|bin| bin.trim_end_matches(".rs\"").to_owned())
        .collect();
    assert_eq!(bins, targets);
}
