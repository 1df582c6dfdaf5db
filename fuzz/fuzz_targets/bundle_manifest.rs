#![no_main]

#[path = "../targets/bundle_manifest.rs"]
mod bundle_manifest;
#[path = "../targets/places.rs"]
mod places;

libfuzzer_sys::fuzz_target!(|data: &[u8]| bundle_manifest::run(data));
