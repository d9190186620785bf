//! The story of a request that waits for the run of another.

use std::sync::Arc;
use std::thread;

use crate::cache::proxy::reader::Reader;
use crate::cache::proxy::wrapping::Wrapping;
use crate::cache::{Cache, Keyed, Request, Wanted};
use crate::coalescing::{Failure, Flight, Landing, Stage, Wait, Waiter};
use crate::http::lines::{Fields, Untold};
use crate::key::Key;
use crate::memory::Selected;
use crate::policy::Forwarded;
use crate::response::Answer;
use crate::response::Handled;
use crate::stats::count;

/// What a request has been through before it is decided on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Attempt {
    /// Nothing. It is counted.
    #[default]
    First,
    /// A wait in vain.
    Again,
    /// A wait for a run that failed with this number: it leads one more run or waits for that.
    AfterFailure(u32),
    /// A wait for a run whose response is for one client: it runs the handler on its own.
    Alone,
}

/// The right to what another's run brings.
#[derive(Debug)]
pub struct Ticket {
    pub(crate) wait: Wait,
    pub(crate) since: u64,
    pub(crate) why: Forwarded,
    pub(crate) selected: Option<Selected>,
    pub(crate) when_failed: WhenFailed,
}

impl Ticket {
    /// Whether another thread runs the handler.
    pub fn is_of_other_thread(&self) -> bool {
        self.wait.flight().thread != thread::current().id()
    }
}

/// What a request does where the run that it waits for fails and nothing stale answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenFailed {
    /// It leads one more run, or waits for the one who does.
    LeadOnce,
    /// It has done so, and fails as well.
    Fail,
    /// The failure says nothing of it: it runs the handler on its own.
    RunAlone,
}

/// What a ticket has come to.
#[derive(Debug)]
pub enum Arrival {
    /// Nothing yet.
    Pending,
    /// An answer, whose body is under way where there is a reader.
    Answer(Answer, Option<Reader>),
    /// Nothing for this request, which is to be decided on again, at this attempt.
    Again(Attempt),
    /// The run has failed.
    Failed(Arc<Failure>),
}

impl WhenFailed {
    fn arrival(self, failure: Arc<Failure>) -> Arrival {
        match self {
            _ if failure.is_answer => Arrival::Again(Attempt::Alone),
            Self::LeadOnce => Arrival::Again(Attempt::AfterFailure(failure.number)),
            Self::Fail => Arrival::Failed(failure),
            Self::RunAlone => Arrival::Again(Attempt::Alone),
        }
    }
}

impl Cache {
    /// What has become of a ticket for `request`. `waiter` is told when there is news.
    ///
    /// # Errors
    /// [`Wanted`] where the request does not tell enough.
    pub fn arrive(
        &self,
        ticket: &Ticket,
        request: Request<'_>,
        wrapping: &Wrapping,
        waiter: Waiter,
        now: i64,
    ) -> Result<Arrival, Wanted> {
        let Ticket { wait, since, why, selected, when_failed } = ticket;
        let cookieless = self.without_cookies(request, wrapping);
        let fields = cookieless.as_deref().map_or(request.fields, Fields::new);
        let request = Request { fields, ..request };
        match wait.stage(waiter) {
            Stage::Running => Ok(Arrival::Pending),
            Stage::Over => Ok(Arrival::Again(Attempt::Again)),
            Stage::Alone => Ok(Arrival::Again(Attempt::Alone)),
            Stage::Failed(failure) => {
                Ok(match self.despite_failure(selected.as_ref(), request, now)? {
                    Some(answer) => Arrival::Answer(answer, None),
                    None => when_failed.arrival(failure),
                })
            }
            Stage::Landed(landing) => {
                let Keyed { key, .. } = self.keyed(request, wrapping.vary.as_ref())?;
                if !self.is_for(&key, wait.flight(), &landing, *since, request.fields)? {
                    return Ok(Arrival::Again(Attempt::Again));
                }
                let arrival = read_along(&landing, *why, request.fields, now)?;
                if let Arrival::Answer(..) = arrival {
                    count(&self.instance().counters.collapsed);
                }
                Ok(arrival)
            }
        }
    }

    /// Whether a run is young enough for a request that sees the sequence at `since`: nothing of
    /// the key was purged in between.
    pub(crate) fn is_current(
        &self,
        flight: &Flight,
        since: u64,
        key: &Key,
        tags: &[String],
    ) -> bool {
        flight.since >= since
            || self.instance().store.passes(
                flight.since,
                key.text(),
                tags.iter().map(String::as_str),
            )
    }

    /// Whether what a run has brought answers a request.
    pub(crate) fn is_for(
        &self,
        key: &Key,
        flight: &Flight,
        landing: &Landing,
        since: u64,
        fields: Fields<'_>,
    ) -> Result<bool, Untold> {
        let variant = key.variant(&landing.vary, fields)?;
        Ok(variant == landing.variant && self.is_current(flight, since, key, &landing.tags))
    }
}

/// The answer that a landing is for one who has waited, and the reader of its body.
fn read_along(
    landing: &Landing,
    why: Forwarded,
    fields: Fields<'_>,
    now: i64,
) -> Result<Arrival, Wanted> {
    let Landing { stored, times, body, .. } = landing;
    let answer = Answer::under_way(stored.clone(), *times, fields, now)?;
    let Some(reader) = Reader::open(body) else {
        return Ok(Arrival::Again(Attempt::Again));
    };
    let status = Some(stored.status());
    let handled = Handled::Forwarded { why: why.word(), status, stored: true, collapsed: true };
    let reader = (answer.status() != 304).then_some(reader);
    Ok(Arrival::Answer(answer.told(handled, None), reader))
}
