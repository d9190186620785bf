//! The fence: which keys, tags and prefixes were invalidated, on a sequence of its own.

use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU64, Ordering};

use hashbrown::DefaultHashBuilder;

use crate::bounded::Bounded;
use crate::http::origin;
use crate::invalidation::Target;

/// Keys and tags remembered. Beyond that the oldest is evicted, and older writes are dropped.
const MAX_MARKS: usize = 16_384;

/// Prefixes remembered. Each write that is older than one is compared with it.
const MAX_PREFIXES: usize = 256;

/// A longer prefix is remembered by its beginning, which drops more writes and never fewer.
const MAX_PREFIX_BYTES: usize = 1_024;

/// Drops writes whose content was computed before an invalidation.
///
/// Keys and tags are remembered by their hash: two names with the same hash can drop a write
/// without need, and never let one pass.
#[derive(Debug)]
pub(crate) struct Fence {
    sequence: u64,
    /// Older writes never pass: everything was invalidated then, or a mark has been evicted.
    floor: u64,
    marks: Bounded<u64, u64>,
    prefixes: Bounded<Box<str>, u64>,
    hasher: DefaultHashBuilder,
}

/// The next sequence. One counter serves all instances, so that no instance takes a sequence of a
/// former one with the same identity for its own. JavaScript's doubles represent the first
/// 9,007,199,254,740,992 sequences exactly.
fn next() -> u64 {
    static SEQUENCE: AtomicU64 = AtomicU64::new(0);
    SEQUENCE.fetch_add(1, Ordering::SeqCst) + 1
}

/// The URL that a key begins with.
fn url_of(key: &str) -> &str {
    key.split_once('#').map_or(key, |(url, _)| url)
}

/// What a mark is about.
#[derive(Clone, Copy, Debug, Hash)]
enum Mark<'a> {
    Key(&'a str),
    Url(&'a str),
    Tag(&'a str),
}

impl Fence {
    /// An empty fence. No write that began under another fence passes it.
    pub(crate) fn new() -> Self {
        let start = next();
        Self {
            sequence: start,
            floor: start,
            marks: Bounded::new(MAX_MARKS),
            prefixes: Bounded::new(MAX_PREFIXES),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// The current sequence: content that is computed from now on is newer than every
    /// invalidation so far.
    pub(crate) fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Advances the sequence, and drops writes to `targets` that began before.
    pub(crate) fn raise(&mut self, targets: &[Target]) {
        self.sequence = next();
        for target in targets {
            match target {
                Target::Key(key) | Target::Variant(key, _) | Target::Selected { key, .. } => {
                    self.mark(Mark::Key(key));
                }
                Target::Url(url) => self.mark(Mark::Url(url)),
                Target::Tag(tag) => self.mark(Mark::Tag(tag)),
                Target::Prefix(prefix) => self.mark_prefix(prefix),
                Target::Everything => self.mark_everything(),
            }
        }
    }

    /// [`raise`](Self::raise) for keys.
    pub(crate) fn raise_keys<'a>(&mut self, keys: impl IntoIterator<Item = &'a str>) {
        self.sequence = next();
        keys.into_iter().for_each(|key| self.mark(Mark::Key(key)));
    }

    fn mark(&mut self, mark: Mark<'_>) {
        if let Some((_, evicted)) = self.marks.insert(self.hasher.hash_one(mark), self.sequence) {
            self.floor = self.floor.max(evicted);
        }
    }

    fn mark_prefix(&mut self, prefix: &str) {
        let prefix = &prefix[..prefix.floor_char_boundary(MAX_PREFIX_BYTES)];
        if let Some((_, evicted)) = self.prefixes.insert(prefix.into(), self.sequence) {
            self.floor = self.floor.max(evicted);
        }
    }

    fn mark_everything(&mut self) {
        self.floor = self.sequence;
        self.marks = Bounded::new(MAX_MARKS);
        self.prefixes = Bounded::new(MAX_PREFIXES);
    }

    /// Whether a write passes whose content was computed at the sequence `since`.
    pub(crate) fn passes<'a>(
        &self,
        since: u64,
        key: &str,
        tags: impl IntoIterator<Item = &'a str>,
    ) -> bool {
        // The usual case: nothing at all was invalidated since.
        since == self.sequence
            || since >= self.floor
                && !self.is_marked(Mark::Key(key), since)
                && !self.is_marked(Mark::Url(url_of(key)), since)
                && !tags.into_iter().any(|tag| self.is_marked(Mark::Tag(tag), since))
                && !self.has_prefix_of(key, since)
    }

    fn is_marked(&self, mark: Mark<'_>, since: u64) -> bool {
        self.marks.get(&self.hasher.hash_one(mark)).is_some_and(|&at| at > since)
    }

    fn has_prefix_of(&self, key: &str, since: u64) -> bool {
        let path = &key[origin(key).len()..];
        let mut newer = self.prefixes.newest_first().take_while(|&(_, &at)| at > since);
        newer.any(|(prefix, _)| {
            let subject = if prefix.starts_with('/') { path } else { key };
            subject.starts_with(&**prefix)
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::key::Digest;

    const KEY: &str = "https://a.b/p/1?x=#ns;GET";

    /// A fence that was raised for `targets`, and its sequence before and after.
    fn raised(targets: &[Target]) -> (Fence, u64, u64) {
        let mut fence = Fence::new();
        let before = fence.sequence();
        fence.raise(targets);
        let after = fence.sequence();
        (fence, before, after)
    }

    #[test]
    fn a_write_older_than_an_invalidation_of_its_key_tag_url_prefix_or_of_everything_is_dropped() {
        let fences = [
            Target::Key(KEY.to_owned()),
            Target::Variant(KEY.to_owned(), Digest::of("variant")),
            Target::Selected { key: KEY.to_owned(), fields: String::new() },
            Target::Tag("t".to_owned()),
            Target::Url("https://a.b/p/1?x=".to_owned()),
            Target::Prefix("https://a.b/p/".to_owned()),
            Target::Prefix("/p/1".to_owned()),
            Target::Everything,
        ]
        .map(|target| raised(&[target]));
        for (fence, before, after) in fences {
            assert!(!fence.passes(before, KEY, ["s", "t"]), "{fence:?}");
            assert!(fence.passes(after, KEY, ["s", "t"]), "{fence:?}");
        }
    }

    #[test]
    fn a_sequence_of_another_fence_does_not_pass() {
        let (_, before, after) = raised(&[]);
        let fence = Fence::new();
        assert!(!fence.passes(before, KEY, []) && !fence.passes(after, KEY, []));
        assert!(fence.passes(fence.sequence(), KEY, []));
    }

    #[test]
    fn a_write_passes_an_invalidation_of_something_else() {
        let (fence, before, _) = raised(&[
            Target::Key("t".to_owned()),
            Target::Tag(KEY.to_owned()),
            Target::Url("https://a.b/p/1".to_owned()),
            Target::Prefix("https://a.b/q".to_owned()),
            Target::Prefix("/1".to_owned()),
        ]);
        assert!(fence.passes(before, KEY, ["t"]));
    }

    #[test]
    fn an_evicted_mark_drops_all_older_writes() {
        let mut fence = Fence::new();
        let before_all = fence.sequence();
        let mut after_first = 0;
        for number in 0..=MAX_MARKS {
            fence.raise(&[Target::Tag(number.to_string())]);
            if number == 0 {
                after_first = fence.sequence();
            }
        }
        assert!(!fence.passes(before_all, KEY, []), "the first purge is forgotten");
        assert!(fence.passes(after_first, KEY, []), "the second one is not");
        assert!(!fence.passes(after_first, KEY, ["1"]));
        assert_eq!(fence.marks.len(), MAX_MARKS);
    }

    #[test]
    fn invalidating_one_name_repeatedly_evicts_no_mark() {
        let mut fence = Fence::new();
        let before = fence.sequence();
        for _ in 0..=2 * MAX_MARKS {
            fence.raise(&[Target::Tag("t".to_owned())]);
        }
        assert!(fence.passes(before, KEY, []));
        assert!(!fence.passes(before, KEY, ["t"]));
    }

    #[test]
    fn prefixes_are_bounded_in_number_and_length() {
        let mut fence = Fence::new();
        let before_all = fence.sequence();
        let mut after_first = 0;
        for number in 0..=MAX_PREFIXES {
            fence.raise(&[Target::Prefix(format!(
                "https://c.d/{number}/{}",
                "é".repeat(MAX_PREFIX_BYTES)
            ))]);
            if number == 0 {
                after_first = fence.sequence();
            }
        }
        assert_eq!(fence.prefixes.len(), MAX_PREFIXES);
        assert!(fence.prefixes.newest_first().all(|(prefix, _)| prefix.len() <= MAX_PREFIX_BYTES));
        assert!(!fence.passes(before_all, KEY, []));
        assert!(fence.passes(after_first, KEY, []));
    }
}
