//! In-flight requests of an instance, hit-for-miss marks and remembered failures.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use hashbrown::HashMap;

use super::in_flight::{
    Expected, Failure, Fingerprint, InFlight, Phase, Retry, SharedResponse, WaitHandle,
};
use crate::backoff::Pauses;
use crate::bounded::Bounded;
use crate::http::lines::MissingFields;
use crate::key::Digest;
use crate::sync::Mutex;
use crate::time::{Millis, UnixMillis};

/// How long requests for a key are not coalesced after an uncacheable response (hit-for-miss), in
/// milliseconds.
const HIT_FOR_MISS_MS: Millis = 60_000;

/// Pauses after failures of runs without a stale response: long enough for a crowd not to repeat
/// the failure, and no longer than a client would wait anyway.
const PAUSES: Pauses = Pauses { first_ms: 200, longest_ms: 2_000 };

/// A failure this long after the last one begins a new row of failures, in milliseconds.
const ROW_MS: Millis = 10_000;

/// Keys with a mark or failures at most. Beyond that, the oldest is evicted.
const MAX_KEYS: usize = 32_768;

/// Failures remembered per key, each for another request. Beyond that, the oldest is dropped.
const MAX_FAILURES: usize = 8;

/// The in-flight requests of one instance.
#[derive(Debug, Default)]
pub(crate) struct InFlightRequests(Mutex<Table>);

#[derive(Debug)]
struct Table {
    running: HashMap<Digest, Vec<Arc<InFlight>>>,
    remembered: Bounded<Digest, Recent>,
}

#[derive(Debug)]
enum Recent {
    /// The last response was uncacheable.
    HitForMiss { at: UnixMillis },
    /// The last `times` runs failed.
    Failed { times: u32, failures: Vec<Arc<Failure>> },
}

impl Default for Table {
    fn default() -> Self {
        Self { running: HashMap::new(), remembered: Bounded::new(MAX_KEYS) }
    }
}

/// Whether `now` is within `span` of `at`. A clock that was set back ends the span too.
fn is_within(at: UnixMillis, span: Millis, now: UnixMillis) -> bool {
    (now - at).abs() < span
}

/// On what terms a request without a stored response joins the runs of others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JoinRequest {
    /// Fence sequence of the request.
    pub(crate) since: u64,
    /// Whether other requests may wait for its run.
    pub(crate) may_lead: bool,
    /// Whether the failure of another request may answer it.
    pub(crate) may_fail: bool,
    /// The failure after which the request leads once more, and which does not answer it.
    pub(crate) after_failure: Option<u32>,
    /// Whether a stale response may be served instead of an error.
    pub(crate) has_stale: bool,
    /// Its fingerprint, if it is known.
    pub(crate) fingerprint: Option<Fingerprint>,
    pub(crate) now: UnixMillis,
}

/// What a request without a stored response does.
#[derive(Debug)]
pub(crate) enum Joined {
    /// Run the handler as the leader.
    Lead(Leader),
    /// Wait for the leader.
    Wait(WaitHandle),
    /// Run the handler without coalescing.
    Uncoalesced,
    /// Fail as the last run did.
    Fail(Arc<Failure>),
    /// Call again with the fingerprint: the handler has just failed, maybe for the same request.
    NeedsFingerprint,
}

impl InFlightRequests {
    /// Decides whether a request for `key` leads, waits or runs alone. `joins` tells whether a run
    /// suits the request; `expects` returns the variant that its own run is expected to bring.
    pub(crate) fn join(
        self: &Arc<Self>,
        key: Digest,
        join_request: &JoinRequest,
        joins: impl Fn(&InFlight, &Phase) -> Result<bool, MissingFields>,
        expects: impl Fn(Option<&SharedResponse>) -> Result<Option<Expected>, MissingFields>,
    ) -> Result<Joined, MissingFields> {
        let mut table = self.0.lock();
        if table.is_for_one_client(key, join_request.now) {
            return Ok(Joined::Uncoalesced);
        }
        let known = join_request.after_failure.and_then(|number| table.failure_of(key, number));
        let repeats =
            match (known.and_then(|failure| failure.fingerprint), join_request.fingerprint) {
                (None, _) => None,
                (Some(_), None) => return Ok(Joined::NeedsFingerprint),
                (Some(failed), Some(own)) => Some(Retry { failed, is_same: failed == own }),
            };
        for in_flight in table.running.get(&key).into_iter().flatten() {
            if in_flight.admits(repeats) && joins(in_flight, &in_flight.stage())? {
                return Ok(Joined::Wait(WaitHandle::begin(in_flight)));
            }
        }
        if !join_request.may_lead {
            return Ok(Joined::Uncoalesced);
        }
        if join_request.may_fail
            && let Some(joined) = table.failure(key, join_request, repeats)
        {
            return Ok(joined);
        }
        let expected = expects(table.latest_shared(key).as_deref())?;
        let in_flight = InFlight::new(join_request.since, join_request.now, expected, repeats);
        let is_repeat = join_request.after_failure.is_some();
        Ok(Joined::Lead(self.begin(&mut table, key, in_flight, is_repeat)))
    }

    /// Leads a run that was decided without [`join`](Self::join), such as a background refresh.
    pub(crate) fn lead(
        self: &Arc<Self>,
        key: Digest,
        since: u64,
        now: UnixMillis,
        expected: Option<Expected>,
    ) -> Leader {
        self.begin(&mut self.0.lock(), key, InFlight::new(since, now, expected, None), false)
    }

    fn begin(
        self: &Arc<Self>,
        table: &mut Table,
        key: Digest,
        in_flight: InFlight,
        repeats: bool,
    ) -> Leader {
        let in_flight = Arc::new(in_flight);
        table.running.entry(key).or_default().push(Arc::clone(&in_flight));
        Leader { requests: Arc::clone(self), key, in_flight, repeats }
    }

    /// Forgets the mark and the failures of a key, after a response that can be shared.
    pub(crate) fn forget(&self, key: Digest) {
        self.0.lock().remembered.remove(&key);
    }

    /// Marks a key as hit-for-miss.
    pub(crate) fn mark_hit_for_miss(&self, key: Digest, now: UnixMillis) {
        self.0.lock().mark_hit_for_miss(key, now);
    }

    /// Whether a key is marked as hit-for-miss.
    pub(crate) fn is_hit_for_miss(&self, key: Digest, now: UnixMillis) -> bool {
        let table = self.0.lock();
        matches!(table.remembered.get(&key), Some(Recent::HitForMiss { at }) if is_within(*at, HIT_FOR_MISS_MS, now))
    }

    fn leave(&self, key: Digest, in_flight: &Arc<InFlight>, remembered: impl FnOnce(&mut Table)) {
        let mut table = self.0.lock();
        remembered(&mut table);
        table.remove(key, in_flight);
    }
}

impl Table {
    fn remove(&mut self, key: Digest, in_flight: &Arc<InFlight>) {
        if let Some(running) = self.running.get_mut(&key) {
            running.retain(|known| !Arc::ptr_eq(known, in_flight));
            if running.is_empty() {
                self.running.remove(&key);
            }
        }
    }

    /// The shared response of the latest run for the key, if its body is in flight.
    fn latest_shared(&self, key: Digest) -> Option<Arc<SharedResponse>> {
        let shared = |in_flight: &Arc<InFlight>| match in_flight.stage() {
            Phase::Shared(shared) => Some(shared),
            _ => None,
        };
        self.running.get(&key)?.iter().rev().find_map(shared)
    }

    fn is_for_one_client(&self, key: Digest, now: UnixMillis) -> bool {
        matches!(self.remembered.get(&key), Some(Recent::HitForMiss { at }) if is_within(*at, HIT_FOR_MISS_MS, now))
    }

    /// The failure with this number, if it is remembered.
    fn failure_of(&self, key: Digest, number: u32) -> Option<&Failure> {
        let Some(Recent::Failed { failures, .. }) = self.remembered.get(&key) else {
            return None;
        };
        failures.iter().find(|failure| failure.number == number).map(Arc::as_ref)
    }

    /// The remembered failure that answers a request, if any. A failure answers only requests like
    /// the one that it failed; a waiter that has led in vain fails with the last one.
    fn failure(
        &self,
        key: Digest,
        join_request: &JoinRequest,
        repeats: Option<Retry>,
    ) -> Option<Joined> {
        let Some(Recent::Failed { times, failures }) = self.remembered.get(&key) else {
            return None;
        };
        let pause = PAUSES.after(*times);
        let mut recent = failures.iter().filter(|failure| {
            is_within(failure.at, pause, join_request.now)
                && (join_request.has_stale || !failure.is_answer)
        });
        if let Some(known) = join_request.after_failure {
            // Of the waiters for `known`, those like the failed request fail together, and so do
            // the others. A request that has waited for a second run waits for no third.
            let is_final = |failure: &Failure| {
                let is_later =
                    failure.number > known || failure.number == known && failure.is_repeat;
                repeats.map_or(failure.number > known, |Retry { failed, is_same }| {
                    is_later && (failure.fingerprint == Some(failed)) == is_same
                })
            };
            let later = recent.rfind(|failure| is_final(failure));
            return later.map(|failure| Joined::Fail(Arc::clone(failure)));
        }
        if join_request.fingerprint.is_none() {
            return recent.next().map(|_| Joined::NeedsFingerprint);
        }
        let same = recent.rfind(|failure| failure.fingerprint == join_request.fingerprint);
        same.map(|failure| Joined::Fail(Arc::clone(failure)))
    }

    fn mark_hit_for_miss(&mut self, key: Digest, now: UnixMillis) {
        self.remembered.insert(key, Recent::HitForMiss { at: now });
    }

    /// Remembers a failure. A second run for the same waiters does not lengthen the row of
    /// failures.
    fn remember_failure(&mut self, key: Digest, failure: Arc<Failure>, repeats: bool) {
        let now = failure.at;
        let (before, mut failures) = match self.remembered.remove(&key) {
            Some(Recent::Failed { times, failures })
                if failures.last().is_some_and(|last| is_within(last.at, ROW_MS, now)) =>
            {
                (times, failures)
            }
            _ => (0, Vec::new()),
        };
        // The waiters of the failure before the last still look for it.
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
        self.remembered.insert(key, Recent::Failed { times, failures });
    }
}

/// The right to run the handler for all. Dropping it makes the waiters decide again.
#[derive(Debug)]
pub(crate) struct Leader {
    requests: Arc<InFlightRequests>,
    key: Digest,
    in_flight: Arc<InFlight>,
    /// Whether this is the second run, made for the waiters of a failed run.
    repeats: bool,
}

impl Leader {
    /// Publishes the head: other requests may join.
    pub(crate) fn land(&self, shared: Arc<SharedResponse>) {
        self.in_flight.move_on(Phase::Shared(shared));
    }

    /// Ends the run: the response is stored.
    pub(crate) fn complete(self) {
        self.requests
            .leave(self.key, &self.in_flight, |table| drop(table.remembered.remove(&self.key)));
    }

    /// Ends the run with an uncacheable response and marks the key as hit-for-miss.
    pub(crate) fn uncacheable(self, now: UnixMillis) {
        self.requests
            .leave(self.key, &self.in_flight, |table| table.mark_hit_for_miss(self.key, now));
        self.in_flight.move_on(Phase::Uncacheable);
    }

    /// Ends the run with a response for its own client, without a mark: waiters run the handler on
    /// their own, later requests are coalesced.
    pub(crate) fn release(self) {
        self.requests.leave(self.key, &self.in_flight, |_| ());
        self.in_flight.move_on(Phase::Uncacheable);
    }

    /// Ends the run with a failure of the request with this fingerprint.
    pub(crate) fn fail(
        self,
        message: &str,
        fingerprint: Option<Fingerprint>,
        now: UnixMillis,
    ) -> Arc<Failure> {
        self.fail_with(message.to_owned(), false, fingerprint, now)
    }

    /// Ends the run with a server error that the handler answered.
    pub(crate) fn answer_error(
        self,
        status: u16,
        fingerprint: Option<Fingerprint>,
        now: UnixMillis,
    ) -> Arc<Failure> {
        self.fail_with(format!("the handler answered {status}"), true, fingerprint, now)
    }

    fn fail_with(
        self,
        message: String,
        is_answer: bool,
        fingerprint: Option<Fingerprint>,
        now: UnixMillis,
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
        self.requests.leave(self.key, &self.in_flight, remember);
        self.in_flight.move_on(Phase::Failed(Arc::clone(&failure)));
        failure
    }

    /// Ends the run if no request waits for it, and returns whether it did. Otherwise `leader` is
    /// notified when the last request has stopped waiting.
    pub(crate) fn abandon(&self, leader: super::Notifier) -> bool {
        let mut table = self.requests.0.lock();
        let is_unneeded = self.in_flight.abandon(leader);
        if is_unneeded {
            table.remove(self.key, &self.in_flight);
        }
        is_unneeded
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.requests.leave(self.key, &self.in_flight, |_| ());
        if matches!(self.in_flight.stage(), Phase::Running) {
            self.in_flight.move_on(Phase::Abandoned);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::coalescing::{Notifier, Notify};

    const ANYONE: JoinRequest = JoinRequest {
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

    fn join(requests: &Arc<InFlightRequests>, number: usize, join_request: JoinRequest) -> Joined {
        let joins = |_: &InFlight, stage: &Phase| Ok(matches!(stage, Phase::Running));
        requests.join(key(number), &join_request, joins, |_| Ok(None)).unwrap()
    }

    fn at(now: UnixMillis) -> JoinRequest {
        JoinRequest { now, ..ANYONE }
    }

    fn lead(requests: &Arc<InFlightRequests>, number: usize, join_request: JoinRequest) -> Leader {
        match join(requests, number, join_request) {
            Joined::Lead(lead) => lead,
            other => panic!("{other:?}"),
        }
    }

    fn wait(
        requests: &Arc<InFlightRequests>,
        number: usize,
        join_request: JoinRequest,
    ) -> WaitHandle {
        match join(requests, number, join_request) {
            Joined::Wait(wait) => wait,
            other => panic!("{other:?}"),
        }
    }

    #[derive(Debug, Default)]
    struct Calls(AtomicU32);

    impl Notify for Calls {
        fn wake(&self, _: u32) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn calls() -> (Arc<Calls>, Notifier) {
        let calls = Arc::<Calls>::default();
        (Arc::clone(&calls), Notifier { wake: calls, number: 0 })
    }

    #[test]
    fn the_key_remembered_longest_ago_is_forgotten_first_and_the_others_stay() {
        let requests = Arc::<InFlightRequests>::default();
        (0..=MAX_KEYS).for_each(|number| lead(&requests, number, at(0)).uncacheable(0));
        assert!(matches!(join(&requests, 0, at(1)), Joined::Lead(_)), "the oldest is forgotten");
        for number in [1, 2, MAX_KEYS / 2, MAX_KEYS] {
            assert!(matches!(join(&requests, number, at(1)), Joined::Uncoalesced), "{number}");
        }
        assert_eq!(requests.0.lock().remembered.len(), MAX_KEYS);
    }

    #[test]
    fn no_request_waits_for_a_run_that_has_ended() {
        let requests = Arc::<InFlightRequests>::default();
        let first = lead(&requests, 1, at(0));
        drop(wait(&requests, 1, at(0)));
        drop(first);
        drop(lead(&requests, 1, at(0)));
        assert!(requests.0.lock().running.is_empty());
    }

    #[test]
    fn a_failure_answers_the_request_that_it_was_for_and_no_other() {
        let requests = Arc::<InFlightRequests>::default();
        lead(&requests, 1, at(0)).fail("down", Some(Fingerprint(1)), 0);
        let fingerprint = |fingerprint| JoinRequest { fingerprint, ..at(199) };
        assert!(matches!(join(&requests, 1, fingerprint(None)), Joined::NeedsFingerprint));
        assert!(matches!(join(&requests, 1, fingerprint(Some(Fingerprint(1)))), Joined::Fail(_)));
        assert!(matches!(join(&requests, 1, fingerprint(Some(Fingerprint(2)))), Joined::Lead(_)));
        assert!(matches!(join(&requests, 1, at(200)), Joined::Lead(_)), "the pause is over");
        let may_not_fail = JoinRequest { may_fail: false, ..at(199) };
        assert!(matches!(join(&requests, 1, may_not_fail), Joined::Lead(_)));
    }

    #[test]
    fn an_answered_error_pauses_runs_only_where_a_stale_response_replaces_them() {
        let requests = Arc::<InFlightRequests>::default();
        lead(&requests, 1, at(0)).answer_error(503, Some(Fingerprint(1)), 0);
        let has_stale = JoinRequest { has_stale: true, ..at(199) };
        assert!(matches!(join(&requests, 1, has_stale), Joined::Fail(_)));
        assert!(matches!(join(&requests, 1, at(199)), Joined::Lead(_)));
    }

    #[test]
    fn failures_of_one_request_do_not_make_those_of_another_forgotten() {
        let requests = Arc::<InFlightRequests>::default();
        for number in 0..MAX_FAILURES as u64 {
            let fingerprint = Some(Fingerprint(number));
            lead(&requests, 1, JoinRequest { fingerprint, ..at(0) }).fail("down", fingerprint, 0);
        }
        let first = JoinRequest { fingerprint: Some(Fingerprint(0)), ..at(1) };
        assert!(matches!(join(&requests, 1, first), Joined::Fail(_)));
        lead(&requests, 1, JoinRequest { fingerprint: Some(Fingerprint(99)), ..at(0) })
            .fail("down", None, 0);
        assert!(matches!(join(&requests, 1, first), Joined::Lead(_)), "the oldest is forgotten");
    }

    #[test]
    fn a_waiter_leads_once_after_a_failure_and_fails_with_the_next() {
        let requests = Arc::<InFlightRequests>::default();
        let first = lead(&requests, 1, at(0)).fail("first", Some(Fingerprint(1)), 0);
        let again = JoinRequest { after_failure: Some(first.number), ..at(0) };
        let second = lead(&requests, 1, again);
        drop(wait(&requests, 1, again));
        let second = second.fail("second", Some(Fingerprint(1)), 0);
        match join(&requests, 1, again) {
            Joined::Fail(failure) => assert_eq!(failure.number, second.number),
            other => panic!("{other:?}"),
        }
        assert!(matches!(join(&requests, 1, at(199)), Joined::Fail(_)));
        assert!(
            matches!(join(&requests, 1, at(200)), Joined::Lead(_)),
            "two failures, one in a row"
        );
    }

    #[test]
    fn waiters_like_the_request_that_failed_share_no_run_with_the_others() {
        let requests = Arc::<InFlightRequests>::default();
        let first = lead(&requests, 1, at(0)).fail("first", Some(Fingerprint(1)), 0);
        let like = JoinRequest { after_failure: Some(first.number), ..at(0) };
        let other = JoinRequest { fingerprint: Some(Fingerprint(2)), ..like };
        let unlike = JoinRequest { fingerprint: Some(Fingerprint(3)), ..like };
        let (bad, good) = (lead(&requests, 1, like), lead(&requests, 1, other));
        let second = bad.fail("second", Some(Fingerprint(1)), 0);
        assert!(matches!(join(&requests, 1, like), Joined::Fail(failure) if failure == second));
        drop(wait(&requests, 1, unlike));
        let third = good.fail("third", Some(Fingerprint(2)), 0);
        assert!(matches!(join(&requests, 1, unlike), Joined::Fail(failure) if failure == third));
        assert!(matches!(join(&requests, 1, like), Joined::Fail(failure) if failure == second));
    }

    #[test]
    fn a_request_that_waited_for_a_repeated_run_fails_with_it_only_if_it_is_the_same_request() {
        let requests = Arc::<InFlightRequests>::default();
        let first = lead(&requests, 1, at(0)).fail("first", Some(Fingerprint(1)), 0);
        let again = lead(&requests, 1, JoinRequest { after_failure: Some(first.number), ..at(0) });
        let second = again.fail("second", Some(Fingerprint(1)), 0);
        let joined = JoinRequest { after_failure: Some(second.number), ..at(0) };
        let nameless = JoinRequest { fingerprint: None, ..joined };
        assert!(matches!(join(&requests, 1, nameless), Joined::NeedsFingerprint));
        assert!(matches!(join(&requests, 1, joined), Joined::Fail(failure) if failure == second));
        let other = JoinRequest { fingerprint: Some(Fingerprint(2)), ..joined };
        assert!(matches!(join(&requests, 1, other), Joined::Lead(_)));
    }

    #[test]
    fn a_run_is_abandoned_only_once_no_request_waits_for_it() {
        let requests = Arc::<InFlightRequests>::default();
        let (called, leader) = calls();
        let run = lead(&requests, 1, at(0));
        let (one, other) = (wait(&requests, 1, at(0)), wait(&requests, 1, at(0)));
        assert!(!run.abandon(leader.clone()));
        drop(one);
        assert_eq!(called.0.load(Ordering::Relaxed), 0);
        drop(other);
        assert_eq!(called.0.load(Ordering::Relaxed), 1);
        let late = wait(&requests, 1, at(0));
        assert!(!run.abandon(leader.clone()), "another request has come meanwhile");
        drop(late);
        assert!(run.abandon(leader));
        assert!(
            matches!(join(&requests, 1, at(0)), Joined::Lead(_)),
            "nobody joins an abandoned run"
        );
    }

    #[test]
    fn a_released_run_has_its_waiters_run_alone_and_later_requests_wait_again() {
        let requests = Arc::<InFlightRequests>::default();
        let run = lead(&requests, 1, at(0));
        let waiting = wait(&requests, 1, at(0));
        run.release();
        assert!(matches!(waiting.stage(calls().1), Phase::Uncacheable));
        let next = lead(&requests, 1, at(0));
        drop(wait(&requests, 1, at(0)));
        drop(next);
    }
}
