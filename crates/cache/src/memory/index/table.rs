//! A hash table of small values that grows in small steps, so that no insert moves all values
//! (Litwin's linear hashing, over hash tables as buckets).

use hashbrown::HashTable;

/// Average number of values per bucket above which a bucket is added.
const MAX: usize = 512;

/// The table. The caller hashes and compares.
#[derive(Debug)]
pub(crate) struct Table<T> {
    parts: Vec<HashTable<T>>,
    len: usize,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { parts: vec![HashTable::new()], len: 0 }
    }
}

impl<T> Table<T> {
    pub(crate) fn find(&self, hash: u64, is_it: impl FnMut(&T) -> bool) -> Option<&T> {
        self.parts[self.part(hash)].find(hash, is_it)
    }

    pub(crate) fn find_mut(&mut self, hash: u64, is_it: impl FnMut(&T) -> bool) -> Option<&mut T> {
        let part = self.part(hash);
        self.parts[part].find_mut(hash, is_it)
    }

    /// Inserts a value that is not in the table.
    pub(crate) fn insert(&mut self, hash: u64, value: T, hash_of: impl Fn(&T) -> u64) {
        if self.len >= self.parts.len() * MAX {
            self.split(&hash_of);
        }
        let part = self.part(hash);
        self.parts[part].insert_unique(hash, value, hash_of);
        self.len += 1;
    }

    pub(crate) fn remove(&mut self, hash: u64, is_it: impl FnMut(&T) -> bool) {
        let part = self.part(hash);
        if let Ok(found) = self.parts[part].find_entry(hash, is_it) {
            found.remove();
            self.len -= 1;
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Adds a bucket, which takes about half of the values of the next one to split.
    fn split(&mut self, hash_of: &impl Fn(&T) -> u64) {
        let new = self.parts.len();
        let turn = new - (new + 1).next_power_of_two() / 2;
        let old = std::mem::take(&mut self.parts[turn]);
        self.parts.push(HashTable::with_capacity(old.len() / 2));
        self.parts[turn].reserve(old.len() / 2, hash_of);
        for value in old {
            let hash = hash_of(&value);
            let part = self.part(hash);
            debug_assert!(part == turn || part == new, "values move to the new part alone");
            self.parts[part].insert_unique(hash, value, hash_of);
        }
    }

    /// Selects the bucket by bits that the buckets themselves do not use.
    fn part(&self, hash: u64) -> usize {
        let (bits, all) = ((hash >> 20) as usize, self.parts.len().next_power_of_two());
        let part = bits % all;
        if part < self.parts.len() { part } else { bits % (all / 2) }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const HASH: fn(&u64) -> u64 = |number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15);

    #[test]
    fn every_value_is_found_however_often_the_table_has_grown() {
        let mut table = Table::default();
        for number in 0..10_000 {
            table.insert(HASH(&number), number, HASH);
            assert_eq!(
                table.find(HASH(&(number / 2)), |&known| known == number / 2),
                Some(&(number / 2))
            );
        }
        assert!(
            (0..10_000).all(|number| table.find(HASH(&number), |&known| known == number).is_some())
        );
        assert_eq!((table.len(), table.parts.len()), (10_000, 10_000_usize.div_ceil(MAX)));
    }

    #[test]
    fn a_removed_value_is_gone_and_no_other() {
        let mut table = Table::default();
        (0..2_000).for_each(|number| table.insert(HASH(&number), number, HASH));
        for _ in 0..2 {
            table.remove(HASH(&5), |&number| number == 5);
        }
        let found = |number: u64| table.find(HASH(&number), |&known| known == number).copied();
        assert_eq!(
            (found(4), found(5), found(1_999), table.len()),
            (Some(4), None, Some(1_999), 1_999)
        );
    }

    #[test]
    fn no_part_holds_much_more_than_its_share() {
        let mut table = Table::default();
        (0..100_000).for_each(|number| table.insert(HASH(&number), number, HASH));
        assert!(table.parts.iter().all(|part| part.len() < 3 * MAX));
    }
}
