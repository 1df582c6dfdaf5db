#![no_main]

#[path = "../targets/import_message.rs"]
mod import_message;
#[path = "../targets/texts.rs"]
mod texts;

libfuzzer_sys::fuzz_target!(|data: &[u8]| import_message::run(data));
