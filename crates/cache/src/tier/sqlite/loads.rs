//! What is asked of the disk and has not been begun, each key once.

use std::collections::VecDeque;

use hashbrown::HashMap;
use parking_lot::{Condvar, Mutex};

use super::ticket::Ticket;

/// A key whose entries are asked for.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) key: String,
    /// By when they have to be live.
    pub(super) now: i64,
    pub(super) ticket: Ticket,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Loads {
    inner: Mutex<Inner>,
    news: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    /// What was begun and had to wait for the writer.
    again: VecDeque<Load>,
    order: VecDeque<String>,
    waiting: HashMap<String, (i64, Ticket)>,
    has_ended: bool,
}

impl Loads {
    /// Asks for a key. Who asks before it is begun has the ticket of the first.
    pub(super) fn ask(&self, key: &str, now: i64) -> Ticket {
        let mut inner = self.inner.lock();
        if inner.has_ended {
            return Ticket::settled(Ok(0));
        }
        if let Some((_, ticket)) = inner.waiting.get(key) {
            return ticket.clone();
        }
        let ticket = Ticket::default();
        inner.order.push_back(key.to_owned());
        inner.waiting.insert(key.to_owned(), (now, ticket.clone()));
        self.news.notify_one();
        ticket
    }

    /// Waits for the next; `None` where there will be none.
    pub(super) fn next(&self) -> Option<Load> {
        let mut inner = self.inner.lock();
        loop {
            if let Some(load) = inner.again.pop_front() {
                return Some(load);
            }
            if let Some(key) = inner.order.pop_front() {
                let (now, ticket) = inner.waiting.remove(&key)?;
                return Some(Load { key, now, ticket });
            }
            if inner.has_ended {
                return None;
            }
            self.news.wait(&mut inner);
        }
    }

    /// Has one be begun anew.
    pub(super) fn again(&self, load: Load) {
        let mut inner = self.inner.lock();
        if inner.has_ended {
            return load.ticket.settle(Ok(0));
        }
        inner.again.push_back(load);
        self.news.notify_one();
    }

    /// What is asked from now on has come to nothing.
    pub(super) fn end(&self) {
        self.inner.lock().has_ended = true;
        self.news.notify_all();
    }
}
