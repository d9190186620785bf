//! The story of a body on its way from a handler to the store, to its client and to those who read
//! along.

use std::sync::Arc;

use crate::cache::Cache;
use crate::cache::instance::Instance;
use crate::cache::proxy::lookup::Run;
use crate::cache::proxy::reader::Reader;
use crate::cache::proxy::reply::Reply;
use crate::coalescing::{Budget, Landing, Lead, Room, Waiter, Writing};
use crate::key::Digest;
use crate::memory::{Entry, Held, NotStored};
use crate::policy::{Refused, State, is_shareable};
use crate::response::Stored;
use crate::stats::count;

/// How far a writer may be ahead of the slowest reader of a body that is not kept, in bytes.
const WINDOW_BYTES: u64 = 256 * 1024;

/// The body and who waits for it.
#[derive(Debug)]
pub struct Fill {
    lead: Option<Lead>,
    key: Digest,
    body: Writing,
    /// What it is stored as.
    entry: Entry,
    /// Bytes up to which all of it is kept.
    room: u64,
    /// Why it is not stored any longer, and only goes past.
    passing: Option<Refused>,
    /// Whether the bodies in flight have left no room for its last bytes.
    lacks_room: bool,
    expected: Option<u64>,
    length: u64,
    since: u64,
    /// The entry that it is to replace.
    replaces: Option<Held>,
    background: bool,
}

/// What the writer of a body is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Write on.
    Go,
    /// Wait for the readers.
    Wait,
    /// Stop: nobody reads it.
    Stop,
}

/// How a body has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The response is stored.
    Stored,
    /// It is not, for this reason; who reads it has got all of it.
    NotStored(NotStored),
    /// It is not as long as the response says.
    WrongLength,
}

impl Fill {
    /// Begins the body of a response that is stored as `entry`, up to `room` bytes, and lets those
    /// who wait read along where it may answer them. They get `head` meanwhile.
    pub(crate) fn begin(
        run: &mut Run,
        reply: &Reply<'_>,
        entry: Entry,
        head: Stored,
        room: u64,
        budget: &Arc<Budget>,
    ) -> Self {
        let (key, body, since) = (entry.digest, Writing::begin(budget, reply.at), run.since);
        let (replaces, background) =
            (run.selected.take().map(|selected| selected.held), run.background);
        let lead = match run.lead.take() {
            Some(lead) if !is_shareable(&entry.times) => {
                lead.alone(reply.at);
                None
            }
            lead => lead,
        };
        if let Some(lead) = &lead {
            lead.land(Arc::new(Landing {
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
            expected: reply.length,
            length: 0,
            since,
            replaces,
            background,
        }
    }

    /// Adds bytes to the body. Where they are more than the response says, it breaks off. Where
    /// they are more than an entry or the bodies in flight may take, it goes past from here.
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
            self.pass(Refused::TooLarge);
            if let Some(lead) = self.lead.take() {
                lead.alone(now);
            }
        }
        self.lacks_room |= !fits_budget;
    }

    /// Has the body go past from here without being stored. No other request joins it.
    fn pass(&mut self, why: Refused) {
        self.passing = Some(why);
        self.body.pass();
        if why != Refused::TooLarge {
            drop(self.lead.take());
        }
    }

    /// The body has not grown for too long: it is not stored, and no other request joins it, so
    /// that it takes no memory that others may use.
    pub fn stall(&mut self) {
        if self.passing.is_none() {
            self.pass(Refused::InFlight);
        }
    }

    /// A reader from the beginning, for the client that the run was made for.
    pub fn reader(&self) -> Option<Reader> {
        Reader::open(self.body.body())
    }

    /// What the writer is to do; `waiter` is told when it may go on. A body that is to be stored
    /// and lacks room waits for its own readers, who are not kept waiting by that, and goes past
    /// once they have read everything.
    pub fn progress(&mut self, waiter: Waiter) -> Progress {
        if self.passing.is_none() && self.lacks_room {
            match self.body.room(waiter.clone()) {
                Room::Found => self.lacks_room = false,
                Room::Awaited => return Progress::Wait,
                Room::Missing => self.pass(Refused::InFlight),
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

    /// Whether readers on other threads have yet to read some of it.
    pub fn is_read_by_other_thread(&self) -> bool {
        self.body.is_read_by_other_thread()
    }

    /// Leaves behind who holds others up.
    pub fn shed(&self) {
        self.body.shed();
    }

    /// Ends the body without storing anything.
    pub fn end(self) {
        self.body.end(Ok(()));
    }

    /// Breaks the body off without a word to anyone but its readers.
    pub fn break_off(self, why: &str) {
        self.body.end(Err(why.into()));
    }

    /// Whether there are more bytes than the response says.
    pub fn is_too_long(&self) -> bool {
        self.expected.is_some_and(|expected| self.length > expected)
    }
}

impl Cache {
    /// Ends the body and stores the response; `has_body` tells an empty body from none.
    pub fn finish(&self, fill: Fill, has_body: bool, now: i64) -> Ended {
        if has_body && fill.expected.is_some_and(|expected| expected != fill.length) {
            self.break_off(fill, "the body is not as long as its Content-Length says", now);
            return Ended::WrongLength;
        }
        if let Some(why) = fill.passing {
            self.passed(&fill, why);
            fill.end();
            return Ended::NotStored(NotStored::Refused(why));
        }
        let Fill { lead, key, body, entry, since, .. } = fill;
        let whole = body.end(Ok(()));
        let Instance { store, counters, flights, .. } = self.instance();
        let state = entry.times.state(now);
        if state == State::Expired {
            return Ended::NotStored(NotStored::Refused(self.refuse(Refused::Expired)));
        }
        let parts: Option<Vec<&[u8]>> = whole
            .as_deref()
            .filter(|_| has_body)
            .map(|parts| parts.iter().map(AsRef::as_ref).collect());
        match store.put_unless_superseded(entry, parts.as_deref(), since, now) {
            Ok(stored) => body.settle(stored),
            Err(why) => {
                self.count_not_stored(why);
                return Ended::NotStored(why);
            }
        }
        count(&counters.puts);
        match lead {
            Some(lead) => lead.complete(),
            None if state.is_served() => flights.forget(key),
            None => {}
        }
        Ended::Stored
    }

    /// The body has broken off. A refresh in the background that ends so is put off.
    pub fn break_off(&self, fill: Fill, why: &str, now: i64) {
        if let Some(refused) = fill.passing {
            self.passed(&fill, refused);
        } else {
            self.put_off_replaced(&fill, now);
        }
        fill.break_off(why);
    }

    /// The refresh that the body is for has taken too long. Where clients read it, it goes past
    /// from here, for them alone, and the refresh has failed. Returns whether that is so.
    pub fn time_out(&self, fill: &mut Fill, now: i64) -> bool {
        if fill.body.readers() == 0 {
            return false;
        }
        if fill.passing.is_none() {
            self.put_off_replaced(fill, now);
            fill.pass(Refused::InFlight);
        }
        true
    }

    fn put_off_replaced(&self, fill: &Fill, now: i64) {
        let Instance { store, counters, .. } = self.instance();
        if let Some(replaced) = fill.replaces.as_ref().filter(|_| fill.background) {
            count(&counters.failed_refreshes);
            store.put_off(replaced, now);
        }
    }

    /// The body has gone past. One that is too large is right all the same: the response that it
    /// was to replace is not any more.
    fn passed(&self, fill: &Fill, why: Refused) {
        self.refuse(why);
        if let Some(replaced) = fill.replaces.as_ref().filter(|_| why == Refused::TooLarge) {
            self.instance().store.retire(replaced);
        }
    }
}
