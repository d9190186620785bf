//! What a purge is about, as it is kept in the file for every process that has it open.

use std::borrow::Cow;

use crate::invalidation::Selector;
use crate::invalidation::{Fence, Purged};
use crate::key::Digest;

/// One thing that is purged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// All variants of a key.
    Key(String),
    /// All keys of a URL.
    Url(String),
    /// Every entry that has a tag.
    Tag(String),
    /// Every key that begins so.
    Prefix(String),
    /// Every entry.
    Everything,
    /// One variant of a key; for other processes, which have the rest on the disk, all of them.
    Variant(String, Digest),
    /// The variant of a key that a request with these fields selects, the one put last; for other
    /// processes as above.
    Selected(String, String),
    /// Variants that are not as they were: what other processes have of them in memory is out of
    /// date. Nothing is held back.
    Changed(Vec<(String, Digest)>),
}

/// Something that is purged, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Purge {
    pub(crate) mark: Mark,
    /// Makes stale instead of removing.
    pub(crate) soft: bool,
    /// When, by the clock of whoever asked.
    pub(crate) at: i64,
}

impl Purge {
    /// One that removes.
    pub(crate) fn of(mark: Mark, at: i64) -> Self {
        Self { mark, soft: false, at }
    }
}

impl Mark {
    /// Has `fence` hold back what is written from before, where it is of this.
    pub(super) fn fence_off(&self, fence: &mut Fence) {
        fence.advance();
        match self {
            Self::Key(key) | Self::Variant(key, _) | Self::Selected(key, _) => {
                fence.mark(Purged::Key(key))
            }
            Self::Url(url) => fence.mark(Purged::Url(url)),
            Self::Tag(tag) => fence.mark(Purged::Tag(tag)),
            Self::Prefix(prefix) => fence.mark_prefix(prefix),
            Self::Everything => fence.mark_everything(),
            Self::Changed(_) => {}
        }
    }

    /// What a selector selects, one by one.
    pub(crate) fn all(selector: &Selector) -> Vec<Self> {
        let Selector { key, tags, prefixes, everything, .. } = selector;
        let mut marks: Vec<_> = key.iter().cloned().map(Self::Key).collect();
        marks.extend(tags.iter().cloned().map(Self::Tag));
        marks.extend(prefixes.iter().cloned().map(Self::Prefix));
        marks.extend(everything.then_some(Self::Everything));
        marks
    }

    /// That variants have changed, told in parts that are no longer than a record of purges of any
    /// length has room for.
    pub(super) fn changed(variants: Vec<(String, Digest)>) -> Vec<Self> {
        const MOST_BYTES: usize = 8 << 10;
        let mut parts: Vec<Vec<_>> = Vec::new();
        let mut bytes = MOST_BYTES;
        for (key, variant) in variants {
            bytes += key.len() + Digest::BYTES;
            match parts.last_mut() {
                Some(part) if bytes <= MOST_BYTES => part.push((key, variant)),
                _ => {
                    bytes = key.len() + Digest::BYTES;
                    parts.push(vec![(key, variant)]);
                }
            }
        }
        parts.into_iter().map(Self::Changed).collect()
    }

    /// As it is written: kind, name and digests.
    pub(super) fn written(&self) -> (&'static str, Cow<'_, str>, Vec<u8>) {
        fn named<'a>(kind: &'static str, name: &'a str) -> (&'static str, Cow<'a, str>, Vec<u8>) {
            (kind, name.into(), Vec::new())
        }
        match self {
            Self::Key(key) => named("key", key),
            Self::Url(url) => named("url", url),
            Self::Tag(tag) => named("tag", tag),
            Self::Prefix(prefix) => named("prefix", prefix),
            Self::Everything => named("everything", ""),
            Self::Variant(key, _) | Self::Selected(key, _) => named("selected", key),
            Self::Changed(variants) => {
                let keys: Vec<_> = variants.iter().map(|(key, _)| key.as_str()).collect();
                let digests = variants.iter().flat_map(|(_, variant)| *variant.bytes()).collect();
                ("changed", keys.join("\n").into(), digests)
            }
        }
    }

    /// As it was written; what is not understood is everything, which no reader misses.
    pub(super) fn read(kind: &str, name: String, digests: &[u8]) -> Self {
        let known = match kind {
            "key" => Some(Self::Key(name)),
            "url" => Some(Self::Url(name)),
            "tag" => Some(Self::Tag(name)),
            "prefix" => Some(Self::Prefix(name)),
            "selected" => Some(Self::Selected(name, String::new())),
            "changed" => variants(&name, digests).map(Self::Changed),
            _ => None,
        };
        known.unwrap_or(Self::Everything)
    }
}

/// Keys, one a line, and as many digests. A key has no line feed.
fn variants(keys: &str, digests: &[u8]) -> Option<Vec<(String, Digest)>> {
    let (digests, rest) = digests.as_chunks::<{ Digest::BYTES }>();
    let keys: Vec<_> = keys.split('\n').map(str::to_owned).collect();
    let is_whole = rest.is_empty() && keys.len() == digests.len();
    is_whole.then(|| keys.into_iter().zip(digests.iter().copied().map(Digest::from)).collect())
}

/// Bytes that the purges take that are remembered: a share of `bound`.
pub(super) fn most_purge_bytes(bound: u64) -> u64 {
    (bound / 32).min(8 << 20)
}
