//! How far back the builds go that are under way for a key, where nothing tells them apart but the key.
//!
//! A miss adds to a key's note and a put takes from it. Which of several builds a put ends cannot be told, so it counts
//! as the oldest: a put may be held back in vain, and none is let through that began before a purge. Threads keep
//! their builds apart.

use std::thread::{self, ThreadId};

use hashbrown::HashMap;

use super::PATIENCE_MS;
use crate::key::Digest;

/// Notes kept; beyond that, those that are past their time go, and then all.
const MOST_NOTES: usize = 4_096;

#[derive(Clone, Copy, Debug)]
struct Note {
    /// Where the sequence stood when the oldest build began.
    since: u64,
    /// Builds that have not ended.
    builds: u32,
    /// When the oldest build began.
    begun_at: i64,
}

/// The notes of one instance.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    notes: HashMap<(ThreadId, Digest), Note>,
    /// Where the oldest of the notes stood that had to go, and until when a put without a note counts as one of theirs.
    lost: Option<(u64, i64)>,
}

impl Notes {
    /// Notes that a build for `key` begins on this thread, after a miss that saw the sequence at `since`. Builds that
    /// have been under way for 30 s are given up for it.
    pub(crate) fn begin(&mut self, key: Digest, since: u64, now: i64) {
        if self.notes.len() >= MOST_NOTES {
            self.make_room(now);
        }
        let fresh = Note { since, builds: 0, begun_at: now };
        let note = self.notes.entry((thread::current().id(), key)).or_insert(fresh);
        if now - note.begun_at >= PATIENCE_MS {
            *note = fresh;
        }
        note.builds += 1;
    }

    /// Ends a build for `key` on this thread and returns where the sequence stood when it began at the latest;
    /// `None` for a put that no miss has led to.
    pub(crate) fn end(&mut self, key: Digest, now: i64) -> Option<u64> {
        let place = (thread::current().id(), key);
        let Some(note) = self.notes.get_mut(&place) else {
            return self.lost.filter(|&(_, until)| now < until).map(|(since, _)| since);
        };
        let since = note.since;
        note.builds -= 1;
        if note.builds == 0 {
            self.notes.remove(&place);
        }
        Some(since)
    }

    fn make_room(&mut self, now: i64) {
        self.notes.retain(|_, note| now - note.begun_at < PATIENCE_MS);
        if self.notes.len() < MOST_NOTES {
            return;
        }
        let oldest = self.notes.drain().map(|(_, note)| note.since).min();
        let lost = self.lost.filter(|&(_, until)| now < until).map(|(since, _)| since);
        self.lost = oldest.into_iter().chain(lost).min().map(|since| (since, now + PATIENCE_MS));
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn key(number: u32) -> Digest {
        Digest::of([number.to_string()])
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
        notes.begin(key(1), 7, 30_000);
        assert_eq!(notes.end(key(1), 30_000), Some(7));
        notes.begin(key(2), 5, 0);
        assert_eq!(notes.end(key(2), 99_000), Some(5), "alone, a build takes as long as it takes");
    }

    #[test]
    fn notes_are_bounded_and_what_is_lost_is_not_trusted() {
        let mut notes = Notes::default();
        for number in 0..=MOST_NOTES as u32 {
            notes.begin(key(number), u64::from(number) + 3, 0);
        }
        assert_eq!(notes.notes.len(), 1);
        assert_eq!(notes.end(key(9), 29_999), Some(3));
        assert_eq!(notes.end(key(9), 30_000), None);
    }

    #[test]
    fn another_thread_has_notes_of_its_own() {
        let mut notes = Notes::default();
        notes.begin(key(1), 5, 0);
        thread::scope(|scope| {
            scope.spawn(|| assert_eq!(notes.end(key(1), 0), None));
        });
    }
}
