//! One handler run that other requests may join.

use std::fmt::Debug;
use std::sync::Arc;
use std::thread::{self, ThreadId};

use slab::Slab;

use super::body_stream::Body;
use super::notifier::Notifier;
use crate::key::{Digest, Selecting};
use crate::policy::Freshness;
use crate::response::Stored;
use crate::sync::Mutex;
use crate::time::UnixMillis;

/// The head of a response whose body is in flight and that can answer other requests.
#[derive(Debug)]
pub(crate) struct SharedResponse {
    /// The head of the response.
    pub(crate) stored: Stored,
    pub(crate) times: Freshness,
    /// Its selecting fields, and the variant that it is.
    pub(crate) vary: Selecting,
    pub(crate) variant: Digest,
    pub(crate) tags: Vec<String>,
    pub(crate) body: Arc<Body>,
}

/// The failure of a run.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// Number of the failure in this process; later failures have larger numbers.
    pub number: u32,
    /// Error message.
    pub message: String,
    /// Fingerprint of the request that the handler failed for, if it may be compared.
    pub(crate) fingerprint: Option<Fingerprint>,
    /// Whether the handler answered with a server error: stale responses may replace it, and
    /// waiters without one run the handler themselves.
    pub(crate) is_answer: bool,
    /// Whether the run was the second one, made for the waiters of a failed run.
    pub(crate) is_repeat: bool,
    pub(crate) at: UnixMillis,
}

/// A hash of all header fields of a request: a handler that fails for one request need not fail for
/// a request with other fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub u64);

/// Progress of a run.
#[derive(Clone, Debug)]
pub(crate) enum Phase {
    /// The handler has not answered.
    Running,
    /// The head is there, and other requests may be answered with it.
    Shared(Arc<SharedResponse>),
    /// It has failed.
    Failed(Arc<Failure>),
    /// The response is for its own client only; waiters run the handler on their own.
    Uncacheable,
    /// The run has ended without a result for others.
    Abandoned,
}

/// The variant that a run is expected to bring, by the `Vary` of an earlier response for the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) vary: Selecting,
    pub(crate) variant: Digest,
}

/// A handler run that requests may wait for.
#[derive(Debug)]
pub(crate) struct InFlight {
    /// Fence sequence when the run began.
    pub(crate) since: u64,
    pub(crate) began_at: UnixMillis,
    /// The thread that runs the handler.
    pub(crate) thread: ThreadId,
    /// Requests for other variants do not wait for the run. `None` if no `Vary` is known yet.
    pub(crate) expected: Option<Expected>,
    /// The failure that this run follows, for the requests that waited for the failed run.
    pub(crate) repeats: Option<Retry>,
    inner: Mutex<Inner>,
}

/// A failure as seen by one of its waiters. Waiters like the failed request and the other waiters
/// do not share a run: the others could fail because of them again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Retry {
    /// The request that the handler failed for.
    pub(crate) failed: Fingerprint,
    /// Whether the waiter is like that request.
    pub(crate) is_same: bool,
}

impl Retry {
    /// Whether requests that have seen `self` and `other` may share a run.
    fn goes_with(self, other: Self) -> bool {
        self.failed != other.failed || self.is_same == other.is_same
    }
}

#[derive(Debug)]
struct Inner {
    stage: Phase,
    /// The requests that wait, each with its notifier.
    waiting: Slab<Option<Notifier>>,
    /// Notified when the last request has stopped waiting, if the run continues only for those.
    leader: Option<Notifier>,
}

impl InFlight {
    pub(super) fn new(
        since: u64,
        began_at: UnixMillis,
        expected: Option<Expected>,
        repeats: Option<Retry>,
    ) -> Self {
        let inner = Inner { stage: Phase::Running, waiting: Slab::new(), leader: None };
        let thread = thread::current().id();
        Self { since, began_at, thread, expected, repeats, inner: Mutex::new(inner) }
    }

    /// Whether a request that has seen `failure` may wait for the run.
    pub(super) fn admits(&self, failure: Option<Retry>) -> bool {
        self.repeats.zip(failure).is_none_or(|(own, other)| own.goes_with(other))
    }

    /// Progress of the run.
    pub(crate) fn stage(&self) -> Phase {
        self.inner.lock().stage.clone()
    }

    /// Moves on to `phase` and notifies all waiters.
    pub(super) fn move_on(&self, stage: Phase) {
        let waiting: Vec<_> = {
            let mut inner = self.inner.lock();
            inner.stage = stage;
            inner.waiting.iter_mut().filter_map(|(_, waiter)| waiter.take()).collect()
        };
        waiting.iter().for_each(Notifier::wake);
    }

    /// Ends the run if no request waits for it, and returns whether it did. Otherwise `leader` is
    /// notified when the last request has stopped waiting.
    pub(super) fn abandon(&self, leader: Notifier) -> bool {
        let mut inner = self.inner.lock();
        let is_unneeded = inner.waiting.is_empty();
        if is_unneeded {
            inner.stage = Phase::Abandoned;
        } else {
            inner.leader = Some(leader);
        }
        is_unneeded
    }
}

/// A request's wait for a run. Dropping it ends the wait.
#[derive(Debug)]
pub(crate) struct WaitHandle {
    in_flight: Arc<InFlight>,
    place: usize,
}

impl WaitHandle {
    pub(super) fn begin(in_flight: &Arc<InFlight>) -> Self {
        let place = in_flight.inner.lock().waiting.insert(None);
        Self { in_flight: Arc::clone(in_flight), place }
    }

    /// The run.
    pub(crate) fn in_flight(&self) -> &InFlight {
        &self.in_flight
    }

    /// Progress of the run. `waiter` is notified of the next change.
    pub(crate) fn stage(&self, waiter: Notifier) -> Phase {
        let mut inner = self.in_flight.inner.lock();
        if matches!(inner.stage, Phase::Running) {
            inner.waiting[self.place] = Some(waiter);
        }
        inner.stage.clone()
    }
}

impl Drop for WaitHandle {
    fn drop(&mut self) {
        let leader = {
            let mut inner = self.in_flight.inner.lock();
            inner.waiting.remove(self.place);
            if inner.waiting.is_empty() { inner.leader.take() } else { None }
        };
        if let Some(leader) = leader {
            leader.wake();
        }
    }
}
