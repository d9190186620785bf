//! For each key whose responses name selecting fields of their own: the sets of fields by which its variants are told
//! apart (RFC 9111, section 4.1).

use hashbrown::HashMap;

use crate::field::Names;
use crate::field::lines::{Fields, Told, Untold};
use crate::key::{Digest, Key, Selecting};

/// Names in one question, in bytes. One name is shorter than that, whatever it is.
const MOST_QUESTION_BYTES: usize = 8_192;

/// A set of selecting fields, and how many entries use it.
type Kind = (Selecting, usize);

/// The index.
#[derive(Debug, Default)]
pub(crate) struct Variants(HashMap<Digest, Vec<Kind>>);

impl Variants {
    /// Adds an entry of `key` that is selected by `vary`.
    pub(crate) fn insert(&mut self, key: Digest, vary: &Selecting) {
        let kinds = self.0.entry(key).or_default();
        match kinds.iter_mut().find(|(known, _)| known == vary) {
            Some((_, entries)) => *entries += 1,
            None => kinds.push((vary.clone(), 1)),
        }
    }

    /// Takes an entry of `key` that is selected by `vary` out.
    pub(crate) fn remove(&mut self, key: Digest, vary: &Selecting) {
        let Some(kinds) = self.0.get_mut(&key) else { return };
        kinds.retain_mut(|(known, entries)| {
            *entries -= usize::from(known == vary);
            *entries > 0
        });
        if kinds.is_empty() {
            self.0.remove(&key);
        }
    }

    /// The sets of fields that tell the variants of `key` apart.
    pub(crate) fn of_key(&self, key: &Key) -> impl Iterator<Item = &Selecting> {
        // Most stores have no variants at all, and then there is nothing to hash for.
        let kinds = if self.0.is_empty() { None } else { self.0.get(&key.digest()) };
        kinds.into_iter().flatten().map(|(vary, _)| vary)
    }

    /// What `fields` has yet to tell so that the variants of `key` are told apart, or as much of it as one question has
    /// room for: each answer brings the rest nearer.
    pub(crate) fn untold_of_key(&self, key: &Key, fields: Fields<'_>) -> Untold {
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
        self.0.iter().flat_map(|(key, kinds)| kinds.iter().map(|(vary, entries)| (*key, vary, *entries)))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

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
            variants.insert(key.digest(), &selecting(&format!("{}{number}", "x".repeat(3_000))));
        }
        let mut told = String::new();
        for _ in 0..15 {
            let Untold(asked) = variants.untold_of_key(&key, Fields::new(&told));
            assert_eq!(asked.iter().count(), 2);
            asked.iter().for_each(|name| told.extend([name, "\n"]));
        }
        assert!(variants.untold_of_key(&key, Fields::new(&told)).0.is_empty());
    }

    #[test]
    fn a_set_of_fields_lives_as_long_as_an_entry_is_selected_by_it() {
        let (key, a, b) = (key(), selecting("a"), selecting("b"));
        let mut variants = Variants::default();
        for vary in [&a, &a, &b] {
            variants.insert(key.digest(), vary);
        }
        variants.remove(key.digest(), &a);
        assert_eq!(variants.of_key(&key).collect::<Vec<_>>(), [&a, &b]);
        variants.remove(key.digest(), &a);
        assert_eq!(variants.of_key(&key).collect::<Vec<_>>(), [&b]);
        variants.remove(key.digest(), &b);
        assert_eq!((variants.of_key(&key).count(), variants.iter().count()), (0, 0));
    }
}
