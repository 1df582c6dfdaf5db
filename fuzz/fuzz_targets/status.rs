#![no_main]

#[path = "../targets/status.rs"]
mod status;
#[path = "../targets/texts.rs"]
mod texts;

libfuzzer_sys::fuzz_target!(|data: &[u8]| status::run(data));
