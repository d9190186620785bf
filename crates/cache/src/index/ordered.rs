//! Keys in order, for everything that begins with a prefix.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::sync::Arc;

use crate::field::origin;

/// The index. A key has as many entries as it has variants.
#[derive(Debug, Default)]
pub(crate) struct Ordered(BTreeSet<(Arc<str>, u32)>);

impl Ordered {
    pub(crate) fn insert(&mut self, key: Arc<str>, id: u32) {
        self.0.insert((key, id));
    }

    pub(crate) fn remove(&mut self, key: Arc<str>, id: u32) {
        self.0.remove(&(key, id));
    }

    /// The entries whose key is `key`.
    pub(crate) fn of_key(&self, key: &str) -> Vec<u32> {
        self.from(key).take_while(|(found, _)| **found == *key).map(|(_, id)| *id).collect()
    }

    /// The entries whose key begins with `prefix`; one that begins with `/` means that path on every host.
    pub(crate) fn with_prefix(&self, prefix: &str) -> Vec<u32> {
        if !prefix.starts_with('/') {
            return self.beginning_with(prefix).collect();
        }
        let mut found = Vec::new();
        let mut next = self.0.first().map(|(key, _)| Arc::clone(key));
        while let Some(key) = next {
            let origin = origin(&key);
            found.extend(self.beginning_with(&format!("{origin}{prefix}")));
            // Every key of this origin has a slash behind it, and `0` is the first character after the slash.
            next = self.from(&format!("{origin}0")).next().map(|(key, _)| Arc::clone(key));
        }
        found
    }

    fn beginning_with(&self, prefix: &str) -> impl Iterator<Item = u32> {
        self.from(prefix).take_while(move |(key, _)| key.starts_with(prefix)).map(|(_, id)| *id)
    }

    fn from(&self, key: &str) -> impl Iterator<Item = &(Arc<str>, u32)> {
        self.0.range((Bound::Included((Arc::from(key), 0)), Bound::Unbounded))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(keys: &[&str]) -> Ordered {
        let mut index = Ordered::default();
        for (id, &key) in keys.iter().enumerate() {
            index.insert(key.into(), id as u32);
        }
        index
    }

    #[test]
    fn a_prefix_finds_what_begins_with_it_and_nothing_else() {
        let index = keys(&["https://a/x", "https://a/xy", "https://a/y", "https://ab/x"]);
        assert_eq!(index.with_prefix("https://a/x"), [0, 1]);
        assert_eq!(index.with_prefix("https://a"), [0, 1, 2, 3]);
        assert_eq!(index.of_key("https://a/x"), [0]);
    }

    #[test]
    fn a_path_is_found_on_every_host_and_port() {
        let index = keys(&[
            "http://a/p/1",
            "http://a/q",
            "http://a.b/p",
            "http://a:1/p#n",
            "https://a-b/p",
            "https://a/",
            "https://z/x/p",
        ]);
        let mut found = index.with_prefix("/p");
        found.sort_unstable();
        assert_eq!(found, [0, 2, 3, 4]);
        assert_eq!(index.with_prefix("/").len(), 7);
    }
}
