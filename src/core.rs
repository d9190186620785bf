//! State that the calls of a declaration share: the cache, the scratch buffer, and what the last
//! call left to be taken.

use std::cell::RefCell;
use std::rc::Rc;

use layeron_cache::{Answer, Cache, Completion};
use napi::bindgen_prelude::Uint8Array;

use crate::error::Thrown;
use crate::outcome::ANSWER;
use crate::scratch::Scratch;

pub(crate) type SharedCore = Rc<RefCell<Core>>;

pub(crate) struct Core {
    pub(crate) cache: Option<Cache>,
    pub(crate) scratch: Scratch,
    /// An answer that is too large for the buffer, until it is taken.
    pub(crate) waiting: Option<Answer>,
    /// What the last call has not ended in the tier, until it is taken.
    pub(crate) completion: Option<Completion>,
}

impl Core {
    pub(crate) fn shared(cache: Cache, scratch: Uint8Array) -> SharedCore {
        let (cache, scratch) = (Some(cache), Scratch::new(scratch));
        Rc::new(RefCell::new(Self { cache, scratch, waiting: None, completion: None }))
    }

    /// Leaves an answer for JavaScript.
    pub(crate) fn write(&mut self, answer: Answer, stale: bool) -> i32 {
        let identity = self.cache.as_ref().map_or("", Cache::identity);
        let inline = self.scratch.write_answer(&answer, stale, identity);
        self.waiting = (!inline).then_some(answer);
        ANSWER
    }

    /// Leaves a number for JavaScript, beside an outcome.
    pub(crate) fn numbered(&mut self, outcome: i32, number: u64) -> i32 {
        self.scratch.write_number(number);
        outcome
    }
}

pub(crate) fn open(cache: Option<&Cache>) -> Result<&Cache, Thrown> {
    cache.ok_or_else(|| Thrown::new("closed", "the cache is closed"))
}
