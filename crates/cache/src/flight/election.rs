//! One refresher at a time for one stale entry.

use super::PATIENCE_MS;
use crate::sync::{AtomicI64, Ordering::Relaxed};

const NOBODY: i64 = i64::MIN;

/// The election of one entry. It ends with the entry, so what replaces or removes the entry needs to do nothing about it.
#[derive(Debug)]
pub(crate) struct Election(AtomicI64);

impl Election {
    pub(crate) fn new() -> Self {
        Self(AtomicI64::new(NOBODY))
    }

    /// Whether the caller is the one to refresh the entry: nobody has been elected within 30 s. A caller whose clock is a
    /// little behind the elected one's is not; a clock that was set back further elects anew.
    pub(crate) fn elects(&self, now: i64) -> bool {
        let elected_at = self.0.load(Relaxed);
        let held = elected_at != NOBODY && (now - elected_at).abs() < PATIENCE_MS;
        !held && self.0.compare_exchange(elected_at, now, Relaxed, Relaxed).is_ok()
    }

    /// Calls the election off: what the elected caller is building will not be stored.
    pub(crate) fn call_off(&self) {
        self.0.store(NOBODY, Relaxed);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn one_caller_is_elected_until_half_a_minute_has_passed() {
        let election = Election::new();
        assert!(election.elects(1_000));
        assert!(!election.elects(1_000));
        assert!(!election.elects(999), "a clock that is behind elects nobody else");
        assert!(!election.elects(30_999));
        assert!(election.elects(31_000));
        assert!(!election.elects(31_000));
        assert!(election.elects(1_000), "the clock was set back by 30 s");
    }

    #[test]
    fn an_election_called_off_makes_room_for_the_next() {
        let election = Election::new();
        assert!(election.elects(0));
        election.call_off();
        assert!(election.elects(0));
    }
}
