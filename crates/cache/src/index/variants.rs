//! For each key whose responses name selecting fields of their own: the sets of fields by which its variants are told
//! apart (RFC 9111, section 4.1).

use hashbrown::HashMap;

use crate::field::Names;
use crate::key::Digest;

/// A set of selecting fields, and how many entries use it.
type Kind = (Names, usize);

/// The index.
#[derive(Debug, Default)]
pub(crate) struct Variants(HashMap<Digest, Vec<Kind>>);

impl Variants {
    /// Adds an entry of `key` that is selected by `vary`.
    pub(crate) fn insert(&mut self, key: Digest, vary: &Names) {
        let kinds = self.0.entry(key).or_default();
        match kinds.iter_mut().find(|(known, _)| known == vary) {
            Some((_, entries)) => *entries += 1,
            None => kinds.push((vary.clone(), 1)),
        }
    }

    /// Takes an entry of `key` that is selected by `vary` out.
    pub(crate) fn remove(&mut self, key: Digest, vary: &Names) {
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
    pub(crate) fn of_key(&self, key: Digest) -> impl Iterator<Item = &Names> {
        // Most stores have no variants at all, and then there is nothing to hash for.
        let kinds = if self.0.is_empty() { None } else { self.0.get(&key) };
        kinds.into_iter().flatten().map(|(vary, _)| vary)
    }

    /// What it takes to tell all variants of `key` apart, or as much of it as one question has room for.
    pub(crate) fn all_of_key(&self, key: Digest) -> Names {
        const MOST_NAMES: usize = 256;
        Names::new(self.of_key(key).flat_map(Names::iter).take(MOST_NAMES))
    }

    /// Every key, set of fields and number of entries.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Digest, &Names, usize)> {
        self.0.iter().flat_map(|(key, kinds)| kinds.iter().map(|(vary, entries)| (*key, vary, *entries)))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_fields_lives_as_long_as_an_entry_is_selected_by_it() {
        let (key, a, b) = (Digest::of("k"), Names::new(["a"]), Names::new(["b"]));
        let mut variants = Variants::default();
        for vary in [&a, &a, &b] {
            variants.insert(key, vary);
        }
        variants.remove(key, &a);
        assert_eq!(variants.of_key(key).collect::<Vec<_>>(), [&a, &b]);
        variants.remove(key, &a);
        assert_eq!(variants.all_of_key(key), b);
        variants.remove(key, &b);
        assert_eq!((variants.of_key(key).count(), variants.iter().count()), (0, 0));
    }
}
