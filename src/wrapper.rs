//! The class through which the face calls the core for a wrapped handler. One object a wrapped
//! handler and thread.

// What napi-derive hands over is owned.
#![allow(clippy::needless_pass_by_value)]

use std::sync::Arc;

use layeron_cache::{
    Arrival, Attempt, Failed, Fill, Overrides, Passed, Reader, Reply, Responded, Run, Served,
    State, Ticket, Wrapping,
};
use napi::bindgen_prelude::Function;
use napi_derive::napi;
use slab::Slab;

use crate::cache::{BindingCache, Thrown, time};
use crate::convert;
use crate::core::{SharedCore, open};
use crate::outcome::{
    self, AGAIN, AGAIN_AFTER_FAILURE, AGAIN_ALONE, FAILED, FILL, INSTEAD, KNOWN, PASS,
    PASS_CHANGED, PASS_FAILED, PENDING, READ_ALONG, RUN, UNAVAILABLE, WAIT, wanted,
};
use crate::text::Text;
use crate::wake::{Bell, Kind};
use crate::wrapping::{BindingReply, BindingRun, BindingWrapping};

/// A wrapped handler.
#[napi]
pub struct BindingWrapper {
    pub(crate) core: SharedCore,
    wrapping: Wrapping,
    overrides: Overrides,
    pub(crate) bell: Arc<Bell>,
    /// The text that belongs to the last outcome.
    pub(crate) text: String,
    runs: Slab<Box<Run>>,
    tickets: Slab<Box<Ticket>>,
    pub(crate) fills: Slab<Box<Fill>>,
    pub(crate) readers: Slab<Reader>,
    /// The run that refreshes what the last answer was.
    refresh: u32,
    /// Who reads the body of the last answer.
    reader: u32,
    /// The fill of a response whose client knows it already.
    fill: u32,
}

#[napi]
impl BindingWrapper {
    /// Wraps a handler. `ring` is told the number of what there is news of.
    #[napi(constructor)]
    pub fn new(
        cache: &BindingCache,
        options: BindingWrapping,
        ring: Function<'_, u32, ()>,
    ) -> napi::Result<Self> {
        let (wrapping, overrides) = options.into_parts();
        let (text, bell) = (String::new(), Bell::new(&ring)?);
        let (runs, tickets, fills, readers) = (Slab::new(), Slab::new(), Slab::new(), Slab::new());
        let (refresh, reader, fill) = (0, 0, 0);
        Ok(Self {
            core: cache.core(),
            wrapping,
            overrides,
            bell,
            text,
            runs,
            tickets,
            fills,
            readers,
            refresh,
            reader,
            fill,
        })
    }

    /// What a request comes to, at the time in the scratch buffer.
    #[napi]
    pub fn serve(&mut self, request: Text) -> Result<i32, Thrown> {
        self.decide(&request, Attempt::First)
    }

    /// The same for one that [`arrive`](Self::arrive) has told to come again: with that outcome and
    /// the number that belongs to it.
    #[napi]
    pub fn serve_again(
        &mut self,
        request: Text,
        outcome: i32,
        failure: u32,
    ) -> Result<i32, Thrown> {
        let attempt = match outcome {
            AGAIN_AFTER_FAILURE => Attempt::AfterFailure(failure),
            AGAIN_ALONE => Attempt::Alone,
            _ => Attempt::Again,
        };
        self.decide(&request, attempt)
    }

    fn decide(&mut self, request: &str, attempt: Attempt) -> Result<i32, Thrown> {
        let core = &mut *self.core.borrow_mut();
        let now = time(core.scratch.read_time());
        let cache = open(core.cache.as_ref())?;
        Ok(match cache.serve(convert::request(request), &self.wrapping, attempt, now) {
            Ok(Served::Answer(answer, state, refresh)) => {
                let outcome = core.write(answer, state != State::Fresh);
                if let Some(run) = refresh {
                    self.refresh = self.runs.insert(run) as u32;
                    core.scratch.flag_refresh();
                }
                outcome
            }
            Ok(Served::Instead(answer)) => {
                core.write(answer, true);
                INSTEAD
            }
            Ok(Served::Run(run)) => {
                let number = self.runs.insert(run);
                core.numbered(RUN, number as u64)
            }
            Ok(Served::Wait(ticket)) => {
                let number = self.tickets.insert(ticket);
                core.numbered(WAIT, number as u64)
            }
            Ok(Served::Failed(failure)) => {
                failure.message.clone_into(&mut self.text);
                core.numbered(FAILED, failure.number.into())
            }
            Ok(Served::Unavailable) => {
                self.text = cache.unavailable();
                UNAVAILABLE
            }
            Err(missing) => wanted(&missing, &mut core.scratch, &mut core.tickets),
        })
    }

    /// The text that belongs to the last outcome.
    #[napi]
    pub fn take_text(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// The number of the run that refreshes what the last answer was.
    #[napi]
    pub fn refresh_of(&self) -> u32 {
        self.refresh
    }

    /// The number of who reads the body of the last answer.
    #[napi]
    pub fn reader_of(&self) -> u32 {
        self.reader
    }

    /// The number of the fill of a response whose client knows it already.
    #[napi]
    pub fn fill_of(&self) -> u32 {
        self.fill
    }

    /// What there is to know of a run.
    #[napi]
    pub fn run(&self, run: u32) -> Result<BindingRun, Thrown> {
        self.runs.get(run as usize).map(|run| BindingRun::from(&**run)).ok_or_else(gone)
    }

    /// Decides what becomes of the response of a run.
    #[napi]
    pub fn respond(
        &mut self,
        run: u32,
        request: String,
        reply: BindingReply,
        now: f64,
    ) -> Result<i32, Thrown> {
        let core = &mut *self.core.borrow_mut();
        let Some(given) = self.runs.get_mut(run as usize) else { return Err(gone()) };
        let cache = open(core.cache.as_ref())?;
        let reply = Reply {
            request: convert::request(&request),
            wrapping: &self.wrapping,
            head: reply.head(),
            length: reply.length.map(|length| length as u64),
            overrides: reply.overrides(self.overrides),
            tags: convert::tags(&reply.tags),
            may_store: reply.may_store,
            at: time(now),
        };
        let outcome = match cache.respond(given, &reply) {
            Ok(Responded::Pass(head, passed)) => {
                self.text = head;
                match passed {
                    Passed::Only => PASS,
                    Passed::Refused(reason) => outcome::refused(reason),
                    Passed::Failed => PASS_FAILED,
                    Passed::Changed => PASS_CHANGED,
                }
            }
            Ok(Responded::Fill(head, fill)) => {
                self.text = head;
                let number = self.fills.insert(fill);
                core.numbered(FILL, number as u64)
            }
            Ok(Responded::Known(answer, fill)) => {
                self.fill = self.fills.insert(fill) as u32;
                core.write(answer, false);
                KNOWN
            }
            Ok(Responded::Answer(answer)) => core.write(answer, false),
            Ok(Responded::Again) => return Ok(AGAIN),
            Err(missing) => return Ok(wanted(&missing, &mut core.scratch, &mut core.tickets)),
        };
        self.runs.remove(run as usize);
        Ok(outcome)
    }

    /// A run has come to no response.
    #[napi]
    pub fn fail(
        &mut self,
        run: u32,
        request: String,
        message: String,
        now: f64,
    ) -> Result<i32, Thrown> {
        let core = &mut *self.core.borrow_mut();
        let Some(given) = self.runs.get_mut(run as usize) else { return Err(gone()) };
        let cache = open(core.cache.as_ref())?;
        let outcome = match cache.fail(given, convert::request(&request), &message, time(now)) {
            Ok(Failed::Answer(answer)) => core.write(answer, true),
            Ok(Failed::Failure(Some(failure))) => core.numbered(FAILED, failure.number.into()),
            Ok(Failed::Failure(None)) => PASS_FAILED,
            Err(missing) => return Ok(wanted(&missing, &mut core.scratch, &mut core.tickets)),
        };
        self.runs.remove(run as usize);
        Ok(outcome)
    }

    /// A run has come to an answer that was thrown, of this status where that is known.
    #[napi]
    pub fn thrown_answer(
        &mut self,
        run: u32,
        request: String,
        status: Option<u32>,
        now: f64,
    ) -> Result<(), Thrown> {
        let core = &mut *self.core.borrow_mut();
        let Some(mut given) = self.runs.try_remove(run as usize) else { return Err(gone()) };
        let status = status.and_then(|status| u16::try_from(status).ok());
        open(core.cache.as_ref())?.thrown_answer(
            &mut given,
            convert::request(&request),
            status,
            time(now),
        );
        Ok(())
    }

    /// Ends a run whose client has gone, where no other request waits for it. Returns whether that
    /// is so. Otherwise there is news of the run when the last one has stopped waiting.
    #[napi]
    pub fn abandon(&mut self, run: u32) -> bool {
        let leader = self.bell.waiter(Kind::Run, run);
        let is_unneeded = self.runs.get(run as usize).is_none_or(|run| run.abandon(leader));
        if is_unneeded {
            self.runs.try_remove(run as usize);
        }
        is_unneeded
    }

    /// The handler has stored the response of a run itself. Returns the head for its client.
    #[napi]
    pub fn stored_by_handler(
        &mut self,
        run: u32,
        status: u32,
        head: String,
    ) -> Result<String, Thrown> {
        let core = &mut *self.core.borrow_mut();
        let Some(mut given) = self.runs.try_remove(run as usize) else { return Err(gone()) };
        let head = convert::response_head(u16::try_from(status).unwrap_or(0), &head);
        Ok(open(core.cache.as_ref())?.stored_by_handler(&mut given, head))
    }

    /// Forgets a run. Who waits for it is left to itself.
    #[napi]
    pub fn drop_run(&mut self, run: u32) {
        self.runs.try_remove(run as usize);
    }

    /// What has become of a ticket, whose number is the caller's until
    /// [`drop_ticket`](Self::drop_ticket): freed here, it would be another request's by the time
    /// the caller drops it.
    #[napi]
    pub fn arrive(&mut self, ticket: u32, request: String, now: f64) -> Result<i32, Thrown> {
        let core = &mut *self.core.borrow_mut();
        let waiter = self.bell.waiter(Kind::Ticket, ticket);
        let Some(given) = self.tickets.get(ticket as usize) else { return Err(gone()) };
        let cache = open(core.cache.as_ref())?;
        let request = convert::request(&request);
        let outcome = match cache.arrive(given, request, &self.wrapping, waiter, time(now)) {
            Ok(Arrival::Pending) => return Ok(PENDING),
            Ok(Arrival::Answer(answer, reader)) => {
                if let Some(reader) = reader {
                    self.reader = self.readers.insert(reader) as u32;
                    self.text.clear();
                    answer.write_head(cache.identity(), &mut self.text);
                    core.numbered(READ_ALONG, answer.status().into())
                } else {
                    core.write(answer, false)
                }
            }
            Ok(Arrival::Again(attempt)) => match attempt {
                Attempt::AfterFailure(failure) => {
                    core.numbered(AGAIN_AFTER_FAILURE, failure.into())
                }
                Attempt::Alone => AGAIN_ALONE,
                Attempt::First | Attempt::Again => AGAIN,
            },
            Ok(Arrival::Failed(failure)) => {
                failure.message.clone_into(&mut self.text);
                core.numbered(FAILED, failure.number.into())
            }
            Err(missing) => return Ok(wanted(&missing, &mut core.scratch, &mut core.tickets)),
        };
        Ok(outcome)
    }

    /// Whether another thread runs the handler that a ticket waits for.
    #[napi]
    pub fn is_ticket_of_other_thread(&self, ticket: u32) -> bool {
        self.tickets.get(ticket as usize).is_some_and(|ticket| ticket.is_of_other_thread())
    }

    /// Gives a ticket up.
    #[napi]
    pub fn drop_ticket(&mut self, ticket: u32) {
        self.tickets.try_remove(ticket as usize);
    }
}

pub(crate) fn gone() -> Thrown {
    Thrown::new("gone", "there is nothing of this number")
}
