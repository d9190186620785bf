//! Reuse of a stored response (RFC 9111, section 4).

use super::{Freshness, State};
use crate::http::RequestControl;
use crate::time::UnixMillis;

/// Why a request is forwarded to the handler (RFC 9211, section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forwarded {
    /// A rule makes the request skip the cache.
    Bypass,
    /// The instance has rules, and none covers the request.
    Uncovered,
    /// Responses to the method are not stored.
    Method,
    /// The key has no stored response.
    UriMiss,
    /// The stored responses of the key are selected by other request fields.
    VaryMiss,
    /// The stored response needs validation.
    Stale,
    /// The stored response is fresh, and the request demands validation.
    Request,
}

impl Forwarded {
    /// The word in `Cache-Status`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Bypass | Self::Uncovered => "bypass",
            Self::Method => "method",
            Self::UriMiss => "uri-miss",
            Self::VaryMiss => "vary-miss",
            Self::Stale => "stale",
            Self::Request => "request",
        }
    }

    /// The `detail` in `Cache-Status`, if the word says too little.
    pub fn detail(self) -> Option<&'static str> {
        (self == Self::Uncovered).then_some("no-rule")
    }
}

/// What to do with the stored response that a request selects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reuse {
    /// Serve it.
    Serve,
    /// Serve it, and let one caller refresh it (RFC 5861, section 3).
    ServeAndRefresh,
    /// Validate it first.
    Validate(Forwarded),
}

/// Decides about an entry with these `times` at `now`, for a request with the directives `asked`.
pub fn reuse(times: &Freshness, asked: RequestControl, now: UnixMillis) -> Reuse {
    let ms = |seconds: u32| i64::from(seconds) * 1000;
    let (state, age) = (times.state(now), times.age(now));
    let (left, staleness) = (times.lifetime - age, age - times.lifetime);
    let too_old = asked.max_age.is_some_and(|most| age > ms(most));
    // A request that limits the age takes no stale response, unless it also has `max-stale`
    // (section 5.2.1.1).
    let wants_fresh = asked.max_age.is_some() && asked.max_stale.is_none();
    let refused =
        asked.wants_new() || too_old || asked.min_fresh.is_some_and(|least| left < ms(least));
    let too_stale = asked.max_stale.is_some_and(|most| staleness > ms(most));
    let taken_stale = !times.strict && asked.max_stale.is_some() && !too_stale;
    match state {
        State::Fresh if refused => Reuse::Validate(Forwarded::Request),
        State::Fresh => Reuse::Serve,
        _ if refused || wants_fresh || too_stale => Reuse::Validate(Forwarded::Stale),
        State::Stale => Reuse::ServeAndRefresh,
        _ if taken_stale => Reuse::Serve,
        _ => Reuse::Validate(Forwarded::Stale),
    }
}
