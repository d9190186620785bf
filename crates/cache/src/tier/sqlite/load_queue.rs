//! Loads that the reader thread has not begun, each key once.

use std::collections::VecDeque;

use hashbrown::HashMap;
use parking_lot::{Condvar, Mutex};

use super::completion::Completion;
use crate::time::UnixMillis;

/// A load of the entries of one key.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) key: String,
    /// Entries that have expired by this time are not loaded.
    pub(super) now: UnixMillis,
    pub(super) completion: Completion,
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
    waiting: HashMap<String, (UnixMillis, Completion)>,
    has_ended: bool,
}

impl Loads {
    /// Queues a load. A load of the same key that has not begun is shared.
    pub(super) fn ask(&self, key: &str, now: UnixMillis) -> Completion {
        let mut inner = self.inner.lock();
        if inner.has_ended {
            return Completion::completed(Ok(0));
        }
        if let Some((_, completion)) = inner.waiting.get(key) {
            return completion.clone();
        }
        let completion = Completion::default();
        inner.order.push_back(key.to_owned());
        inner.waiting.insert(key.to_owned(), (now, completion.clone()));
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
                let (now, completion) = inner.waiting.remove(&key)?;
                return Some(Load { key, now, completion });
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
            return load.completion.complete(Ok(0));
        }
        inner.again.push_back(load);
        self.news.notify_one();
    }

    /// Closes the queue. Later loads complete at once, with nothing.
    pub(super) fn end(&self) {
        self.inner.lock().has_ended = true;
        self.news.notify_all();
    }
}
