//! Results of lookups, and reasons not to store a put.

use thiserror::Error;

use super::eviction::Id;
use crate::policy::{Freshness, State, Uncacheable};
use crate::response::Stored;

/// An entry as a lookup found it. Later operations on it do nothing if it was replaced or removed.
#[derive(Clone, Debug)]
pub(crate) struct EntryRef {
    pub(crate) stored: Stored,
    pub(super) id: Id,
}

impl EntryRef {
    pub(super) fn new(stored: Stored, id: Id) -> Self {
        Self { stored, id }
    }
}

/// Result of a lookup.
#[derive(Debug)]
pub(crate) enum Found {
    /// A fresh or stale entry.
    Entry(Stored, Freshness, State),
    /// A stale entry whose refresh lease the caller has acquired, and the fence sequence.
    Refresh { since: u64, held: EntryRef },
    /// No entry, and the fence sequence.
    Miss { since: u64 },
}

/// What became of an entry loaded from the tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Restored {
    /// It is in memory now.
    Inserted,
    /// Memory had its variant.
    Present,
    /// It exceeds a bound, or would evict newer variants of its key.
    NoRoom,
    /// It was invalidated since it was read.
    Fenced,
}

/// What `explain` reports about an entry.
#[derive(Clone, Debug)]
pub(crate) struct EntryInfo {
    pub(crate) times: Freshness,
    pub(crate) tags: Vec<String>,
    pub(crate) bytes: u64,
}

/// Why a put is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum StoreError {
    /// The response cannot be stored.
    #[error(transparent)]
    Uncacheable(#[from] Uncacheable),
    /// Its key, tags or prefix were invalidated after its content was computed.
    #[error("the response is older than an invalidation")]
    Fenced,
}

#[cfg(test)]
mod tests {
    use super::*;

    impl EntryRef {
        /// A response that is in no store.
        pub(crate) fn of(stored: Stored) -> Self {
            Self { stored, id: Id::MAX }
        }
    }
}
