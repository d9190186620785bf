//! Where entries live.
//!
//! A store keeps three promises whatever happens at the same time: an entry that fits is readable as soon as it
//! is put, the bytes held never exceed the bound, and what a purge or delete has removed is gone from every
//! index in the same step.

mod entry;
mod eviction;
mod memory;

pub use entry::{Entry, Stored};
pub use memory::{Bounds, Memory, Selector, Usage};
