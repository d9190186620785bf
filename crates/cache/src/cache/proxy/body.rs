//! Writes the body of a handler's response to its client, to waiters and to the store.

use std::sync::Arc;

use crate::cache::Cache;
use crate::cache::body_length::{BodyLength, Exceeded};
use crate::cache::instance::Instance;
use crate::cache::proxy::handler_response::HandlerResponse;
use crate::cache::proxy::lookup::HandlerRun;
use crate::cache::proxy::reader::BodyReader;
use crate::coalescing::{BodyGuard, Budget, Leader, Notifier, Room, SharedResponse};
use crate::key::Digest;
use crate::memory::{EntryRef, NewEntry, StoreError};
use crate::policy::{State, Uncacheable, is_shareable};
use crate::response::Stored;
use crate::stats::Counter;
use crate::time::UnixMillis;

/// Bytes by which the writer of a streaming body may be ahead of its slowest reader.
const WINDOW_BYTES: u64 = 256 * 1024;

/// Writes a body that clients and waiters read meanwhile.
#[derive(Debug)]
pub struct BodyWriter {
    lead: Option<Leader>,
    key: Digest,
    body: BodyGuard,
    /// The entry to store.
    entry: NewEntry,
    length: BodyLength,
    /// Why the response is not stored any more, if so: its body is only streamed.
    streaming: Option<Uncacheable>,
    /// Whether the budget of bodies in flight had no room for the last bytes.
    lacks_room: bool,
    /// Fence sequence at which the handler began.
    since: u64,
    /// The entry that the response replaces.
    replaces: Option<EntryRef>,
    /// Whether the run refreshes a stored response in the background.
    background: bool,
}

/// What the writer of a body does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Write on.
    Go,
    /// Wait for the readers.
    Wait,
    /// Stop: no client reads the body.
    Stop,
}

/// How a body has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// The response is stored.
    Stored,
    /// It is not stored, for this reason. Its readers have received all of it.
    StoreError(StoreError),
    /// Its length differs from `Content-Length`.
    WrongLength,
}

impl BodyWriter {
    /// Begins the body of a response that is stored as `entry`, if it has at
    /// most `max_stored` bytes. Waiters that
    /// the response can answer receive `head` and read the body from now on.
    pub(crate) fn begin(
        run: &mut HandlerRun,
        handler_response: &HandlerResponse<'_>,
        entry: NewEntry,
        head: Stored,
        max_stored: u64,
        budget: &Arc<Budget>,
    ) -> Self {
        let (key, body, since) =
            (entry.digest, BodyGuard::begin(budget, handler_response.at), run.since);
        let (replaces, background) =
            (run.selected.take().map(|selected| selected.held), run.background);
        let lead = match run.lead.take() {
            Some(lead) if !is_shareable(&entry.times) => {
                lead.uncacheable(handler_response.at);
                None
            }
            lead => lead,
        };
        if let Some(lead) = &lead {
            lead.land(Arc::new(SharedResponse {
                stored: head,
                times: entry.times,
                vary: entry.vary.clone(),
                variant: entry.variant,
                tags: entry.tags.clone(),
                body: Arc::clone(body.body()),
            }));
        }
        Self {
            lead,
            key,
            body,
            entry,
            length: BodyLength::new(handler_response.length, max_stored),
            streaming: None,
            lacks_room: false,
            since,
            replaces,
            background,
        }
    }

    /// Appends bytes. A body that exceeds its `Content-Length` breaks off; one that exceeds the
    /// bound of an entry or the budget of bodies in flight is no longer stored.
    pub fn append(&mut self, bytes: Arc<[u8]>, now: UnixMillis) {
        let exceeded = self.length.grow(bytes.len()).err();
        if exceeded == Some(Exceeded::ContentLength) {
            self.body.end(Err("the body is longer than its Content-Length".into()));
            return;
        }
        let fits_budget = self.body.append(bytes, now);
        if self.streaming.is_some() {
            return;
        }
        if exceeded == Some(Exceeded::Storable) {
            self.stream(Uncacheable::TooLarge);
            if let Some(lead) = self.lead.take() {
                lead.uncacheable(now);
            }
        }
        self.lacks_room |= !fits_budget;
    }

    /// Stops storing the body: it is streamed to its readers, and no other request joins.
    fn stream(&mut self, why: Uncacheable) {
        self.streaming = Some(why);
        self.body.stream();
        if why != Uncacheable::TooLarge {
            drop(self.lead.take());
        }
    }

    /// Stops storing a body without progress, so that it holds no memory that others need.
    pub fn stall(&mut self) {
        if self.streaming.is_none() {
            self.stream(Uncacheable::InFlight);
        }
    }

    /// A reader from the start, for the client of the run.
    pub fn reader(&self) -> Option<BodyReader> {
        BodyReader::open(self.body.body())
    }

    /// What the writer does next; `waiter` is notified when it may go on. A body that is to be
    /// stored and lacks room waits for its own readers; once they have read everything, it is
    /// streamed.
    pub fn progress(&mut self, waiter: Notifier) -> Progress {
        if self.streaming.is_none() && self.lacks_room {
            match self.body.room(waiter.clone()) {
                Room::Found => self.lacks_room = false,
                Room::Awaited => return Progress::Wait,
                Room::Missing => self.stream(Uncacheable::InFlight),
            }
        }
        if self.streaming.is_none() {
            return Progress::Go;
        }
        let window = if self.body.is_budget_exhausted() { 0 } else { WINDOW_BYTES };
        match self.body.backlog(waiter) {
            (_, 0) => Progress::Stop,
            (bytes, _) if bytes > window => Progress::Wait,
            _ => Progress::Go,
        }
    }

    /// Whether readers on other threads have not read all of it.
    pub fn is_read_by_other_thread(&self) -> bool {
        self.body.is_read_by_other_thread()
    }

    /// Drops the readers that block the others.
    pub fn drop_slowest_readers(&self) {
        self.body.drop_slowest_readers();
    }

    /// Ends the body without storing it.
    pub fn end(self) {
        self.body.end(Ok(()));
    }

    /// Breaks the body off with an error for its readers.
    pub fn break_off(self, why: &str) {
        self.body.end(Err(why.into()));
    }

    /// Whether there are more bytes than `Content-Length` says.
    pub fn is_too_long(&self) -> bool {
        self.length.exceeds_content_length()
    }
}

impl Cache {
    /// Ends the body and stores the response; `has_body` tells an empty body from none.
    pub fn finish(&self, writer: BodyWriter, has_body: bool, now: UnixMillis) -> Finished {
        if has_body && !writer.length.is_complete() {
            self.break_off(writer, "the body is not as long as its Content-Length says", now);
            return Finished::WrongLength;
        }
        if let Some(why) = writer.streaming {
            self.refuse_body(&writer, why);
            writer.end();
            return Finished::StoreError(StoreError::Uncacheable(why));
        }
        let BodyWriter { lead, key, body, entry, since, .. } = writer;
        let buffered = body.end(Ok(()));
        let Instance { store, counters, in_flight_requests, .. } = self.instance();
        let state = entry.times.state(now);
        if state == State::Expired {
            return Finished::StoreError(StoreError::Uncacheable(
                self.refuse(Uncacheable::Expired),
            ));
        }
        let chunks: Option<Vec<&[u8]>> = buffered
            .as_deref()
            .filter(|_| has_body)
            .map(|chunks| chunks.iter().map(AsRef::as_ref).collect());
        match store.put_unless_superseded(entry, chunks.as_deref(), since, now) {
            Ok(stored) => body.complete(stored),
            Err(why) => {
                self.count_not_stored(why);
                return Finished::StoreError(why);
            }
        }
        counters.count(Counter::Puts);
        match lead {
            Some(lead) => lead.complete(),
            None if state.is_served() => in_flight_requests.forget(key),
            None => {}
        }
        Finished::Stored
    }

    /// Breaks the body off. A background refresh has then failed.
    pub fn break_off(&self, writer: BodyWriter, why: &str, now: UnixMillis) {
        if let Some(refused) = writer.streaming {
            self.refuse_body(&writer, refused);
        } else {
            self.put_off_replaced(&writer, now);
        }
        writer.break_off(why);
    }

    /// Stops storing a body whose refresh has timed out. Returns whether clients read it, for whom
    /// it continues.
    pub fn time_out(&self, writer: &mut BodyWriter, now: UnixMillis) -> bool {
        if writer.body.readers() == 0 {
            return false;
        }
        if writer.streaming.is_none() {
            self.put_off_replaced(writer, now);
            writer.stream(Uncacheable::InFlight);
        }
        true
    }

    fn put_off_replaced(&self, writer: &BodyWriter, now: UnixMillis) {
        let Instance { store, counters, .. } = self.instance();
        if let Some(replaced) = writer.replaces.as_ref().filter(|_| writer.background) {
            counters.count(Counter::FailedRefreshes);
            store.back_off(replaced, now);
        }
    }

    /// Accounts for a body that was not stored. If it is too large, the entry that it was to
    /// replace is outdated and removed.
    fn refuse_body(&self, writer: &BodyWriter, why: Uncacheable) {
        self.refuse(why);
        if let Some(replaced) = writer.replaces.as_ref().filter(|_| why == Uncacheable::TooLarge) {
            self.instance().store.outdate(replaced);
        }
    }
}
