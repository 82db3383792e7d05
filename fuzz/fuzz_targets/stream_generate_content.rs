//! Streams of Google to the others, and of those to Gemini clients.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| ovth_fuzz::google_stream(data));
