//! One run of a handler that others may wait for.

use std::fmt::Debug;
use std::mem::take;
use std::sync::Arc;

use super::body::Body;
use crate::key::{Digest, Selecting};
use crate::policy::{Freshness, Stored};
use crate::sync::Mutex;

/// Who is told that there is news of what it waits for.
pub trait Wake: Debug + Send + Sync {
    /// There is news for the one that calls itself `number`.
    fn wake(&self, number: u32);
}

/// One that waits.
#[derive(Clone, Debug)]
pub struct Waiter {
    /// Who is told.
    pub wake: Arc<dyn Wake>,
    /// What it calls itself.
    pub number: u32,
}

impl Waiter {
    pub(crate) fn wake(&self) {
        self.wake.wake(self.number);
    }
}

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
    /// Whether it is stored once its body is there.
    pub(crate) stays: bool,
}

/// What a run has failed with.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// Which failure of the process it is.
    pub number: u32,
    /// What it was, in words.
    pub message: String,
}

/// How far a run has come.
#[derive(Clone, Debug)]
pub(crate) enum Stage {
    /// The handler has not answered.
    Running,
    /// It has, and others may be answered with that.
    Landed(Arc<Landing>),
    /// It has failed.
    Failed(Arc<Failure>),
    /// Nobody else gets anything of it.
    Over,
}

/// A run.
#[derive(Debug)]
pub(crate) struct Flight {
    /// Where the sequence of purges stood when it began.
    pub(crate) since: u64,
    pub(crate) began_at: i64,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    stage: Stage,
    waiting: Vec<Waiter>,
}

impl Flight {
    pub(super) fn new(since: u64, began_at: i64) -> Self {
        Self { since, began_at, inner: Mutex::new(Inner { stage: Stage::Running, waiting: Vec::new() }) }
    }

    /// How far it is. One that has not come anywhere tells `waiter` when it has.
    pub(crate) fn stage(&self, waiter: Option<Waiter>) -> Stage {
        let mut inner = self.inner.lock();
        if matches!(inner.stage, Stage::Running) {
            inner.waiting.extend(waiter);
        }
        inner.stage.clone()
    }

    /// Moves on to `stage`, and tells all that wait.
    pub(super) fn move_on(&self, stage: Stage) {
        let waiting = {
            let mut inner = self.inner.lock();
            inner.stage = stage;
            take(&mut inner.waiting)
        };
        waiting.iter().for_each(Waiter::wake);
    }
}
