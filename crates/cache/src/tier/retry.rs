//! When the writer tries again after an error of the disk. An error that another thread meets
//! reaches the writer with the next work, at the latest with the next sweep.

use std::time::{Duration, Instant};

use crate::backoff::Pauses;
use crate::time::Millis;

/// Longest pause between two attempts, in milliseconds.
const LONGEST_MS: Millis = 60_000;

/// Pauses between attempts, which double while the disk keeps failing.
#[derive(Debug)]
pub(super) struct Retry {
    pauses: Pauses,
    /// Failures in a row.
    failures: u32,
    /// When the disk has worked again.
    recovered: Option<Instant>,
}

impl Retry {
    pub(super) fn new(first_ms: Millis) -> Self {
        let pauses = Pauses { first_ms, longest_ms: LONGEST_MS };
        Self { pauses, failures: 0, recovered: None }
    }

    /// Counts a failure. A disk that has failed again soon has not recovered.
    pub(super) fn fail(&mut self) {
        let has_lasted = self.recovered.take().is_some_and(|at| at.elapsed() > self.pause());
        self.failures = if has_lasted { 1 } else { self.failures.saturating_add(1) };
    }

    pub(super) fn succeed(&mut self) {
        self.recovered = Some(Instant::now());
    }

    /// How long to wait before the next attempt.
    pub(super) fn pause(&self) -> Duration {
        Duration::from_millis(self.pauses.after(self.failures).unsigned_abs())
    }
}
