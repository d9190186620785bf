//! The calls of a wrapped handler that are about bodies under way: written by one, read by several.

// What napi-derive hands over is owned.
#![allow(clippy::needless_pass_by_value)]

use layeron_cache::{Ended, Progress, Read, Reader};
use napi::bindgen_prelude::{Either, Uint8Array};
use napi_derive::napi;

use crate::cache::{Thrown, time};
use crate::outcome::{self, BROKEN, END, GO, HOLD, PAST, PENDING, STOP, STORED, WRONG_LENGTH};
use crate::wake::Kind;
use crate::wrapper::{BindingWrapper, gone};

#[napi]
impl BindingWrapper {
    /// The number of a new reader of a fill, or that there can be none.
    #[napi]
    pub fn read_fill(&mut self, fill: u32) -> Option<u32> {
        let reader = self.fills.get(fill as usize)?.reader()?;
        Some(self.readers.insert(reader) as u32)
    }

    /// The next bytes of a body, or why there are none.
    #[napi]
    pub fn read(&mut self, reader: u32) -> Either<Uint8Array, i32> {
        let waiter = self.bell.waiter(Kind::Reader, reader);
        let Some(given) = self.readers.get(reader as usize) else { return Either::B(END) };
        match given.read(waiter) {
            Read::Bytes(bytes) => Either::A(Uint8Array::from(bytes.to_vec())),
            Read::Pending => Either::B(PENDING),
            Read::End => Either::B(END),
            Read::Broken(why) => {
                (*why).clone_into(&mut self.text);
                Either::B(BROKEN)
            }
        }
    }

    /// Whether another thread writes the body of a reader.
    #[napi]
    pub fn is_reader_of_other_thread(&self, reader: u32) -> bool {
        self.readers.get(reader as usize).is_some_and(Reader::is_of_other_thread)
    }

    /// A reader reads no more.
    #[napi]
    pub fn drop_reader(&mut self, reader: u32) {
        self.readers.try_remove(reader as usize);
    }

    /// Adds bytes to a fill, and tells whether to go on.
    #[napi]
    pub fn append(&mut self, fill: u32, bytes: &[u8], now: f64) -> Result<i32, Thrown> {
        let Some(given) = self.fills.get_mut(fill as usize) else { return Err(gone()) };
        given.append(bytes.into(), time(now));
        if given.is_too_long() {
            return Ok(WRONG_LENGTH);
        }
        Ok(self.progress(fill))
    }

    /// Whether the writer of a fill is to go on. It is told when it may.
    #[napi]
    pub fn progress(&mut self, fill: u32) -> i32 {
        let waiter = self.bell.waiter(Kind::Fill, fill);
        match self.fills.get_mut(fill as usize).map(|fill| fill.progress(waiter)) {
            Some(Progress::Go) => GO,
            Some(Progress::Wait) => HOLD,
            Some(Progress::Stop) | None => STOP,
        }
    }

    /// Whether readers on other threads have yet to read some of a fill.
    #[napi]
    pub fn is_fill_read_by_other_thread(&self, fill: u32) -> bool {
        self.fills.get(fill as usize).is_some_and(|fill| fill.is_read_by_other_thread())
    }

    /// Leaves behind who holds the others up.
    #[napi]
    pub fn shed(&self, fill: u32) {
        if let Some(fill) = self.fills.get(fill as usize) {
            fill.shed();
        }
    }

    /// The body of a fill has not grown for too long: it is not stored any longer. Returns whether
    /// to go on.
    #[napi]
    pub fn stall(&mut self, fill: u32) -> i32 {
        if let Some(fill) = self.fills.get_mut(fill as usize) {
            fill.stall();
        }
        self.progress(fill)
    }

    /// The refresh that a fill is for has taken too long. Returns whether its body goes on for
    /// clients that read it; its writer is told then when they have left.
    #[napi]
    pub fn time_out(&mut self, fill: u32, now: f64) -> bool {
        let is_read = {
            let core = &*self.core.borrow();
            let given = core.cache.as_ref().zip(self.fills.get_mut(fill as usize));
            given.is_some_and(|(cache, fill)| cache.time_out(fill, time(now)))
        };
        is_read && self.progress(fill) != STOP
    }

    /// Ends a fill, and tells whether the response is stored.
    #[napi]
    pub fn finish(&mut self, fill: u32, has_body: bool, now: f64) -> Result<i32, Thrown> {
        let core = &mut *self.core.borrow_mut();
        let Some(given) = self.fills.try_remove(fill as usize) else { return Err(gone()) };
        let Some(cache) = &core.cache else {
            given.end();
            return Ok(PAST);
        };
        Ok(match cache.finish(*given, has_body, time(now)) {
            Ended::Stored => STORED,
            Ended::NotStored(why) => outcome::not_stored(why),
            Ended::WrongLength => WRONG_LENGTH,
        })
    }

    /// The body of a fill has broken off.
    #[napi]
    pub fn break_off(&mut self, fill: u32, why: String, now: f64) {
        let core = &mut *self.core.borrow_mut();
        match (self.fills.try_remove(fill as usize), &core.cache) {
            (Some(given), Some(cache)) => cache.break_off(*given, &why, time(now)),
            (Some(given), None) => given.break_off(&why),
            (None, _) => {}
        }
    }
}
