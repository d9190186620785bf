//! A hash table of small values, in parts: where one grows, only its part is moved, and nobody waits for long.

use hashbrown::HashTable;

const PARTS: usize = 64;

/// The table. Whoever uses it hashes and compares.
#[derive(Debug)]
pub(crate) struct Table<T>(Box<[HashTable<T>]>);

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self((0..PARTS).map(|_| HashTable::new()).collect())
    }
}

impl<T> Table<T> {
    pub(crate) fn find(&self, hash: u64, is_it: impl FnMut(&T) -> bool) -> Option<&T> {
        self.0[part(hash)].find(hash, is_it)
    }

    pub(crate) fn find_mut(&mut self, hash: u64, is_it: impl FnMut(&T) -> bool) -> Option<&mut T> {
        self.0[part(hash)].find_mut(hash, is_it)
    }

    /// Adds what is not there yet.
    pub(crate) fn insert(&mut self, hash: u64, value: T, hash_of: impl Fn(&T) -> u64) {
        self.0[part(hash)].insert_unique(hash, value, hash_of);
    }

    pub(crate) fn remove(&mut self, hash: u64, is_it: impl FnMut(&T) -> bool) {
        if let Ok(found) = self.0[part(hash)].find_entry(hash, is_it) {
            found.remove();
        }
    }

    /// Costs a look at every part.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(HashTable::len).sum()
    }
}

/// By bits that the parts themselves make no use of.
fn part(hash: u64) -> usize {
    (hash >> 48) as usize % PARTS
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_found_in_whatever_part_it_lies() {
        let mut table = Table::default();
        let hash = |number: &u64| number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for number in 0..10_000 {
            table.insert(hash(&number), number, hash);
        }
        table.remove(hash(&5), |&number| number == 5);
        table.remove(hash(&5), |&number| number == 5);
        let found = |number: u64| table.find(hash(&number), |&known| known == number).copied();
        assert_eq!((found(4), found(5), found(9_999), table.len()), (Some(4), None, Some(9_999), 9_999));
    }
}
