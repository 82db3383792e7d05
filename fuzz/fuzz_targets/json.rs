//! The view, the members and the splice of JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| ovth_fuzz::json(data));
