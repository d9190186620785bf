//! Reads a body in flight.

use std::sync::Arc;
use std::thread;

use crate::coalescing::{Body, Notifier, Read};

/// A reader of a body. Dropping it unblocks the writer.
#[derive(Debug)]
pub struct BodyReader {
    body: Arc<Body>,
    number: usize,
}

impl BodyReader {
    /// Opens a reader at the start of `body`, if that is still buffered.
    pub(crate) fn open(body: &Arc<Body>) -> Option<Self> {
        let number = body.open()?;
        Some(Self { body: Arc::clone(body), number })
    }

    /// Whether another thread writes the body.
    pub fn is_of_other_thread(&self) -> bool {
        self.body.thread != thread::current().id()
    }

    /// Reads the next bytes. `waiter` is notified if there are none yet.
    pub fn read(&self, waiter: Notifier) -> Read {
        self.body.read(self.number, waiter)
    }

    /// Advances to the end if exactly the last `chunks` chunks are unread, which the client
    /// received from the writer. Returns whether it did.
    pub fn skip(&self, chunks: usize) -> bool {
        self.body.skip(self.number, chunks)
    }
}

impl Drop for BodyReader {
    fn drop(&mut self) {
        self.body.close(self.number);
    }
}
