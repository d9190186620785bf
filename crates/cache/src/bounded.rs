//! A bounded map: an insert into a full map evicts the oldest entry.

use std::hash::Hash;

use hashlink::LinkedHashMap;

/// A map of at most `capacity` entries, ordered by their last insertion. Every operation is O(1).
#[derive(Debug)]
pub(crate) struct Bounded<K, V> {
    entries: LinkedHashMap<K, V>,
    capacity: usize,
}

impl<K: Eq + Hash, V> Bounded<K, V> {
    /// An empty map. It allocates as it grows.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: LinkedHashMap::new(), capacity }
    }

    /// Inserts or replaces the entry of `key`, which becomes the newest. Returns the entry that it
    /// evicts if the map is full.
    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<(K, V)> {
        self.entries.insert(key, value);
        if self.entries.len() > self.capacity { self.entries.pop_front() } else { None }
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key)
    }

    /// Entries in the reverse order of their insertion.
    pub(crate) fn newest_first(&self) -> impl Iterator<Item = (&K, &V)> {
        self.entries.iter().rev()
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.entries.remove(key)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    impl<K, V> Bounded<K, V> {
        pub(crate) fn len(&self) -> usize {
            self.entries.len()
        }
    }

    #[test]
    fn a_full_map_evicts_the_entry_inserted_longest_ago_and_nothing_else() {
        let mut map = Bounded::new(3);
        for key in 0..3 {
            assert_eq!(map.insert(key, key), None);
        }
        assert_eq!(map.insert(0, 10), None, "a replaced entry takes no more room");
        assert_eq!(map.insert(3, 3), Some((1, 1)));
        assert_eq!((map.get(&0), map.get(&1), map.get(&2)), (Some(&10), None, Some(&2)));
        assert_eq!(map.remove(&2), Some(2));
        assert_eq!((map.insert(4, 4), map.len()), (None, 3));
    }
}
