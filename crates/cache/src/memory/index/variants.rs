//! Index of the sets of selecting fields by key: which fields tell the variants of a key apart (RFC
//! 9111, section 4.1).

use hashbrown::HashMap;

use crate::http::lines::{FieldState, MissingFields};
use crate::http::{FieldIndex, Names};
use crate::key::{Digest, Key, Selecting};
use crate::time::UnixMillis;

/// Bytes of names that are asked for at a time. Any single name is shorter.
const MAX_QUESTION_BYTES: usize = 8_192;

/// Sets of selecting fields per key. Each lookup of the key computes a digest for each set.
pub(crate) const MAX_SETS: usize = 16;

/// A set of selecting fields.
#[derive(Debug)]
struct Kind {
    vary: Selecting,
    /// Entries that it selects.
    entries: usize,
    /// When the last of them was stored, in milliseconds since 1970.
    latest: UnixMillis,
}

/// The index.
#[derive(Debug, Default)]
pub(crate) struct Variants(HashMap<Digest, Vec<Kind>>);

impl Variants {
    /// Adds an entry of `key` that was stored at `at` and has the selecting fields `vary`.
    pub(crate) fn insert(&mut self, key: Digest, vary: &Selecting, at: UnixMillis) {
        let kinds = self.0.entry(key).or_default();
        match kinds.iter_mut().find(|known| known.vary == *vary) {
            Some(known) => {
                known.entries += 1;
                known.latest = known.latest.max(at);
            }
            None => kinds.push(Kind { vary: vary.clone(), entries: 1, latest: at }),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Number of sets of selecting fields of `key`.
    pub(crate) fn sets(&self, key: Digest) -> usize {
        self.0.get(&key).map_or(0, Vec::len)
    }

    /// Number of entries of `key` that have selecting fields.
    pub(crate) fn count(&self, key: Digest) -> usize {
        self.0.get(&key).into_iter().flatten().map(|known| known.entries).sum()
    }

    /// The set of `key` to evict before an entry with the set `vary` is added, and when it was last
    /// used.
    pub(crate) fn surplus(
        &self,
        key: Digest,
        vary: &Selecting,
    ) -> Option<(&Selecting, UnixMillis)> {
        let kinds = self.0.get(&key).filter(|kinds| kinds.len() >= MAX_SETS)?;
        let is_new = kinds.iter().all(|known| known.vary != *vary);
        let oldest = kinds.iter().filter(|_| is_new).min_by_key(|known| known.latest)?;
        Some((&oldest.vary, oldest.latest))
    }

    /// Removes an entry of `key` with the selecting fields `vary`.
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

    /// Sets of selecting fields of `key`.
    pub(crate) fn of_key(&self, key: &Key) -> impl Iterator<Item = &Selecting> {
        // Most stores have no variants, and then there is nothing to hash for.
        let kinds = if self.0.is_empty() { None } else { self.0.get(&key.digest()) };
        kinds.into_iter().flatten().map(|known| &known.vary)
    }

    /// The set of the entry of `key` that was stored last.
    pub(crate) fn latest(&self, key: &Key) -> Option<&Selecting> {
        let kinds = if self.0.is_empty() { None } else { self.0.get(&key.digest()) };
        kinds.into_iter().flatten().max_by_key(|known| known.latest).map(|known| &known.vary)
    }

    /// Fields that `fields` lacks to tell the variants of `key` apart, as many as are asked for at
    /// a time.
    pub(crate) fn missing_of_key(&self, key: &Key, fields: &FieldIndex<'_>) -> MissingFields {
        let missing = self
            .of_key(key)
            .flat_map(|vary| vary.names.iter())
            .filter(|name| fields.state(name) == FieldState::NotSent);
        let mut bytes = 0;
        MissingFields(Names::new(missing.take_while(|name| {
            let first = bytes == 0;
            bytes += name.len();
            first || bytes <= MAX_QUESTION_BYTES
        })))
    }

    /// Each key with its sets and their numbers of entries.
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
        let mut sent = String::new();
        for _ in 0..15 {
            let MissingFields(asked) =
                variants.missing_of_key(&key, &FieldIndex::new(Fields::new(&sent)));
            assert_eq!(asked.iter().count(), 2);
            asked.iter().for_each(|name| sent.extend([name, "\n"]));
        }
        assert!(variants.missing_of_key(&key, &FieldIndex::new(Fields::new(&sent))).0.is_empty());
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
