#![no_main]

#[path = "../targets/query.rs"]
mod query;
#[path = "../targets/small_world.rs"]
mod small_world;

libfuzzer_sys::fuzz_target!(|data: &[u8]| query::run(data));
