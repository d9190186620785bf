//! The memory store.
//!
//! It holds under concurrent calls: an entry that fits is readable as soon as it is put; bytes held
//! never exceed the bound; a purge or delete removes an entry from every index in one step, and no
//! older write restores it.

mod audit;
mod clock;
mod entries;
mod eviction;
mod future_entries;
mod ghosts;
pub(crate) mod index;
mod inner;
#[cfg(all(test, loom))]
mod interleavings;
mod new_entry;
mod outcome;
mod pending;
mod purge;
mod selection;
mod siblings;
mod slices;
#[cfg(all(test, not(loom)))]
mod slices_tests;
mod store;
mod tag_list;
mod usage;
mod variant_limit;

pub use new_entry::NewEntry;
pub use outcome::StoreError;
pub(crate) use outcome::{EntryInfo, EntryRef, Found, Restored};
pub(crate) use purge::{Continuation, Progress};
pub(crate) use selection::{Selected, Selection};
pub use store::Memory;
pub use usage::{Bounds, Usage};
