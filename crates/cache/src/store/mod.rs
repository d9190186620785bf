//! Where entries live.
//!
//! A store keeps these promises whatever happens at the same time: an entry that fits is readable as soon as it
//! is put; the bytes held never exceed the bound; what a purge or delete has removed is gone from every index in
//! the same step, and no write that began before it brings it back.

mod audit;
mod clock;
mod entry;
mod eviction;
mod ghosts;
#[cfg(all(test, loom))]
mod interleavings;
mod memory;
mod purge;
mod selection;
mod shelves;
mod slots;
mod tag_list;
mod variety;

pub use entry::Entry;
pub(crate) use memory::Found;
pub use memory::{Bounds, Memory, NotStored, Selector, Usage};
pub(crate) use selection::{Held, Selected, Selection};
