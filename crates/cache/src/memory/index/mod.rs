//! Indexes of the store: tags, keys in order, deadlines in order, and the sets of selecting fields
//! by key.
//!
//! An index holds ids of entries and reads the data to compare from the entries. An operation costs
//! what it finds, not what the index holds.

mod deadlines;
mod ordered;
mod sorted;
mod table;
mod tags;
mod variants;

pub(crate) use deadlines::{Deadlines, Expiring};
pub(crate) use ordered::{Keyed, Ordered, Walked};
pub(crate) use table::Table;
pub(crate) use tags::{Link, MAX_TAGS, TagWalk, Tagged, Tags};
pub(crate) use variants::{MAX_SETS, Variants};
