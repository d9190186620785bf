//! Decisions about requests and responses, as pure functions of their fields and the time.

#[cfg(test)]
mod differential;
mod freshness;
mod request;
mod reuse;
#[cfg(test)]
mod rows;
pub(crate) mod rules;
mod shared;
mod storable;
mod uncacheable;

pub use freshness::{Freshness, Overrides, State};
pub use request::{RequestOptions, RequestPolicy};
pub use reuse::{Forwarded, Reuse, reuse};
pub use shared::{Decision, Exchange, decide, is_dated, is_shareable, may_update};
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

/// The directives of a response.
#[derive(Debug, Default)]
pub struct Directives {
    /// `CDN-Cache-Control` (RFC 9213).
    pub targeted: CacheControl,
    /// `Cache-Control` (RFC 9111, section 5.2).
    pub general: CacheControl,
}

impl Directives {
    /// Reads both fields of `fields`.
    pub fn of(fields: Fields<'_>) -> Self {
        let read = |name| fields.value(name).map(CacheControl::parse).unwrap_or_default();
        Self { targeted: read("cdn-cache-control"), general: read("cache-control") }
    }
}
