//! An entry, and what it costs to keep.

use super::tag_list::{FEW_TAGS, TagList};
use crate::key::{Digest, Selecting};
use crate::policy::Freshness;
use crate::response::{Label, Parts, Stored};

/// An entry on its way into the store.
#[derive(Debug)]
pub struct Entry {
    /// The key's text.
    pub key: String,
    /// The key's digest.
    pub digest: Digest,
    /// The digest of this variant of the key; the key's own where the response has no `Vary` of its
    /// own.
    pub variant: Digest,
    /// The response's own selecting fields, without those in the key.
    pub vary: Selecting,
    /// Tags, each once.
    pub tags: Vec<String>,
    /// Its times.
    pub times: Freshness,
    /// The head of the response; the body is given when it is put.
    pub head: Stored,
}

/// What an entry costs beyond its key, head, body and tags, in bytes: its place in the slab, the
/// tables, the order and the indexes, and what the allocator adds. A test compares it with what is
/// really allocated.
const ENTRY_OVERHEAD: usize = 208;

/// What a tag of an entry costs beyond its name.
const TAG_OVERHEAD: usize = 26;

/// What it costs to know where each of many tags begins, beyond a number for each.
const START_OVERHEAD: usize = 80;

/// What selecting fields of its own cost an entry beyond their names.
const VARY_OVERHEAD: usize = 464;

impl Entry {
    /// What the caller gave without the body, in bytes: key, head, tags.
    pub(super) fn payload_bytes(&self) -> u64 {
        let tags: usize = self.tags.iter().map(String::len).sum();
        (self.key.len() + self.head.head().len() + tags) as u64
    }

    /// What the entry costs without its body.
    pub(super) fn cost_without_body(&self) -> u64 {
        let label = self.key.len() + TagList::bytes(&self.tags);
        let vary = Some(&self.vary).filter(|vary| !vary.is_empty());
        cost(label + self.head.head().len(), self.tags.len(), vary)
    }

    /// The response as it is kept, with its body and what the indexes look for in it.
    pub(super) fn sealed(&self, body: Option<Parts<'_>>) -> Stored {
        let tags = TagList::written(&self.tags);
        Stored::labelled(
            Label { name: &self.key, notes: &tags },
            self.head.status(),
            self.head.head(),
            body,
        )
    }
}

/// What an entry of this many bytes and tags costs, which is selected by fields of its own where
/// there are any.
pub(super) fn cost(bytes: usize, tags: usize, vary: Option<&Selecting>) -> u64 {
    // A variant may be the only one of its kind, and then the fields that select it are held twice.
    let varied = vary.map_or(0, |vary| VARY_OVERHEAD + 2 * vary.names.heap_bytes());
    let starts = if tags > FEW_TAGS { START_OVERHEAD + tags * size_of::<u32>() } else { 0 };
    (bytes + ENTRY_OVERHEAD + varied + tags * TAG_OVERHEAD + starts) as u64
}
