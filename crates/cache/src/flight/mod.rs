//! Who refreshes a stale entry, and which writes come too late.
//!
//! * An **election** gives one caller a miss while everybody else is served the stale response.
//! * The **fence** remembers what was purged and when, on a sequence of its own and not by the clock, and holds back
//!   a write whose content was computed before a purge of it.
//! * **Notes** tell for a key how far back the builds go that are under way for it.

mod election;
mod fence;
mod notes;

/// How long a caller that got a miss is waited for, in milliseconds, before it may be taken for gone.
const PATIENCE_MS: i64 = 30_000;

pub(crate) use election::Election;
pub(crate) use fence::{Fence, Purged};
pub(crate) use notes::Notes;
