//! What the calls of a declaration share: the cache, the buffer, and the answer that waits to be
//! taken.

use std::cell::RefCell;
use std::rc::Rc;

use layeron_cache::{Answer, Cache};
use napi::bindgen_prelude::Uint8Array;

use crate::cache::Thrown;
use crate::outcome::ANSWER;
use crate::scratch::Scratch;
use crate::tickets::Tickets;

pub(crate) type SharedCore = Rc<RefCell<Core>>;

pub(crate) struct Core {
    pub(crate) cache: Option<Cache>,
    pub(crate) scratch: Scratch,
    /// An answer too big to cross by itself, until it is taken.
    pub(crate) waiting: Option<Answer>,
    pub(crate) tickets: Tickets,
}

impl Core {
    pub(crate) fn shared(cache: Cache, scratch: Uint8Array, tickets: Tickets) -> SharedCore {
        let scratch = Scratch::new(scratch);
        Rc::new(RefCell::new(Self { cache: Some(cache), scratch, waiting: None, tickets }))
    }

    /// Leaves the answer where the face finds it.
    pub(crate) fn write(&mut self, answer: Answer, stale: bool) -> i32 {
        let identity = self.cache.as_ref().map_or("", Cache::identity);
        let inline = self.scratch.write_answer(&answer, stale, identity);
        self.waiting = (!inline).then_some(answer);
        ANSWER
    }

    /// Leaves a number that belongs to an outcome.
    pub(crate) fn numbered(&mut self, outcome: i32, number: u64) -> i32 {
        self.scratch.write_number(number);
        outcome
    }
}

pub(crate) fn open(cache: Option<&Cache>) -> Result<&Cache, Thrown> {
    cache.ok_or_else(|| Thrown::new("closed", "the cache is closed"))
}
