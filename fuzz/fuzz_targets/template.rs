#![no_main]

#[path = "../targets/template.rs"]
mod template;

libfuzzer_sys::fuzz_target!(|data: &[u8]| template::run(data));
