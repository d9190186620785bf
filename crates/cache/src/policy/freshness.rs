//! Lifetime, stale windows and age of an entry (RFC 9111, section 4.2).

use std::fmt::Write as _;

use super::Directives;
use crate::http::lines::Fields;
use crate::http::{date_seconds, delta_seconds, members};
use crate::policy::rules::Terms;

/// How much newer than the clock an entry may be and still count as new, in milliseconds. Clocks
/// are corrected in small steps; a larger difference means that the clock was ahead when the entry
/// was stored.
const MAX_CLOCK_STEP_MS: i64 = 5_000;

/// Lifetime if neither response nor configuration declares one.
const DEFAULT_TTL_SECONDS: u32 = 60;

/// Options of one call, which take precedence over the configuration.
#[derive(Clone, Copy, Debug, Default)]
pub struct Overrides {
    /// Lifetime in seconds.
    pub ttl: Option<u32>,
    /// Stale window in seconds.
    pub stale_while_revalidate: Option<u32>,
    /// Seconds after the lifetime during which the response replaces an error.
    pub stale_if_error: Option<u32>,
}

/// Times of one entry: milliseconds, except for the windows, which are seconds and begin where the
/// lifetime ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Freshness {
    /// When the response was put, since 1970.
    pub stored_at: i64,
    /// Age at that time (section 4.2.3).
    pub initial_age: i64,
    /// Freshness lifetime.
    pub lifetime: i64,
    /// Window in which the entry is served while it is refreshed (RFC 5861, section 3).
    pub stale_window: u32,
    /// Window in which the entry replaces an error (RFC 5861, section 4).
    pub error_window: u32,
    /// Window in which the entry is retained for validation.
    pub kept: u32,
    /// Whether `max-stale` of requests is ignored (RFC 9111, section 5.2.2.2).
    pub strict: bool,
}

/// State of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Within its lifetime.
    Fresh,
    /// Past its lifetime, within the stale window.
    Stale,
    /// Past both, and retained for validation or for requests with `max-stale`.
    Retained,
    /// To be removed.
    Expired,
}

impl State {
    /// Whether an entry is served without validation.
    pub fn is_served(self) -> bool {
        matches!(self, Self::Fresh | Self::Stale)
    }
}

impl Freshness {
    /// Decides the times of a response put at `now`: call before configuration before the response
    /// itself, else 60 seconds. Also returns the `Cache-Control` to store in place of the
    /// response's, or `None` if the response itself decided.
    pub fn decide(
        overrides: Overrides,
        terms: &Terms,
        directives: &Directives,
        fields: Fields<'_>,
        now: i64,
    ) -> (Self, Option<String>) {
        let Directives { targeted, general } = directives;
        let configured = overrides.ttl.or(terms.ttl);
        let own = match configured {
            Some(_) => None,
            None => targeted.lifetime().or(general.lifetime()).or_else(|| expires(fields, now)),
        };
        let may_be_stale =
            configured.is_some() || !(targeted.revalidates() || general.revalidates());
        let own_window = targeted.stale_while_revalidate.or(general.stale_while_revalidate);
        let ttl = configured.or(own).unwrap_or(DEFAULT_TTL_SECONDS);
        let window = overrides
            .stale_while_revalidate
            .or(terms.stale_while_revalidate)
            .or(own_window.filter(|_| may_be_stale))
            .unwrap_or(0);
        let age = if own.is_some() { own_age(fields) } else { 0 };
        let times = Self {
            stored_at: now,
            initial_age: i64::from(age) * 1000,
            lifetime: i64::from(ttl) * 1000,
            stale_window: window,
            ..Self::default()
        };
        (times, own.is_none().then(|| written(ttl, window)))
    }

    /// Age at `now`, in milliseconds. A clock that is set back makes no entry younger than it was
    /// when put. The age of an entry [from the future](Self::is_from_future) is unknown: it is
    /// stale from now on.
    pub fn age(&self, now: i64) -> i64 {
        if self.is_from_future(now) {
            return self.initial_age.max(self.lifetime);
        }
        self.initial_age + (now - self.stored_at).max(0)
    }

    /// Whether the entry was stored more than 5 s after `now`, by a clock that was ahead.
    pub fn is_from_future(&self, now: i64) -> bool {
        self.stored_at.saturating_sub(now) > MAX_CLOCK_STEP_MS
    }

    /// The times counted from `now`, for an entry [from the future](Self::is_from_future).
    #[must_use]
    pub fn restarted(self, now: i64) -> Self {
        Self { stored_at: now, initial_age: self.age(now), ..self }
    }

    /// State of the entry at `now`.
    pub fn state(&self, now: i64) -> State {
        let age = self.age(now);
        if age < self.lifetime {
            State::Fresh
        } else if age < self.lifetime + ms(self.stale_window) {
            State::Stale
        } else if age < self.lifetime + ms(self.longest_window()) {
            State::Retained
        } else {
            State::Expired
        }
    }

    /// The times with the lifetime ended at `now`; the stale window continues.
    #[must_use]
    pub fn stale_from(self, now: i64) -> Self {
        let times = if self.is_from_future(now) { self.restarted(now) } else { self };
        Self { lifetime: times.lifetime.min(times.age(now)), ..times }
    }

    /// When the entry expires, if the clock is not set back.
    pub fn deadline(&self) -> i64 {
        self.stored_at + self.lifetime + ms(self.longest_window()) - self.initial_age
    }

    /// Whether the entry, which is stale, may replace an error at `now`.
    pub fn outlives_errors(&self, now: i64) -> bool {
        (self.lifetime..self.lifetime + ms(self.error_window)).contains(&self.age(now))
    }

    fn longest_window(&self) -> u32 {
        self.stale_window.max(self.error_window).max(self.kept)
    }
}

fn ms(seconds: u32) -> i64 {
    i64::from(seconds) * 1000
}

pub(super) fn written(ttl: u32, window: u32) -> String {
    let mut value = format!("public, max-age={ttl}");
    if window > 0 {
        let written = write!(value, ", stale-while-revalidate={window}");
        debug_assert!(written.is_ok(), "a String takes all that is written to it");
    }
    value
}

/// Lifetime by `Expires` (section 5.3) in seconds; an invalid date is in the past.
pub(super) fn expires(fields: Fields<'_>, now: i64) -> Option<u32> {
    let expires = fields.value("expires")?;
    let from = fields.value("date").and_then(date_seconds).unwrap_or(now / 1000);
    let seconds = date_seconds(expires).map_or(0, |at| at - from);
    Some(seconds.clamp(0, i64::from(i32::MAX)) as u32)
}

/// `Age` (section 5.1) of a response from another cache; of several the first. Saturates.
pub(super) fn own_age(fields: Fields<'_>) -> u32 {
    told_age(fields).unwrap_or(0)
}

/// [`own_age`], or `None` if the response has no valid `Age`.
pub(super) fn told_age(fields: Fields<'_>) -> Option<u32> {
    fields.value("age").and_then(|age| members(age).next()).and_then(delta_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT

    fn decide(
        call: Option<u32>,
        configured: Option<u32>,
        fields: &str,
    ) -> (i64, i64, Option<String>) {
        let fields = Fields::new(fields);
        let overrides = Overrides { ttl: call, ..Overrides::default() };
        let terms = Terms { ttl: configured, ..Terms::default() };
        let (times, written) =
            Freshness::decide(overrides, &terms, &Directives::of(fields), fields, NOW);
        (times.lifetime / 1000, i64::from(times.stale_window), written)
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
            Freshness::decide(overrides, &Terms::default(), &Directives::of(own), own, NOW).0
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

    #[test]
    fn freshness_ended_early_leaves_the_rest_of_the_stale_window() {
        let times = Freshness {
            stored_at: NOW,
            initial_age: 0,
            lifetime: 1000,
            stale_window: 1,
            ..Freshness::default()
        };
        let early = times.stale_from(NOW + 400);
        assert_eq!((early.state(NOW + 400), early.deadline()), (State::Stale, NOW + 1400));
        assert_eq!(times.stale_from(NOW + 1200), times, "a stale response does not become staler");
    }

    #[test]
    fn fresh_ends_with_the_lifetime_and_stale_with_the_window() {
        let times = Freshness {
            stored_at: NOW,
            initial_age: 0,
            lifetime: 1000,
            stale_window: 1,
            ..Freshness::default()
        };
        assert_eq!(times.state(NOW - 5_000), State::Fresh);
        assert_eq!(times.age(NOW - 5_000), 0);
        assert_eq!(times.state(NOW + 999), State::Fresh);
        assert_eq!(times.state(NOW + 1000), State::Stale);
        assert_eq!(times.state(NOW + 1999), State::Stale);
        assert_eq!(times.state(NOW + 2000), State::Expired);
        assert_eq!(times.deadline(), NOW + 2000);
    }
}
