#![no_main]

#[path = "../targets/s3.rs"]
mod s3;
#[path = "../targets/small_world.rs"]
mod small_world;

libfuzzer_sys::fuzz_target!(|data: &[u8]| s3::run(data));
