//! `Cache-Control` and `Pragma` of a request (RFC 9111, sections 5.2.1 and 5.4).

use super::cache_control::{directives, seconds};
use super::lines::{Fields, MissingFields};

/// The request directives that the cache acts on, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestControl {
    /// Section 5.2.1.4, or `Pragma: no-cache` without a `Cache-Control`.
    pub no_cache: bool,
    /// Section 5.2.1.5.
    pub no_store: bool,
    /// Section 5.2.1.7.
    pub only_if_cached: bool,
    /// Section 5.2.1.1.
    pub max_age: Option<u32>,
    /// Section 5.2.1.3.
    pub min_fresh: Option<u32>,
    /// Section 5.2.1.2; without an argument, any staleness is accepted.
    pub max_stale: Option<u32>,
}

impl RequestControl {
    /// Reads both fields.
    ///
    /// # Errors
    /// [`MissingFields`] if one was not sent.
    pub fn of(fields: Fields<'_>) -> Result<Self, MissingFields> {
        if let Some(value) = fields.known("cache-control")? {
            return Ok(Self::parse(value));
        }
        let pragma = fields.known("pragma")?.unwrap_or_default();
        let no_cache = directives(pragma).any(|(name, _)| name == "no-cache");
        Ok(Self { no_cache, ..Self::default() })
    }

    /// Whether the client demands a new or validated response.
    pub fn wants_new(&self) -> bool {
        self.no_cache || self.max_age == Some(0)
    }

    /// Parses a `Cache-Control` field value.
    pub fn parse(value: &str) -> Self {
        let mut read = Self::default();
        for (name, argument) in directives(value) {
            let argument = argument.as_deref();
            match name.as_str() {
                "no-cache" => read.no_cache = true,
                "no-store" => read.no_store = true,
                "only-if-cached" => read.only_if_cached = true,
                "max-age" => seconds(&mut read.max_age, argument),
                "min-fresh" => seconds(&mut read.min_fresh, argument),
                "max-stale" if argument.is_none() => {
                    read.max_stale.get_or_insert(u32::MAX);
                }
                "max-stale" => seconds(&mut read.max_stale, argument),
                _ => {}
            }
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pragma_counts_only_without_cache_control() {
        let no_cache = |fields: &str| RequestControl::of(Fields::new(fields)).unwrap().no_cache;
        assert!(no_cache("cache-control\npragma:no-cache\n"));
        assert!(!no_cache("cache-control:max-stale\npragma:no-cache\n"));
        assert!(!no_cache("cache-control\npragma:foo\n"));
        assert!(no_cache("cache-control:foo, No-Cache\npragma\n"));
    }

    #[test]
    fn any_staleness_will_do_without_a_number_and_none_with_a_broken_one() {
        let stale = |value: &str| RequestControl::parse(value).max_stale;
        assert_eq!(stale("max-stale"), Some(u32::MAX));
        assert_eq!(stale("max-stale=\"5\""), Some(5));
        assert_eq!(stale("max-stale=x"), Some(0));
        assert_eq!(stale("only-if-cached"), None);
    }
}
