//! Entries of one key with different selecting fields. A request may select several of them, and
//! the latest answers it (RFC 9111, section 4). So an entry leaves the store together with the
//! older ones that would answer in its place.

use super::entries::Entry;
use super::eviction::Id;
use super::inner::{Inner, Name};
use crate::key::{Digest, Selecting};

impl Entry {
    fn vary(&self) -> Option<&Selecting> {
        self.varied.as_deref().map(|varied| &varied.vary)
    }
}

impl Inner {
    /// Entries with other selecting fields that were put before the entry `id` of the same key.
    pub(super) fn older_siblings(&self, id: Id) -> Vec<Id> {
        let recency = self.entries[id].recency();
        let mut siblings = self.siblings(id);
        siblings.retain(|&sibling| self.entries[sibling].recency() < recency);
        siblings
    }

    /// Entries that a later version of a variant replaces, which this store does not have: the
    /// older version, and all that would answer in place of the later one.
    pub(super) fn outdated_by(&self, key: &str, variant: &Digest) -> Vec<Id> {
        match self.find_variant(key, variant) {
            Some(known) => [known].into_iter().chain(self.siblings(known)).collect(),
            // Its selecting fields are unknown.
            None if self.has_key(key) => self.ordered.of_key(key, &self.entries),
            None => Vec::new(),
        }
    }

    /// Entries with other selecting fields than the entry `id` of the same key. Costs little if the
    /// store has no such entry.
    fn siblings(&self, id: Id) -> Vec<Id> {
        let entry = &self.entries[id];
        let has_siblings = match entry.varied.as_deref() {
            Some(varied) => {
                self.variants.sets(varied.key) > 1 || self.lookup(Name::Key(entry.key())).is_some()
            }
            None => !self.variants.is_empty() && self.variants.sets(Digest::of(entry.key())) > 0,
        };
        if !has_siblings {
            return Vec::new();
        }
        let mut siblings = self.ordered.of_key(entry.key(), &self.entries);
        siblings.retain(|&sibling| self.entries[sibling].vary() != entry.vary());
        siblings
    }

    fn has_key(&self, key: &str) -> bool {
        self.lookup(Name::Key(key)).is_some()
            || !self.variants.is_empty() && self.variants.sets(Digest::of(key)) > 0
    }
}
