//! Tracks the builds of each key for callers that pass no `Request` object.
//!
//! A miss begins a build of its key and a put ends one. A key does not tell which build a put ends,
//! so the put counts as the oldest build that can be open: a put may be dropped without need, but
//! none that began before a purge is stored. Each build expires by its own age. Builds of
//! different threads are separate; a put on a thread without a build counts as the oldest build of
//! the other threads.

use std::thread::{self, ThreadId};

use super::lease::REFRESH_LEASE_MS;
use crate::bounded::Bounded;
use crate::key::Digest;
use crate::time::{Millis, UnixMillis};

/// Keys tracked at most. Beyond that, the key whose first build began longest ago is evicted.
const MAX_KEYS: usize = 32_768;

/// Distinct starts of one key and thread at most. Beyond that, the two oldest are merged.
const MAX_STARTS: usize = 32;

/// Evictions within this time are remembered as one, in milliseconds.
const LOST_STEP_MS: Millis = 1_000;

/// Builds that began at the same fence sequence.
#[derive(Clone, Copy, Debug)]
struct BuildStart {
    since: u64,
    /// When the last of them began, in milliseconds since 1970.
    begun_at: UnixMillis,
    builds: u32,
}

impl BuildStart {
    fn is_overdue(&self, now: UnixMillis) -> bool {
        now - self.begun_at >= REFRESH_LEASE_MS
    }
}

/// Open builds of one key on one thread.
#[derive(Debug)]
struct Builds {
    thread: ThreadId,
    starts: Vec<BuildStart>,
    /// Puts that have ended one of the builds, unknown which.
    ended: u32,
}

impl Builds {
    fn begin(&mut self, since: u64, now: UnixMillis) {
        if let Some(known) = self.starts.iter_mut().find(|record| record.since == since) {
            known.builds += 1;
            known.begun_at = known.begun_at.max(now);
            return;
        }
        self.starts.push(BuildStart { since, begun_at: now, builds: 1 });
        if self.starts.len() > MAX_STARTS {
            self.merge_oldest();
        }
    }

    /// Merges the two oldest starts. The builds of both count as the older ones and expire with the
    /// younger ones.
    fn merge_oldest(&mut self) {
        self.starts.sort_unstable_by_key(|record| record.since);
        let oldest = self.starts.remove(0);
        let second = &mut self.starts[0];
        second.since = oldest.since;
        second.begun_at = second.begun_at.max(oldest.begun_at);
        second.builds += oldest.builds;
    }

    /// Gives up the overdue builds. Puts so far count as theirs first, so that every build that is
    /// not overdue may still be open.
    fn give_up_overdue(&mut self, now: UnixMillis) {
        let before = self.count();
        self.starts.retain(|record| !record.is_overdue(now));
        self.ended = self.ended.saturating_sub(before - self.count());
    }

    fn count(&self) -> u32 {
        self.starts.iter().map(|record| record.builds).sum()
    }

    fn is_over(&self) -> bool {
        self.ended >= self.count()
    }

    fn oldest(&self) -> Option<u64> {
        self.starts.iter().map(|record| record.since).min()
    }

    fn oldest_in_time(&self, now: UnixMillis) -> Option<u64> {
        self.starts.iter().filter(|record| !record.is_overdue(now)).map(|record| record.since).min()
    }
}

/// Open builds of one instance.
#[derive(Debug)]
pub(crate) struct BuildTracker {
    builds: Bounded<Digest, Vec<Builds>>,
    /// For evicted keys: the sequence of the oldest build, and until when a put counts as one of
    /// theirs.
    lost: Vec<(u64, UnixMillis)>,
}

impl Default for BuildTracker {
    fn default() -> Self {
        Self { builds: Bounded::new(MAX_KEYS), lost: Vec::new() }
    }
}

impl BuildTracker {
    /// Records that a build of `key` begins on this thread at the fence sequence `since`. Gives up
    /// overdue builds of the key.
    pub(crate) fn begin(&mut self, key: Digest, since: u64, now: UnixMillis) {
        let thread = thread::current().id();
        let first = Builds { thread, starts: Vec::new(), ended: 0 };
        if let Some(known) = self.builds.get_mut(&key) {
            for builds in known.iter_mut() {
                builds.give_up_overdue(now);
            }
            known.retain(|builds| !builds.is_over());
            let at = known.iter().position(|builds| builds.thread == thread).unwrap_or_else(|| {
                known.push(first);
                known.len() - 1
            });
            known[at].begin(since, now);
        } else {
            let mut builds = first;
            builds.begin(since, now);
            if let Some((_, evicted)) = self.builds.insert(key, vec![builds]) {
                self.lose(&evicted, now);
            }
        }
    }

    /// Ends a build of `key` on this thread. Returns the oldest fence sequence at which it can have
    /// begun; `None` for a put that no miss has led to.
    pub(crate) fn end(&mut self, key: Digest, now: UnixMillis) -> Option<u64> {
        let lost =
            self.lost.iter().filter(|(_, until)| now < *until).map(|(since, _)| *since).min();
        let Some(known) = self.builds.get_mut(&key) else {
            return lost;
        };
        let thread = thread::current().id();
        let Some(at) = known.iter().position(|builds| builds.thread == thread) else {
            let others = known.iter().filter_map(|builds| builds.oldest_in_time(now));
            return others.chain(lost).min();
        };
        let since = known[at].oldest();
        known[at].ended += 1;
        if known[at].is_over() {
            known.swap_remove(at);
        }
        if known.is_empty() {
            self.builds.remove(&key);
        }
        lost.into_iter().chain(since).min()
    }

    fn lose(&mut self, evicted: &[Builds], now: UnixMillis) {
        let Some(since) = evicted.iter().filter_map(|builds| builds.oldest_in_time(now)).min()
        else {
            return;
        };
        let until = now + REFRESH_LEASE_MS;
        let recent = self.lost.last_mut().filter(|(_, last)| (until - *last).abs() < LOST_STEP_MS);
        if let Some((known, last)) = recent {
            (*known, *last) = ((*known).min(since), until.max(*last));
        } else {
            self.lost.retain(|(_, until)| now < *until);
            self.lost.push((since, until));
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn key(number: u32) -> Digest {
        Digest::of(&number.to_string())
    }

    #[test]
    fn every_build_of_a_key_counts_as_its_oldest() {
        let mut tracker = BuildTracker::default();
        tracker.begin(key(1), 5, 0);
        tracker.begin(key(1), 7, 0);
        assert_eq!(tracker.end(key(1), 0), Some(5));
        assert_eq!(tracker.end(key(1), 0), Some(5));
        assert_eq!(tracker.end(key(1), 0), None, "a put that no miss has led to");
    }

    #[test]
    fn a_build_without_a_put_ends_when_another_begins_half_a_minute_later() {
        let mut tracker = BuildTracker::default();
        tracker.begin(key(1), 5, 0);
        tracker.begin(key(1), 7, 29_999);
        assert_eq!(tracker.end(key(1), 29_999), Some(5));
        tracker.begin(key(1), 7, 30_000);
        assert_eq!(tracker.end(key(1), 30_000), Some(7));
        tracker.begin(key(2), 5, 0);
        assert_eq!(
            tracker.end(key(2), 999_999),
            Some(5),
            "alone, a build takes as long as it takes"
        );
    }

    #[test]
    fn builds_are_bounded_and_puts_of_evicted_keys_count_as_evicted_builds() {
        let mut tracker = BuildTracker::default();
        for number in 0..=MAX_KEYS as u32 {
            tracker.begin(key(number), u64::from(number) + 3, 0);
        }
        assert_eq!(tracker.builds.len(), MAX_KEYS);
        let unknown = key(u32::MAX);
        assert_eq!(tracker.end(unknown, 29_999), Some(3));
        tracker.begin(unknown, u64::MAX, 29_999);
        assert_eq!(tracker.end(unknown, 29_999), Some(3), "the lost build may be of this key");
        assert_eq!(
            tracker.end(unknown, 30_000),
            Some(4),
            "the note evicted last began half a minute before"
        );
        assert_eq!(tracker.end(unknown, 60_000), None);
    }

    #[test]
    fn evictions_of_every_moment_leave_a_bounded_record_that_holds_for_half_a_minute() {
        let mut tracker = BuildTracker::default();
        for number in 0..MAX_KEYS as u32 {
            tracker.begin(key(number), 3, 0);
        }
        for second in 0..60_u32 {
            let now = i64::from(second) * 1_000;
            tracker.begin(key(1_000_000 + second), u64::from(second) + 4, now);
            assert!(tracker.lost.len() <= 32, "{} starts", tracker.lost.len());
        }
        assert_eq!(
            tracker.end(key(2_000_000), 58_999),
            Some(3),
            "evicted at 29 s, when it was not overdue"
        );
        assert_eq!(tracker.end(key(2_000_000), 90_000), None);
    }

    #[test]
    fn each_build_ends_by_its_own_age() {
        let mut tracker = BuildTracker::default();
        tracker.begin(key(1), 5, 0);
        tracker.begin(key(1), 5, 29_000);
        assert_eq!(tracker.end(key(1), 29_100), Some(5));
        tracker.begin(key(1), 9, 30_000);
        assert_eq!(tracker.end(key(1), 30_100), Some(5), "the build of 29 s may still be open");
        assert_eq!(tracker.end(key(1), 30_100), Some(5));
    }

    #[test]
    fn a_put_after_an_overdue_build_has_ended_counts_as_that_build() {
        let mut tracker = BuildTracker::default();
        tracker.begin(key(1), 5, 0);
        tracker.begin(key(1), 7, 29_000);
        assert_eq!(tracker.end(key(1), 29_100), Some(5));
        tracker.begin(key(1), 9, 30_000);
        assert_eq!(tracker.end(key(1), 30_100), Some(7));
        assert_eq!(tracker.end(key(1), 30_100), Some(7));
        assert_eq!(tracker.end(key(1), 30_100), None);
    }

    #[test]
    fn many_purges_during_the_builds_of_one_key_leave_a_bounded_record() {
        let mut tracker = BuildTracker::default();
        for number in 0..1_000 {
            tracker.begin(key(1), number + 3, number as i64);
        }
        assert_eq!(
            tracker.builds.get(&key(1)).map(|builds| builds[0].starts.len()),
            Some(MAX_STARTS)
        );
        for _ in 0..1_000 {
            assert_eq!(tracker.end(key(1), 1_000), Some(3));
        }
        assert_eq!(tracker.end(key(1), 1_000), None);
    }

    #[test]
    fn a_thread_without_builds_of_its_own_counts_as_the_oldest_of_the_others_and_ends_none() {
        let mut tracker = BuildTracker::default();
        tracker.begin(key(1), 5, 0);
        thread::scope(|scope| {
            scope.spawn(|| {
                assert_eq!(tracker.end(key(1), 29_999), Some(5));
                assert_eq!(tracker.end(key(1), 30_000), None, "that build may have expired");
                tracker.begin(key(1), 7, 0);
                assert_eq!(tracker.end(key(1), 0), Some(7));
            });
        });
        assert_eq!(tracker.end(key(1), 0), Some(5));
    }
}
