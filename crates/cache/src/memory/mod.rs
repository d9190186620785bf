//! Where entries live.
//!
//! A store keeps these promises whatever happens at the same time: an entry that fits is readable
//! as soon as it is put; the bytes held never exceed the bound; what a purge or delete has removed
//! is gone from every index in the same step, and no write that began before it brings it back.

mod audit;
mod clock;
mod entry;
mod eviction;
mod future_entries;
mod ghosts;
pub(crate) mod index;
mod inner;
#[cfg(all(test, loom))]
mod interleavings;
mod outcome;
mod purge;
mod selection;
mod slots;
mod store;
mod tag_list;
mod usage;
mod variant_limit;

pub use entry::Entry;
pub use outcome::NotStored;
pub(crate) use outcome::{Found, Held};
pub(crate) use selection::{Selected, Selection};
pub use store::Memory;
pub use usage::{Bounds, Usage};
