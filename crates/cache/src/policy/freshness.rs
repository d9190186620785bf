//! Lifetime, stale windows and age of an entry (RFC 9111, section 4.2).

use crate::time::{Millis, UnixMillis};

/// How much newer than the clock an entry may be and still count as new, in milliseconds. Clocks
/// are corrected in small steps; a larger difference means that the clock was ahead when the entry
/// was stored.
const MAX_CLOCK_STEP_MS: Millis = 5_000;

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
    pub stored_at: UnixMillis,
    /// Age at that time (section 4.2.3).
    pub initial_age: Millis,
    /// Freshness lifetime.
    pub lifetime: Millis,
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
    /// Age at `now`, in milliseconds. A clock that is set back makes no entry younger than it was
    /// when put. The age of an entry [from the future](Self::is_from_future) is unknown: it is
    /// stale from now on.
    pub fn age(&self, now: UnixMillis) -> Millis {
        if self.is_from_future(now) {
            return self.initial_age.max(self.lifetime);
        }
        self.initial_age + (now - self.stored_at).max(0)
    }

    /// Whether the entry was stored more than 5 s after `now`, by a clock that was ahead.
    pub fn is_from_future(&self, now: UnixMillis) -> bool {
        self.stored_at.saturating_sub(now) > MAX_CLOCK_STEP_MS
    }

    /// The times counted from `now`, for an entry [from the future](Self::is_from_future).
    #[must_use]
    pub fn restarted(self, now: UnixMillis) -> Self {
        Self { stored_at: now, initial_age: self.age(now), ..self }
    }

    /// State of the entry at `now`.
    pub fn state(&self, now: UnixMillis) -> State {
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
    pub fn stale_from(self, now: UnixMillis) -> Self {
        let times = if self.is_from_future(now) { self.restarted(now) } else { self };
        Self { lifetime: times.lifetime.min(times.age(now)), ..times }
    }

    /// When the entry expires, if the clock is not set back.
    pub fn deadline(&self) -> UnixMillis {
        self.stored_at + self.lifetime + ms(self.longest_window()) - self.initial_age
    }

    /// Whether the entry, which is stale, may replace an error at `now`.
    pub fn outlives_errors(&self, now: UnixMillis) -> bool {
        (self.lifetime..self.lifetime + ms(self.error_window)).contains(&self.age(now))
    }

    fn longest_window(&self) -> u32 {
        self.stale_window.max(self.error_window).max(self.kept)
    }
}

fn ms(seconds: u32) -> Millis {
    i64::from(seconds) * 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = 784_111_777_000; // Sun, 06 Nov 1994 08:49:37 GMT

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
