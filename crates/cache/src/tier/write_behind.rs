//! Write-behind queue: puts, bounded in bytes, and all other work of the writer thread, in order.

use std::collections::VecDeque;
use std::hash::{BuildHasher as _, RandomState};
use std::mem;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use parking_lot::{Condvar, Mutex};

use super::work::Work;
use crate::invalidation::{Fence, Target};

/// Puts per transaction at most.
const MAX_TOGETHER: usize = 1_024;

/// Bytes per transaction, approximately.
const MAX_TOGETHER_BYTES: usize = 4 << 20;

/// How long a put waits for others to share its transaction.
const BATCH_WAIT: Duration = Duration::from_millis(20);

/// The queue, bounded in bytes. Beyond the bound, the oldest puts are dropped and counted; what
/// they replaced on disk is removed.
#[derive(Debug)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    news: Condvar,
    max_bytes: usize,
    hasher: RandomState,
}

#[derive(Debug)]
struct Inner {
    work: VecDeque<Work>,
    bytes: usize,
    /// Work that a caller waits for.
    urgent: usize,
    dropped: u64,
    /// Whether the queue is closed.
    has_ended: bool,
    /// Whether it is closed because a thread has panicked.
    is_aborted: bool,
    /// Index before which there are no puts.
    first_put: usize,
    /// Whether a `Clear` is queued.
    is_to_clear: bool,
    /// Number of queued or unwritten changes by hash of their key.
    keys: HashMap<u64, u32>,
    /// Which keys were written, and when.
    written: Fence,
}

impl Queue {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            inner: Mutex::new(Inner::new()),
            news: Condvar::new(),
            max_bytes,
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
        inner.count_key(&self.hasher, &work);
        inner.work.push_back(work);
        while inner.bytes > self.max_bytes && inner.drop_oldest_put() {}
        if inner.bytes > self.max_bytes {
            self.collapse(&mut inner);
        }
        // The writer sleeps until a batch is full: waking it for every put would cost each put a
        // context switch.
        if inner.work.len() == 1 || !inner.is_for_more() {
            self.news.notify_one();
        }
    }

    /// Waits for work, and takes a batch, which is empty if the queue is aborted.
    pub(super) fn take(&self) -> Vec<Work> {
        let mut inner = self.inner.lock();
        while inner.work.is_empty() && !inner.is_aborted {
            self.news.wait(&mut inner);
        }
        let until = Instant::now() + BATCH_WAIT;
        while inner.is_for_more() {
            if self.news.wait_until(&mut inner, until).timed_out() {
                break;
            }
        }
        inner.take_batch()
    }

    /// Waits for `pause`, or until the queue is closed, and takes a batch, which may be empty.
    pub(super) fn take_after(&self, pause: Duration) -> Vec<Work> {
        let mut inner = self.inner.lock();
        let until = Instant::now() + pause;
        while !inner.has_ended && !self.news.wait_until(&mut inner, until).timed_out() {}
        inner.take_batch()
    }

    /// Closes the queue after a panic: no thread takes what is queued.
    pub(super) fn abort(&self) {
        let mut inner = self.inner.lock();
        (inner.has_ended, inner.is_aborted) = (true, true);
        let dropped = mem::take(&mut inner.work);
        self.news.notify_all();
        // Completing calls waiters, which may lock the queue.
        drop(inner);
        drop(dropped);
    }

    /// Whether another thread of the tier has panicked.
    pub(super) fn is_aborted(&self) -> bool {
        self.inner.lock().is_aborted
    }

    /// Records that a batch has been written, or will not be.
    pub(super) fn done(&self, work: &[Work]) {
        let mut inner = self.inner.lock();
        let keys = work.iter().filter_map(|work| Some(work.entry()?.0));
        inner.written.raise_keys(keys);
        for work in work {
            self.release(&mut inner, work);
        }
        if work.iter().any(Work::is_clear) {
            inner.written.raise(&[Target::Everything]);
        }
        if work.iter().any(Work::is_clear) {
            inner.is_to_clear = inner.work.iter().any(Work::is_clear);
        }
    }

    /// Replaces all work that no caller waits for by one `Clear` when the queue exceeds its bound.
    fn collapse(&self, inner: &mut Inner) {
        let is_awaited = |work: &Work| work.is_urgent() && !work.is_unawaited();
        let (rest, collapsed): (Vec<_>, Vec<_>) = inner.work.drain(..).partition(is_awaited);
        for work in &collapsed {
            self.release(inner, work);
        }
        let since = collapsed.into_iter().flat_map(Work::into_since).collect();
        inner.work.push_back(Work::clear(since));
        inner.work.extend(rest);
        inner.bytes = inner.work.iter().map(Work::bytes).sum();
        (inner.first_put, inner.urgent) = (0, inner.work.len());
        inner.is_to_clear = true;
    }

    /// Puts a batch that has not been written back before all other work, so that it undoes nothing
    /// that was queued later. Its puts are dropped, and what they replaced on disk is outdated.
    /// Returns how many puts it had.
    pub(super) fn put_back(&self, batch: Vec<Work>) -> u64 {
        let mut inner = self.inner.lock();
        let mut dropped = 0;
        if inner.has_ended {
            // Nothing is tried again.
            return batch.iter().filter(|work| matches!(work, Work::Put(..))).count() as u64;
        }
        for work in batch.into_iter().rev() {
            let work = match work {
                Work::Put(put) => {
                    dropped += 1;
                    Work::Outdate(put.replaced())
                }
                Work::Outdate(_) | Work::Invalidate(_) | Work::Expire(_) => work,
                Work::Load(_) | Work::Flush(_) | Work::End(_) => continue,
            };
            inner.bytes += work.bytes();
            inner.urgent += usize::from(work.is_urgent());
            inner.first_put += 1;
            inner.work.push_front(work);
        }
        dropped
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

    /// Whether a change of a key may not be written yet.
    pub(super) fn is_about(&self, key: &str) -> bool {
        let inner = self.inner.lock();
        inner.is_to_clear || inner.keys.contains_key(&self.hasher.hash_one(key))
    }

    /// Current sequence of writes.
    pub(super) fn sequence(&self) -> u64 {
        self.inner.lock().written.sequence()
    }

    /// Whether a change of a key was written since this sequence of writes, or is still to be.
    pub(super) fn has_changed(&self, key: &str, since: u64) -> bool {
        self.is_about(key) || !self.inner.lock().written.passes(since, key, [])
    }

    /// Number of dropped puts.
    pub(super) fn dropped(&self) -> u64 {
        self.inner.lock().dropped
    }
}

impl Inner {
    fn new() -> Self {
        Self {
            work: VecDeque::new(),
            bytes: 0,
            urgent: 0,
            dropped: 0,
            has_ended: false,
            is_aborted: false,
            first_put: 0,
            is_to_clear: false,
            keys: HashMap::new(),
            written: Fence::new(),
        }
    }

    /// Counts a change of a key that is not written yet.
    fn count_key(&mut self, hasher: &RandomState, work: &Work) {
        if let Some((key, _)) = work.entry() {
            *self.keys.entry(hasher.hash_one(key)).or_default() += 1;
        }
    }

    /// Returns whether there was one.
    fn drop_oldest_put(&mut self) -> bool {
        let is_put = |work: &Work| matches!(work, Work::Put(..));
        let Some(at) = self.work.iter().skip(self.first_put).position(is_put) else { return false };
        let at = self.first_put + at;
        if let Some(Work::Put(put)) = self.work.get(at) {
            let outdated = Work::Outdate(put.replaced());
            self.bytes = self.bytes + outdated.bytes() - self.work[at].bytes();
            self.work[at] = outdated;
        }
        self.dropped += 1;
        self.first_put = at + 1;
        true
    }

    /// Takes the first changes, as many as one transaction may have.
    fn take_batch(&mut self) -> Vec<Work> {
        let mut bytes = 0;
        let together = self.work.iter().take(MAX_TOGETHER).take_while(|work| {
            let is_room = bytes < MAX_TOGETHER_BYTES;
            bytes += work.bytes();
            is_room
        });
        let count = together.count();
        let taken: Vec<_> = self.work.drain(..count).collect();
        self.bytes -= taken.iter().map(Work::bytes).sum::<usize>();
        self.first_put = self.first_put.saturating_sub(count);
        self.urgent -= taken.iter().filter(|work| work.is_urgent()).count();
        taken
    }

    /// Whether no caller waits and the batch is not full.
    fn is_for_more(&self) -> bool {
        self.work.len() < MAX_TOGETHER && self.bytes < MAX_TOGETHER_BYTES && self.urgent == 0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::invalidation::Invalidation;
    use crate::key::Digest;
    use crate::key::Selecting;
    use crate::policy::Freshness;
    use crate::response::{Label, Stored};
    use crate::tier::completion::Promise;
    use crate::tier::record::Record;
    use crate::tier::work::{Outdated, QueuedInvalidation, QueuedPut, Seen};

    fn put(key: &str, bytes: usize) -> Work {
        let body = vec![0; bytes];
        let label = Label { key, tags: "" };
        let stored = Stored::labelled(label, 200, "OK\n", Some(&[&body]));
        let (variant, vary, times) = (Digest::of(key), Selecting::default(), Freshness::default());
        let record = Record { variant, vary, times, stored };
        Work::Put(Box::new(QueuedPut { record, seen: Seen::default() }))
    }

    fn outdate(key: &str) -> Work {
        let (variant, seen) = (Digest::of(key), Seen::default());
        Work::Outdate(Outdated { key: key.to_owned(), variant, put_at: 0, seen })
    }

    fn described(work: &[Work]) -> Vec<String> {
        let describe = |work: &Work| match work {
            Work::Put(put) => format!("put {}", put.record.key()),
            Work::Outdate(_) => format!("outdate {}", work.entry().unwrap().0),
            Work::Invalidate(_) if work.is_clear() => "clear".to_owned(),
            Work::Invalidate(_) => "invalidate".to_owned(),
            Work::Flush(_) => "flush".to_owned(),
            _ => "other".to_owned(),
        };
        work.iter().map(describe).collect()
    }

    fn all_of(queue: &Queue) -> Vec<Work> {
        queue.push(Work::Flush(Promise::new()));
        queue.take()
    }

    #[test]
    fn a_full_queue_drops_the_oldest_puts_and_removes_what_they_replaced() {
        let queue = Queue::new(10_000);
        for key in ["a", "b", "c", "d"] {
            queue.push(put(key, 3_000));
        }
        assert_eq!(described(&all_of(&queue)), ["outdate a", "put b", "put c", "put d", "flush"]);
        assert_eq!(queue.dropped(), 1);
    }

    #[test]
    fn a_put_larger_than_the_queue_is_dropped_itself() {
        let queue = Queue::new(1_000);
        queue.push(put("a", 10));
        queue.push(put("b", 3_000));
        assert_eq!(described(&all_of(&queue)), ["outdate a", "outdate b", "flush"]);
        assert_eq!(queue.dropped(), 2);
    }

    #[test]
    fn a_queue_beyond_its_bound_is_replaced_by_one_clear() {
        let queue = Queue::new(1_000);
        queue.push(Work::Flush(Promise::new()));
        for key in 0..5 {
            queue.push(put(&key.to_string(), 3_000));
        }
        let taken = all_of(&queue);
        assert_eq!(described(&taken), ["clear", "flush", "flush"]);
        assert_eq!(queue.dropped(), 5);
        assert!(queue.is_about("1") && queue.is_about("another"));
        queue.done(&taken);
        assert!(!queue.is_about("1") && !queue.is_about("another"));
    }

    #[test]
    fn a_key_is_waited_for_until_all_that_is_about_it_is_done() {
        let queue = Queue::new(10_000);
        queue.push(put("a", 10));
        let first = all_of(&queue);
        queue.push(outdate("a"));
        queue.done(&first);
        assert!(queue.is_about("a") && !queue.is_about("b"));
        queue.done(&all_of(&queue));
        assert!(!queue.is_about("a"));
    }

    #[test]
    fn a_batch_that_is_put_back_comes_before_what_was_queued_later() {
        let queue = Queue::new(10_000);
        queue.push(put("a", 10));
        queue.push(outdate("b"));
        let failed = all_of(&queue);
        queue.push(put("a", 10));
        assert_eq!(queue.put_back(failed), 1, "one put is dropped");
        let taken = all_of(&queue);
        assert_eq!(described(&taken), ["outdate a", "outdate b", "put a", "flush"]);
        queue.done(&taken);
        assert!(!queue.is_about("a") && !queue.is_about("b"));
        queue.push(put("a", 12_000));
        assert_eq!(described(&all_of(&queue)), ["outdate a", "flush"], "puts are found behind it");
    }

    #[test]
    fn invalidations_count_against_the_bound_and_become_one_clear_unless_awaited() {
        let queue = Queue::new(2_000);
        let invalidate = |since, promise| {
            let invalidation = Invalidation::remove([Target::Url("x".repeat(100))]);
            let since = vec![since];
            Work::Invalidate(QueuedInvalidation {
                invalidation,
                at: 0,
                in_memory: None,
                since,
                promise,
            })
        };
        queue.push(invalidate(0, Some(Promise::new())));
        for since in 1..=6 {
            queue.push(invalidate(since, None));
        }
        assert_eq!(described(&queue.inner.lock().work.make_contiguous()[..2]), ["invalidate"; 2]);
        queue.push(invalidate(7, None));
        let mut taken = all_of(&queue);
        assert_eq!(described(&taken), ["clear", "invalidate", "flush"]);
        assert_eq!(taken.remove(0).into_since(), [1, 2, 3, 4, 5, 6, 7]);
    }

    #[test]
    fn work_that_is_queued_when_the_writer_panics_fails() {
        let queue = Queue::new(10_000);
        let promises = [(); 2].map(|()| Promise::new());
        let completions = promises.each_ref().map(Promise::completion);
        let [flush, end] = promises;
        queue.push(Work::Flush(flush));
        queue.push(Work::End(end));
        queue.abort();
        for completion in completions {
            assert!(completion.result().unwrap().is_err());
        }
        assert!(queue.inner.lock().has_ended);
    }

    #[test]
    fn nothing_is_taken_after_the_end() {
        let queue = Queue::new(10_000);
        queue.push(Work::End(Promise::new()));
        let late = Promise::new();
        let completion = late.completion();
        queue.push(Work::Flush(late));
        assert!(completion.wait().is_err());
        assert_eq!(described(&queue.take()), ["other"]);
    }
}
