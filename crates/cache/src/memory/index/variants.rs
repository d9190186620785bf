//! For each key whose responses name selecting fields of their own: the sets of fields by which its
//! variants are told apart (RFC 9111, section 4.1).

use hashbrown::HashMap;

use crate::http::lines::{Told, Untold};
use crate::http::{FieldIndex, Names};
use crate::key::{Digest, Key, Selecting};

/// Names in one question, in bytes. One name is shorter than that, whatever it is.
const MOST_QUESTION_BYTES: usize = 8_192;

/// Sets of selecting fields that one key may have. Each lookup of the key computes a digest for
/// each of them.
pub(crate) const MAX_SETS: usize = 16;

/// A set of selecting fields.
#[derive(Debug)]
struct Kind {
    vary: Selecting,
    /// Entries that are selected by it.
    entries: usize,
    /// When the last of them was stored.
    latest: i64,
}

/// The index.
#[derive(Debug, Default)]
pub(crate) struct Variants(HashMap<Digest, Vec<Kind>>);

impl Variants {
    /// Adds an entry of `key` that is selected by `vary` and was stored at `at`.
    pub(crate) fn insert(&mut self, key: Digest, vary: &Selecting, at: i64) {
        let kinds = self.0.entry(key).or_default();
        match kinds.iter_mut().find(|known| known.vary == *vary) {
            Some(known) => {
                known.entries += 1;
                known.latest = known.latest.max(at);
            }
            None => kinds.push(Kind { vary: vary.clone(), entries: 1, latest: at }),
        }
    }

    /// How many entries of `key` are selected by fields of their own.
    pub(crate) fn count(&self, key: Digest) -> usize {
        self.0.get(&key).into_iter().flatten().map(|known| known.entries).sum()
    }

    /// The set that an entry of `key` with the set `vary` has no room beside: the one by which an
    /// entry was stored longest ago, and when that was.
    pub(crate) fn surplus(&self, key: Digest, vary: &Selecting) -> Option<(&Selecting, i64)> {
        let kinds = self.0.get(&key).filter(|kinds| kinds.len() >= MAX_SETS)?;
        let is_new = kinds.iter().all(|known| known.vary != *vary);
        let oldest = kinds.iter().filter(|_| is_new).min_by_key(|known| known.latest)?;
        Some((&oldest.vary, oldest.latest))
    }

    /// Takes an entry of `key` that is selected by `vary` out.
    pub(crate) fn remove(&mut self, key: Digest, vary: &Selecting) {
        let Some(kinds) = self.0.get_mut(&key) else { return };
        kinds.retain_mut(|known| {
            known.entries -= usize::from(known.vary == *vary);
            known.entries > 0
        });
        if kinds.is_empty() {
            self.0.remove(&key);
        }
    }

    /// The sets of fields that tell the variants of `key` apart.
    pub(crate) fn of_key(&self, key: &Key) -> impl Iterator<Item = &Selecting> {
        // Most stores have no variants at all, and then there is nothing to hash for.
        let kinds = if self.0.is_empty() { None } else { self.0.get(&key.digest()) };
        kinds.into_iter().flatten().map(|known| &known.vary)
    }

    /// The set that selects the entry of `key` that was stored last.
    pub(crate) fn latest(&self, key: &Key) -> Option<&Selecting> {
        let kinds = if self.0.is_empty() { None } else { self.0.get(&key.digest()) };
        kinds.into_iter().flatten().max_by_key(|known| known.latest).map(|known| &known.vary)
    }

    /// What `fields` has yet to tell so that the variants of `key` are told apart, or as much of it
    /// as one question has room for: each answer brings the rest nearer.
    pub(crate) fn untold_of_key(&self, key: &Key, fields: &FieldIndex<'_>) -> Untold {
        let untold = self
            .of_key(key)
            .flat_map(|vary| vary.names.iter())
            .filter(|name| fields.told(name) == Told::Untold);
        let mut bytes = 0;
        Untold(Names::new(untold.take_while(|name| {
            let first = bytes == 0;
            bytes += name.len();
            first || bytes <= MOST_QUESTION_BYTES
        })))
    }

    /// Every key, set of fields and number of entries.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Digest, &Selecting, usize)> {
        self.0
            .iter()
            .flat_map(|(key, kinds)| kinds.iter().map(|known| (*key, &known.vary, known.entries)))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::http::lines::Fields;

    fn key() -> Key {
        Key::new("https://a.example/", "ns", "GET", &Names::default(), Fields::new("")).unwrap()
    }

    fn selecting(name: &str) -> Selecting {
        Selecting { names: Names::new([name]), loosely: false }
    }

    #[test]
    fn questions_are_bounded_and_each_answer_brings_the_rest_nearer() {
        let key = key();
        let mut variants = Variants::default();
        for number in 0..30 {
            variants.insert(key.digest(), &selecting(&format!("{}{number}", "x".repeat(3_000))), 0);
        }
        let mut told = String::new();
        for _ in 0..15 {
            let Untold(asked) = variants.untold_of_key(&key, &FieldIndex::new(Fields::new(&told)));
            assert_eq!(asked.iter().count(), 2);
            asked.iter().for_each(|name| told.extend([name, "\n"]));
        }
        assert!(variants.untold_of_key(&key, &FieldIndex::new(Fields::new(&told))).0.is_empty());
    }

    #[test]
    fn a_set_of_fields_lives_as_long_as_an_entry_is_selected_by_it() {
        let (key, a, b) = (key(), selecting("a"), selecting("b"));
        let mut variants = Variants::default();
        for vary in [&a, &a, &b] {
            variants.insert(key.digest(), vary, 0);
        }
        variants.remove(key.digest(), &a);
        assert_eq!(variants.of_key(&key).collect::<Vec<_>>(), [&a, &b]);
        variants.remove(key.digest(), &a);
        assert_eq!(variants.of_key(&key).collect::<Vec<_>>(), [&b]);
        variants.remove(key.digest(), &b);
        assert_eq!((variants.of_key(&key).count(), variants.iter().count()), (0, 0));
    }

    #[test]
    fn a_set_beyond_the_bound_has_no_room_beside_the_one_that_was_used_longest_ago() {
        let digest = key().digest();
        let set = |number: usize| selecting(&format!("x-{number}"));
        let mut variants = Variants::default();
        for number in 0..MAX_SETS {
            assert_eq!(variants.surplus(digest, &set(number)), None);
            variants.insert(digest, &set(number), number as i64);
        }
        assert_eq!(variants.surplus(digest, &set(MAX_SETS)), Some((&set(0), 0)));
        assert_eq!(variants.surplus(digest, &set(MAX_SETS - 1)), None, "the set is known");
        variants.insert(digest, &set(0), 99);
        assert_eq!(variants.surplus(digest, &set(MAX_SETS)), Some((&set(1), 1)));
        assert_eq!(variants.count(digest), MAX_SETS + 1);
        variants.remove(digest, &set(5));
        assert_eq!(variants.surplus(digest, &set(MAX_SETS)), None);
    }
}
