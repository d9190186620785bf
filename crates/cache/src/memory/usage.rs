//! How much a store may hold, and how much it holds.

/// How much a store may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// All entries with everything that belongs to them, in bytes.
    pub bytes: u64,
    /// Body, header fields, key and tags of one entry, in bytes.
    pub entry_bytes: u64,
}

/// What a store holds, and what left it without being asked to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Entries held.
    pub entries: u64,
    /// Bytes held.
    pub bytes: u64,
    /// Tags that entries have.
    pub tags: u64,
    /// Milliseconds since the oldest entry was put.
    pub oldest_ms: Option<i64>,
    /// Entries that left to make room.
    pub evictions: u64,
    /// Entries that left because they had expired.
    pub expirations: u64,
}
