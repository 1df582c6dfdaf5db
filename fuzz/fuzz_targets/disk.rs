#![no_main]

#[path = "../targets/disk.rs"]
mod disk;
#[path = "../targets/small_world.rs"]
mod small_world;

libfuzzer_sys::fuzz_target!(|data: &[u8]| disk::run(data));
