//! What is invalidated, and how.

use crate::key::Digest;

/// Something that an invalidation selects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// All variants of a key.
    Key(String),
    /// All keys of a canonical URL, whatever their method.
    Url(String),
    /// Every entry that has this tag.
    Tag(String),
    /// Every entry whose key begins with this. A prefix that begins with `/` matches that path on
    /// every host.
    Prefix(String),
    /// Every entry.
    Everything,
    /// One variant of a key.
    Variant(String, Digest),
    /// The variant of a key that a request with these field lines selects. Only the tier looks for
    /// it: memory has been searched already.
    Selected {
        /// The key.
        key: String,
        /// Field lines of the request.
        fields: String,
    },
}

/// What happens to the entries that are selected, and to writes that are still to come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Effect {
    /// Entries are removed, and writes whose content is older are dropped.
    #[default]
    Remove,
    /// Entries become stale, and writes whose content is older are dropped.
    MakeStale,
    /// Older versions of the entries are removed; writes are not affected. The entries were
    /// replaced or are outdated, but their data has not changed.
    Outdate,
}

/// What a purge, a delete, an unsafe request or the change of an entry invalidates. Several targets
/// select what any of them does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Invalidation {
    /// What is selected.
    pub targets: Vec<Target>,
    /// What happens to it.
    pub effect: Effect,
}

impl Invalidation {
    /// Removes the targets.
    pub fn remove(targets: impl IntoIterator<Item = Target>) -> Self {
        Self { targets: targets.into_iter().collect(), effect: Effect::Remove }
    }

    /// Makes the targets stale.
    pub fn make_stale(targets: impl IntoIterator<Item = Target>) -> Self {
        Self { effect: Effect::MakeStale, ..Self::remove(targets) }
    }

    /// Removes every entry.
    pub fn everything() -> Self {
        Self::remove([Target::Everything])
    }

    /// Removes outdated versions of the targets.
    pub(crate) fn outdate(targets: impl IntoIterator<Item = Target>) -> Self {
        Self { effect: Effect::Outdate, ..Self::remove(targets) }
    }

    /// Bytes of the texts of its targets.
    pub(crate) fn bytes(&self) -> usize {
        let text = |target: &Target| match target {
            Target::Key(text) | Target::Url(text) | Target::Tag(text) | Target::Prefix(text) => {
                text.len()
            }
            Target::Everything => 0,
            Target::Variant(key, _) => key.len() + Digest::BYTES,
            Target::Selected { key, fields } => key.len() + fields.len(),
        };
        self.targets.iter().map(text).sum()
    }

    /// Whether it selects every entry.
    pub(crate) fn selects_everything(&self) -> bool {
        self.targets.contains(&Target::Everything)
    }
}
