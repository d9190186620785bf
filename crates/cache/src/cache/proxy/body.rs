//! Writes the body of a handler's response to its client, to waiters and to the store.

use std::sync::Arc;

use crate::cache::Cache;
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
    /// Bytes up to which the body is buffered, and can be stored.
    room: u64,
    /// Why the response is not stored any more, if so: its body is only streamed.
    passing: Option<Uncacheable>,
    /// Whether the budget of bodies in flight had no room for the last bytes.
    lacks_room: bool,
    expected: Option<u64>,
    length: u64,
    since: u64,
    /// The entry that the response replaces.
    replaces: Option<EntryRef>,
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
    /// Begins the body of a response that is stored as `entry`, up to `room` bytes. Waiters that
    /// the response can answer receive `head` and read the body from now on.
    pub(crate) fn begin(
        run: &mut HandlerRun,
        handler_response: &HandlerResponse<'_>,
        entry: NewEntry,
        head: Stored,
        room: u64,
        budget: &Arc<Budget>,
    ) -> Self {
        let (key, body, since) =
            (entry.digest, BodyGuard::begin(budget, handler_response.at), run.since);
        let (replaces, background) =
            (run.selected.take().map(|selected| selected.held), run.background);
        let lead = match run.lead.take() {
            Some(lead) if !is_shareable(&entry.times) => {
                lead.alone(handler_response.at);
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
            room,
            passing: None,
            lacks_room: false,
            expected: handler_response.length,
            length: 0,
            since,
            replaces,
            background,
        }
    }

    /// Appends bytes. A body that exceeds its `Content-Length` breaks off; one that exceeds the
    /// bound of an entry or the budget of bodies in flight is no longer stored.
    pub fn append(&mut self, bytes: Arc<[u8]>, now: i64) {
        self.length += bytes.len() as u64;
        if self.is_too_long() {
            self.body.end(Err("the body is longer than its Content-Length".into()));
            return;
        }
        let fits_budget = self.body.append(bytes, now);
        if self.passing.is_some() {
            return;
        }
        if self.length > self.room {
            self.pass(Uncacheable::TooLarge);
            if let Some(lead) = self.lead.take() {
                lead.alone(now);
            }
        }
        self.lacks_room |= !fits_budget;
    }

    /// Stops storing the body: it is streamed to its readers, and no other request joins.
    fn pass(&mut self, why: Uncacheable) {
        self.passing = Some(why);
        self.body.pass();
        if why != Uncacheable::TooLarge {
            drop(self.lead.take());
        }
    }

    /// Stops storing a body without progress, so that it holds no memory that others need.
    pub fn stall(&mut self) {
        if self.passing.is_none() {
            self.pass(Uncacheable::InFlight);
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
        if self.passing.is_none() && self.lacks_room {
            match self.body.room(waiter.clone()) {
                Room::Found => self.lacks_room = false,
                Room::Awaited => return Progress::Wait,
                Room::Missing => self.pass(Uncacheable::InFlight),
            }
        }
        if self.passing.is_none() {
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
        self.expected.is_some_and(|expected| self.length > expected)
    }
}

impl Cache {
    /// Ends the body and stores the response; `has_body` tells an empty body from none.
    pub fn finish(&self, fill: BodyWriter, has_body: bool, now: i64) -> Finished {
        if has_body && fill.expected.is_some_and(|expected| expected != fill.length) {
            self.break_off(fill, "the body is not as long as its Content-Length says", now);
            return Finished::WrongLength;
        }
        if let Some(why) = fill.passing {
            self.passed(&fill, why);
            fill.end();
            return Finished::StoreError(StoreError::Uncacheable(why));
        }
        let BodyWriter { lead, key, body, entry, since, .. } = fill;
        let whole = body.end(Ok(()));
        let Instance { store, counters, in_flight_requests, .. } = self.instance();
        let state = entry.times.state(now);
        if state == State::Expired {
            return Finished::StoreError(StoreError::Uncacheable(
                self.refuse(Uncacheable::Expired),
            ));
        }
        let parts: Option<Vec<&[u8]>> = whole
            .as_deref()
            .filter(|_| has_body)
            .map(|parts| parts.iter().map(AsRef::as_ref).collect());
        match store.put_unless_superseded(entry, parts.as_deref(), since, now) {
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
    pub fn break_off(&self, fill: BodyWriter, why: &str, now: i64) {
        if let Some(refused) = fill.passing {
            self.passed(&fill, refused);
        } else {
            self.put_off_replaced(&fill, now);
        }
        fill.break_off(why);
    }

    /// Stops storing a body whose refresh has timed out. Returns whether clients read it, for whom
    /// it continues.
    pub fn time_out(&self, fill: &mut BodyWriter, now: i64) -> bool {
        if fill.body.readers() == 0 {
            return false;
        }
        if fill.passing.is_none() {
            self.put_off_replaced(fill, now);
            fill.pass(Uncacheable::InFlight);
        }
        true
    }

    fn put_off_replaced(&self, fill: &BodyWriter, now: i64) {
        let Instance { store, counters, .. } = self.instance();
        if let Some(replaced) = fill.replaces.as_ref().filter(|_| fill.background) {
            counters.count(Counter::FailedRefreshes);
            store.back_off(replaced, now);
        }
    }

    /// Accounts for a body that was not stored. If it is too large, the entry that it was to
    /// replace is outdated and removed.
    fn passed(&self, fill: &BodyWriter, why: Uncacheable) {
        self.refuse(why);
        if let Some(replaced) = fill.replaces.as_ref().filter(|_| why == Uncacheable::TooLarge) {
            self.instance().store.outdate(replaced);
        }
    }
}
