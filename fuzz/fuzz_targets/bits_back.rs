//! The body, and what it promises, are in `src/fuzz_bodies.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ansel::fuzz_bodies::programs(bytes));
