//! `Cache-Status` (RFC 9211).

use std::fmt;

/// One member of the field.
pub struct CacheStatus<'a> {
    /// Name of the cache: letters, digits, `.`, `_`, `-` and `/`.
    pub cache: &'a str,
    /// Where the response comes from.
    pub handled: Handling,
    /// Remaining freshness in seconds, negative if the response is stale (section 2.4).
    pub ttl: Option<i64>,
    /// Details, a token (section 2.8).
    pub detail: Option<&'static str>,
}

/// Where a response comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// From the store (section 2.1).
    Hit,
    /// The cache generated it.
    Generated,
    /// From the handler (section 2.2).
    Forwarded {
        /// Why the request was forwarded.
        why: &'static str,
        /// Status of the handler's response (section 2.3).
        status: Option<u16>,
        /// Whether the response is stored (section 2.5).
        stored: bool,
        /// Whether the request was collapsed with another one (section 2.6).
        collapsed: bool,
    },
}

impl fmt::Display for CacheStatus<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cache, handled, ttl, detail } = self;
        // A token begins with a letter (RFC 8941, section 3.3.4); any other name is written as a
        // string.
        let quote =
            if cache.starts_with(|first: char| first.is_ascii_alphabetic()) { "" } else { "\"" };
        write!(f, "{quote}{cache}{quote}{handled}")?;
        if let Some(ttl) = ttl {
            write!(f, "; ttl={ttl}")?;
        }
        detail.map_or(Ok(()), |detail| write!(f, "; detail={detail}"))
    }
}

impl fmt::Display for Handling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (why, status, stored, collapsed) = match self {
            Self::Hit => return f.write_str("; hit"),
            Self::Generated => return Ok(()),
            Self::Forwarded { why, status, stored, collapsed } => (why, status, stored, collapsed),
        };
        write!(f, "; fwd={why}")?;
        if let Some(status) = status {
            write!(f, "; fwd-status={status}")?;
        }
        f.write_str(if *stored { "; stored" } else { "" })?;
        f.write_str(if *collapsed { "; collapsed" } else { "" })
    }
}
