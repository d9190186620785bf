//! Checks the store against its indexes, entry by entry.

use hashbrown::{HashMap, HashSet};

use super::entries::Varied;
use super::eviction::Id;
use super::inner::Inner;
use super::variant_limit::MAX_VARIANTS;
use crate::key::{Digest, Selecting};
use crate::memory::index::MAX_SETS;

impl Inner {
    /// Panics if an index, a count or the bound disagrees with the entries.
    pub(super) fn validate(&self) {
        self.validate_counts();
        self.validate_indexes();
        self.validate_variants();
    }

    fn validate_counts(&self) {
        let Self { entries, usage, bound, .. } = self;
        let count = entries.len();
        let bytes = entries.iter().map(|(_, entry)| entry.cost()).sum::<u64>();
        let tags: HashSet<_> =
            entries.iter().flat_map(|(_, entry)| entry.tag_list().iter()).collect();
        assert_eq!((usage.entries, usage.bytes), (count as u64, bytes), "usage");
        assert!(bytes <= *bound, "{bytes} bytes held of {bound}");
        assert_eq!(self.by_key.len(), count, "table");
        assert_eq!((self.ordered.len(), self.deadlines.len()), (count, count), "orders");
        assert_eq!(self.eviction.recount(entries), (count, bytes), "eviction");
        assert_eq!(self.tags.len(), tags.len(), "tags");
    }

    fn validate_indexes(&self) {
        let Self { entries, ordered, tags, .. } = self;
        let mut tagged: HashMap<&str, Vec<Id>> = HashMap::new();
        for (id, known) in entries.iter() {
            let key = known.key();
            assert_eq!(self.lookup(known.name()), Some(id), "{key} is found");
            assert!(ordered.of_key(key, entries).contains(&id), "{key} is in order");
            assert_eq!(
                known.tag_list().iter().count(),
                known.links.len(),
                "{key} has a link for each tag"
            );
            known.tag_list().iter().for_each(|tag| tagged.entry(tag).or_default().push(id));
        }
        for (tag, mut ids) in tagged {
            let mut known: Vec<_> = tags.entries(tag, entries).collect();
            known.sort_unstable();
            ids.sort_unstable();
            assert_eq!(known, ids, "tagged {tag}");
        }
    }

    fn validate_variants(&self) {
        let mut counted: HashMap<(Digest, &Selecting), usize> = HashMap::new();
        for (_, known) in self.entries.iter() {
            if let Some(Varied { key, vary, .. }) = known.varied.as_deref() {
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
