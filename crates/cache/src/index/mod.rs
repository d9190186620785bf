//! What belongs together: tags to entries, keys in order for prefixes, deadlines in order for expiry, keys to the fields that
//! tell their variants apart.
//! An index knows entries by their id and costs what it finds, not what it holds.

mod deadlines;
mod ordered;
mod tags;
mod variants;

pub(crate) use deadlines::Deadlines;
pub(crate) use ordered::Ordered;
pub(crate) use tags::{TagId, Tags};
pub(crate) use variants::Variants;
