//! The runs under way of an instance, and what is remembered of those that came to nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hashbrown::HashMap;

use super::in_flight::{Expected, Failure, Fingerprint, Flight, Landing, Repeat, Stage, Wait};
use crate::backoff::Pauses;
use crate::bounded::Bounded;
use crate::http::lines::Untold;
use crate::key::Digest;
use crate::sync::Mutex;

/// How long requests do not wait for one another after a response that was for one alone.
const ALONE_MS: i64 = 60_000;

/// What lies between runs that fail, where there is nothing to serve meanwhile: enough that a crowd
/// does not run into it again, and hardly longer than somebody would wait anyway.
const PAUSES: Pauses = Pauses { first_ms: 200, longest_ms: 2_000 };

/// A failure this much later than the last is the first of a row.
const ROW_MS: i64 = 10_000;

/// Keys remembered. Beyond that, the key remembered longest ago goes.
const MAX_KEYS: usize = 32_768;

/// Failures remembered of one key, each for another request. Beyond that, the oldest goes.
const MAX_FAILURES: usize = 8;

/// The runs of one instance.
#[derive(Debug, Default)]
pub(crate) struct Flights(Mutex<Table>);

#[derive(Debug)]
struct Table {
    running: HashMap<Digest, Vec<Arc<Flight>>>,
    remembered: Bounded<Digest, Remembered>,
}

#[derive(Debug)]
enum Remembered {
    /// Its response was for one request alone.
    Alone { at: i64 },
    /// It failed, so many times in a row.
    Failed { times: u32, failures: Vec<Arc<Failure>> },
}

impl Default for Table {
    fn default() -> Self {
        Self { running: HashMap::new(), remembered: Bounded::new(MAX_KEYS) }
    }
}

/// A clock that was set back ends a span too.
fn is_within(at: i64, span: i64, now: i64) -> bool {
    (now - at).abs() < span
}

/// How a request with nothing to be answered with takes part in the runs of others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Boarder {
    /// Where the sequence of purges stands.
    pub(crate) since: u64,
    /// Whether others may wait for its own run.
    pub(crate) may_lead: bool,
    /// Whether a failure of others may be its answer.
    pub(crate) may_fail: bool,
    /// The failure after which it leads one more run, and which is not its answer.
    pub(crate) after_failure: Option<u32>,
    /// Whether there is something stale to serve it in the place of an error.
    pub(crate) has_stale: bool,
    /// Which request it is, if known.
    pub(crate) fingerprint: Option<Fingerprint>,
    pub(crate) now: i64,
}

/// What a request is to do that has nothing to be answered with.
#[derive(Debug)]
pub(crate) enum Boarding {
    /// Run the handler, for others too.
    Lead(Lead),
    /// Wait for the one that runs it.
    Wait(Wait),
    /// Run it for itself.
    Alone,
    /// Fail as the last run did.
    Fail(Arc<Failure>),
    /// Come again with its fingerprint: the handler has just failed, perhaps for the same request.
    NeedsFingerprint,
}

impl Flights {
    /// Decides for a request for `key`. `joins` tells of a run under way whether it will do, and
    /// `expects` which variant a run for the request is expected to bring, given a response of
    /// another run for the key.
    pub(crate) fn board(
        self: &Arc<Self>,
        key: Digest,
        boarder: &Boarder,
        joins: impl Fn(&Flight, &Stage) -> Result<bool, Untold>,
        expects: impl Fn(Option<&Landing>) -> Result<Option<Expected>, Untold>,
    ) -> Result<Boarding, Untold> {
        let mut table = self.0.lock();
        if table.is_for_one_alone(key, boarder.now) {
            return Ok(Boarding::Alone);
        }
        let known = boarder.after_failure.and_then(|number| table.failure_of(key, number));
        let repeats = match (known.and_then(|failure| failure.fingerprint), boarder.fingerprint) {
            (None, _) => None,
            (Some(_), None) => return Ok(Boarding::NeedsFingerprint),
            (Some(failed), Some(own)) => Some(Repeat { failed, is_same: failed == own }),
        };
        for flight in table.running.get(&key).into_iter().flatten() {
            if flight.admits(repeats) && joins(flight, &flight.stage())? {
                return Ok(Boarding::Wait(Wait::begin(flight)));
            }
        }
        if !boarder.may_lead {
            return Ok(Boarding::Alone);
        }
        if boarder.may_fail
            && let Some(boarding) = table.failure(key, boarder, repeats)
        {
            return Ok(boarding);
        }
        let expected = expects(table.latest_landing(key).as_deref())?;
        let flight = Flight::new(boarder.since, boarder.now, expected, repeats);
        let is_repeat = boarder.after_failure.is_some();
        Ok(Boarding::Lead(self.begin(&mut table, key, flight, is_repeat)))
    }

    /// The right to a run that nobody's wish has led to, and that others may wait for all the same.
    pub(crate) fn lead(
        self: &Arc<Self>,
        key: Digest,
        since: u64,
        now: i64,
        expected: Option<Expected>,
    ) -> Lead {
        self.begin(&mut self.0.lock(), key, Flight::new(since, now, expected, None), false)
    }

    fn begin(
        self: &Arc<Self>,
        table: &mut Table,
        key: Digest,
        flight: Flight,
        repeats: bool,
    ) -> Lead {
        let flight = Arc::new(flight);
        table.running.entry(key).or_default().push(Arc::clone(&flight));
        Lead { flights: Arc::clone(self), key, flight, repeats }
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
        table.remove(key, flight);
    }
}

impl Table {
    fn remove(&mut self, key: Digest, flight: &Arc<Flight>) {
        if let Some(running) = self.running.get_mut(&key) {
            running.retain(|known| !Arc::ptr_eq(known, flight));
            if running.is_empty() {
                self.running.remove(&key);
            }
        }
    }

    /// The response, whose body is under way, of the run for the key that began last of those.
    fn latest_landing(&self, key: Digest) -> Option<Arc<Landing>> {
        let landing = |flight: &Arc<Flight>| match flight.stage() {
            Stage::Landed(landing) => Some(landing),
            _ => None,
        };
        self.running.get(&key)?.iter().rev().find_map(landing)
    }

    fn is_for_one_alone(&self, key: Digest, now: i64) -> bool {
        matches!(self.remembered.get(&key), Some(Remembered::Alone { at }) if is_within(*at, ALONE_MS, now))
    }

    /// The failure with this number, if it is still remembered.
    fn failure_of(&self, key: Digest, number: u32) -> Option<&Failure> {
        let Some(Remembered::Failed { failures, .. }) = self.remembered.get(&key) else {
            return None;
        };
        failures.iter().find(|failure| failure.number == number).map(Arc::as_ref)
    }

    /// What the failures of the key mean for a request: none of them is for another request than
    /// the one it failed, but a request that has waited and led in vain fails like the last.
    fn failure(&self, key: Digest, boarder: &Boarder, repeats: Option<Repeat>) -> Option<Boarding> {
        let Some(Remembered::Failed { times, failures }) = self.remembered.get(&key) else {
            return None;
        };
        let pause = PAUSES.after(*times);
        let mut recent = failures.iter().filter(|failure| {
            is_within(failure.at, pause, boarder.now) && (boarder.has_stale || !failure.is_answer)
        });
        if let Some(known) = boarder.after_failure {
            // Of those that waited for `known`, requests like the one that failed fail with each
            // other, and so do the rest. One that has waited for a repeated run waits for no third.
            let is_final = |failure: &Failure| {
                let is_later =
                    failure.number > known || failure.number == known && failure.is_repeat;
                repeats.map_or(failure.number > known, |Repeat { failed, is_same }| {
                    is_later && (failure.fingerprint == Some(failed)) == is_same
                })
            };
            let later = recent.rfind(|failure| is_final(failure));
            return later.map(|failure| Boarding::Fail(Arc::clone(failure)));
        }
        if boarder.fingerprint.is_none() {
            return recent.next().map(|_| Boarding::NeedsFingerprint);
        }
        let same = recent.rfind(|failure| failure.fingerprint == boarder.fingerprint);
        same.map(|failure| Boarding::Fail(Arc::clone(failure)))
    }

    fn remember_alone(&mut self, key: Digest, now: i64) {
        self.remembered.insert(key, Remembered::Alone { at: now });
    }

    /// A run that only `repeats` another one after its failure makes the row of failures no longer.
    fn remember_failure(&mut self, key: Digest, failure: Arc<Failure>, repeats: bool) {
        let now = failure.at;
        let (before, mut failures) = match self.remembered.remove(&key) {
            Some(Remembered::Failed { times, failures })
                if failures.last().is_some_and(|last| is_within(last.at, ROW_MS, now)) =>
            {
                (times, failures)
            }
            _ => (0, Vec::new()),
        };
        // Those that waited for the one before the last still ask for it.
        let is_same = |known: &Arc<Failure>| {
            known.fingerprint.is_some() && known.fingerprint == failure.fingerprint
        };
        if failures.iter().filter(|known| is_same(known)).count() > 1
            && let Some(oldest) = failures.iter().position(is_same)
        {
            failures.remove(oldest);
        }
        failures.push(failure);
        if failures.len() > MAX_FAILURES {
            failures.remove(0);
        }
        let times = if repeats { before.max(1) } else { before + 1 };
        self.remembered.insert(key, Remembered::Failed { times, failures });
    }
}

/// The right to run the handler for all. Dropped, it leaves the others to themselves.
#[derive(Debug)]
pub(crate) struct Lead {
    flights: Arc<Flights>,
    key: Digest,
    flight: Arc<Flight>,
    /// Whether the run is made because the one before it failed, for the same waiters.
    repeats: bool,
}

impl Lead {
    /// The head is there: others may read along.
    pub(crate) fn land(&self, landing: Arc<Landing>) {
        self.flight.move_on(Stage::Landed(landing));
    }

    /// The response is stored as a whole: the next find it there, or it was not for them.
    pub(crate) fn complete(self) {
        self.flights
            .leave(self.key, &self.flight, |table| drop(table.remembered.remove(&self.key)));
    }

    /// The response is for one alone: nobody waits for the next.
    pub(crate) fn alone(self, now: i64) {
        self.flights.leave(self.key, &self.flight, |table| table.remember_alone(self.key, now));
        self.flight.move_on(Stage::Alone);
    }

    /// The response is for one alone, which says nothing of the next: those who wait run the
    /// handler on their own, and later requests wait for one another as ever.
    pub(crate) fn release(self) {
        self.flights.leave(self.key, &self.flight, |_| ());
        self.flight.move_on(Stage::Alone);
    }

    /// The handler has failed for the request with this fingerprint.
    pub(crate) fn fail(
        self,
        message: &str,
        fingerprint: Option<Fingerprint>,
        now: i64,
    ) -> Arc<Failure> {
        self.fail_with(message.to_owned(), false, fingerprint, now)
    }

    /// The handler has answered the request with this fingerprint with an error of the server.
    pub(crate) fn answer_error(
        self,
        status: u16,
        fingerprint: Option<Fingerprint>,
        now: i64,
    ) -> Arc<Failure> {
        self.fail_with(format!("the handler answered {status}"), true, fingerprint, now)
    }

    fn fail_with(
        self,
        message: String,
        is_answer: bool,
        fingerprint: Option<Fingerprint>,
        now: i64,
    ) -> Arc<Failure> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let failure = Arc::new(Failure {
            number,
            message,
            fingerprint,
            is_answer,
            is_repeat: self.repeats,
            at: now,
        });
        let kept = Arc::clone(&failure);
        let remember = |table: &mut Table| table.remember_failure(self.key, kept, self.repeats);
        self.flights.leave(self.key, &self.flight, remember);
        self.flight.move_on(Stage::Failed(Arc::clone(&failure)));
        failure
    }

    /// Ends the run where no request waits for it, and returns whether that is so. Otherwise
    /// `leader` is told when the last one has stopped waiting.
    pub(crate) fn abandon(&self, leader: super::Waiter) -> bool {
        let mut table = self.flights.0.lock();
        let is_unneeded = self.flight.abandon(leader);
        if is_unneeded {
            table.remove(self.key, &self.flight);
        }
        is_unneeded
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.flights.leave(self.key, &self.flight, |_| ());
        if matches!(self.flight.stage(), Stage::Running) {
            self.flight.move_on(Stage::Over);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::coalescing::{Waiter, Wake};

    const ANYONE: Boarder = Boarder {
        since: 0,
        may_lead: true,
        may_fail: true,
        after_failure: None,
        has_stale: false,
        fingerprint: Some(Fingerprint(1)),
        now: 0,
    };

    fn key(number: usize) -> Digest {
        Digest::of(&number.to_string())
    }

    fn board(flights: &Arc<Flights>, number: usize, boarder: Boarder) -> Boarding {
        let joins = |_: &Flight, stage: &Stage| Ok(matches!(stage, Stage::Running));
        flights.board(key(number), &boarder, joins, |_| Ok(None)).unwrap()
    }

    fn at(now: i64) -> Boarder {
        Boarder { now, ..ANYONE }
    }

    fn lead(flights: &Arc<Flights>, number: usize, boarder: Boarder) -> Lead {
        match board(flights, number, boarder) {
            Boarding::Lead(lead) => lead,
            other => panic!("{other:?}"),
        }
    }

    fn wait(flights: &Arc<Flights>, number: usize, boarder: Boarder) -> Wait {
        match board(flights, number, boarder) {
            Boarding::Wait(wait) => wait,
            other => panic!("{other:?}"),
        }
    }

    #[derive(Debug, Default)]
    struct Calls(AtomicU32);

    impl Wake for Calls {
        fn wake(&self, _: u32) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn calls() -> (Arc<Calls>, Waiter) {
        let calls = Arc::<Calls>::default();
        (Arc::clone(&calls), Waiter { wake: calls, number: 0 })
    }

    #[test]
    fn the_key_remembered_longest_ago_is_forgotten_first_and_the_others_stay() {
        let flights = Arc::<Flights>::default();
        (0..=MAX_KEYS).for_each(|number| lead(&flights, number, at(0)).alone(0));
        assert!(matches!(board(&flights, 0, at(1)), Boarding::Lead(_)), "the oldest is forgotten");
        for number in [1, 2, MAX_KEYS / 2, MAX_KEYS] {
            assert!(matches!(board(&flights, number, at(1)), Boarding::Alone), "{number}");
        }
        assert_eq!(flights.0.lock().remembered.len(), MAX_KEYS);
    }

    #[test]
    fn a_run_that_is_over_is_waited_for_by_nobody() {
        let flights = Arc::<Flights>::default();
        let first = lead(&flights, 1, at(0));
        drop(wait(&flights, 1, at(0)));
        drop(first);
        drop(lead(&flights, 1, at(0)));
        assert!(flights.0.lock().running.is_empty());
    }

    #[test]
    fn a_failure_answers_the_request_that_it_was_for_and_no_other() {
        let flights = Arc::<Flights>::default();
        lead(&flights, 1, at(0)).fail("down", Some(Fingerprint(1)), 0);
        let fingerprint = |fingerprint| Boarder { fingerprint, ..at(199) };
        assert!(matches!(board(&flights, 1, fingerprint(None)), Boarding::NeedsFingerprint));
        assert!(matches!(board(&flights, 1, fingerprint(Some(Fingerprint(1)))), Boarding::Fail(_)));
        assert!(matches!(board(&flights, 1, fingerprint(Some(Fingerprint(2)))), Boarding::Lead(_)));
        assert!(matches!(board(&flights, 1, at(200)), Boarding::Lead(_)), "the pause is over");
        let may_not_fail = Boarder { may_fail: false, ..at(199) };
        assert!(matches!(board(&flights, 1, may_not_fail), Boarding::Lead(_)));
    }

    #[test]
    fn an_error_that_was_answered_leaves_alone_only_a_handler_in_whose_place_something_stale_is_served()
     {
        let flights = Arc::<Flights>::default();
        lead(&flights, 1, at(0)).answer_error(503, Some(Fingerprint(1)), 0);
        let has_stale = Boarder { has_stale: true, ..at(199) };
        assert!(matches!(board(&flights, 1, has_stale), Boarding::Fail(_)));
        assert!(matches!(board(&flights, 1, at(199)), Boarding::Lead(_)));
    }

    #[test]
    fn failures_of_one_request_do_not_make_those_of_another_forgotten() {
        let flights = Arc::<Flights>::default();
        for number in 0..MAX_FAILURES as u64 {
            let fingerprint = Some(Fingerprint(number));
            lead(&flights, 1, Boarder { fingerprint, ..at(0) }).fail("down", fingerprint, 0);
        }
        let first = Boarder { fingerprint: Some(Fingerprint(0)), ..at(1) };
        assert!(matches!(board(&flights, 1, first), Boarding::Fail(_)));
        lead(&flights, 1, Boarder { fingerprint: Some(Fingerprint(99)), ..at(0) })
            .fail("down", None, 0);
        assert!(matches!(board(&flights, 1, first), Boarding::Lead(_)), "the oldest is forgotten");
    }

    #[test]
    fn a_waiter_leads_once_after_a_failure_and_fails_with_the_next() {
        let flights = Arc::<Flights>::default();
        let first = lead(&flights, 1, at(0)).fail("first", Some(Fingerprint(1)), 0);
        let again = Boarder { after_failure: Some(first.number), ..at(0) };
        let second = lead(&flights, 1, again);
        drop(wait(&flights, 1, again));
        let second = second.fail("second", Some(Fingerprint(1)), 0);
        match board(&flights, 1, again) {
            Boarding::Fail(failure) => assert_eq!(failure.number, second.number),
            other => panic!("{other:?}"),
        }
        assert!(matches!(board(&flights, 1, at(199)), Boarding::Fail(_)));
        assert!(
            matches!(board(&flights, 1, at(200)), Boarding::Lead(_)),
            "two failures, one in a row"
        );
    }

    #[test]
    fn waiters_like_the_request_that_failed_share_no_run_with_the_others() {
        let flights = Arc::<Flights>::default();
        let first = lead(&flights, 1, at(0)).fail("first", Some(Fingerprint(1)), 0);
        let like = Boarder { after_failure: Some(first.number), ..at(0) };
        let other = Boarder { fingerprint: Some(Fingerprint(2)), ..like };
        let unlike = Boarder { fingerprint: Some(Fingerprint(3)), ..like };
        let (bad, good) = (lead(&flights, 1, like), lead(&flights, 1, other));
        let second = bad.fail("second", Some(Fingerprint(1)), 0);
        assert!(matches!(board(&flights, 1, like), Boarding::Fail(failure) if failure == second));
        drop(wait(&flights, 1, unlike));
        let third = good.fail("third", Some(Fingerprint(2)), 0);
        assert!(matches!(board(&flights, 1, unlike), Boarding::Fail(failure) if failure == third));
        assert!(matches!(board(&flights, 1, like), Boarding::Fail(failure) if failure == second));
    }

    #[test]
    fn a_request_that_waited_for_a_repeated_run_fails_with_it_only_if_it_is_the_same_request() {
        let flights = Arc::<Flights>::default();
        let first = lead(&flights, 1, at(0)).fail("first", Some(Fingerprint(1)), 0);
        let again = lead(&flights, 1, Boarder { after_failure: Some(first.number), ..at(0) });
        let second = again.fail("second", Some(Fingerprint(1)), 0);
        let joined = Boarder { after_failure: Some(second.number), ..at(0) };
        let nameless = Boarder { fingerprint: None, ..joined };
        assert!(matches!(board(&flights, 1, nameless), Boarding::NeedsFingerprint));
        assert!(matches!(board(&flights, 1, joined), Boarding::Fail(failure) if failure == second));
        let other = Boarder { fingerprint: Some(Fingerprint(2)), ..joined };
        assert!(matches!(board(&flights, 1, other), Boarding::Lead(_)));
    }

    #[test]
    fn a_run_is_abandoned_only_once_no_request_waits_for_it() {
        let flights = Arc::<Flights>::default();
        let (called, leader) = calls();
        let run = lead(&flights, 1, at(0));
        let (one, other) = (wait(&flights, 1, at(0)), wait(&flights, 1, at(0)));
        assert!(!run.abandon(leader.clone()));
        drop(one);
        assert_eq!(called.0.load(Ordering::Relaxed), 0);
        drop(other);
        assert_eq!(called.0.load(Ordering::Relaxed), 1);
        let late = wait(&flights, 1, at(0));
        assert!(!run.abandon(leader.clone()), "another request has come meanwhile");
        drop(late);
        assert!(run.abandon(leader));
        assert!(
            matches!(board(&flights, 1, at(0)), Boarding::Lead(_)),
            "nobody joins an abandoned run"
        );
    }

    #[test]
    fn a_released_run_has_its_waiters_run_alone_and_later_requests_wait_again() {
        let flights = Arc::<Flights>::default();
        let run = lead(&flights, 1, at(0));
        let waiting = wait(&flights, 1, at(0));
        run.release();
        assert!(matches!(waiting.stage(calls().1), Stage::Alone));
        let next = lead(&flights, 1, at(0));
        drop(wait(&flights, 1, at(0)));
        drop(next);
    }
}
