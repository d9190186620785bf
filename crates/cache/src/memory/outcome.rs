//! What lookups find, and why a put stores nothing.

use super::eviction::Id;
use crate::policy::{Freshness, Refused, State};
use crate::response::Stored;

/// An entry as somebody has seen it. What is done to it later is done if it is still the same, and
/// else to none.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) stored: Stored,
    pub(super) id: Id,
}

impl Held {
    pub(super) fn new(stored: Stored, id: Id) -> Self {
        Self { stored, id }
    }

    /// A response that no store has.
    #[cfg(test)]
    pub(crate) fn of(stored: Stored) -> Self {
        Self { stored, id: Id::MAX }
    }
}

/// What a lookup finds.
#[derive(Debug)]
pub(crate) enum Found {
    /// A response to answer with, fresh or stale.
    Entry(Stored, Freshness, State),
    /// A stale entry that the caller is elected to refresh, seen with the sequence of purges at
    /// `since`.
    Elected { since: u64, held: Held },
    /// No entry, seen with the sequence of purges at `since`.
    Nothing { since: u64 },
}

/// What can be seen of an entry without using it.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    pub(crate) times: Freshness,
    pub(crate) tags: Vec<String>,
    pub(crate) bytes: u64,
}

/// Why an entry is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotStored {
    /// It cannot be.
    Refused(Refused),
    /// Something of it was purged after its content was computed.
    Fenced,
}
