//! Calls of a wrapped handler about body streams.

// napi-derive passes owned values.
#![allow(clippy::needless_pass_by_value)]

use layeron_cache::{BodyReader, Finished, Progress, Read};
use napi::bindgen_prelude::{Either, PromiseRaw, Uint8Array};
use napi_derive::napi;

use crate::convert::time;
use crate::error::{Thrown, gone};
use crate::outcome::{
    self, BROKEN, END, GO, NOT_STORED, PENDING, STOP, STORED, WAIT_FOR_READERS, WRONG_LENGTH,
};
use crate::wrapper::BindingWrapper;

#[napi]
impl BindingWrapper {
    /// Opens a reader of the body of a writer. `null` if its start is no longer buffered.
    #[napi]
    pub fn open_reader(&mut self, writer: u32) -> Option<u32> {
        let reader = self.writers.get(writer)?.reader()?;
        Some(self.readers.insert(reader))
    }

    /// Reads the next bytes of a body, or the reason why there are none. If they are pending,
    /// [`reader_change`](Self::reader_change) resolves when there may be some.
    #[napi]
    pub fn read(&mut self, reader: u32) -> Either<Uint8Array, i32> {
        let Some((body, waiter)) = self.readers.with_notifier(reader) else {
            return Either::B(END);
        };
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

    /// A promise of the next change of a reader's body, or of the end of the reader.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn reader_change(&self, reader: u32) -> napi::Result<PromiseRaw<'static, ()>> {
        self.readers.change(reader)
    }

    /// Resolves the promise of a reader now, which a notification would do in the next turn of the
    /// event loop.
    #[napi]
    pub fn wake_reader(&self, reader: u32) {
        self.readers.wake(reader);
    }

    /// Advances a reader to the end if exactly the last `chunks` chunks are unread, which its
    /// client received from the writer on this thread. Returns whether it did.
    #[napi]
    pub fn skip(&self, reader: u32, chunks: u32) -> bool {
        self.readers.get(reader).is_some_and(|body| body.skip(chunks as usize))
    }

    /// Whether another thread writes the body of a reader.
    #[napi]
    pub fn is_reader_of_other_thread(&self, reader: u32) -> bool {
        self.readers.get(reader).is_some_and(BodyReader::is_of_other_thread)
    }

    /// Closes a reader.
    #[napi]
    pub fn drop_reader(&mut self, reader: u32) {
        self.readers.remove(reader);
    }

    /// Appends bytes to a body. Returns whether to go on.
    #[napi]
    pub fn append(&mut self, writer: u32, bytes: &[u8], now: f64) -> Result<i32, Thrown> {
        let Some(body) = self.writers.get_mut(writer) else { return Err(gone()) };
        body.append(bytes.into(), time(now));
        if body.is_too_long() {
            return Ok(WRONG_LENGTH);
        }
        Ok(self.progress(writer))
    }

    /// Whether the writer of a body goes on. [`writer_change`](Self::writer_change) resolves when
    /// that may have changed.
    #[napi]
    pub fn progress(&mut self, writer: u32) -> i32 {
        let known = self.writers.with_notifier(writer);
        match known.map(|(writer, waiter)| writer.progress(waiter)) {
            Some(Progress::Go) => GO,
            Some(Progress::Wait) => WAIT_FOR_READERS,
            Some(Progress::Stop) | None => STOP,
        }
    }

    /// A promise of the next change of a writer's readers, or of the end of the writer.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn writer_change(&self, writer: u32) -> napi::Result<PromiseRaw<'static, ()>> {
        self.writers.change(writer)
    }

    /// Whether readers on other threads have not read all of a body.
    #[napi]
    pub fn is_body_read_by_other_thread(&self, writer: u32) -> bool {
        self.writers.get(writer).is_some_and(|writer| writer.is_read_by_other_thread())
    }

    /// Drops the readers that block the others.
    #[napi]
    pub fn drop_slowest_readers(&self, writer: u32) {
        if let Some(writer) = self.writers.get(writer) {
            writer.drop_slowest_readers();
        }
    }

    /// Stops storing a body that makes no progress. Returns whether to go on.
    #[napi]
    pub fn stall(&mut self, writer: u32) -> i32 {
        if let Some(writer) = self.writers.get_mut(writer) {
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
            let body = core.cache.as_ref().zip(self.writers.get_mut(writer));
            body.is_some_and(|(cache, writer)| cache.time_out(writer, time(now)))
        };
        is_read && self.progress(writer) != STOP
    }

    /// Ends a body. Returns whether the response is stored.
    #[napi]
    pub fn finish(&mut self, writer: u32, has_body: bool, now: f64) -> Result<i32, Thrown> {
        let core = &mut *self.core.borrow_mut();
        let Some(body) = self.writers.remove(writer) else { return Err(gone()) };
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
        match (self.writers.remove(writer), &core.cache) {
            (Some(body), Some(cache)) => cache.break_off(*body, &why, time(now)),
            (Some(body), None) => body.break_off(&why),
            (None, _) => {}
        }
    }
}
