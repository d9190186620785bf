//! Why a response is not stored.

use strum::{EnumCount, IntoStaticStr, VariantArray};
use thiserror::Error;

/// Why a response is not stored. Its name in counts and events is the variant in kebab case.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, EnumCount, IntoStaticStr, VariantArray, Error,
)]
#[strum(serialize_all = "kebab-case")]
#[error("the response is not stored: {}", <&str>::from(*self))]
#[repr(u8)]
pub enum Uncacheable {
    /// `no-store` (RFC 9111, section 5.2.2.5).
    NoStore,
    /// `no-cache` without field names (section 5.2.2.4).
    NoCache,
    /// `private` without field names (section 5.2.2.7).
    Private,
    /// A `Set-Cookie` that no `private=Set-Cookie` removes.
    SetCookie,
    /// A status that is not final or complete (1xx, 304), that concerns one request only (412,
    /// 416), or that `must-understand` requires to be known.
    Status,
    /// `text/event-stream`: a body without an end.
    EventStream,
    /// Neither a freshness lifetime nor a stale window is left.
    Expired,
    /// A `Cache-Tag` that cannot be a tag.
    CacheTag,
    /// A `Vary` with `*` or another member that is no field name, of more than 4 KiB, or with more
    /// than 128 names.
    Vary,
    /// Body, header fields, key and tags exceed the bound for one entry, or the entry exceeds the
    /// store's.
    TooLarge,
    /// Neither response nor configuration declares a lifetime, and a heuristic one is not allowed
    /// (RFC 9111, section 4.2.2).
    NoFreshness,
    /// The request has `Authorization` and the response does not declare that it may be shared
    /// (section 3.5).
    Authorization,
    /// The request has `no-store` (section 5.2.1.5).
    RequestNoStore,
    /// 206: a part of a response.
    PartialContent,
    /// The caller's `shouldStore` says so.
    ShouldStore,
    /// The bodies in flight have used up their budget.
    InFlight,
    /// A later response is stored already.
    Superseded,
    /// The request has cookies, the lifetime is configured, and the response does not declare that
    /// it may be shared.
    Cookie,
}

impl Uncacheable {
    /// Names of all reasons, in the order of their numbers.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::VARIANTS.iter().map(|&reason| reason.into())
    }
}

/// Why the caller must not put a response. Its name is the variant in kebab case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, IntoStaticStr, VariantArray, Error)]
#[strum(serialize_all = "kebab-case")]
#[error("the response must not be put: {}", <&str>::from(*self))]
pub enum InvalidPut {
    /// 206: a part of a response.
    PartialContent,
    /// `Vary: *`: the response answers no other request (RFC 9111, section 4.1).
    VaryAny,
    /// A method other than GET and HEAD that no rule lists.
    Method,
}

impl InvalidPut {
    /// Names of all reasons, in the order of their numbers.
    pub fn names() -> impl Iterator<Item = &'static str> {
        Self::VARIANTS.iter().map(|&reason| reason.into())
    }
}
