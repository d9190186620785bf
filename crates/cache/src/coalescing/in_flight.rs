//! One run of a handler that others may wait for.

use std::fmt::Debug;
use std::sync::Arc;
use std::thread::{self, ThreadId};

use slab::Slab;

use super::body_stream::Body;
use super::waiter::Waiter;
use crate::key::{Digest, Selecting};
use crate::policy::Freshness;
use crate::response::Stored;
use crate::sync::Mutex;

/// A response whose head is there and that may answer others.
#[derive(Debug)]
pub(crate) struct Landing {
    /// Its head; the body is under way.
    pub(crate) stored: Stored,
    pub(crate) times: Freshness,
    /// Its selecting fields, and the values of them that it answers.
    pub(crate) vary: Selecting,
    pub(crate) variant: Digest,
    pub(crate) tags: Vec<String>,
    pub(crate) body: Arc<Body>,
}

/// What a run has failed with.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which failure of the process it is. Later failures have larger numbers.
    pub number: u32,
    /// What it was, in words.
    pub message: String,
    /// Which request the handler was run for, where another one may be told from it.
    pub(crate) fingerprint: Option<Fingerprint>,
    /// Whether the handler has answered with an error of the server, in whose place others may be
    /// served something stale, and which is no failure of theirs where nothing is.
    pub(crate) is_answer: bool,
    /// Whether the run was made because one before it failed, for the same waiters.
    pub(crate) is_repeat: bool,
    pub(crate) at: i64,
}

/// A hash of all header fields of a request: a handler that fails for one request need not fail
/// for a request with other fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub u64);

/// How far a run has come.
#[derive(Clone, Debug)]
pub(crate) enum Stage {
    /// The handler has not answered.
    Running,
    /// It has, and others may be answered with that.
    Landed(Arc<Landing>),
    /// It has failed.
    Failed(Arc<Failure>),
    /// Its response is for its own client alone; the waiters run the handler on their own.
    Alone,
    /// Nobody else gets anything of it.
    Over,
}

/// The variant that a response is expected to be, by the `Vary` of an earlier one for the same key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) vary: Selecting,
    pub(crate) variant: Digest,
}

/// A run.
#[derive(Debug)]
pub(crate) struct Flight {
    /// Where the sequence of purges stood when it began.
    pub(crate) since: u64,
    pub(crate) began_at: i64,
    /// The thread that runs the handler.
    pub(crate) thread: ThreadId,
    /// Requests for other variants do not wait for the run. `None` if no `Vary` is known yet.
    pub(crate) expected: Option<Expected>,
    /// The failure that the run is made after, for the requests that waited for that.
    pub(crate) repeats: Option<Repeat>,
    inner: Mutex<Inner>,
}

/// A failure as seen by a request that waited: those like the request that failed do not share a
/// run with the others, which could fail because of them again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Repeat {
    /// The request that the handler failed for.
    pub(crate) failed: Fingerprint,
    /// Whether the one that waited is the same request.
    pub(crate) is_same: bool,
}

impl Repeat {
    /// Whether a request that has seen `other` may share a run with one that has seen this.
    fn goes_with(self, other: Self) -> bool {
        self.failed != other.failed || self.is_same == other.is_same
    }
}

#[derive(Debug)]
struct Inner {
    stage: Stage,
    /// The requests that wait for the run, each with what tells it of news.
    waiting: Slab<Option<Waiter>>,
    /// Told when the last request has stopped waiting, where the run goes on for those alone.
    leader: Option<Waiter>,
}

impl Flight {
    pub(super) fn new(
        since: u64,
        began_at: i64,
        expected: Option<Expected>,
        repeats: Option<Repeat>,
    ) -> Self {
        let inner = Inner { stage: Stage::Running, waiting: Slab::new(), leader: None };
        let thread = thread::current().id();
        Self { since, began_at, thread, expected, repeats, inner: Mutex::new(inner) }
    }

    /// Whether a request that has seen `failure` may wait for the run.
    pub(super) fn admits(&self, failure: Option<Repeat>) -> bool {
        self.repeats.zip(failure).is_none_or(|(own, other)| own.goes_with(other))
    }

    /// How far it is.
    pub(crate) fn stage(&self) -> Stage {
        self.inner.lock().stage.clone()
    }

    /// Moves on to `stage`, and tells all that wait.
    pub(super) fn move_on(&self, stage: Stage) {
        let waiting: Vec<_> = {
            let mut inner = self.inner.lock();
            inner.stage = stage;
            inner.waiting.iter_mut().filter_map(|(_, waiter)| waiter.take()).collect()
        };
        waiting.iter().for_each(Waiter::wake);
    }

    /// Ends the run where no request waits for it, and returns whether that is so. Otherwise
    /// `leader` is told when the last one has stopped waiting.
    pub(super) fn abandon(&self, leader: Waiter) -> bool {
        let mut inner = self.inner.lock();
        let is_unneeded = inner.waiting.is_empty();
        if is_unneeded {
            inner.stage = Stage::Over;
        } else {
            inner.leader = Some(leader);
        }
        is_unneeded
    }
}

/// One request's share in a run that it waits for. Dropping it means that the request no longer
/// waits.
#[derive(Debug)]
pub(crate) struct Wait {
    flight: Arc<Flight>,
    place: usize,
}

impl Wait {
    pub(super) fn begin(flight: &Arc<Flight>) -> Self {
        let place = flight.inner.lock().waiting.insert(None);
        Self { flight: Arc::clone(flight), place }
    }

    /// The run.
    pub(crate) fn flight(&self) -> &Flight {
        &self.flight
    }

    /// How far the run is. One that has not come anywhere tells `waiter` when it has.
    pub(crate) fn stage(&self, waiter: Waiter) -> Stage {
        let mut inner = self.flight.inner.lock();
        if matches!(inner.stage, Stage::Running) {
            inner.waiting[self.place] = Some(waiter);
        }
        inner.stage.clone()
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let leader = {
            let mut inner = self.flight.inner.lock();
            inner.waiting.remove(self.place);
            if inner.waiting.is_empty() { inner.leader.take() } else { None }
        };
        if let Some(leader) = leader {
            leader.wake();
        }
    }
}
