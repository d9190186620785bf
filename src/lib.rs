//! Node binding of the response cache. It converts and forwards, and decides nothing.

#![deny(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod answer;
mod bodies;
mod cache;
mod completions;
mod convert;
mod core;
mod explanation;
mod inspection;
mod lookup;
mod notifier;
mod options;
mod outcome;
mod scratch;
mod sweeper;
mod text;
mod ticker;
mod wrap_options;
mod wrapper;
