//! An entry, and what it costs to keep.

use crate::key::{Digest, Selecting};
use crate::policy::{Freshness, Stored};

/// An entry on its way into the store.
#[derive(Debug)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// The key's digest.
    pub digest: Digest,
    /// The digest of this variant of the key; the key's own where the response has no `Vary` of its own.
    pub variant: Digest,
    /// The response's own selecting fields, without those in the key.
    pub vary: Selecting,
    /// Tags, each once.
    pub tags: Vec<String>,
    /// Its times.
    pub times: Freshness,
    /// The response.
    pub stored: Stored,
}

/// What an entry costs beyond its key, head, body and tags, in bytes: its place in the slab, the tables, the
/// order and the indexes, and what the allocator adds. A test compares it with what is really allocated.
const ENTRY_OVERHEAD: usize = 432;

/// What a tag of an entry costs beyond its name.
const TAG_OVERHEAD: usize = 144;

impl Entry {
    /// What the caller gave, in bytes: key, head, body, tags.
    pub(super) fn payload_bytes(&self) -> u64 {
        let tags: usize = self.tags.iter().map(String::len).sum();
        let body = self.stored.body().map_or(0, <[u8]>::len);
        (self.key.len() + self.stored.head().len() + body + tags) as u64
    }

    /// What the store adds to that, in bytes.
    pub(super) fn overhead_bytes(&self) -> u64 {
        // A variant may be the only one of its kind, and then the fields that select it are held twice.
        let varied = if self.vary.is_empty() { 0 } else { ENTRY_OVERHEAD + 2 * self.vary.names.heap_bytes() };
        (ENTRY_OVERHEAD + varied + self.tags.len() * TAG_OVERHEAD) as u64
    }
}
