//! Messages requests to chat.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ovth_filters::Shape;

fuzz_target!(|data: &[u8]| ovth_fuzz::request(Shape::Messages, data));
