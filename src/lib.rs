//! Node binding of the response cache. It converts and forwards, and decides nothing.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answer;
mod bodies;
mod cache;
mod convert;
mod core;
mod error;
mod explanation;
mod inspection;
mod lookup;
mod options;
mod outcome;
mod promises;
mod scratch;
mod sweeper;
mod text;
mod ticker;
mod waiters;
mod wrap_options;
mod wrapper;
