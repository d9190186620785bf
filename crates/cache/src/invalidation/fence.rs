//! What was purged, and when on a sequence that only purges and deletes advance.

use std::collections::VecDeque;
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::{DefaultHashBuilder, HashMap};

use crate::http::origin;

/// Keys and tags remembered. Beyond that the oldest is forgotten, and writes from before it no
/// longer pass.
const MOST_MARKS: usize = 16_384;

/// Prefixes remembered; each write from before one is compared with it.
const MOST_PREFIXES: usize = 256;

/// A longer prefix is remembered by its beginning, which holds back more and never less.
const PREFIX_BYTES: usize = 1_024;

/// The record of purges. A hash that two names share holds a write back that might have passed;
/// never the reverse.
#[derive(Debug)]
pub(crate) struct Fence {
    sequence: u64,
    /// Writes from before this point never pass: everything was purged then, or something that is
    /// forgotten by now.
    floor: u64,
    marks: HashMap<u64, u64>,
    order: VecDeque<(u64, u64)>,
    prefixes: VecDeque<(u64, Box<str>)>,
    hasher: DefaultHashBuilder,
}

/// The next point of the sequence, which is one for all instances, so that an instance does not
/// take what was noted for the one that had its identity before for its own. Exact in the doubles
/// of JavaScript for the first 9,007,199,254,740,992 purges.
fn next() -> u64 {
    static SEQUENCE: AtomicU64 = AtomicU64::new(0);
    SEQUENCE.fetch_add(1, Ordering::SeqCst) + 1
}

/// The URL that a key begins with.
fn url_of(key: &str) -> &str {
    key.split_once('#').map_or(key, |(url, _)| url)
}

/// What is marked as purged.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) enum Purged<'a> {
    Key(&'a str),
    /// All keys of a URL.
    Url(&'a str),
    Tag(&'a str),
}

impl Fence {
    /// An empty record. What was noted for another does not pass it.
    pub(crate) fn new() -> Self {
        let start = next();
        Self {
            sequence: start,
            floor: start,
            marks: HashMap::new(),
            order: VecDeque::new(),
            prefixes: VecDeque::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// Where the sequence stands: what is computed from now on is newer than every purge so far.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Advances the sequence for a purge that is about to be recorded.
    pub(crate) fn advance(&mut self) {
        self.sequence = next();
    }

    /// Records that a key or tag is purged at this point of the sequence.
    pub(crate) fn mark(&mut self, purged: Purged<'_>) {
        let mark = self.hasher.hash_one(purged);
        if self.order.len() == MOST_MARKS {
            self.forget_oldest_mark();
        }
        self.marks.insert(mark, self.sequence);
        self.order.push_back((self.sequence, mark));
    }

    /// Records that everything with `prefix` is purged at this point of the sequence.
    pub(crate) fn mark_prefix(&mut self, prefix: &str) {
        let kept = &prefix[..prefix.floor_char_boundary(PREFIX_BYTES)];
        self.prefixes.retain(|(_, known)| **known != *kept);
        self.prefixes.push_back((self.sequence, kept.into()));
        if self.prefixes.len() > MOST_PREFIXES
            && let Some((forgotten, _)) = self.prefixes.pop_front()
        {
            self.floor = self.floor.max(forgotten);
        }
    }

    /// Records that everything is purged at this point of the sequence.
    pub(crate) fn mark_everything(&mut self) {
        self.floor = self.sequence;
        self.marks.clear();
        self.order.clear();
        self.prefixes.clear();
    }

    /// Whether a write passes whose content was computed when the sequence stood at `since`.
    pub(crate) fn passes<'a>(
        &self,
        since: u64,
        key: &str,
        tags: impl IntoIterator<Item = &'a str>,
    ) -> bool {
        // Almost always: nothing at all was purged since.
        since == self.sequence
            || since >= self.floor
                && !self.is_marked(Purged::Key(key), since)
                && !self.is_marked(Purged::Url(url_of(key)), since)
                && !tags.into_iter().any(|tag| self.is_marked(Purged::Tag(tag), since))
                && !self.has_purged_prefix_of(key, since)
    }

    fn is_marked(&self, purged: Purged<'_>, since: u64) -> bool {
        self.marks.get(&self.hasher.hash_one(purged)).is_some_and(|&at| at > since)
    }

    fn has_purged_prefix_of(&self, key: &str, since: u64) -> bool {
        let path = &key[origin(key).len()..];
        let newer = self.prefixes.iter().rev().take_while(|(at, _)| *at > since);
        newer.into_iter().any(|(_, prefix)| {
            let subject = if prefix.starts_with('/') { path } else { key };
            subject.starts_with(&**prefix)
        })
    }

    fn forget_oldest_mark(&mut self) {
        let Some((at, mark)) = self.order.pop_front() else {
            return;
        };
        // Where the same name was purged again, the later record says all that this one said.
        if self.marks.get(&mark) == Some(&at) {
            self.marks.remove(&mark);
            self.floor = self.floor.max(at);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    const KEY: &str = "https://a.b/p/1?x=#ns;GET";

    /// A record, and where the sequence stood before and after `record` was made in it.
    fn purged(record: impl FnOnce(&mut Fence)) -> (Fence, u64, u64) {
        let mut fence = Fence::new();
        let before = fence.sequence();
        fence.advance();
        record(&mut fence);
        let after = fence.sequence();
        (fence, before, after)
    }

    #[test]
    fn a_write_from_before_a_purge_of_its_key_tag_prefix_or_of_everything_is_held_back() {
        let fences = [
            purged(|fence| fence.mark(Purged::Key(KEY))),
            purged(|fence| fence.mark(Purged::Tag("t"))),
            purged(|fence| fence.mark(Purged::Url("https://a.b/p/1?x="))),
            purged(|fence| fence.mark_prefix("https://a.b/p/")),
            purged(|fence| fence.mark_prefix("/p/1")),
            purged(Fence::mark_everything),
        ];
        for (fence, before, after) in fences {
            assert!(!fence.passes(before, KEY, ["s", "t"]), "{fence:?}");
            assert!(fence.passes(after, KEY, ["s", "t"]), "{fence:?}");
        }
    }

    #[test]
    fn what_another_record_noted_does_not_pass() {
        let (_, before, after) = purged(|_| ());
        let fence = Fence::new();
        assert!(!fence.passes(before, KEY, []) && !fence.passes(after, KEY, []));
        assert!(fence.passes(fence.sequence(), KEY, []));
    }

    #[test]
    fn a_write_passes_a_purge_of_something_else() {
        let (fence, before, _) = purged(|fence| {
            fence.mark(Purged::Key("t"));
            fence.mark(Purged::Tag(KEY));
            fence.mark(Purged::Url("https://a.b/p/1"));
            fence.mark_prefix("https://a.b/q");
            fence.mark_prefix("/1");
        });
        assert!(fence.passes(before, KEY, ["t"]));
    }

    #[test]
    fn what_is_forgotten_holds_back_everything_from_before_it() {
        let mut fence = Fence::new();
        let before_all = fence.sequence();
        let mut after_first = 0;
        for number in 0..=MOST_MARKS {
            fence.advance();
            fence.mark(Purged::Tag(&number.to_string()));
            if number == 0 {
                after_first = fence.sequence();
            }
        }
        assert!(!fence.passes(before_all, KEY, []), "the first purge is forgotten");
        assert!(fence.passes(after_first, KEY, []), "the second one is not");
        assert!(!fence.passes(after_first, KEY, ["1"]));
        assert_eq!((fence.marks.len(), fence.order.len()), (MOST_MARKS, MOST_MARKS));
    }

    #[test]
    fn one_name_purged_again_and_again_forgets_nothing() {
        let mut fence = Fence::new();
        let before = fence.sequence();
        for _ in 0..=2 * MOST_MARKS {
            fence.advance();
            fence.mark(Purged::Tag("t"));
        }
        assert!(fence.passes(before, KEY, []));
        assert!(!fence.passes(before, KEY, ["t"]));
    }

    #[test]
    fn prefixes_are_bounded_in_number_and_length() {
        let mut fence = Fence::new();
        let before_all = fence.sequence();
        let mut after_first = 0;
        for number in 0..=MOST_PREFIXES {
            fence.advance();
            fence.mark_prefix(&format!("https://c.d/{number}/{}", "é".repeat(PREFIX_BYTES)));
            if number == 0 {
                after_first = fence.sequence();
            }
        }
        assert_eq!(fence.prefixes.len(), MOST_PREFIXES);
        assert!(fence.prefixes.iter().all(|(_, prefix)| prefix.len() <= PREFIX_BYTES));
        assert!(!fence.passes(before_all, KEY, []));
        assert!(fence.passes(after_first, KEY, []));
    }
}
