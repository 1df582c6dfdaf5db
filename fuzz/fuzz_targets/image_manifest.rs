#![no_main]

#[path = "../targets/image_manifest.rs"]
mod image_manifest;
#[path = "../targets/places.rs"]
mod places;

libfuzzer_sys::fuzz_target!(|data: &[u8]| image_manifest::run(data));
