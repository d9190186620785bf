//! Waits for the run of another request.

use std::sync::Arc;
use std::thread;

use crate::cache::proxy::options::WrapOptions;
use crate::cache::proxy::reader::BodyReader;
use crate::cache::{Cache, Keyed, MissingInput, Request};
use crate::coalescing::{Failure, InFlight, Notifier, Phase, SharedResponse, WaitHandle};
use crate::http::lines::{Fields, MissingFields};
use crate::key::Key;
use crate::memory::Selected;
use crate::policy::Forwarded;
use crate::response::{Answer, Handling};
use crate::stats::Counter;
use crate::time::UnixMillis;

/// What a request has tried before this decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attempt {
    /// Nothing. The request is counted.
    #[default]
    First,
    /// It waited for a run that brought nothing for it.
    Again,
    /// It waited for a run that failed with this number: it leads one more run or waits for that.
    AfterFailure(u32),
    /// It waited for a run with an uncacheable response: it runs the handler on its own.
    Alone,
}

/// A request's wait for the run of another.
#[derive(Debug)]
pub struct Waiting {
    pub(crate) wait: WaitHandle,
    pub(crate) since: u64,
    pub(crate) why: Forwarded,
    pub(crate) selected: Option<Selected>,
    pub(crate) when_failed: OnLeaderFailure,
}

impl Waiting {
    /// Whether another thread runs the handler.
    pub fn is_of_other_thread(&self) -> bool {
        self.wait.in_flight().thread != thread::current().id()
    }
}

/// What a waiter does if the run fails and no stale response answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnLeaderFailure {
    /// It leads one more run, or waits for the waiter that does.
    LeadOnce,
    /// It has led once already, and fails.
    Fail,
    /// The failure does not concern it: it runs the handler on its own.
    RunAlone,
}

/// Outcome of a wait so far.
#[derive(Debug)]
pub enum WaitOutcome {
    /// The run has not answered.
    Pending,
    /// An answer; its body is read through the reader, if there is one.
    Answer(Answer, Option<BodyReader>),
    /// No result for this request: decide again, at this attempt.
    Again(Attempt),
    /// The run has failed.
    Failed(Arc<Failure>),
}

impl OnLeaderFailure {
    fn arrival(self, failure: Arc<Failure>) -> WaitOutcome {
        match self {
            _ if failure.is_answer => WaitOutcome::Again(Attempt::Alone),
            Self::LeadOnce => WaitOutcome::Again(Attempt::AfterFailure(failure.number)),
            Self::Fail => WaitOutcome::Failed(failure),
            Self::RunAlone => WaitOutcome::Again(Attempt::Alone),
        }
    }
}

impl Cache {
    /// The outcome of a wait so far. `waiter` is notified of the next change.
    ///
    /// # Errors
    /// [`MissingInput`] if the caller has to send more of the request first.
    pub fn poll(
        &self,
        ticket: &Waiting,
        request: Request<'_>,
        wrapping: &WrapOptions,
        waiter: Notifier,
        now: UnixMillis,
    ) -> Result<WaitOutcome, MissingInput> {
        let Waiting { wait, since, why, selected, when_failed } = ticket;
        let cookieless = self.without_cookies(request, wrapping);
        let fields = cookieless.as_deref().map_or(request.fields, Fields::new);
        let request = Request { fields, ..request };
        match wait.stage(waiter) {
            Phase::Running => Ok(WaitOutcome::Pending),
            Phase::Abandoned => Ok(WaitOutcome::Again(Attempt::Again)),
            Phase::Uncacheable => Ok(WaitOutcome::Again(Attempt::Alone)),
            Phase::Failed(failure) => {
                Ok(match self.stale_if_error(selected.as_ref(), request, now)? {
                    Some(answer) => WaitOutcome::Answer(answer, None),
                    None => when_failed.arrival(failure),
                })
            }
            Phase::Shared(shared) => {
                let Keyed { key, .. } = self.keyed(request, wrapping.vary.as_ref())?;
                if !self.is_for(&key, wait.in_flight(), &shared, *since, request.fields)? {
                    return Ok(WaitOutcome::Again(Attempt::Again));
                }
                let arrival = join_body(&shared, *why, request.fields, now)?;
                if let WaitOutcome::Answer(..) = arrival {
                    self.instance().counters.count(Counter::Collapsed);
                }
                Ok(arrival)
            }
        }
    }

    /// Whether no purge of the key or the tags came between the run and a request at the fence
    /// sequence `since`.
    pub(crate) fn is_current(
        &self,
        in_flight: &InFlight,
        since: u64,
        key: &Key,
        tags: &[String],
    ) -> bool {
        in_flight.since >= since
            || self.instance().store.passes(
                in_flight.since,
                key.text(),
                tags.iter().map(String::as_str),
            )
    }

    /// Whether the shared response of a run answers a request.
    pub(crate) fn is_for(
        &self,
        key: &Key,
        in_flight: &InFlight,
        shared: &SharedResponse,
        since: u64,
        fields: Fields<'_>,
    ) -> Result<bool, MissingFields> {
        let variant = key.variant(&shared.vary, fields)?;
        Ok(variant == shared.variant && self.is_current(in_flight, since, key, &shared.tags))
    }
}

/// The answer of a shared response to a waiter, and a reader of its body.
fn join_body(
    shared: &SharedResponse,
    why: Forwarded,
    fields: Fields<'_>,
    now: UnixMillis,
) -> Result<WaitOutcome, MissingInput> {
    let SharedResponse { stored, times, body, .. } = shared;
    let answer = Answer::under_way(stored.clone(), *times, fields, now)?;
    let Some(reader) = BodyReader::open(body) else {
        return Ok(WaitOutcome::Again(Attempt::Again));
    };
    let status = Some(stored.status());
    let handled = Handling::Forwarded { why: why.word(), status, stored: true, collapsed: true };
    let reader = (answer.status() != 304).then_some(reader);
    Ok(WaitOutcome::Answer(answer.handled_as(handled, None), reader))
}
