//! An entry to be put, and the bytes that it takes.

use super::tag_list::{FEW_TAGS, TagList};
use crate::key::{Digest, Selecting};
use crate::policy::Freshness;
use crate::response::{Label, Parts, Stored};

/// An entry to be put.
#[derive(Debug)]
pub struct NewEntry {
    /// Text of the key.
    pub key: String,
    /// Digest of the key.
    pub digest: Digest,
    /// Digest of the variant; that of the key if the response has no selecting fields.
    pub variant: Digest,
    /// Selecting fields of the response's own `Vary` that are not in the key.
    pub vary: Selecting,
    /// Tags, each once.
    pub tags: Vec<String>,
    /// When it was stored, and its lifetime and stale windows.
    pub times: Freshness,
    /// The head of the response. The body is added when it is put.
    pub head: Stored,
}

/// Bytes of an entry beside key, head, body and tags: slab, table, queues, indexes and allocator. A
/// test compares it with what is allocated.
const ENTRY_OVERHEAD: usize = 208;

/// Bytes of a tag beside its name.
const TAG_OVERHEAD: usize = 26;

/// Bytes of the table of tag positions, for an entry with many tags.
const START_OVERHEAD: usize = 80;

/// Bytes of selecting fields beside their names.
const VARY_OVERHEAD: usize = 464;

impl NewEntry {
    /// Bytes that the caller gave, without the body: key, head and tags.
    pub(super) fn payload_bytes(&self) -> u64 {
        let tags: usize = self.tags.iter().map(String::len).sum();
        (self.key.len() + self.head.head().len() + tags) as u64
    }

    /// Bytes of the entry without its body.
    pub(super) fn cost_without_body(&self) -> u64 {
        let label = self.key.len() + TagList::bytes(&self.tags);
        let vary = Some(&self.vary).filter(|vary| !vary.is_empty());
        cost(label + self.head.head().len(), self.tags.len(), vary)
    }

    /// The response with body and label, as it is stored.
    pub(super) fn sealed(&self, body: Option<Parts<'_>>) -> Stored {
        let tags = TagList::written(&self.tags);
        Stored::labelled(
            Label { key: &self.key, tags: &tags },
            self.head.status(),
            self.head.head(),
            body,
        )
    }
}

/// Bytes of an entry with `bytes` of data and `tags` tags, and with selecting fields if it has any.
pub(super) fn cost(bytes: usize, tags: usize, vary: Option<&Selecting>) -> u64 {
    // The names are held twice if the variant is the only one with these fields.
    let varied = vary.map_or(0, |vary| VARY_OVERHEAD + 2 * vary.names.heap_bytes());
    let starts = if tags > FEW_TAGS { START_OVERHEAD + tags * size_of::<u32>() } else { 0 };
    (bytes + ENTRY_OVERHEAD + varied + tags * TAG_OVERHEAD + starts) as u64
}
