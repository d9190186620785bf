//! Which entries a purge selects.

/// What a purge selects. Several selectors select what any of them does.
#[derive(Clone, Debug, Default)]
pub struct Selector {
    /// All variants of one key.
    pub key: Option<String>,
    /// Every entry that has one of these tags.
    pub tags: Vec<String>,
    /// Every entry whose key begins with one of these; one that begins with `/` means that path on
    /// every host. Written as keys are.
    pub prefixes: Vec<String>,
    /// Every entry.
    pub everything: bool,
    /// Makes entries stale instead of removing them.
    pub soft: bool,
}
