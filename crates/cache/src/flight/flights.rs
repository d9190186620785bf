//! The runs under way of an instance, and what is remembered of those that came to nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hashbrown::HashMap;

use super::flight::{Failure, Flight, Landing, Stage};
use super::pauses::Pauses;
use crate::field::lines::Untold;
use crate::key::Digest;
use crate::sync::Mutex;

/// How long requests do not wait for one another after a response that was for one alone.
const ALONE_MS: i64 = 60_000;

/// What lies between runs that fail, where there is nothing to serve meanwhile: enough that a crowd does not run into it again,
/// and hardly longer than somebody would wait anyway.
const PAUSES: Pauses = Pauses { first_ms: 200, longest_ms: 2_000 };

/// A failure this much later than the last is the first of a row.
const ROW_MS: i64 = 10_000;

/// Keys remembered; beyond that, those go whose time is over, and then all.
const MOST_KEYS: usize = 32_768;

/// The runs of one instance.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    running: HashMap<Digest, Vec<Arc<Flight>>>,
    remembered: HashMap<Digest, Remembered>,
}

#[derive(Debug)]
enum Remembered {
    /// Its response was for one request alone.
    Alone { at: i64 },
    /// It failed.
    Failed { at: i64, times: u32, failure: Arc<Failure> },
}

impl Remembered {
    /// Whether it tells nothing any more. A clock that was set back makes an end of it too.
    fn is_over(&self, now: i64) -> bool {
        match self {
            Self::Alone { at } => !is_within(*at, ALONE_MS, now),
            Self::Failed { at, .. } => !is_within(*at, ROW_MS, now),
        }
    }
}

fn is_within(at: i64, span: i64, now: i64) -> bool {
    (now - at).abs() < span
}

/// What a request is to do that has nothing to be answered with.
#[derive(Debug)]
pub(crate) enum Boarding {
    /// Run the handler, for others too.
    Lead(Lead),
    /// Wait for the one that runs it.
    Wait(Arc<Flight>),
    /// Run it for itself.
    Alone,
    /// Fail as the last run did.
    Fail(Arc<Failure>),
}

impl Flights {
    /// Decides for a request for `key` that sees the sequence of purges at `since`. Others may wait for its own run if it `may_lead`.
    /// `joins` tells of a run under way whether it will do.
    pub(crate) fn board(
        self: &Arc<Self>,
        key: Digest,
        since: u64,
        may_lead: bool,
        now: i64,
        joins: impl Fn(&Flight, &Stage) -> Result<bool, Untold>,
    ) -> Result<Boarding, Untold> {
        let mut table = self.0.lock();
        match table.remembered.get(&key) {
            Some(Remembered::Alone { at }) if is_within(*at, ALONE_MS, now) => return Ok(Boarding::Alone),
            Some(Remembered::Failed { at, times, failure }) if is_within(*at, PAUSES.after(*times), now) => {
                return Ok(Boarding::Fail(Arc::clone(failure)));
            }
            _ => {}
        }
        for flight in table.running.get(&key).into_iter().flatten() {
            if joins(flight, &flight.stage(None))? {
                return Ok(Boarding::Wait(Arc::clone(flight)));
            }
        }
        if !may_lead {
            return Ok(Boarding::Alone);
        }
        Ok(Boarding::Lead(self.begin(&mut table, key, since, now)))
    }

    /// The right to a run that nobody's wish has led to, and that others may wait for all the same.
    pub(crate) fn lead(self: &Arc<Self>, key: Digest, since: u64, now: i64) -> Lead {
        self.begin(&mut self.0.lock(), key, since, now)
    }

    fn begin(self: &Arc<Self>, table: &mut Table, key: Digest, since: u64, now: i64) -> Lead {
        let flight = Arc::new(Flight::new(since, now));
        table.running.entry(key).or_default().push(Arc::clone(&flight));
        Lead { flights: Arc::clone(self), key, flight }
    }

    /// Nothing is remembered of the key any longer: there is something for all.
    pub(crate) fn forget(&self, key: Digest) {
        self.0.lock().remembered.remove(&key);
    }

    /// Remembers that the response to a request for `key` was for that request alone.
    pub(crate) fn remember_alone(&self, key: Digest, now: i64) {
        self.0.lock().remember_alone(key, now);
    }

    /// Whether that is remembered.
    pub(crate) fn is_alone(&self, key: Digest, now: i64) -> bool {
        let table = self.0.lock();
        matches!(table.remembered.get(&key), Some(Remembered::Alone { at }) if is_within(*at, ALONE_MS, now))
    }

    fn leave(&self, key: Digest, flight: &Arc<Flight>, remembered: impl FnOnce(&mut Table)) {
        let mut table = self.0.lock();
        remembered(&mut table);
        if let Some(running) = table.running.get_mut(&key) {
            running.retain(|known| !Arc::ptr_eq(known, flight));
            if running.is_empty() {
                table.running.remove(&key);
            }
        }
    }
}

impl Table {
    fn make_room(&mut self, now: i64) {
        if self.remembered.len() >= MOST_KEYS {
            self.remembered.retain(|_, remembered| !remembered.is_over(now));
        }
        if self.remembered.len() >= MOST_KEYS {
            self.remembered.clear();
        }
    }

    fn remember_alone(&mut self, key: Digest, now: i64) {
        self.make_room(now);
        self.remembered.insert(key, Remembered::Alone { at: now });
    }

    fn remember_failure(&mut self, key: Digest, failure: Arc<Failure>, now: i64) {
        self.make_room(now);
        let before = match self.remembered.get(&key) {
            Some(known @ Remembered::Failed { times, .. }) if !known.is_over(now) => *times,
            _ => 0,
        };
        let times = before + 1;
        self.remembered.insert(key, Remembered::Failed { at: now, times, failure });
    }
}

/// The right to run the handler for all. Dropped, it leaves the others to themselves.
#[derive(Debug)]
pub(crate) struct Lead {
    flights: Arc<Flights>,
    key: Digest,
    flight: Arc<Flight>,
}

impl Lead {
    /// The head is there: others may read along.
    pub(crate) fn land(&self, landing: Arc<Landing>) {
        self.flight.move_on(Stage::Landed(landing));
    }

    /// The response is stored as a whole: the next find it there, or it was not for them.
    pub(crate) fn complete(self) {
        self.flights.leave(self.key, &self.flight, |table| drop(table.remembered.remove(&self.key)));
    }

    /// The response is for one alone: nobody waits for the next.
    pub(crate) fn alone(self, now: i64) {
        self.flights.leave(self.key, &self.flight, |table| table.remember_alone(self.key, now));
    }

    /// The handler has failed. Those who wait get that, and those who come soon.
    pub(crate) fn fail(self, message: &str, now: i64) -> Arc<Failure> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let failure = Arc::new(Failure { number, message: message.to_owned() });
        let kept = Arc::clone(&failure);
        self.flights.leave(self.key, &self.flight, |table| table.remember_failure(self.key, kept, now));
        self.flight.move_on(Stage::Failed(Arc::clone(&failure)));
        failure
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.flights.leave(self.key, &self.flight, |_| ());
        if matches!(self.flight.stage(None), Stage::Running) {
            self.flight.move_on(Stage::Over);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn key(number: usize) -> Digest {
        Digest::of(&number.to_string())
    }

    fn board(flights: &Arc<Flights>, number: usize, now: i64) -> Boarding {
        flights.board(key(number), 0, true, now, |_, _| Ok(false)).unwrap()
    }

    fn lead(flights: &Arc<Flights>, number: usize, now: i64) -> Lead {
        match board(flights, number, now) {
            Boarding::Lead(lead) => lead,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_is_remembered_is_bounded_and_what_is_over_goes_first() {
        let flights = Arc::<Flights>::default();
        (0..MOST_KEYS)
            .for_each(|number| lead(&flights, number, 0).alone(if number == 0 { 30_000 } else { 0 }));
        assert!(matches!(board(&flights, 1, 0), Boarding::Alone));
        lead(&flights, MOST_KEYS, 70_000).alone(70_000);
        assert!(matches!(board(&flights, 0, 70_000), Boarding::Alone), "its minute is not over");
        assert_eq!(flights.0.lock().remembered.len(), 2);
    }

    #[test]
    fn a_run_that_is_over_is_waited_for_by_nobody() {
        let flights = Arc::<Flights>::default();
        let first = lead(&flights, 1, 0);
        let joins = |_: &Flight, stage: &Stage| Ok(matches!(stage, Stage::Running));
        assert!(matches!(flights.board(key(1), 0, true, 0, joins), Ok(Boarding::Wait(_))));
        drop(first);
        assert!(matches!(flights.board(key(1), 0, true, 0, joins), Ok(Boarding::Lead(_))));
        assert!(flights.0.lock().running.is_empty());
    }
}
