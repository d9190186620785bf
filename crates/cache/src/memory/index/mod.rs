//! What belongs together: tags to entries, keys in order for prefixes, deadlines in order for
//! expiry, keys to the fields that tell their variants apart.
//!
//! An index knows entries by their id, and reads what it orders them by where it stands, in the
//! entries. It costs what it finds, not what it holds.

mod deadlines;
mod ordered;
mod sorted;
mod table;
mod tags;
mod variants;

pub(crate) use deadlines::{Deadlines, Expiring};
pub(crate) use ordered::{Keyed, Ordered};
pub(crate) use table::Table;
pub(crate) use tags::{Link, MOST_TAGS, Tagged, Tags};
pub(crate) use variants::{MAX_SETS, Variants};
