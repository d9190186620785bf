//! Tags to entries. A tag's name is held once; an entry and a tag are joined by a pair of numbers.

use std::collections::BTreeSet;
use std::sync::Arc;

use hashbrown::HashMap;
use slab::Slab;

/// Names a tag in its store.
pub(crate) type TagId = u32;

#[derive(Debug)]
struct Tag {
    name: Arc<str>,
    entries: usize,
}

/// The index.
#[derive(Debug, Default)]
pub(crate) struct Tags {
    ids: HashMap<Arc<str>, TagId>,
    known: Slab<Tag>,
    postings: BTreeSet<(TagId, u32)>,
}

impl Tags {
    /// Joins the entry `id` to the tag `name`, which it does not have yet.
    pub(crate) fn insert(&mut self, name: &str, id: u32) -> TagId {
        let tag = match self.ids.get(name) {
            Some(&tag) => tag,
            None => self.add(name.into()),
        };
        if self.postings.insert((tag, id)) {
            self.known[tag as usize].entries += 1;
        }
        tag
    }

    fn add(&mut self, name: Arc<str>) -> TagId {
        let tag = self.known.insert(Tag { name: Arc::clone(&name), entries: 0 }) as TagId;
        self.ids.insert(name, tag);
        tag
    }

    /// Parts the entry `id` from `tag`. A tag without entries is forgotten.
    pub(crate) fn remove(&mut self, tag: TagId, id: u32) {
        if !self.postings.remove(&(tag, id)) {
            return;
        }
        let left = &mut self.known[tag as usize].entries;
        *left -= 1;
        if *left == 0 {
            let Tag { name, .. } = self.known.remove(tag as usize);
            self.ids.remove(&name);
        }
    }

    /// The entries that have the tag `name`.
    pub(crate) fn entries(&self, name: &str) -> Vec<u32> {
        let Some(&tag) = self.ids.get(name) else {
            return Vec::new();
        };
        self.postings.range((tag, 0)..=(tag, u32::MAX)).map(|(_, id)| *id).collect()
    }

    /// The name of a tag that some entry has.
    pub(crate) fn name(&self, tag: TagId) -> &str {
        &self.known[tag as usize].name
    }

    /// Number of tags.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// Number of pairs of tag and entry.
    pub(crate) fn postings(&self) -> usize {
        self.postings.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_lives_as_long_as_an_entry_has_it() {
        let mut tags = Tags::default();
        let a = tags.insert("a", 1);
        assert_eq!(tags.insert("a", 2), a);
        tags.insert("b", 2);
        assert_eq!(tags.entries("a"), [1, 2]);
        tags.remove(a, 1);
        tags.remove(a, 1);
        assert_eq!(tags.entries("a"), [2]);
        tags.remove(a, 2);
        assert!(tags.entries("a").is_empty());
        assert_eq!((tags.len(), tags.postings()), (1, 1));
    }
}
