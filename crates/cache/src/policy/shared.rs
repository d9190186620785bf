//! Storing of responses in a shared cache between client and handler (RFC 9111, sections 3 and
//! 4.2): whether, and for how long.

use super::freshness::{expires, own_age, told_age, written};
use super::storable::keepable;
use super::{Directives, Freshness, Overrides, ResponseHead, State, Storable, Uncacheable};
use crate::http::lines::Fields;
use crate::http::{CacheControl, Scope, date_seconds, field_names};
use crate::policy::rules::Terms;

/// How long a response with a validator is retained after its lifetime, in seconds: validation
/// spares the handler the body.
const KEPT_WITH_VALIDATOR_SECONDS: u32 = 3_600;

/// How long one without a validator is retained, for requests with `max-stale`, in seconds.
const KEPT_WITHOUT_SECONDS: u32 = 60;

/// Heuristic lifetime as a fraction of the time since the last modification (section 4.2.2).
const HEURISTIC_SHARE: i64 = 10;

/// Longest heuristic lifetime, in seconds.
const MAX_HEURISTIC_SECONDS: i64 = 86_400;

/// What the request and the times of the exchange say about storing the response.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exchange {
    /// The request has `no-store`.
    pub no_store: bool,
    /// The request has `Authorization`, which is not in the key.
    pub authorized: bool,
    /// The handler has received cookies that are not in the key, under a configured lifetime.
    pub cookies: bool,
    /// When the handler was called.
    pub requested_at: i64,
    /// When its response arrived.
    pub responded_at: i64,
}

/// A response to be stored, with its times.
#[derive(Debug)]
pub struct Decision {
    /// What is stored of it.
    pub storable: Storable,
    /// Its times.
    pub times: Freshness,
    /// The `Cache-Control` to store in place of the response's, where the configuration decides.
    pub cache_control: Option<String>,
}

/// Decides about a response: by the configured lifetime, if it applies to the status, else by the
/// response's own.
///
/// # Errors
/// Why it is uncacheable.
pub fn decide(
    head: ResponseHead<'_>,
    overrides: Overrides,
    terms: &Terms,
    exchange: Exchange,
) -> Result<Decision, Uncacheable> {
    let configured = overrides.ttl.or(terms.ttl).filter(|_| is_configurable(head.status));
    let (governing, targeted) = governing(head.fields);
    let permitted = permits(&governing, head, configured, exchange)
        .and_then(|()| permits_cookies(&governing, targeted, head.fields, configured, exchange));
    let storable = keepable(head, Directives::of(head.fields), permitted)?;
    let lifetime = match configured {
        Some(seconds) => seconds,
        None => {
            own_lifetime(&governing, targeted, head, exchange).ok_or(Uncacheable::NoFreshness)?
        }
    };
    let windows = Windows::of(overrides, terms, &governing, configured.is_some(), head.status);
    let mut times = Freshness {
        stored_at: exchange.responded_at,
        initial_age: if configured.is_some() { 0 } else { corrected_age(head.fields, exchange) },
        lifetime: i64::from(lifetime) * 1000,
        stale_window: windows.stale,
        error_window: windows.error,
        kept: 0,
        strict: windows.strict,
    };
    times.kept = kept(&times, head.fields);
    if times.state(exchange.responded_at) == State::Expired {
        return Err(if governing.no_cache == Scope::Whole {
            Uncacheable::NoCache
        } else {
            Uncacheable::Expired
        });
    }
    let cache_control = configured.map(|ttl| written(ttl, windows.stale));
    Ok(Decision { storable, times, cache_control })
}

/// Whether a response accepted by [`decide`] may answer other requests than its own.
pub fn is_shareable(times: &Freshness) -> bool {
    times.state(times.stored_at).is_served()
}

/// The directives that count: those of `CDN-Cache-Control` if it is valid, and then no others (RFC
/// 9213, section 2.2).
fn governing(fields: Fields<'_>) -> (CacheControl, bool) {
    match fields.value("cdn-cache-control").and_then(CacheControl::parse_targeted) {
        Some(targeted) => (targeted, true),
        None => (fields.value("cache-control").map(CacheControl::parse).unwrap_or_default(), false),
    }
}

fn permits(
    governing: &CacheControl,
    head: ResponseHead<'_>,
    configured: Option<u32>,
    exchange: Exchange,
) -> Result<(), Uncacheable> {
    if exchange.no_store {
        Err(Uncacheable::RequestNoStore)
    } else if is_about_request(head.status)
        || governing.must_understand && !is_understood(head.status)
    {
        Err(Uncacheable::Status)
    } else if governing.no_store && !governing.must_understand {
        Err(Uncacheable::NoStore)
    } else if governing.private == Scope::Whole {
        Err(Uncacheable::Private)
    } else if governing.no_cache == Scope::Whole && configured.is_some() {
        Err(Uncacheable::NoCache)
    } else if exchange.authorized && !allows_authorized(governing) {
        Err(Uncacheable::Authorization)
    } else {
        Ok(())
    }
}

/// Whether the response to a request with cookies may be stored under a configured lifetime: if it
/// declares that it may be shared, or varies by cookies (section 4.1).
fn permits_cookies(
    governing: &CacheControl,
    targeted: bool,
    fields: Fields<'_>,
    configured: Option<u32>,
    exchange: Exchange,
) -> Result<(), Uncacheable> {
    let varies = || field_names(fields.value("vary").unwrap_or_default()).contains("cookie");
    if exchange.cookies
        && configured.is_some()
        && !declares_sharing(governing, targeted, fields, exchange)
        && !varies()
    {
        return Err(Uncacheable::Cookie);
    }
    Ok(())
}

/// Whether a response declares that it may be shared: by `public`, or by a lifetime of its own that
/// is neither heuristic nor 0 s.
fn declares_sharing(
    governing: &CacheControl,
    targeted: bool,
    fields: Fields<'_>,
    exchange: Exchange,
) -> bool {
    let expires = || if targeted { None } else { expires(fields, exchange.responded_at) };
    governing.public || governing.lifetime().or_else(expires).is_some_and(|seconds| seconds > 0)
}

/// Whether a response that is not stored itself (a 304, the response to a HEAD, or an uncacheable
/// one) may update or remove a stored response (section 4.3.4). One to a request with credentials
/// or cookies must declare that it may be shared. One without `Cache-Control` has that of the
/// stored response, unless the configuration wrote it.
pub fn may_update(
    new: Fields<'_>,
    (status, stored): (u16, Fields<'_>),
    overrides: Overrides,
    terms: &Terms,
    exchange: Exchange,
) -> bool {
    let configured = overrides.ttl.or(terms.ttl).filter(|_| is_configurable(status));
    let is_silent =
        ["cache-control", "cdn-cache-control"].iter().all(|name| new.value(name).is_none());
    let fields = if is_silent && configured.is_none() { stored } else { new };
    let (governing, targeted) = governing(fields);
    let is_for_client = governing.no_store || governing.private == Scope::Whole;
    if is_for_client && (exchange.authorized || exchange.cookies) {
        return false;
    }
    (!exchange.authorized || allows_authorized(&governing))
        && permits_cookies(&governing, targeted, fields, configured, exchange).is_ok()
}

/// Whether a status answers the conditions or the range of one request (RFC 9110, sections 15.5.13
/// and 15.5.17).
fn is_about_request(status: u16) -> bool {
    matches!(status, 412 | 416)
}

/// Section 3.5.
fn allows_authorized(governing: &CacheControl) -> bool {
    governing.public || governing.must_revalidate || governing.s_maxage.is_some()
}

/// Statuses whose caching requirements are implemented, for `must-understand` (section 5.2.2.3).
fn is_understood(status: u16) -> bool {
    matches!(
        status,
        200..=205 | 300..=303 | 307 | 308 | 400..=418 | 421 | 422 | 426 | 428 | 429 | 431 | 451 | 500..=505 | 511
    )
}

/// Statuses with heuristic lifetimes (RFC 9110, section 15.1), except 206.
fn is_heuristic(status: u16) -> bool {
    matches!(status, 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// Whether a configured lifetime applies to a status. An error that one request causes, such as
/// 405, 414 or 501, is stored only if the response itself declares or allows a lifetime.
fn is_configurable(status: u16) -> bool {
    matches!(status, 200 | 203 | 204 | 300 | 301 | 302 | 303 | 307 | 308 | 404 | 410)
}

/// Own lifetime in seconds (section 4.2.1). A response that needs validation each time is never
/// fresh, but is stored if it could be fresh otherwise.
fn own_lifetime(
    governing: &CacheControl,
    targeted: bool,
    head: ResponseHead<'_>,
    exchange: Exchange,
) -> Option<u32> {
    let expires = || if targeted { None } else { expires(head.fields, exchange.responded_at) };
    let may_guess = governing.public || is_heuristic(head.status);
    if governing.no_cache == Scope::Whole {
        return governing.lifetime().or_else(expires).or(may_guess.then_some(0)).map(|_| 0);
    }
    let guess =
        || if may_guess { heuristic_lifetime(head.fields, exchange.responded_at) } else { None };
    governing.lifetime().or_else(expires).or_else(guess)
}

fn heuristic_lifetime(fields: Fields<'_>, now: i64) -> Option<u32> {
    let modified = date_seconds(fields.value("last-modified")?)?;
    let date = fields.value("date").and_then(date_seconds).unwrap_or(now / 1000);
    Some(((date - modified) / HEURISTIC_SHARE).clamp(0, MAX_HEURISTIC_SECONDS) as u32)
}

/// Whether a response has an age or a date. One with neither is generated when its head is
/// available.
pub fn is_dated(fields: Fields<'_>) -> bool {
    fields.value("date").and_then(date_seconds).is_some() || told_age(fields).is_some()
}

/// Corrected initial age in milliseconds (section 4.2.3). `Date` has whole seconds, and so does its
/// difference to our clock. The handler's run time does not age a response that it generates.
fn corrected_age(fields: Fields<'_>, Exchange { requested_at, responded_at, .. }: Exchange) -> i64 {
    if !is_dated(fields) {
        return 0;
    }
    let date = fields.value("date").and_then(date_seconds);
    let apparent = date.map_or(0, |date| (responded_at.div_euclid(1000) - date).max(0) * 1000);
    let delay = (responded_at - requested_at).max(0);
    apparent.max(i64::from(own_age(fields)) * 1000 + delay)
}

fn kept(times: &Freshness, fields: Fields<'_>) -> u32 {
    if fields.value("etag").is_some() || fields.value("last-modified").is_some() {
        KEPT_WITH_VALIDATOR_SECONDS
    } else if !times.strict && times.lifetime > 0 {
        KEPT_WITHOUT_SECONDS
    } else {
        0
    }
}

/// Stale windows in seconds.
struct Windows {
    stale: u32,
    error: u32,
    strict: bool,
}

impl Windows {
    /// The windows of a response. A configured one applies; the response's own only if nothing in
    /// it forbids stale responses. `s-maxage` forbids them too (section 5.2.2.10), unless the same
    /// response declares a window.
    fn of(
        overrides: Overrides,
        terms: &Terms,
        governing: &CacheControl,
        configured: bool,
        status: u16,
    ) -> Self {
        let (forbidden, validates) = (governing.revalidates(), governing.no_cache == Scope::Whole);
        let own_stale = governing.stale_while_revalidate.filter(|_| configured || !forbidden);
        let configured_stale = overrides.stale_while_revalidate.or(terms.stale_while_revalidate);
        let stale = window(configured_stale, own_stale, status);
        let own_error = governing.stale_if_error;
        let error = window(overrides.stale_if_error, own_error, status).filter(|_| !forbidden);
        Self {
            stale: stale.filter(|_| !validates).unwrap_or(0),
            error: error.filter(|_| !validates).unwrap_or(0),
            strict: forbidden || validates || governing.s_maxage.is_some(),
        }
    }
}

/// A configured window, or else the response's own. For a status without configured lifetimes, a
/// configured window only shortens the own one.
fn window(configured: Option<u32>, own: Option<u32>, status: u16) -> Option<u32> {
    match configured {
        Some(seconds) if is_configurable(status) => Some(seconds),
        Some(seconds) => own.map(|own| own.min(seconds)),
        None => own,
    }
}
