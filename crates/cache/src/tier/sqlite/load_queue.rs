//! Loads that the reader thread has not begun, each key once.

use std::collections::VecDeque;
use std::mem;

use hashbrown::HashMap;
use parking_lot::{Condvar, Mutex};

use super::completion::{Completion, Promise};
use crate::time::UnixMillis;

/// A load of the entries of one key.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) key: String,
    /// Entries that have expired by this time are not loaded.
    pub(super) now: UnixMillis,
    pub(super) promise: Promise,
}

/// Queue of loads.
#[derive(Debug, Default)]
pub(super) struct Loads {
    inner: Mutex<Inner>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    /// Loads that had to wait for the writer.
    again: VecDeque<Load>,
    order: VecDeque<String>,
    waiting: HashMap<String, (UnixMillis, Promise)>,
    has_ended: bool,
}

impl Loads {
    /// Queues a load. A load of the same key that has not begun is shared.
    pub(super) fn ask(&self, key: &str, now: UnixMillis) -> Completion {
        let mut inner = self.inner.lock();
        if inner.has_ended {
            return Completion::completed(Ok(0));
        }
        if let Some((_, promise)) = inner.waiting.get(key) {
            return promise.completion();
        }
        let promise = Promise::of_load();
        let completion = promise.completion();
        inner.order.push_back(key.to_owned());
        inner.waiting.insert(key.to_owned(), (now, promise));
        self.news.notify_one();
        completion
    }

    /// Waits for the next load; `None` once the queue is closed.
    pub(super) fn next(&self) -> Option<Load> {
        let mut inner = self.inner.lock();
        loop {
            if let Some(load) = inner.again.pop_front() {
                return Some(load);
            }
            if let Some(key) = inner.order.pop_front() {
                let (now, promise) = inner.waiting.remove(&key)?;
                return Some(Load { key, now, promise });
            }
            if inner.has_ended {
                return None;
            }
            self.news.wait(&mut inner);
        }
    }

    /// Queues a load again.
    pub(super) fn again(&self, load: Load) {
        let mut inner = self.inner.lock();
        if inner.has_ended {
            return load.promise.complete(Ok(0));
        }
        inner.again.push_back(load);
        self.news.notify_one();
    }

    /// Closes the queue after a panic: no thread takes what is queued.
    pub(super) fn abort(&self) {
        let mut inner = self.inner.lock();
        let Inner { again, order, waiting, has_ended } = &mut *inner;
        *has_ended = true;
        order.clear();
        let dropped = (mem::take(again), mem::take(waiting));
        self.news.notify_all();
        // Completing calls waiters, which may lock the queue.
        drop(inner);
        drop(dropped);
    }

    /// Closes the queue. Later loads complete at once, with nothing.
    pub(super) fn end(&self) {
        self.inner.lock().has_ended = true;
        self.news.notify_all();
    }
}
