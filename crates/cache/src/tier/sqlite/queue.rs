//! What waits to be written: puts, bounded in bytes, and whatever else is asked of the writer, in
//! the order in which it came.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use parking_lot::{Condvar, Mutex};

use super::fault::Fault;
use super::loads::Load;
use super::mark::Purge;
use super::row::Kept;
use super::ticket::Ticket;
use crate::key::Digest;

/// Puts that are written together, at most.
const MOST_TOGETHER: usize = 1_024;

/// Bytes that are written together, about.
const MOST_TOGETHER_BYTES: usize = 4 << 20;

/// What something that waits takes beside what it is about, in bytes.
const OVERHEAD: usize = 160;

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
    /// Everything is out of date, for all that is known.
    Clear,
    /// Entries that are due by this moment.
    Expire(i64),
    /// To hand back to the reader, once all that came before is written.
    Load(Load),
    /// All that came before.
    Flush(Ticket),
    /// The last.
    End(Ticket),
}

/// A purge that somebody waits for.
#[derive(Debug)]
pub(super) struct Ordered {
    pub(super) purges: Vec<Purge>,
    /// How many live entries it has removed from memory, where they count as purged.
    pub(super) in_memory: Option<u64>,
    /// Where the sequence of the memory store stood before.
    pub(super) since: u64,
    pub(super) ticket: Ticket,
}

/// The queue. What waits takes at most so many bytes. Where it would take more, the puts that came
/// first are given up, and counted: all that is left of them is that what the disk has is out of
/// date.
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
    /// How much of the work somebody waits for.
    urgent: usize,
    dropped: u64,
    /// Nothing more is taken.
    has_ended: bool,
    /// There are no puts before this place.
    first_put: usize,
    /// Whether everything on the disk may be out of date.
    is_to_clear: bool,
    /// How much of what is not written yet is about a key, by the key's hash.
    keys: HashMap<u64, u32>,
}

impl Queue {
    pub(super) fn new(most_bytes: usize) -> Self {
        Self {
            inner: Mutex::default(),
            news: Condvar::new(),
            most_bytes,
            hasher: RandomState::new(),
        }
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
        inner.urgent += usize::from(work.is_urgent());
        if let Some((key, _)) = work.entry() {
            *inner.keys.entry(self.hasher.hash_one(key)).or_default() += 1;
        }
        inner.work.push_back(work);
        while inner.bytes > self.most_bytes && inner.give_up_oldest_put() {}
        if inner.bytes > self.most_bytes {
            self.collapse(&mut inner);
        }
        // Whoever waits for more is left to sleep until there is enough of it: to be woken by every
        // put costs each of them a switch.
        if inner.work.len() == 1 || !inner.is_for_more() {
            self.news.notify_one();
        }
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
        inner.first_put = inner.first_put.saturating_sub(count);
        inner.urgent -= taken.iter().filter(|work| work.is_urgent()).count();
        taken
    }

    /// What was taken is written, or will not be.
    pub(super) fn done(&self, work: &[Work]) {
        let mut inner = self.inner.lock();
        for work in work {
            self.release(&mut inner, work);
        }
        if work.iter().any(|work| matches!(work, Work::Clear)) {
            inner.is_to_clear = inner.work.iter().any(|work| matches!(work, Work::Clear));
        }
    }

    /// Has one word say what so many say that there is no room for them.
    fn collapse(&self, inner: &mut Inner) {
        let is_about_entries = |work: &Work| matches!(work, Work::Put(..) | Work::Retire(..));
        let (collapsed, rest): (Vec<_>, Vec<_>) = inner.work.drain(..).partition(is_about_entries);
        for work in &collapsed {
            self.release(inner, work);
        }
        inner.work.push_back(Work::Clear);
        inner.work.extend(rest);
        (inner.bytes, inner.first_put, inner.urgent) = (0, 0, inner.work.len());
        inner.is_to_clear = true;
    }

    fn release(&self, inner: &mut Inner, work: &Work) {
        let Some((key, _)) = work.entry() else { return };
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
        let inner = self.inner.lock();
        inner.is_to_clear || inner.keys.contains_key(&self.hasher.hash_one(key))
    }

    /// Puts that were given up.
    pub(super) fn dropped(&self) -> u64 {
        self.inner.lock().dropped
    }
}

impl Inner {
    /// Tells whether there was one.
    fn give_up_oldest_put(&mut self) -> bool {
        let is_put = |work: &Work| matches!(work, Work::Put(..));
        let Some(at) = self.work.iter().skip(self.first_put).position(is_put) else { return false };
        let at = self.first_put + at;
        if let Some(Work::Put(kept, _)) = self.work.get(at) {
            let retired = Work::Retire(kept.key().into(), kept.variant);
            self.bytes = self.bytes + retired.bytes() - self.work[at].bytes();
            self.work[at] = retired;
        }
        self.dropped += 1;
        self.first_put = at + 1;
        true
    }

    /// Whether nobody waits for what there is, and there is not enough of it yet.
    fn is_for_more(&self) -> bool {
        self.work.len() < MOST_TOGETHER && self.bytes < MOST_TOGETHER_BYTES && self.urgent == 0
    }
}

impl Work {
    /// Nobody will do it.
    fn refuse(self) {
        match self {
            Self::Purge(Ordered { ticket, .. }) | Self::Flush(ticket) | Self::End(ticket) => {
                ticket.settle(Err(Fault::new("the cache is closed")));
            }
            Self::Load(Load { ticket, .. }) => ticket.settle(Ok(0)),
            Self::Put(..) | Self::Retire(..) | Self::Clear | Self::Expire(_) => {}
        }
    }

    fn is_urgent(&self) -> bool {
        !matches!(self, Self::Put(..) | Self::Retire(..))
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Put(kept, _) => kept.stored.len() + OVERHEAD,
            Self::Retire(key, _) => key.len() + OVERHEAD,
            _ => 0,
        }
    }

    /// The key and the variant that it is about, if it is about one.
    pub(super) fn entry(&self) -> Option<(&str, &Digest)> {
        match self {
            Self::Put(kept, _) => Some((kept.key(), &kept.variant)),
            Self::Retire(key, variant) => Some((key, variant)),
            _ => None,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::key::Selecting;
    use crate::policy::Freshness;
    use crate::response::{Label, Stored};

    fn put(key: &str, bytes: usize) -> Work {
        let body = vec![0; bytes];
        let label = Label { name: key, notes: "" };
        let stored = Stored::labelled(label, 200, "OK\n", Some(&[&body]));
        let (variant, vary, times) = (Digest::of(key), Selecting::default(), Freshness::default());
        Work::Put(Box::new(Kept { variant, vary, times, stored }), 0)
    }

    fn told(work: &[Work]) -> Vec<String> {
        let tell = |work: &Work| match work {
            Work::Put(kept, _) => format!("put {}", kept.key()),
            Work::Retire(key, _) => format!("retire {key}"),
            Work::Clear => "clear".to_owned(),
            Work::Flush(_) => "flush".to_owned(),
            _ => "other".to_owned(),
        };
        work.iter().map(tell).collect()
    }

    fn all_of(queue: &Queue) -> Vec<Work> {
        queue.push(Work::Flush(Ticket::default()));
        queue.take()
    }

    #[test]
    fn puts_that_came_first_are_given_up_and_what_the_disk_has_of_them_with_them() {
        let queue = Queue::new(10_000);
        for key in ["a", "b", "c", "d"] {
            queue.push(put(key, 3_000));
        }
        assert_eq!(told(&all_of(&queue)), ["retire a", "put b", "put c", "put d", "flush"]);
        assert_eq!(queue.dropped(), 1);
    }

    #[test]
    fn a_put_that_is_larger_than_all_there_is_room_for_is_given_up_itself() {
        let queue = Queue::new(1_000);
        queue.push(put("a", 10));
        queue.push(put("b", 3_000));
        assert_eq!(told(&all_of(&queue)), ["retire a", "retire b", "flush"]);
        assert_eq!(queue.dropped(), 2);
    }

    #[test]
    fn more_than_can_be_told_one_by_one_is_told_in_one_word_before_all_else() {
        let queue = Queue::new(1_000);
        queue.push(Work::Flush(Ticket::default()));
        for key in 0..7 {
            queue.push(put(&key.to_string(), 3_000));
        }
        let taken = all_of(&queue);
        assert_eq!(told(&taken), ["clear", "flush", "flush"]);
        assert_eq!(queue.dropped(), 7);
        assert!(queue.is_about("1") && queue.is_about("another"));
        queue.done(&taken);
        assert!(!queue.is_about("1") && !queue.is_about("another"));
    }

    #[test]
    fn a_key_is_waited_for_until_all_that_is_about_it_is_done() {
        let queue = Queue::new(10_000);
        queue.push(put("a", 10));
        let first = all_of(&queue);
        queue.push(Work::Retire("a".into(), Digest::of("a")));
        queue.done(&first);
        assert!(queue.is_about("a") && !queue.is_about("b"));
        queue.done(&all_of(&queue));
        assert!(!queue.is_about("a"));
    }

    #[test]
    fn nothing_is_taken_after_the_end() {
        let queue = Queue::new(10_000);
        queue.push(Work::End(Ticket::default()));
        let late = Ticket::default();
        queue.push(Work::Flush(late.clone()));
        assert!(late.wait().is_err());
        assert_eq!(told(&queue.take()), ["other"]);
    }
}
