//! Decisions about requests and responses, as pure functions of their fields and the time.

#[cfg(test)]
mod differential;
mod exchange;
mod freshness;
mod lifetime;
mod request;
mod reuse;
#[cfg(test)]
mod rows;
pub(crate) mod rules;
mod shared;
mod storable;
mod uncacheable;

pub use exchange::Exchange;
pub use freshness::{Freshness, Overrides, State};
pub use lifetime::{Mode, Times, is_dated, times};
pub use request::{RequestOptions, RequestPolicy};
pub use reuse::{Forwarded, Reuse, reuse};
pub use shared::{Decision, decide, is_shareable, may_update};
pub use storable::{Storable, storable};
pub use uncacheable::{InvalidPut, Uncacheable};

use crate::http::CacheControl;
use crate::http::lines::Fields;

/// The head of a response to be stored.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    /// Status code.
    pub status: u16,
    /// Reason phrase, often empty.
    pub reason: &'a str,
    /// Header fields.
    pub fields: Fields<'a>,
}

/// The directives of a response, parsed once.
#[derive(Debug, Default)]
pub struct Directives {
    /// `Cache-Control` (RFC 9111, section 5.2).
    pub general: CacheControl,
    /// `CDN-Cache-Control` (RFC 9213), if it is valid.
    pub targeted: Option<CacheControl>,
    /// What an invalid `CDN-Cache-Control` seems to say. It counts only where it keeps a response
    /// out of the cache that the application puts.
    invalid: Option<CacheControl>,
}

impl Directives {
    /// Parses both fields.
    pub fn of(fields: Fields<'_>) -> Self {
        let general = fields.value("cache-control").map(CacheControl::parse).unwrap_or_default();
        let text = fields.value("cdn-cache-control");
        let targeted = text.and_then(CacheControl::parse_targeted);
        let invalid = text.filter(|_| targeted.is_none()).map(CacheControl::parse);
        Self { general, targeted, invalid }
    }

    /// The directives for a shared cache: those of `CDN-Cache-Control` alone if it is valid (RFC
    /// 9213, section 2.2), else those of `Cache-Control`. Also returns whether they are the former.
    pub fn governing(&self) -> (&CacheControl, bool) {
        match &self.targeted {
            Some(targeted) => (targeted, true),
            None => (&self.general, false),
        }
    }

    /// The directives for a put: `CDN-Cache-Control` takes precedence, directive by directive.
    fn merged(&self) -> CacheControl {
        let Some(targeted) = &self.targeted else { return self.general.clone() };
        let general = &self.general;
        let stale = targeted.stale_while_revalidate.or(general.stale_while_revalidate);
        CacheControl {
            max_age: targeted.lifetime().or(general.lifetime()),
            must_revalidate: targeted.revalidates() || general.revalidates(),
            stale_while_revalidate: stale,
            ..CacheControl::default()
        }
    }

    /// Every field, for rules that hold if any of them says so.
    fn all(&self) -> impl Iterator<Item = &CacheControl> {
        std::iter::once(&self.general).chain(&self.targeted).chain(&self.invalid)
    }
}
