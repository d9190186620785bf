//! What waits to be written: puts, bounded in bytes, and whatever else is asked of the writer, in the order in which it came.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use parking_lot::{Condvar, Mutex};

use super::fault::Fault;
use super::mark::Purge;
use super::row::Kept;
use super::ticket::Ticket;
use crate::key::Digest;

/// Puts that are written together, at most.
const MOST_TOGETHER: usize = 1_024;

/// Bytes that are written together, about.
const MOST_TOGETHER_BYTES: usize = 4 << 20;

/// How long a put waits for others to be written with.
const PATIENCE: Duration = Duration::from_millis(20);

/// Something for the writer to do.
#[derive(Debug)]
pub(super) enum Work {
    /// What was put, and where the sequence of what other processes purge stood before.
    Put(Box<Kept>, u64),
    /// A variant of a key that is out of date.
    Retire(Box<str>, Digest),
    Purge(Ordered),
    /// Entries that are due by this moment.
    Expire(i64),
    /// All that came before.
    Flush(Ticket),
    /// The last.
    End(Ticket),
}

/// A purge that somebody waits for.
#[derive(Debug)]
pub(super) struct Ordered {
    pub(super) purges: Vec<Purge>,
    /// How many live entries it has removed from memory.
    pub(super) in_memory: u64,
    /// Where the sequence of the memory store stood before.
    pub(super) since: u64,
    pub(super) ticket: Ticket,
}

/// The queue. Its puts take at most so many bytes; where there are more, those that came first are given up, and counted.
#[derive(Debug)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    news: Condvar,
    most_bytes: usize,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Inner {
    work: VecDeque<Work>,
    bytes: usize,
    dropped: u64,
    /// Nothing more is taken.
    has_ended: bool,
    /// How much of what is not written yet is about a key, by the key's hash.
    keys: HashMap<u64, u32>,
}

impl Queue {
    pub(super) fn new(most_bytes: usize) -> Self {
        Self { inner: Mutex::default(), news: Condvar::new(), most_bytes, hasher: RandomState::new() }
    }

    pub(super) fn push(&self, work: Work) {
        let mut inner = self.inner.lock();
        if inner.has_ended {
            return work.refuse();
        }
        inner.has_ended = matches!(work, Work::End(_));
        if let (Work::Expire(_), Some(Work::Expire(_))) = (&work, inner.work.back()) {
            return;
        }
        inner.bytes += work.bytes();
        if let Some(key) = work.key() {
            *inner.keys.entry(self.hasher.hash_one(key)).or_default() += 1;
        }
        inner.work.push_back(work);
        while inner.bytes > self.most_bytes {
            let Some(at) = inner.work.iter().position(|work| matches!(work, Work::Put(..))) else { break };
            if let Some(dropped) = inner.work.remove(at) {
                inner.bytes -= dropped.bytes();
                inner.dropped += 1;
                self.release(&mut inner, &dropped);
            }
        }
        self.news.notify_one();
    }

    /// Waits for work, and takes what is to be done together: puts, with whatever else ends them.
    pub(super) fn take(&self) -> Vec<Work> {
        let mut inner = self.inner.lock();
        while inner.work.is_empty() {
            self.news.wait(&mut inner);
        }
        let until = Instant::now() + PATIENCE;
        while inner.is_for_more() {
            if self.news.wait_until(&mut inner, until).timed_out() {
                break;
            }
        }
        let mut bytes = 0;
        let together = inner.work.iter().take(MOST_TOGETHER).take_while(|work| {
            let is_room = bytes < MOST_TOGETHER_BYTES;
            bytes += work.bytes();
            is_room
        });
        let count = together.count();
        let taken: Vec<_> = inner.work.drain(..count).collect();
        inner.bytes -= taken.iter().map(Work::bytes).sum::<usize>();
        taken
    }

    /// What was taken is written, or will not be.
    pub(super) fn done(&self, work: &[Work]) {
        let mut inner = self.inner.lock();
        for work in work {
            self.release(&mut inner, work);
        }
    }

    fn release(&self, inner: &mut Inner, work: &Work) {
        let Some(key) = work.key() else { return };
        let hash = self.hasher.hash_one(key);
        if let Some(count) = inner.keys.get_mut(&hash) {
            *count -= 1;
            if *count == 0 {
                inner.keys.remove(&hash);
            }
        }
    }

    /// Whether something about a key may not be written yet.
    pub(super) fn is_about(&self, key: &str) -> bool {
        self.inner.lock().keys.contains_key(&self.hasher.hash_one(key))
    }

    /// Puts that were given up.
    pub(super) fn dropped(&self) -> u64 {
        self.inner.lock().dropped
    }
}

impl Inner {
    /// Whether nobody waits for what there is, and there is not enough of it yet.
    fn is_for_more(&self) -> bool {
        self.work.len() < MOST_TOGETHER
            && self.bytes < MOST_TOGETHER_BYTES
            && self.work.iter().all(|work| matches!(work, Work::Put(..) | Work::Retire(..)))
    }
}

impl Work {
    /// Nobody will do it.
    fn refuse(self) {
        let (Self::Purge(Ordered { ticket, .. }) | Self::Flush(ticket) | Self::End(ticket)) = self else {
            return;
        };
        ticket.settle(Err(Fault::new("the cache is closed")));
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Put(kept, _) => kept.stored.len(),
            _ => 0,
        }
    }

    fn key(&self) -> Option<&str> {
        match self {
            Self::Put(kept, _) => Some(kept.key()),
            Self::Retire(key, _) => Some(key),
            _ => None,
        }
    }
}
