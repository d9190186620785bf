//! Bounds on the variants of one key. A handler that names other fields in `Vary` each time, or a
//! field whose value differs in each request, must not make lookups and purges of the key slow.

use std::cmp::Reverse;

use super::entries::Entry;
use super::eviction::Id;
use super::inner::Inner;
use super::new_entry::NewEntry;
use crate::key::Selecting;

/// Variants per key. They cost a lookup nothing; a purge of the key removes all of them under one
/// lock.
pub(super) const MAX_VARIANTS: usize = 4_096;

/// Variants evicted together: finding the oldest visits all of them.
const EVICTED_TOGETHER: usize = MAX_VARIANTS / 16;

impl Inner {
    /// Evicts variants of the key to make room for `entry`: all variants of the set of selecting
    /// fields that was used longest ago, and the variants that were put longest ago.
    pub(super) fn make_room_for_variant(&mut self, entry: &NewEntry) {
        if entry.vary.is_empty() {
            return;
        }
        let surplus =
            self.variants.surplus(entry.digest, &entry.vary).map(|(vary, _)| vary.clone());
        if let Some(vary) = surplus {
            // Older entries of other sets stay: a handler that names other fields each time must
            // not evict the sets that are in use.
            let oldest = self.variants_of(entry, |known| *known == vary);
            self.evict_variants(&oldest);
        }
        if self.has_most_variants(entry) {
            let mut oldest = self.variants_of(entry, |_| true);
            oldest.sort_unstable_by_key(|&id| Reverse(self.entries[id].recency()));
            let kept = oldest.len().saturating_sub(EVICTED_TOGETHER);
            self.evict_variants(&oldest[kept..]);
        }
    }

    /// Whether `entry`, loaded from disk, has room among the variants of its key without evicting
    /// newer ones.
    pub(super) fn has_room_for_variant(&self, entry: &NewEntry) -> bool {
        let surplus = || self.variants.surplus(entry.digest, &entry.vary);
        let replaces_newer =
            || surplus().is_some_and(|(_, latest)| latest >= entry.times.stored_at);
        entry.vary.is_empty() || !replaces_newer() && !self.has_most_variants(entry)
    }

    /// Whether `entry` is a new variant of a key with the largest number of variants.
    fn has_most_variants(&self, entry: &NewEntry) -> bool {
        self.variants.count(entry.digest) >= MAX_VARIANTS && self.lookup(entry.name()).is_none()
    }

    /// Variants of the key of `entry` whose selecting fields satisfy `matches`.
    fn variants_of(&self, entry: &NewEntry, matches: impl Fn(&Selecting) -> bool) -> Vec<Id> {
        let is_one =
            |known: &Entry| known.varied.as_deref().is_some_and(|varied| matches(&varied.vary));
        let mut ids = self.ordered.of_key(&entry.key, &self.entries);
        ids.retain(|&id| is_one(&self.entries[id]));
        ids
    }

    fn evict_variants(&mut self, ids: &[Id]) {
        self.remove_all(ids);
        self.usage.evictions += ids.len() as u64;
    }
}
