//! One refresher at a time for one stale entry.

use std::sync::atomic::AtomicU32;

use crate::backoff::Pauses;
use crate::sync::AtomicI64;
use crate::sync::Ordering::Relaxed;

/// How long a caller that got a miss is waited for, in milliseconds, before it may be taken for
/// gone.
pub(crate) const PATIENCE_MS: i64 = 30_000;

const NOBODY: i64 = i64::MIN;

/// What lies between refreshes that fail.
const PAUSES: Pauses = Pauses { first_ms: 1_000, longest_ms: 60_000 };

/// How long it is left to another process to refresh, before it is asked again, in milliseconds.
const DEFERRED_MS: u32 = 1_000;

/// The election of one entry. It ends with the entry, so what replaces or removes the entry needs
/// to do nothing about it.
#[derive(Debug)]
pub(crate) struct Election {
    /// When somebody was elected, or failed.
    at: AtomicI64,
    /// How long nobody else is elected then, in milliseconds. Who reads it a moment too early reads
    /// another patience, none of which is over at once; so the model checker, for which each
    /// further atomic is many more orders of events, need not look at it.
    patience: AtomicU32,
    failures: AtomicU32,
}

impl Election {
    pub(crate) fn new() -> Self {
        Self {
            at: AtomicI64::new(NOBODY),
            patience: AtomicU32::new(PATIENCE_MS as u32),
            failures: AtomicU32::new(0),
        }
    }

    /// Whether the caller is the one to refresh the entry, for which it has `patience`
    /// milliseconds: nobody else is at it. A caller whose clock is a little behind the elected
    /// one's is not; a clock that was set back further elects anew.
    pub(crate) fn elects(&self, now: i64, patience: i64) -> bool {
        let elected_at = self.at.load(Relaxed);
        let held = elected_at != NOBODY
            && (now - elected_at).abs() < i64::from(self.patience.load(Relaxed));
        let elected = !held && self.at.compare_exchange(elected_at, now, Relaxed, Relaxed).is_ok();
        if elected {
            self.patience.store(patience as u32, Relaxed);
        }
        elected
    }

    /// Calls the election off: what the elected caller is building will not be stored.
    pub(crate) fn call_off(&self) {
        self.at.store(NOBODY, Relaxed);
    }

    /// Another process has somebody elected: nobody is here for a moment.
    pub(crate) fn defer(&self, now: i64) {
        self.patience.store(DEFERRED_MS, Relaxed);
        self.at.store(now, Relaxed);
    }

    /// The elected caller has failed: nobody is elected for a pause, which grows with each failure
    /// in a row.
    pub(crate) fn fail(&self, now: i64) {
        let failures = self.failures.fetch_add(1, Relaxed) + 1;
        self.patience.store(PAUSES.after(failures) as u32, Relaxed);
        self.at.store(now, Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn elects(election: &Election, now: i64) -> bool {
        election.elects(now, PATIENCE_MS)
    }

    #[test]
    fn one_caller_is_elected_until_half_a_minute_has_passed() {
        let election = Election::new();
        assert!(elects(&election, 1_000));
        assert!(!elects(&election, 1_000));
        assert!(!elects(&election, 999), "a clock that is behind elects nobody else");
        assert!(!elects(&election, 30_999));
        assert!(elects(&election, 31_000));
        assert!(!elects(&election, 31_000));
        assert!(elects(&election, 1_000), "the clock was set back by 30 s");
    }

    #[test]
    fn an_election_called_off_makes_room_for_the_next() {
        let election = Election::new();
        assert!(elects(&election, 0));
        election.call_off();
        assert!(elects(&election, 0));
    }

    #[test]
    fn a_caller_is_waited_for_as_long_as_it_asked_for() {
        let election = Election::new();
        assert!(election.elects(0, 50));
        assert!(!elects(&election, 49) && elects(&election, 50));
    }

    #[test]
    fn pauses_grow_with_each_failure_in_a_row() {
        let election = Election::new();
        let mut now = 0;
        for pause in [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000] {
            assert!(elects(&election, now));
            election.fail(now);
            assert!(!elects(&election, now + pause - 1), "{pause}");
            now += pause;
        }
    }
}
