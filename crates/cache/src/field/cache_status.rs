//! `Cache-Status` (RFC 9211): how a stored response says that it is one.

use std::fmt;

/// One member of the field, for a response served from the store.
pub struct CacheStatus<'a> {
    /// The cache's name, made of letters, digits, `.`, `_`, `-` and `/`.
    pub cache: &'a str,
    /// Freshness left in seconds, negative where the response is stale (section 2.4).
    pub ttl: i64,
    /// Whether the response is stale, which a `ttl` of 0 leaves open.
    pub stale: bool,
}

impl fmt::Display for CacheStatus<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cache, ttl, stale } = self;
        // A token begins with a letter (RFC 8941, section 3.3.4); any other name is written as a string.
        let quote = if cache.starts_with(|first: char| first.is_ascii_alphabetic()) { "" } else { "\"" };
        let detail = if *stale { "; detail=stale" } else { "" };
        write!(f, "{quote}{cache}{quote}; hit; ttl={ttl}{detail}")
    }
}
