//! The store counted anew, entry by entry, and compared with its indexes.

use hashbrown::{HashMap, HashSet};

use super::eviction::Id;
use super::shelves::Shelves;
use crate::key::{Digest, Selecting};

impl Shelves {
    /// Panics where an index, a count or the bound does not agree with the entries.
    pub(super) fn validate(&self) {
        self.validate_counts();
        self.validate_indexes();
        self.validate_variants();
    }

    fn validate_counts(&self) {
        let entries = self.slots.len();
        let bytes: u64 = self.slots.iter().map(|(_, slot)| slot.cost).sum();
        let postings: usize = self.slots.iter().map(|(_, slot)| slot.tags.len()).sum();
        let tags: HashSet<_> = self.slots.iter().flat_map(|(_, slot)| slot.tags.iter()).collect();
        assert_eq!((self.usage.entries, self.usage.bytes), (entries as u64, bytes), "usage");
        assert!(bytes <= self.bound, "{bytes} bytes held of {}", self.bound);
        assert_eq!(self.by_variant.len(), entries, "table");
        assert_eq!((self.ordered.len(), self.deadlines.len()), (entries, entries), "orders");
        assert_eq!(self.eviction.recount(), (entries, bytes), "eviction");
        assert_eq!((self.tags.len(), self.tags.postings()), (tags.len(), postings), "tags");
    }

    fn validate_indexes(&self) {
        for (id, slot) in &self.slots {
            let id = id as Id;
            assert_eq!(self.lookup(&slot.variant), Some(id), "{} is found", slot.key);
            assert!(self.ordered.of_key(&slot.key).contains(&id), "{} is in order", slot.key);
            for &tag in &slot.tags {
                assert!(self.tags.entries(self.tags.name(tag)).contains(&id), "{} is tagged", slot.key);
            }
        }
    }

    fn validate_variants(&self) {
        let mut counted: HashMap<(Digest, &Selecting), usize> = HashMap::new();
        for (_, slot) in &self.slots {
            if let Some((digest, vary)) = slot.varied.as_deref() {
                *counted.entry((*digest, vary)).or_default() += 1;
            }
        }
        let known: HashMap<(Digest, &Selecting), usize> =
            self.variants.iter().map(|(digest, vary, entries)| ((digest, vary), entries)).collect();
        assert_eq!(known, counted, "variants");
    }
}
