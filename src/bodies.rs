//! Calls of a wrapped handler about body streams.

// napi-derive passes owned values.
#![allow(clippy::needless_pass_by_value)]

use layeron_cache::{BodyReader, Finished, Progress, Read};
use napi::bindgen_prelude::{Either, Uint8Array};
use napi_derive::napi;

use crate::cache::{Thrown, time};
use crate::notifier::Kind;
use crate::outcome::{
    self, BROKEN, END, GO, NOT_STORED, PENDING, STOP, STORED, WAIT_FOR_READERS, WRONG_LENGTH,
};
use crate::wrapper::{BindingWrapper, gone};

#[napi]
impl BindingWrapper {
    /// Opens a reader of the body of a writer. `null` if its start is no longer buffered.
    #[napi]
    pub fn open_reader(&mut self, writer: u32) -> Option<u32> {
        let reader = self.writers.get(writer as usize)?.reader()?;
        Some(self.readers.insert(reader) as u32)
    }

    /// Reads the next bytes of a body, or the reason why there are none.
    #[napi]
    pub fn read(&mut self, reader: u32) -> Either<Uint8Array, i32> {
        let waiter = self.notifier.waiter(Kind::Reader, reader);
        let Some(body) = self.readers.get(reader as usize) else { return Either::B(END) };
        match body.read(waiter) {
            Read::Bytes(bytes) => Either::A(Uint8Array::from(bytes.to_vec())),
            Read::Pending => Either::B(PENDING),
            Read::End => Either::B(END),
            Read::Broken(why) => {
                (*why).clone_into(&mut self.text);
                Either::B(BROKEN)
            }
        }
    }

    /// Advances a reader to the end if exactly the last `chunks` chunks are unread, which its client
    /// received from the writer on this thread. Returns whether it did.
    #[napi]
    pub fn skip(&self, reader: u32, chunks: u32) -> bool {
        self.readers.get(reader as usize).is_some_and(|body| body.skip(chunks as usize))
    }

    /// Whether another thread writes the body of a reader.
    #[napi]
    pub fn is_reader_of_other_thread(&self, reader: u32) -> bool {
        self.readers.get(reader as usize).is_some_and(BodyReader::is_of_other_thread)
    }

    /// Closes a reader.
    #[napi]
    pub fn drop_reader(&mut self, reader: u32) {
        self.readers.try_remove(reader as usize);
    }

    /// Appends bytes to a body. Returns whether to go on.
    #[napi]
    pub fn append(&mut self, writer: u32, bytes: &[u8], now: f64) -> Result<i32, Thrown> {
        let Some(body) = self.writers.get_mut(writer as usize) else { return Err(gone()) };
        body.append(bytes.into(), time(now));
        if body.is_too_long() {
            return Ok(WRONG_LENGTH);
        }
        Ok(self.progress(writer))
    }

    /// Whether the writer of a body goes on. It is notified when it may.
    #[napi]
    pub fn progress(&mut self, writer: u32) -> i32 {
        let waiter = self.notifier.waiter(Kind::Body, writer);
        match self.writers.get_mut(writer as usize).map(|writer| writer.progress(waiter)) {
            Some(Progress::Go) => GO,
            Some(Progress::Wait) => WAIT_FOR_READERS,
            Some(Progress::Stop) | None => STOP,
        }
    }

    /// Whether readers on other threads have not read all of a body.
    #[napi]
    pub fn is_body_read_by_other_thread(&self, writer: u32) -> bool {
        self.writers.get(writer as usize).is_some_and(|writer| writer.is_read_by_other_thread())
    }

    /// Drops the readers that block the others.
    #[napi]
    pub fn drop_slowest_readers(&self, writer: u32) {
        if let Some(writer) = self.writers.get(writer as usize) {
            writer.drop_slowest_readers();
        }
    }

    /// Stops storing a body that makes no progress. Returns whether to go on.
    #[napi]
    pub fn stall(&mut self, writer: u32) -> i32 {
        if let Some(writer) = self.writers.get_mut(writer as usize) {
            writer.stall();
        }
        self.progress(writer)
    }

    /// Stops storing a body whose refresh has timed out. Returns whether clients read it; the
    /// writer is notified when they have left.
    #[napi]
    pub fn time_out(&mut self, writer: u32, now: f64) -> bool {
        let is_read = {
            let core = &*self.core.borrow();
            let body = core.cache.as_ref().zip(self.writers.get_mut(writer as usize));
            body.is_some_and(|(cache, writer)| cache.time_out(writer, time(now)))
        };
        is_read && self.progress(writer) != STOP
    }

    /// Ends a body. Returns whether the response is stored.
    #[napi]
    pub fn finish(&mut self, writer: u32, has_body: bool, now: f64) -> Result<i32, Thrown> {
        let core = &mut *self.core.borrow_mut();
        let Some(body) = self.writers.try_remove(writer as usize) else { return Err(gone()) };
        let Some(cache) = &core.cache else {
            body.end();
            return Ok(NOT_STORED);
        };
        Ok(match cache.finish(*body, has_body, time(now)) {
            Finished::Stored => STORED,
            Finished::StoreError(why) => outcome::not_stored(why),
            Finished::WrongLength => WRONG_LENGTH,
        })
    }

    /// Breaks a body off.
    #[napi]
    pub fn break_off(&mut self, writer: u32, why: String, now: f64) {
        let core = &mut *self.core.borrow_mut();
        match (self.writers.try_remove(writer as usize), &core.cache) {
            (Some(body), Some(cache)) => cache.break_off(*body, &why, time(now)),
            (Some(body), None) => body.break_off(&why),
            (None, _) => {}
        }
    }
}
