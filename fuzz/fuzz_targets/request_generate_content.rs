//! Requests of Gemini clients to the others, and of those to Google.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| ovth_fuzz::google_request(data));
