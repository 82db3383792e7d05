//! Tests of reading chat requests.
