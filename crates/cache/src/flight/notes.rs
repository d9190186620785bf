//! How far back the builds go that are under way for a key, where nothing tells them apart but the key.
//!
//! A miss adds to a key's note and a put takes from it. Which of several builds a put ends cannot be told, so it counts
//! as the oldest: a put may be held back in vain, and none is let through that began before a purge. Threads keep
//! their builds apart, and a put on a thread without any counts as the oldest build of the others.

use std::thread::{self, ThreadId};

use hashbrown::HashMap;

use super::PATIENCE_MS;
use crate::key::Digest;

/// Keys noted; beyond that, those go that are past their time, and then all.
const MOST_KEYS: usize = 32_768;

#[derive(Clone, Copy, Debug)]
struct Note {
    thread: ThreadId,
    /// Where the sequence stood when the oldest build began.
    since: u64,
    /// Builds that have not ended.
    builds: u32,
    /// When the oldest build began.
    begun_at: i64,
}

impl Note {
    fn is_overdue(&self, now: i64) -> bool {
        now - self.begun_at >= PATIENCE_MS
    }
}

/// The notes of one instance.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    notes: HashMap<Digest, Vec<Note>>,
    /// Where the oldest stood of notes that had to go, and until when a put counts as one of theirs.
    lost: Vec<(u64, i64)>,
}

impl Notes {
    /// Notes that a build for `key` is under way on this thread since the sequence stood at `since`. Builds of the thread
    /// that are overdue are given up for it.
    pub(crate) fn begin(&mut self, key: Digest, since: u64, now: i64) {
        if self.notes.len() >= MOST_KEYS && !self.notes.contains_key(&key) {
            self.make_room(now);
        }
        let thread = thread::current().id();
        let notes = self.notes.entry(key).or_default();
        notes.retain(|note| !note.is_overdue(now));
        match notes.iter_mut().find(|note| note.thread == thread) {
            Some(note) => {
                note.since = note.since.min(since);
                note.builds += 1;
            }
            None => notes.push(Note { thread, since, builds: 1, begun_at: now }),
        }
    }

    /// Ends a build for `key` on this thread and returns where the sequence stood when it began at the latest;
    /// `None` for a put that no miss has led to.
    pub(crate) fn end(&mut self, key: Digest, now: i64) -> Option<u64> {
        let lost = self.lost.iter().filter(|(_, until)| now < *until).map(|(since, _)| *since).min();
        let Some(notes) = self.notes.get_mut(&key) else {
            return lost;
        };
        let thread = thread::current().id();
        let Some(at) = notes.iter().position(|note| note.thread == thread) else {
            let others = notes.iter().filter(|note| !note.is_overdue(now)).map(|note| note.since);
            return others.chain(lost).min();
        };
        let since = notes[at].since;
        notes[at].builds -= 1;
        if notes[at].builds == 0 {
            notes.swap_remove(at);
        }
        if notes.is_empty() {
            self.notes.remove(&key);
        }
        lost.into_iter().chain([since]).min()
    }

    fn make_room(&mut self, now: i64) {
        self.notes.retain(|_, notes| notes.iter().any(|note| !note.is_overdue(now)));
        if self.notes.len() < MOST_KEYS {
            return;
        }
        let oldest = self.notes.drain().flat_map(|(_, notes)| notes).map(|note| note.since).min();
        self.lost.retain(|(_, until)| now < *until);
        self.lost.extend(oldest.map(|since| (since, now + PATIENCE_MS)));
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
        let mut notes = Notes::default();
        notes.begin(key(1), 5, 0);
        notes.begin(key(1), 7, 0);
        assert_eq!(notes.end(key(1), 0), Some(5));
        assert_eq!(notes.end(key(1), 0), Some(5));
        assert_eq!(notes.end(key(1), 0), None, "a put that no miss has led to");
    }

    #[test]
    fn a_build_that_never_ends_is_given_up_when_another_begins_half_a_minute_later() {
        let mut notes = Notes::default();
        notes.begin(key(1), 5, 0);
        notes.begin(key(1), 7, 29_999);
        assert_eq!(notes.end(key(1), 29_999), Some(5));
        notes.begin(key(1), 7, 30_000);
        assert_eq!(notes.end(key(1), 30_000), Some(7));
        notes.begin(key(2), 5, 0);
        assert_eq!(notes.end(key(2), 999_999), Some(5), "alone, a build takes as long as it takes");
    }

    #[test]
    fn notes_are_bounded_and_what_is_lost_is_not_trusted() {
        let mut notes = Notes::default();
        for number in 0..=MOST_KEYS as u32 {
            notes.begin(key(number), u64::from(number) + 3, 0);
        }
        assert_eq!(notes.notes.len(), 1);
        assert_eq!(notes.end(key(9), 29_999), Some(3));
        notes.begin(key(9), u64::MAX, 29_999);
        assert_eq!(notes.end(key(9), 29_999), Some(3), "what it lost may have been of this key");
        assert_eq!(notes.end(key(9), 30_000), None);
    }

    #[test]
    fn a_thread_without_builds_of_its_own_counts_as_the_oldest_of_the_others_and_ends_none() {
        let mut notes = Notes::default();
        notes.begin(key(1), 5, 0);
        thread::scope(|scope| {
            scope.spawn(|| {
                assert_eq!(notes.end(key(1), 29_999), Some(5));
                assert_eq!(notes.end(key(1), 30_000), None, "that build may have been given up");
                notes.begin(key(1), 7, 0);
                assert_eq!(notes.end(key(1), 0), Some(7));
            });
        });
        assert_eq!(notes.end(key(1), 0), Some(5));
    }
}
