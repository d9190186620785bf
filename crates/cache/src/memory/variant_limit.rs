//! The bound on the variants of one key. A handler that names other fields in `Vary` each time, or
//! a field with a value of its own in each request, must not make lookups and purges of the key
//! slow.

use std::cmp::Reverse;

use super::entry::Entry;
use super::eviction::Id;
use super::inner::Shelves;
use super::slots::Slot;
use crate::key::Selecting;

/// Variants that one key may have. They cost nothing in a lookup; a purge of the key removes all of
/// them at once.
pub(super) const MAX_VARIANTS: usize = 4_096;

/// Variants that are evicted together, because finding the oldest looks at all.
const EVICTED_TOGETHER: usize = MAX_VARIANTS / 16;

impl Shelves {
    /// Evicts what has no room beside `entry` among the variants of its key: all variants by the
    /// set of selecting fields that was used longest ago, and the variants that were put longest
    /// ago.
    pub(super) fn make_room_for_variant(&mut self, entry: &Entry) {
        if entry.vary.is_empty() {
            return;
        }
        let surplus =
            self.variants.surplus(entry.digest, &entry.vary).map(|(vary, _)| vary.clone());
        if let Some(vary) = surplus {
            let oldest = self.variants_of(entry, |known| *known == vary);
            self.evict_variants(&oldest);
        }
        if self.has_most_variants(entry) {
            let mut oldest = self.variants_of(entry, |_| true);
            oldest.sort_unstable_by_key(|&id| Reverse(self.slots[id].recency()));
            let kept = oldest.len().saturating_sub(EVICTED_TOGETHER);
            self.evict_variants(&oldest[kept..]);
        }
    }

    /// Whether `entry`, which was stored before, has room among the variants of its key without
    /// evicting what is newer.
    pub(super) fn has_room_for_variant(&self, entry: &Entry) -> bool {
        let surplus = || self.variants.surplus(entry.digest, &entry.vary);
        let replaces_newer =
            || surplus().is_some_and(|(_, latest)| latest >= entry.times.stored_at);
        entry.vary.is_empty() || !replaces_newer() && !self.has_most_variants(entry)
    }

    /// Whether `entry` is another variant of a key that has as many as it may have.
    fn has_most_variants(&self, entry: &Entry) -> bool {
        self.variants.count(entry.digest) >= MAX_VARIANTS && self.lookup(entry.name()).is_none()
    }

    /// The variants of the key of `entry` that are selected by a set for which `matches` holds.
    fn variants_of(&self, entry: &Entry, matches: impl Fn(&Selecting) -> bool) -> Vec<Id> {
        let is_one =
            |slot: &Slot| slot.varied.as_deref().is_some_and(|varied| matches(&varied.vary));
        let mut ids = self.ordered.of_key(&entry.key, &self.slots);
        ids.retain(|&id| is_one(&self.slots[id]));
        ids
    }

    fn evict_variants(&mut self, ids: &[Id]) {
        self.remove_all(ids);
        self.usage.evictions += ids.len() as u64;
    }
}
