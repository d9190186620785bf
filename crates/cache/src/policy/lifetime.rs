//! Decides lifetime, stale windows and initial age of a response (RFC 9111, section 4.2).

use std::fmt::Write as _;

use super::exchange::Exchange;
use super::{Directives, Freshness, Overrides, ResponseHead, Uncacheable};
use crate::http::lines::Fields;
use crate::http::{CacheControl, Scope, date_seconds, delta_seconds, members};
use crate::policy::rules::Terms;
use crate::time::{Millis, UnixMillis};

/// Lifetime of a response that is put, if neither it nor the configuration declares one.
const DEFAULT_TTL_SECONDS: u32 = 60;

/// How long a response with a validator is retained after its lifetime, in seconds: validation
/// spares the handler the body.
const KEPT_WITH_VALIDATOR_SECONDS: u32 = 3_600;

/// How long one without a validator is retained, for requests with `max-stale`, in seconds.
const KEPT_WITHOUT_SECONDS: u32 = 60;

/// Heuristic lifetime as a fraction of the time since the last modification (section 4.2.2).
const HEURISTIC_SHARE: i64 = 10;

/// Longest heuristic lifetime, in seconds.
const MAX_HEURISTIC_SECONDS: i64 = 86_400;

/// How a response comes into the cache, which decides the rules for its times.
#[derive(Clone, Copy, Debug)]
pub enum Mode {
    /// The application puts it at this time: a configured lifetime applies to every status, and
    /// there is a default lifetime. Directives of `CDN-Cache-Control` are added to those of
    /// `Cache-Control`.
    Put(UnixMillis),
    /// A shared cache finds it on its way to a client (RFC 9111): a configured lifetime applies to
    /// some statuses, and a lifetime may be heuristic. `CDN-Cache-Control` replaces
    /// `Cache-Control` (RFC 9213, section 2.2).
    Shared(Exchange),
}

/// Times of a response.
#[derive(Debug)]
pub struct Times {
    /// When it was stored, and its lifetime and stale windows.
    pub freshness: Freshness,
    /// The `Cache-Control` to store in place of the response's; `None` if the response itself
    /// declared its lifetime.
    pub cache_control: Option<String>,
}

/// Decides the times of a response: call before configuration before the response itself.
///
/// # Errors
/// [`Uncacheable::NoFreshness`] if none of them declares a lifetime, and none is allowed otherwise.
pub fn times(
    mode: Mode,
    head: ResponseHead<'_>,
    directives: &Directives,
    overrides: Overrides,
    terms: &Terms,
) -> Result<Times, Uncacheable> {
    let merged;
    let (directives, is_targeted) = match mode {
        Mode::Put(_) => {
            merged = directives.merged();
            (&merged, false)
        }
        Mode::Shared(_) => directives.governing(),
    };
    let source = Source { mode, head, directives, is_targeted, overrides, terms };
    let configured = source.configured();
    let own = if configured.is_none() { source.own_lifetime() } else { None };
    let default = match mode {
        Mode::Put(_) => Some(DEFAULT_TTL_SECONDS),
        Mode::Shared(_) => None,
    };
    let lifetime = configured.or(own).or(default).ok_or(Uncacheable::NoFreshness)?;
    let windows = Windows::of(&source, configured.is_some());
    let cache_control = own.is_none().then(|| cache_control(lifetime, windows.stale));
    let mut freshness = Freshness {
        stored_at: source.now(),
        initial_age: if own.is_some() { source.initial_age() } else { 0 },
        lifetime: Millis::from(lifetime) * 1000,
        stale_window: windows.stale,
        ..Freshness::default()
    };
    if let Mode::Shared(_) = mode {
        freshness.error_window = windows.error;
        freshness.strict = windows.strict;
        freshness.kept = retention(&freshness, head.fields);
    }
    Ok(Times { freshness, cache_control })
}

/// What the times of a response are computed from.
struct Source<'a> {
    mode: Mode,
    head: ResponseHead<'a>,
    /// The directives that count.
    directives: &'a CacheControl,
    /// Whether they are those of `CDN-Cache-Control` alone, so that `Expires` does not count.
    is_targeted: bool,
    overrides: Overrides,
    terms: &'a Terms,
}

impl Source<'_> {
    fn now(&self) -> UnixMillis {
        match self.mode {
            Mode::Put(now) => now,
            Mode::Shared(exchange) => exchange.responded_at,
        }
    }

    fn configured(&self) -> Option<u32> {
        self.overrides.ttl.or(self.terms.ttl).filter(|_| self.is_configurable())
    }

    fn is_configurable(&self) -> bool {
        match self.mode {
            Mode::Put(_) => true,
            Mode::Shared(_) => is_configurable(self.head.status),
        }
    }

    /// Own lifetime in seconds (section 4.2.1). A response that needs validation each time is never
    /// fresh, but is stored if it could be fresh otherwise.
    fn own_lifetime(&self) -> Option<u32> {
        let declared =
            declared_lifetime(self.directives, self.is_targeted, self.head.fields, self.now());
        if let Mode::Put(_) = self.mode {
            return declared;
        }
        let may_guess = self.directives.public || is_heuristic(self.head.status);
        if self.directives.no_cache == Scope::Whole {
            return declared.or(may_guess.then_some(0)).map(|_| 0);
        }
        let guess =
            || if may_guess { heuristic_lifetime(self.head.fields, self.now()) } else { None };
        declared.or_else(guess)
    }

    /// Age of a response that declares its lifetime, in milliseconds.
    fn initial_age(&self) -> Millis {
        match self.mode {
            Mode::Put(_) => i64::from(own_age(self.head.fields)) * 1000,
            Mode::Shared(exchange) => corrected_age(self.head.fields, exchange),
        }
    }

    /// A configured window, or else the response's own. For a status without configured lifetimes,
    /// a configured window only shortens the own one.
    fn window(&self, configured: Option<u32>, own: Option<u32>) -> Option<u32> {
        match configured {
            Some(seconds) if self.is_configurable() => Some(seconds),
            Some(seconds) => own.map(|own| own.min(seconds)),
            None => own,
        }
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
    fn of(source: &Source<'_>, is_configured: bool) -> Self {
        let Source { directives, overrides, terms, .. } = source;
        let (forbidden, validates) =
            (directives.revalidates(), directives.no_cache == Scope::Whole);
        let own_stale = directives.stale_while_revalidate.filter(|_| is_configured || !forbidden);
        let configured_stale = overrides.stale_while_revalidate.or(terms.stale_while_revalidate);
        let stale = source.window(configured_stale, own_stale);
        let error = source.window(overrides.stale_if_error, directives.stale_if_error);
        Self {
            stale: stale.filter(|_| !validates).unwrap_or(0),
            error: error.filter(|_| !validates && !forbidden).unwrap_or(0),
            strict: forbidden || validates || directives.s_maxage.is_some(),
        }
    }
}

/// The lifetime that a response declares, in seconds.
pub(super) fn declared_lifetime(
    directives: &CacheControl,
    is_targeted: bool,
    fields: Fields<'_>,
    now: UnixMillis,
) -> Option<u32> {
    let expires = || if is_targeted { None } else { expires(fields, now) };
    directives.lifetime().or_else(expires)
}

/// Statuses with heuristic lifetimes (RFC 9110, section 15.1), except 206.
fn is_heuristic(status: u16) -> bool {
    matches!(status, 200 | 203 | 204 | 300 | 301 | 308 | 404 | 405 | 410 | 414 | 501)
}

/// Whether a configured lifetime applies to a status. An error that one request causes, such as
/// 405, 414 or 501, is stored only if the response itself declares or allows a lifetime.
pub(super) fn is_configurable(status: u16) -> bool {
    matches!(status, 200 | 203 | 204 | 300 | 301 | 302 | 303 | 307 | 308 | 404 | 410)
}

fn heuristic_lifetime(fields: Fields<'_>, now: UnixMillis) -> Option<u32> {
    let modified = date_seconds(fields.value("last-modified")?)?;
    let date = fields.value("date").and_then(date_seconds).unwrap_or(now / 1000);
    Some(((date - modified) / HEURISTIC_SHARE).clamp(0, MAX_HEURISTIC_SECONDS) as u32)
}

/// Whether a response has an age or a date. One with neither is generated when its head is
/// available.
pub fn is_dated(fields: Fields<'_>) -> bool {
    fields.value("date").and_then(date_seconds).is_some() || parsed_age(fields).is_some()
}

/// Corrected initial age in milliseconds (section 4.2.3). `Date` has whole seconds, and so does its
/// difference to our clock. The handler's run time does not age a response that it generates.
fn corrected_age(
    fields: Fields<'_>,
    Exchange { requested_at, responded_at, .. }: Exchange,
) -> Millis {
    if !is_dated(fields) {
        return 0;
    }
    let date = fields.value("date").and_then(date_seconds);
    let apparent = date.map_or(0, |date| (responded_at.div_euclid(1000) - date).max(0) * 1000);
    let delay = (responded_at - requested_at).max(0);
    apparent.max(i64::from(own_age(fields)) * 1000 + delay)
}

/// How long an entry is retained after its lifetime, in seconds.
fn retention(times: &Freshness, fields: Fields<'_>) -> u32 {
    if fields.value("etag").is_some() || fields.value("last-modified").is_some() {
        KEPT_WITH_VALIDATOR_SECONDS
    } else if !times.strict && times.lifetime > 0 {
        KEPT_WITHOUT_SECONDS
    } else {
        0
    }
}

/// `Cache-Control` with a configured lifetime and stale window.
fn cache_control(ttl: u32, window: u32) -> String {
    let mut value = format!("public, max-age={ttl}");
    if window > 0 {
        let written = write!(value, ", stale-while-revalidate={window}");
        debug_assert!(written.is_ok(), "a String takes all that is written to it");
    }
    value
}

/// Lifetime by `Expires` (section 5.3) in seconds; an invalid date is in the past.
fn expires(fields: Fields<'_>, now: UnixMillis) -> Option<u32> {
    let expires = fields.value("expires")?;
    let from = fields.value("date").and_then(date_seconds).unwrap_or(now / 1000);
    let seconds = date_seconds(expires).map_or(0, |at| at - from);
    Some(seconds.clamp(0, i64::from(i32::MAX)) as u32)
}

/// `Age` (section 5.1) of a response from another cache; of several the first. Saturates.
fn own_age(fields: Fields<'_>) -> u32 {
    parsed_age(fields).unwrap_or(0)
}

/// [`own_age`], or `None` if the response has no valid `Age`.
fn parsed_age(fields: Fields<'_>) -> Option<u32> {
    fields.value("age").and_then(|age| members(age).next()).and_then(delta_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT

    fn put(fields: Fields<'_>, overrides: Overrides, terms: &Terms) -> Times {
        let head = ResponseHead { status: 200, reason: "OK", fields };
        let directives = Directives::of(fields);
        times(Mode::Put(NOW), head, &directives, overrides, terms).expect("a put has a lifetime")
    }

    fn decide(
        call: Option<u32>,
        configured: Option<u32>,
        fields: &str,
    ) -> (i64, i64, Option<String>) {
        let fields = Fields::new(fields);
        let overrides = Overrides { ttl: call, ..Overrides::default() };
        let terms = Terms { ttl: configured, ..Terms::default() };
        let Times { freshness, cache_control } = put(fields, overrides, &terms);
        (freshness.lifetime / 1000, i64::from(freshness.stale_window), cache_control)
    }

    #[test]
    fn the_call_beats_the_configuration_beats_the_response_beats_a_minute() {
        let own = "cdn-cache-control:max-age=4\ncache-control:max-age=2, s-maxage=3\n";
        let public = |ttl: u32| Some(format!("public, max-age={ttl}"));
        assert_eq!(decide(Some(0), Some(9), own), (0, 0, public(0)));
        assert_eq!(decide(None, Some(9), own), (9, 0, public(9)));
        assert_eq!(decide(None, None, own), (4, 0, None));
        assert_eq!(decide(None, None, "cache-control:max-age=2, s-maxage=3\n"), (3, 0, None));
        assert_eq!(decide(None, None, "cache-control:max-age=2\nexpires:0\n"), (2, 0, None));
        assert_eq!(decide(None, None, "cache-control:public\n"), (60, 0, public(60)));
    }

    #[test]
    fn expires_counts_from_the_responses_date() {
        let expires = "expires:Sun, 06 Nov 1994 08:50:37 GMT\n";
        assert_eq!(decide(None, None, expires), (60, 0, None));
        assert_eq!(
            decide(None, None, &format!("{expires}date:Sun, 06 Nov 1994 08:50:36 GMT\n")),
            (1, 0, None)
        );
        assert_eq!(decide(None, None, "expires:tomorrow\n"), (0, 0, None));
    }

    #[test]
    fn the_responses_own_window_counts_unless_it_must_be_revalidated() {
        let own = "cache-control:max-age=1, stale-while-revalidate=5\n";
        assert_eq!(decide(None, None, own), (1, 5, None));
        assert_eq!(
            decide(
                None,
                None,
                "cache-control:max-age=1, stale-while-revalidate=5, must-revalidate\n"
            ),
            (1, 0, None)
        );
        assert_eq!(
            decide(Some(2), None, own),
            (2, 5, Some("public, max-age=2, stale-while-revalidate=5".into()))
        );
    }

    #[test]
    fn an_age_that_came_along_counts_where_the_response_decides() {
        let own = Fields::new("cache-control:max-age=10\nage:4\n");
        let decide = |ttl| {
            let overrides = Overrides { ttl, ..Overrides::default() };
            put(own, overrides, &Terms::default()).freshness
        };
        assert_eq!(decide(None).age(NOW + 1000), 5000);
        assert_eq!(decide(None).deadline(), NOW + 6000);
        assert_eq!(decide(Some(10)).age(NOW + 1000), 1000);
        for (age, seconds) in [("500, 3", 500), ("99999999999", 2_147_483_647), ("+5", 0), ("", 0)]
        {
            let line = format!("age:{age}\n");
            assert_eq!(own_age(Fields::new(&line)), seconds, "{age}");
        }
    }
}
