//! Responses requests to the other shapes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ovth_filters::Shape;

fuzz_target!(|data: &[u8]| ovth_fuzz::request(Shape::Responses, data));
