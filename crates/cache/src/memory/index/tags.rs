//! Index of tags. The entries of a tag form a list whose links are in the entries; the index knows
//! the head of each list. The name of a tag is in its entries only, because most tags have one
//! entry.

use std::hash::{BuildHasher as _, RandomState};

use slab::Slab;

use super::Table;

/// One tag of one entry: the id of the entry and the position of the tag. Six bytes, because there
/// are many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Posting {
    id: [u16; 2],
    nth: u16,
}

/// Neighbours in the list of a tag.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    newer: Posting,
    older: Posting,
}

/// The data that the index reads from the entries, and the links that it writes.
pub(crate) trait Tagged {
    /// Name of a tag of an entry.
    fn tag(&self, id: u32, nth: u16) -> &str;
    /// Links of an entry, one for each tag.
    fn links(&self, id: u32) -> &[Link];
    /// Links of an entry, mutable.
    fn links_mut(&mut self, id: u32) -> &mut [Link];
}

/// Largest number of tags per entry.
pub(crate) const MAX_TAGS: usize = u16::MAX as usize;

impl Posting {
    const NONE: Self = Self::new(u32::MAX, u16::MAX);

    const fn new(id: u32, nth: u16) -> Self {
        Self { id: [id as u16, (id >> 16) as u16], nth }
    }

    fn id(self) -> u32 {
        u32::from(self.id[0]) | u32::from(self.id[1]) << 16
    }

    fn some(self) -> Option<Self> {
        (self != Self::NONE).then_some(self)
    }

    fn name(self, entries: &impl Tagged) -> &str {
        entries.tag(self.id(), self.nth)
    }

    fn link(self, entries: &impl Tagged) -> Link {
        entries.links(self.id())[self.nth as usize]
    }

    fn link_mut(self, entries: &mut impl Tagged) -> &mut Link {
        &mut entries.links_mut(self.id())[self.nth as usize]
    }
}

impl Link {
    /// The link of a tag that is in no list.
    pub(crate) const NONE: Self = Self { newer: Posting::NONE, older: Posting::NONE };
}

/// The index.
#[derive(Debug, Default)]
pub(crate) struct Tags {
    newest: Table<Posting>,
    hasher: RandomState,
    /// Next postings of walks along lists.
    walks: Slab<Posting>,
}

/// A walk along the list of a tag, from the entry that was added last when it began. It passes
/// every entry once that is in the list from then on until it gets there.
#[derive(Debug)]
pub(crate) struct TagWalk(usize);

impl Tags {
    /// Inserts all tags of the entry `id`.
    pub(crate) fn insert(&mut self, id: u32, entries: &mut impl Tagged) {
        for nth in 0..entries.links(id).len() as u16 {
            let new = Posting::new(id, nth);
            let hash = self.hash(new, entries);
            let name = new.name(entries);
            let newest = self.newest.find_mut(hash, |known| known.name(entries) == name);
            let older = newest.map_or(Posting::NONE, |newest| std::mem::replace(newest, new));
            *new.link_mut(entries) = Link { newer: Posting::NONE, older };
            if let Some(older) = older.some() {
                older.link_mut(entries).newer = new;
            } else {
                let Self { newest, hasher, .. } = self;
                newest.insert(hash, new, |known| hasher.hash_one(known.name(entries)));
            }
        }
    }

    /// Removes all tags of the entry `id`, and each tag without other entries.
    pub(crate) fn remove(&mut self, id: u32, entries: &mut impl Tagged) {
        for nth in 0..entries.links(id).len() as u16 {
            let old = Posting::new(id, nth);
            let Link { newer, older } = old.link(entries);
            for (_, next) in &mut self.walks {
                if *next == old {
                    *next = older;
                }
            }
            if let Some(older) = older.some() {
                older.link_mut(entries).newer = newer;
            }
            match newer.some() {
                Some(newer) => newer.link_mut(entries).older = older,
                None => self.pass_on(old, older, entries),
            }
            *old.link_mut(entries) = Link::NONE;
        }
    }

    /// Replaces `old` as the head of its list by `older`, or removes the list.
    fn pass_on(&mut self, old: Posting, older: Posting, entries: &impl Tagged) {
        let hash = self.hash(old, entries);
        match older.some() {
            None => self.newest.remove(hash, |&known| known == old),
            Some(older) => {
                if let Some(newest) = self.newest.find_mut(hash, |&known| known == old) {
                    *newest = older;
                }
            }
        }
    }

    fn hash(&self, posting: Posting, entries: &impl Tagged) -> u64 {
        self.hasher.hash_one(posting.name(entries))
    }

    /// Entries with the tag `name`, the latest one first.
    pub(crate) fn entries(&self, name: &str, entries: &impl Tagged) -> impl Iterator<Item = u32> {
        let newest =
            self.newest.find(self.hasher.hash_one(name), |known| known.name(entries) == name);
        std::iter::successors(newest.copied(), |posting| posting.link(entries).older.some())
            .map(Posting::id)
    }

    /// Begins a walk along the list of the tag `name`, which must be [ended](Self::end_walk).
    pub(crate) fn walk(&mut self, name: &str, entries: &impl Tagged) -> TagWalk {
        let hash = self.hasher.hash_one(name);
        let newest = self.newest.find(hash, |known| known.name(entries) == name);
        TagWalk(self.walks.insert(newest.copied().unwrap_or(Posting::NONE)))
    }

    /// The next entries of a walk, at most `most`.
    pub(crate) fn step(&mut self, walk: &TagWalk, most: usize, entries: &impl Tagged) -> Vec<u32> {
        let mut ids = Vec::new();
        let Some(next) = self.walks.get_mut(walk.0) else { return ids };
        while let Some(posting) = next.some().filter(|_| ids.len() < most) {
            ids.push(posting.id());
            *next = posting.link(entries).older;
        }
        ids
    }

    pub(crate) fn end_walk(&mut self, walk: &TagWalk) {
        self.walks.try_remove(walk.0);
    }

    /// Number of tags.
    pub(crate) fn len(&self) -> usize {
        self.newest.len()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// Tags and links of entries by id.
    struct Entries(Vec<(Vec<&'static str>, Vec<Link>)>);

    impl Tagged for Entries {
        fn tag(&self, id: u32, nth: u16) -> &str {
            self.0[id as usize].0[nth as usize]
        }

        fn links(&self, id: u32) -> &[Link] {
            &self.0[id as usize].1
        }

        fn links_mut(&mut self, id: u32) -> &mut [Link] {
            &mut self.0[id as usize].1
        }
    }

    fn tagged(tags: &[&[&'static str]]) -> (Tags, Entries) {
        let of = |tags: &&[&'static str]| (tags.to_vec(), vec![Link::NONE; tags.len()]);
        let (mut index, mut entries) = (Tags::default(), Entries(tags.iter().map(of).collect()));
        (0..tags.len() as u32).for_each(|id| index.insert(id, &mut entries));
        (index, entries)
    }

    fn found(index: &Tags, name: &str, entries: &Entries) -> Vec<u32> {
        index.entries(name, entries).collect()
    }

    #[test]
    fn a_tag_lives_as_long_as_an_entry_has_it() {
        let (mut index, mut entries) = tagged(&[&["a"], &["b", "a"]]);
        assert_eq!(found(&index, "a", &entries), [1, 0]);
        assert_eq!(index.len(), 2);
        index.remove(1, &mut entries);
        assert_eq!((found(&index, "a", &entries), index.len()), (vec![0], 1));
        index.remove(0, &mut entries);
        assert_eq!((found(&index, "a", &entries), index.len()), (vec![], 0));
    }

    #[test]
    fn an_entry_leaves_a_list_from_its_beginning_middle_and_end() {
        for (leaves, stay) in [(0, [2, 1]), (1, [2, 0]), (2, [1, 0])] {
            let (mut index, mut entries) = tagged(&[&["a", "b"], &["b", "a"], &["a"]]);
            index.remove(leaves, &mut entries);
            assert_eq!(found(&index, "a", &entries), stay, "without {leaves}");
            index.insert(leaves, &mut entries);
            assert_eq!(found(&index, "a", &entries), [&[leaves][..], &stay].concat());
        }
    }

    #[test]
    fn postings_keep_ids_of_all_sizes() {
        for id in [0, 1, 65_535, 65_536, 4_294_967_294] {
            assert_eq!(Posting::new(id, 7).id(), id);
        }
        assert_eq!((size_of::<Posting>(), size_of::<Link>()), (6, 12));
    }
}
