#![no_main]

#[path = "../targets/address.rs"]
mod address;

libfuzzer_sys::fuzz_target!(|data: &[u8]| address::run(data));
