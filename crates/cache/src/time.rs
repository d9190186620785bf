//! Times and durations, in milliseconds.

/// A point in time, in milliseconds since 1970 (Unix time). May be negative.
pub type UnixMillis = i64;

/// A duration in milliseconds.
pub type Millis = i64;
