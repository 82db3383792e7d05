//! Tests of writing chat requests.
