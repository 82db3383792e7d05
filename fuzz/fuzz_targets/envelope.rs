//! State in envelopes that a client sends back.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| ovth_fuzz::envelope(data));
