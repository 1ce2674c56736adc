//! The target `settings` of `localcoder-fuzzing`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| localcoder_fuzzing::run("settings", bytes));
