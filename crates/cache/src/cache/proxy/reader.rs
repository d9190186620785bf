//! Somebody who reads a body that is under way.

use std::sync::Arc;
use std::thread;

use crate::coalescing::{Body, Read, Waiter};

/// A reader. Dropped, it holds nobody up.
#[derive(Debug)]
pub struct Reader {
    body: Arc<Body>,
    number: usize,
}

impl Reader {
    /// A reader of `body` from its beginning, where that is still there.
    pub(crate) fn open(body: &Arc<Body>) -> Option<Self> {
        let number = body.open()?;
        Some(Self { body: Arc::clone(body), number })
    }

    /// Whether another thread writes the body.
    pub fn is_of_other_thread(&self) -> bool {
        self.body.thread != thread::current().id()
    }

    /// The next bytes. Where there are none yet, `waiter` is told of them.
    pub fn read(&self, waiter: Waiter) -> Read {
        self.body.read(self.number, waiter)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.body.close(self.number);
    }
}
