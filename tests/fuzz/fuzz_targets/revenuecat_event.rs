//! `Entry::RevenuecatEvent` of `tests/src/fuzz`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| harness::fuzz::Entry::RevenuecatEvent.run(bytes));
