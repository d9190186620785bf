//! Loads that no reader thread has begun, equal ones once.

use std::collections::VecDeque;
use std::mem;

use hashbrown::HashMap;
use parking_lot::{Condvar, Mutex};

use super::completion::{Completion, Promise};
use crate::time::UnixMillis;

/// Reader threads of one tier at most. A large entry occupies one while it is read.
const MAX_READERS: usize = 4;

/// A load of what a lookup needs.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) key: String,
    /// Header fields of the request, as far as they are known.
    pub(super) fields: String,
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
    first: VecDeque<Load>,
    /// Completions of `first`, by key and fields.
    shared: HashMap<String, Completion>,
    /// Reader threads that wait for a load.
    idle: usize,
    /// Reader threads that run or are about to.
    readers: usize,
    has_ended: bool,
}

impl Loads {
    /// Queues a load. An equal load that has not begun is shared. Also returns whether the caller
    /// has to start another reader thread.
    pub(super) fn ask(&self, key: &str, fields: &str, now: UnixMillis) -> (Completion, bool) {
        let mut inner = self.inner.lock();
        if inner.has_ended {
            return (Completion::completed(Ok(0)), false);
        }
        let name = name_of(key, fields);
        if let Some(completion) = inner.shared.get(&name) {
            return (completion.clone(), false);
        }
        let promise = Promise::of_load();
        let completion = promise.completion();
        inner.shared.insert(name, completion.clone());
        inner.first.push_back(Load {
            key: key.to_owned(),
            fields: fields.to_owned(),
            now,
            promise,
        });
        self.news.notify_one();
        (completion, inner.reserve_reader())
    }

    /// Waits for the next load; `None` once the queue is closed.
    pub(super) fn next(&self) -> Option<Load> {
        let mut inner = self.inner.lock();
        loop {
            if let Some(load) = inner.again.pop_front() {
                return Some(load);
            }
            if let Some(load) = inner.first.pop_front() {
                inner.shared.remove(&name_of(&load.key, &load.fields));
                return Some(load);
            }
            if inner.has_ended {
                return None;
            }
            inner.idle += 1;
            self.news.wait(&mut inner);
            inner.idle -= 1;
        }
    }

    /// Counts out a reader thread that could not start.
    pub(super) fn remove_reader(&self) {
        self.inner.lock().readers -= 1;
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
        inner.has_ended = true;
        inner.shared.clear();
        let dropped = (mem::take(&mut inner.again), mem::take(&mut inner.first));
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

impl Inner {
    /// Counts another reader thread if all are busy and there may be more. Returns whether it did.
    fn reserve_reader(&mut self) -> bool {
        let is_needed = self.first.len() > self.idle && self.readers < MAX_READERS;
        self.readers += usize::from(is_needed);
        is_needed
    }
}

/// A name for a load. No key contains a line feed.
fn name_of(key: &str, fields: &str) -> String {
    [key, "\n", fields].concat()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn equal_loads_that_have_not_begun_are_one_and_others_are_not() {
        let loads = Loads::default();
        let ask = |key, fields| loads.ask(key, fields, 0).0;
        let first = ask("a", "x:1\n");
        assert_eq!(ask("a", "x:1\n"), first);
        assert_ne!(ask("a", "x:2\n"), first);
        assert_ne!(ask("b", "x:1\n"), first);
        let begun = loads.next().unwrap();
        assert_eq!((begun.key.as_str(), begun.promise.completion()), ("a", first.clone()));
        assert_ne!(ask("a", "x:1\n"), first, "it has begun");
    }

    #[test]
    fn a_reader_is_added_for_each_load_that_waits_up_to_the_bound() {
        let loads = Loads::default();
        let added = |key: usize| loads.ask(&key.to_string(), "", 0).1;
        assert_eq!([0, 1, 2, 3, 4].map(added), [true, true, true, true, false]);
        loads.remove_reader();
        assert!(added(5));
    }
}
