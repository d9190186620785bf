//! What lies below memory: a map of records and a log of invalidations, shared with other
//! processes.
//!
//! [`Store`] is memory with an optional [`LowerTier`](lower::LowerTier). The lower tier writes
//! behind: changes take effect in memory and are queued; a writer thread commits them in batches,
//! and reader threads load what a lookup misses. A [`Backend`](backend::Backend) keeps the records.
//! A failure of it is never a failure of a lookup: a tier that fails has no entries, and
//! `inspect()` says why.

pub(crate) mod backend;
pub(crate) mod completion;
mod connect;
mod coordinator;
pub(crate) mod error;
#[cfg(all(test, unix, not(loom)))]
mod faults;
#[cfg(all(test, unix, not(loom)))]
mod histories;
mod load_queue;
mod log_cursor;
mod lower;
mod panic_guard;
mod reader;
mod readers;
mod record;
mod removal;
mod retry;
mod state;
mod store;
#[cfg(all(test, not(loom)))]
mod tests;
mod usage;
mod work;
mod write_behind;
mod writer;

pub(crate) use store::Store;
pub use store::{Durable, Storage};
pub use usage::TierUsage;
