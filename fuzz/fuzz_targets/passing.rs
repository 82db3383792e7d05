//! What is read of requests that keep their shape: the peek, its edits, the token estimate, the strip of state, the prefix.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| ovth_fuzz::passing(data));
