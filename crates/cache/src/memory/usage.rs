//! Bounds and size of a store.

use crate::time::Millis;

/// Bounds of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes of all entries, with all that belongs to them.
    pub bytes: u64,
    /// Bytes of body, header fields, key and tags of one entry.
    pub entry_bytes: u64,
}

/// Size of a store, and counts of entries that it removed by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Number of entries.
    pub entries: u64,
    /// Bytes held.
    pub bytes: u64,
    /// Number of tags.
    pub tags: u64,
    /// Milliseconds since the oldest entry was put.
    pub oldest_ms: Option<Millis>,
    /// Entries evicted to make room.
    pub evictions: u64,
    /// Entries removed because they had expired.
    pub expirations: u64,
}
