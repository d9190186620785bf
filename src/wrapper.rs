//! The class by which JavaScript calls the core for a wrapped handler. One object per wrapped
//! handler and thread.

// napi-derive passes owned values.
#![allow(clippy::needless_pass_by_value)]

use std::rc::Rc;

use layeron_cache::{
    Attempt, BodyReader, BodyWriter, FailureOutcome, HandlerResponse, HandlerRun, Overrides,
    ResponseOutcome, State, Unshared, WaitOutcome, Waiting, WrapLookup, WrapOptions,
};
use napi::Env;
use napi::bindgen_prelude::PromiseRaw;
use napi_derive::napi;

use crate::cache::BindingCache;
use crate::convert::{self, time};
use crate::core::{SharedCore, open};
use crate::error::{Thrown, gone};
use crate::outcome::{
    self, AGAIN, AGAIN_AFTER_FAILURE, AGAIN_ALONE, ANSWERED, FAILED, PENDING, RUN, SHARED,
    STALE_IF_ERROR, STREAM, UNAVAILABLE, UNSHARED, UNSHARED_CHANGED, UNSHARED_FAILED, WAIT, wanted,
};
use crate::promises::Promises;
use crate::text::Text;
use crate::waiters::Waiters;
use crate::wrap_options::{BindingHandlerResponse, BindingRun, BindingWrapOptions};

/// A wrapped handler.
#[napi]
pub struct BindingWrapper {
    pub(crate) core: SharedCore,
    wrapping: WrapOptions,
    overrides: Overrides,
    /// The text of the last outcome.
    pub(crate) text: String,
    runs: Waiters<Box<HandlerRun>>,
    waits: Waiters<Box<Waiting>>,
    pub(crate) writers: Waiters<Box<BodyWriter>>,
    pub(crate) readers: Waiters<BodyReader>,
    /// The run that refreshes the response of the last answer.
    refresh: u32,
    /// The reader of the body of the last answer.
    reader: u32,
    /// The body writer of a response whose client has its answer already.
    writer: u32,
}

#[napi]
impl BindingWrapper {
    /// Wraps a handler.
    #[napi(constructor)]
    pub fn new(env: Env, cache: &BindingCache, options: BindingWrapOptions) -> napi::Result<Self> {
        let (wrapping, overrides) = options.into_parts();
        let promises = Rc::new(Promises::new(env)?);
        Ok(Self {
            core: cache.core(),
            wrapping,
            overrides,
            text: String::new(),
            runs: Waiters::new(&promises),
            waits: Waiters::new(&promises),
            writers: Waiters::new(&promises),
            readers: Waiters::new(&promises),
            refresh: 0,
            reader: 0,
            writer: 0,
        })
    }

    /// Decides how a request is answered, at the time in the scratch buffer.
    #[napi]
    pub fn serve(&mut self, request: Text) -> Result<i32, Thrown> {
        self.decide(&request, Attempt::First)
    }

    /// Decides again after [`poll`](Self::poll), with its outcome and number.
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
            Ok(WrapLookup::Answer(answer, state, refresh)) => {
                let outcome = core.write(answer, state != State::Fresh);
                if let Some(run) = refresh {
                    self.refresh = self.runs.insert(run);
                    core.scratch.flag_refresh();
                }
                outcome
            }
            Ok(WrapLookup::Instead(answer)) => {
                core.write(answer, true);
                STALE_IF_ERROR
            }
            Ok(WrapLookup::Run(run)) => {
                let number = self.runs.insert(run);
                core.numbered(RUN, number.into())
            }
            Ok(WrapLookup::Wait(wait)) => {
                let number = self.waits.insert(wait);
                core.numbered(WAIT, number.into())
            }
            Ok(WrapLookup::Failed(failure)) => {
                failure.message.clone_into(&mut self.text);
                core.numbered(FAILED, failure.number.into())
            }
            Ok(WrapLookup::Unavailable) => {
                self.text = cache.unavailable();
                UNAVAILABLE
            }
            Err(missing) => wanted(&missing, &mut core.scratch, &mut core.completion),
        })
    }

    /// Takes the text of the last outcome.
    #[napi]
    pub fn take_text(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    /// Number of the run that refreshes the response of the last answer.
    #[napi]
    pub fn refresh_of(&self) -> u32 {
        self.refresh
    }

    /// Number of the reader of the body of the last answer.
    #[napi]
    pub fn reader_of(&self) -> u32 {
        self.reader
    }

    /// Number of the body writer of a response whose client has its answer already.
    #[napi]
    pub fn writer_of(&self) -> u32 {
        self.writer
    }

    /// What JavaScript needs to know of a run.
    #[napi]
    pub fn run(&self, run: u32) -> Result<BindingRun, Thrown> {
        self.runs.get(run).map(|run| BindingRun::from(&**run)).ok_or_else(gone)
    }

    /// Decides what happens to the response of a run.
    #[napi]
    pub fn respond(
        &mut self,
        run: u32,
        request: String,
        handler_response: BindingHandlerResponse,
        now: f64,
    ) -> Result<i32, Thrown> {
        let core = &mut *self.core.borrow_mut();
        let Some(body) = self.runs.get_mut(run) else { return Err(gone()) };
        let cache = open(core.cache.as_ref())?;
        let handler_response = HandlerResponse {
            request: convert::request(&request),
            wrapping: &self.wrapping,
            head: handler_response.head(),
            length: handler_response.length.map(|length| length as u64),
            overrides: handler_response.overrides(self.overrides),
            tags: convert::tags(&handler_response.tags),
            may_store: handler_response.may_store,
            at: time(now),
        };
        let outcome = match cache.respond(body, &handler_response) {
            Ok(ResponseOutcome::Unshared(head, passed)) => {
                self.text = head;
                match passed {
                    Unshared::Only => UNSHARED,
                    Unshared::Uncacheable(reason) => outcome::refused(reason),
                    Unshared::Failed => UNSHARED_FAILED,
                    Unshared::Changed => UNSHARED_CHANGED,
                }
            }
            Ok(ResponseOutcome::Stream(head, writer)) => {
                self.text = head;
                let number = self.writers.insert(writer);
                core.numbered(STREAM, number.into())
            }
            Ok(ResponseOutcome::Answered(answer, writer)) => {
                self.writer = self.writers.insert(writer);
                core.write(answer, false);
                ANSWERED
            }
            Ok(ResponseOutcome::Answer(answer)) => core.write(answer, false),
            Ok(ResponseOutcome::Again) => return Ok(AGAIN),
            Err(missing) => return Ok(wanted(&missing, &mut core.scratch, &mut core.completion)),
        };
        self.runs.remove(run);
        Ok(outcome)
    }

    /// Ends a run whose handler failed.
    #[napi]
    pub fn fail(
        &mut self,
        run: u32,
        request: String,
        message: String,
        now: f64,
    ) -> Result<i32, Thrown> {
        let core = &mut *self.core.borrow_mut();
        let Some(body) = self.runs.get_mut(run) else { return Err(gone()) };
        let cache = open(core.cache.as_ref())?;
        let outcome = match cache.fail(body, convert::request(&request), &message, time(now)) {
            Ok(FailureOutcome::Answer(answer)) => core.write(answer, true),
            Ok(FailureOutcome::Failure(Some(failure))) => {
                core.numbered(FAILED, failure.number.into())
            }
            Ok(FailureOutcome::Failure(None)) => UNSHARED_FAILED,
            Err(missing) => return Ok(wanted(&missing, &mut core.scratch, &mut core.completion)),
        };
        self.runs.remove(run);
        Ok(outcome)
    }

    /// Ends a run whose handler threw an answer, with its status if it has one.
    #[napi]
    pub fn thrown_answer(
        &mut self,
        run: u32,
        request: String,
        status: Option<u32>,
        now: f64,
    ) -> Result<(), Thrown> {
        let core = &mut *self.core.borrow_mut();
        let Some(mut body) = self.runs.remove(run) else { return Err(gone()) };
        let status = status.and_then(|status| u16::try_from(status).ok());
        open(core.cache.as_ref())?.thrown_answer(
            &mut body,
            convert::request(&request),
            status,
            time(now),
        );
        Ok(())
    }

    /// Ends a run whose client has left, if no other request waits for it. Returns whether it did.
    /// Otherwise [`run_change`](Self::run_change) resolves when the last request has stopped
    /// waiting.
    #[napi]
    pub fn abandon(&mut self, run: u32) -> bool {
        let known = self.runs.with_notifier(run);
        let is_unneeded = known.is_none_or(|(run, leader)| run.abandon(leader));
        if is_unneeded {
            self.runs.remove(run);
        }
        is_unneeded
    }

    /// A promise of the next change of a run: nothing waits for it any more, or it has ended.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn run_change(&self, run: u32) -> napi::Result<PromiseRaw<'static, ()>> {
        self.runs.change(run)
    }

    /// Ends a run whose handler has stored its response itself. Returns the head for the client.
    #[napi]
    pub fn stored_by_handler(
        &mut self,
        run: u32,
        status: u32,
        head: String,
    ) -> Result<String, Thrown> {
        let core = &mut *self.core.borrow_mut();
        let Some(mut body) = self.runs.remove(run) else { return Err(gone()) };
        let head = convert::response_head(u16::try_from(status).unwrap_or(0), &head);
        Ok(open(core.cache.as_ref())?.stored_by_handler(&mut body, head))
    }

    /// Drops a run. Its waiters decide again.
    #[napi]
    pub fn drop_run(&mut self, run: u32) {
        self.runs.remove(run);
    }

    /// The outcome of a wait so far. If it is pending, [`wait_change`](Self::wait_change) resolves
    /// when there may be one. The number stays valid until [`drop_wait`](Self::drop_wait):
    /// freed here, it could belong to another request by the time the caller drops it.
    #[napi]
    pub fn poll(&mut self, wait: u32, request: String, now: f64) -> Result<i32, Thrown> {
        let core = &mut *self.core.borrow_mut();
        let Some((body, waiter)) = self.waits.with_notifier(wait) else { return Err(gone()) };
        let cache = open(core.cache.as_ref())?;
        let request = convert::request(&request);
        let outcome = match cache.poll(body, request, &self.wrapping, waiter, time(now)) {
            Ok(WaitOutcome::Pending) => return Ok(PENDING),
            Ok(WaitOutcome::Answer(answer, reader)) => {
                if let Some(reader) = reader {
                    self.reader = self.readers.insert(reader);
                    self.text.clear();
                    answer.write_head(cache.identity(), &mut self.text);
                    core.numbered(SHARED, answer.status().into())
                } else {
                    core.write(answer, false)
                }
            }
            Ok(WaitOutcome::Again(attempt)) => match attempt {
                Attempt::AfterFailure(failure) => {
                    core.numbered(AGAIN_AFTER_FAILURE, failure.into())
                }
                Attempt::Alone => AGAIN_ALONE,
                Attempt::First | Attempt::Again => AGAIN,
            },
            Ok(WaitOutcome::Failed(failure)) => {
                failure.message.clone_into(&mut self.text);
                core.numbered(FAILED, failure.number.into())
            }
            Err(missing) => return Ok(wanted(&missing, &mut core.scratch, &mut core.completion)),
        };
        Ok(outcome)
    }

    /// A promise of the next change of a wait.
    #[napi(ts_return_type = "Promise<void>")]
    pub fn wait_change(&self, wait: u32) -> napi::Result<PromiseRaw<'static, ()>> {
        self.waits.change(wait)
    }

    /// Whether another thread runs the handler that a wait waits for.
    #[napi]
    pub fn is_wait_of_other_thread(&self, wait: u32) -> bool {
        self.waits.get(wait).is_some_and(|wait| wait.is_of_other_thread())
    }

    /// Ends a wait.
    #[napi]
    pub fn drop_wait(&mut self, wait: u32) {
        self.waits.remove(wait);
    }
}
