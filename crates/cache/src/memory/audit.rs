//! The store counted anew, entry by entry, and compared with its indexes.

use hashbrown::{HashMap, HashSet};

use super::eviction::Id;
use super::inner::Shelves;
use super::slots::Varied;
use super::variant_limit::MAX_VARIANTS;
use crate::key::{Digest, Selecting};
use crate::memory::index::MAX_SETS;

impl Shelves {
    /// Panics where an index, a count or the bound does not agree with the entries.
    pub(super) fn validate(&self) {
        self.validate_counts();
        self.validate_indexes();
        self.validate_variants();
    }

    fn validate_counts(&self) {
        let Self { slots, usage, bound, .. } = self;
        let (entries, bytes) =
            (slots.len(), slots.iter().map(|(_, slot)| slot.cost()).sum::<u64>());
        let tags: HashSet<_> = slots.iter().flat_map(|(_, slot)| slot.tag_list().iter()).collect();
        assert_eq!((usage.entries, usage.bytes), (entries as u64, bytes), "usage");
        assert!(bytes <= *bound, "{bytes} bytes held of {bound}");
        assert_eq!(self.by_name.len(), entries, "table");
        assert_eq!((self.ordered.len(), self.deadlines.len()), (entries, entries), "orders");
        assert_eq!(self.eviction.recount(slots), (entries, bytes), "eviction");
        assert_eq!(self.tags.len(), tags.len(), "tags");
    }

    fn validate_indexes(&self) {
        let Self { slots, ordered, tags, .. } = self;
        let mut tagged: HashMap<&str, Vec<Id>> = HashMap::new();
        for (id, slot) in slots.iter() {
            let key = slot.key();
            assert_eq!(self.lookup(slot.name()), Some(id), "{key} is found");
            assert!(ordered.of_key(key, slots).contains(&id), "{key} is in order");
            assert_eq!(
                slot.tag_list().iter().count(),
                slot.links.len(),
                "{key} has a link for each tag"
            );
            slot.tag_list().iter().for_each(|tag| tagged.entry(tag).or_default().push(id));
        }
        for (tag, mut ids) in tagged {
            let mut known: Vec<_> = tags.entries(tag, slots).collect();
            known.sort_unstable();
            ids.sort_unstable();
            assert_eq!(known, ids, "tagged {tag}");
        }
    }

    fn validate_variants(&self) {
        let mut counted: HashMap<(Digest, &Selecting), usize> = HashMap::new();
        for (_, slot) in self.slots.iter() {
            if let Some(Varied { key, vary, .. }) = slot.varied.as_deref() {
                *counted.entry((*key, vary)).or_default() += 1;
            }
        }
        let mut of_keys: HashMap<Digest, (usize, usize)> = HashMap::new();
        for (&(key, _), &entries) in &counted {
            let (sets, variants) = of_keys.entry(key).or_default();
            (*sets, *variants) = (*sets + 1, *variants + entries);
        }
        let is_bounded =
            |&(sets, variants): &(usize, usize)| sets <= MAX_SETS && variants <= MAX_VARIANTS;
        assert!(of_keys.values().all(is_bounded), "variants of a key");
        let known: HashMap<(Digest, &Selecting), usize> =
            self.variants.iter().map(|(digest, vary, entries)| ((digest, vary), entries)).collect();
        assert_eq!(known, counted, "variants");
    }
}
