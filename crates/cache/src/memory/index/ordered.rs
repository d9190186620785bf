//! Index of keys in order, for prefixes.

use super::sorted::Sorted;
use crate::http::origin;

/// The data that the index reads from the entries.
pub(crate) trait Keyed {
    /// Key of an entry.
    fn key(&self, id: u32) -> &str;
}

/// The last entry of a walk in order, which may have been removed since.
#[derive(Debug)]
pub(crate) struct Walked {
    pub(crate) key: String,
    pub(crate) id: u32,
}

/// The index. A key has an entry for each of its variants.
#[derive(Debug, Default)]
pub(crate) struct Ordered(Sorted);

impl Ordered {
    pub(crate) fn insert(&mut self, id: u32, entries: &impl Keyed) {
        let key = (entries.key(id), id);
        self.0.insert(id, |other| (entries.key(other), other).cmp(&key));
    }

    pub(crate) fn remove(&mut self, id: u32, entries: &impl Keyed) {
        let key = (entries.key(id), id);
        self.0.remove(id, |other| (entries.key(other), other).cmp(&key));
    }

    /// Entries with this key.
    pub(crate) fn of_key(&self, key: &str, entries: &impl Keyed) -> Vec<u32> {
        self.from(key, entries).take_while(|&id| entries.key(id) == key).collect()
    }

    /// The next entries after `after` whose key begins with `prefix`, at most `most`, in order. A
    /// prefix that begins with `/` matches that path on every host. Costs one search per host.
    pub(crate) fn with_prefix(
        &self,
        prefix: &str,
        after: Option<&Walked>,
        most: usize,
        entries: &impl Keyed,
    ) -> Vec<u32> {
        if !prefix.starts_with('/') {
            return self.beginning_with(prefix, after, entries).take(most).collect();
        }
        let mut found = Vec::new();
        let mut next = match after {
            None => self.0.first(),
            Some(_) => self.beginning_with("", after, entries).next(),
        };
        while let Some(id) = next.filter(|_| found.len() < most) {
            let origin = origin(entries.key(id));
            let prefix = format!("{origin}{prefix}");
            found.extend(self.beginning_with(&prefix, after, entries).take(most - found.len()));
            // Every key of this origin continues with a slash, and `0` follows the slash.
            next = self.from(&format!("{origin}0"), entries).next();
        }
        found
    }

    /// The next entries after `after` with this key, at most `most`.
    pub(crate) fn of_key_after(
        &self,
        key: &str,
        after: Option<&Walked>,
        most: usize,
        entries: &impl Keyed,
    ) -> Vec<u32> {
        let of_key = self.beginning_with(key, after, entries);
        of_key.take_while(|&id| entries.key(id) == key).take(most).collect()
    }

    /// Entries after `after` whose key begins with `prefix`.
    fn beginning_with<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a Walked>,
        entries: &'a impl Keyed,
    ) -> impl Iterator<Item = u32> {
        let (key, id) = match after {
            Some(Walked { key, id }) if key.as_str() >= prefix => (key.as_str(), id + 1),
            _ => (prefix, 0),
        };
        self.0
            .from(move |other| (entries.key(other), other).cmp(&(key, id)))
            .take_while(move |&id| entries.key(id).starts_with(prefix))
    }

    fn from(&self, key: &str, entries: &impl Keyed) -> impl Iterator<Item = u32> {
        self.0.from(|other| entries.key(other).cmp(key))
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(keys: &[&str]) -> Ordered {
        let mut index = Ordered::default();
        (0..keys.len() as u32).for_each(|id| index.insert(id, &Keys(keys)));
        index
    }

    struct Keys<'a>(&'a [&'a str]);

    impl Keyed for Keys<'_> {
        fn key(&self, id: u32) -> &str {
            self.0[id as usize]
        }
    }

    #[test]
    fn a_prefix_finds_the_keys_that_begin_with_it_and_no_others() {
        let keys = ["https://a/x", "https://a/xy", "https://a/y", "https://ab/x"];
        let (index, keys) = (index(&keys), Keys(&keys));
        assert_eq!(index.with_prefix("https://a/x", None, usize::MAX, &keys), [0, 1]);
        assert_eq!(index.with_prefix("https://a", None, usize::MAX, &keys), [0, 1, 2, 3]);
        assert_eq!(index.of_key("https://a/x", &keys), [0]);
    }

    #[test]
    fn a_path_is_found_on_every_host_and_port() {
        let keys = [
            "http://a/p/1",
            "http://a/q",
            "http://a.b/p",
            "http://a:1/p#n",
            "https://a-b/p",
            "https://a/",
            "https://z/x/p",
        ];
        let (index, keys) = (index(&keys), Keys(&keys));
        let mut found = index.with_prefix("/p", None, usize::MAX, &keys);
        found.sort_unstable();
        assert_eq!(found, [0, 2, 3, 4]);
        assert_eq!(index.with_prefix("/", None, usize::MAX, &keys).len(), 7);
    }
}
