//! Tests: JSON in, JSON out.
