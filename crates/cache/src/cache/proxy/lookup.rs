//! Lookup for wrapped handlers: a stored response, a handler run, or a wait for another run (RFC
//! 9111, section 4).

use crate::cache::proxy::options::WrapOptions;
use crate::cache::proxy::wait::Attempt;
use crate::time::{Millis, UnixMillis};
use std::sync::Arc;

use crate::cache::instance::Instance;
use crate::cache::proxy::wait::{OnLeaderFailure, Waiting};
use crate::cache::{Cache, Keyed, MissingInput, Request};
use crate::coalescing::{
    Expected, Failure, InFlight, JoinRequest, Joined, Leader, Notifier, Phase, SharedResponse,
};
use crate::http::lines::{Fields, MissingFields};
use crate::key::{Key, Selecting};
use crate::memory::{Selected, Selection};
use crate::policy::{Forwarded, Freshness, RequestPolicy, Reuse, State, reuse};
use crate::response::{Answer, Stored};
use crate::stats::Counter;

/// Outcome of a lookup for a wrapped handler.
#[derive(Debug)]
pub enum WrapLookup {
    /// A stored response. The run refreshes it in the background, if this caller holds the refresh
    /// lease.
    Answer(Answer, State, Option<Box<HandlerRun>>),
    /// A stale response, because the handler has just failed.
    Instead(Answer),
    /// The caller runs the handler.
    Run(Box<HandlerRun>),
    /// The caller waits for another request's run.
    Wait(Box<Waiting>),
    /// The handler has just failed for the same request.
    Failed(Arc<Failure>),
    /// The request has `only-if-cached`, and no stored response answers it (section 5.2.1.7).
    Unavailable,
}

/// A handler run, from the decision to run the handler on.
#[derive(Debug)]
// Independent facts about one request.
#[allow(clippy::struct_excessive_bools)]
pub struct HandlerRun {
    pub(crate) why: Forwarded,
    /// Fence sequence at the decision.
    pub(crate) since: u64,
    pub(crate) began_at: UnixMillis,
    /// The leader's right, if other requests may wait for the run.
    pub(crate) lead: Option<Leader>,
    /// The entry that the run validates or refreshes.
    pub(crate) selected: Option<Selected>,
    /// Whether the request is a HEAD: it looks up the entry of a GET, but its response stores
    /// nothing.
    pub(crate) is_head: bool,
    /// Whether the request is a GET: only a GET is sent the validators of the stored response.
    pub(crate) is_get: bool,
    /// Whether the run refreshes an entry in the background: the client has been served already.
    pub(crate) background: bool,
    /// Whether the handler gets the request without its cookies.
    pub(crate) without_cookies: bool,
}

/// On what terms a request joins the run of another.
#[derive(Clone, Copy)]
struct JoinTerms {
    /// Whether other requests may wait for its run.
    may_lead: bool,
    /// Whether the client demands a new response (`no-cache`).
    is_new: bool,
    /// Time after which a run is no longer joined, in milliseconds.
    timeout: Millis,
    attempt: Attempt,
    now: UnixMillis,
}

impl JoinTerms {
    /// Whether the failure of another request's run may answer this request.
    fn may_fail(&self) -> bool {
        self.may_lead && !self.is_new
    }

    /// What the request does if the run that it waits for fails.
    fn when_failed(&self) -> OnLeaderFailure {
        match self.attempt {
            _ if !self.may_fail() => OnLeaderFailure::RunAlone,
            Attempt::AfterFailure(_) => OnLeaderFailure::Fail,
            Attempt::First | Attempt::Again | Attempt::Alone => OnLeaderFailure::LeadOnce,
        }
    }

    fn after_failure(&self) -> Option<u32> {
        match self.attempt {
            Attempt::AfterFailure(number) => Some(number),
            Attempt::First | Attempt::Again | Attempt::Alone => None,
        }
    }
}

impl HandlerRun {
    fn uncached(why: Forwarded) -> Self {
        Self {
            why,
            since: 0,
            began_at: 0,
            lead: None,
            selected: None,
            is_head: false,
            is_get: false,
            background: false,
            without_cookies: false,
        }
    }

    /// Why the handler is run, in the words of RFC 9211, section 2.2.
    pub fn why(&self) -> &'static str {
        self.why.word()
    }

    /// Fence sequence when the run was decided.
    pub fn since(&self) -> u64 {
        self.since
    }

    /// Whether other requests may wait for the run, so that it does not end with its client.
    pub fn leads(&self) -> bool {
        self.lead.is_some()
    }

    /// Ends the run, whose client has left, if no other request waits for it. Returns whether it
    /// did. Otherwise `leader` is notified when the last request has stopped waiting.
    pub fn abandon(&self, leader: Notifier) -> bool {
        self.lead.as_ref().is_none_or(|lead| lead.abandon(leader))
    }

    /// The `detail` of `Cache-Status`, if the reason needs one.
    pub fn detail(&self) -> Option<&'static str> {
        self.why.detail()
    }

    /// Whether the handler receives the request without its cookies.
    pub fn is_without_cookies(&self) -> bool {
        self.without_cookies
    }

    /// Whether the run bypasses the cache.
    pub fn is_uncached(&self) -> bool {
        matches!(self.why, Forwarded::Bypass | Forwarded::Uncovered | Forwarded::Method)
    }

    /// The validators of the stored response, for `If-None-Match` and `If-Modified-Since` (section
    /// 4.3.1).
    pub fn validators(&self) -> (Option<&str>, Option<&str>) {
        let selected = self.selected.as_ref().filter(|_| self.is_get);
        let fields = selected.map(|selected| selected.held.stored.fields());
        let value = |name| fields.and_then(|fields| fields.value(name));
        (value("etag"), value("last-modified"))
    }
}

impl Cache {
    /// Whether a rule covers `request` or, if its method is unsafe, would cover a GET of its URL.
    ///
    /// # Errors
    /// [`MissingInput`] if the caller has to send more of the request first.
    pub fn covers(&self, request: Request<'_>) -> Result<bool, MissingInput> {
        let rule = |method| {
            Ok::<_, MissingInput>(self.keyed(Request { method, ..request }, None)?.applied.rule)
        };
        let by_method = rule(request.method)?.is_some();
        Ok(by_method || !is_safe(request.method) && rule("GET")?.is_some())
    }

    /// Decides how `request` is answered at `now`, and counts it at its first `attempt`.
    ///
    /// # Errors
    /// [`MissingInput`] if the caller has to send more of the request first.
    pub fn serve(
        &self,
        request: Request<'_>,
        wrapping: &WrapOptions,
        attempt: Attempt,
        now: UnixMillis,
    ) -> Result<WrapLookup, MissingInput> {
        let is_first = attempt == Attempt::First;
        let is_head = request.method.eq_ignore_ascii_case("HEAD");
        let is_get = request.method.eq_ignore_ascii_case("GET");
        let cookieless = self.without_cookies(as_get(request), wrapping);
        let fields = cookieless.as_deref().map_or(request.fields, Fields::new);
        let request = Request { fields, ..request };
        let Keyed { key, vary, applied, .. } =
            self.keyed(as_get(request), wrapping.vary.as_ref())?;
        let Instance { store, counters, .. } = self.instance();
        if applied.bypass.is_some() {
            counters.count(Counter::Bypasses);
            return Ok(WrapLookup::Run(Box::new(HandlerRun::uncached(Forwarded::Bypass))));
        }
        if !applied.admitted {
            return Ok(WrapLookup::Run(Box::new(HandlerRun::uncached(Forwarded::Method))));
        }
        if !applied.covered && !wrapping.request.has_ttl {
            counters.count(Counter::Bypasses);
            return Ok(WrapLookup::Run(Box::new(HandlerRun::uncached(Forwarded::Uncovered))));
        }
        let policy = RequestPolicy::new(wrapping.request, applied.terms, vary);
        let asked = policy.control(fields)?;
        let is_for_one = || policy.is_authorized(fields);
        // A run that cannot be stored must not hold the refresh lease.
        let judge = |times: &_| match reuse(times, asked, now) {
            Reuse::ServeAndRefresh if asked.no_store || is_for_one()? => Ok(Reuse::Serve),
            reuse => Ok(reuse),
        };
        store.catch_up();
        let Selection { since, selected, vary } =
            store.select(&key, fields, now, wrapping.timeout, judge)?;
        if selected.is_none() {
            self.load_from_tier(&key, request, now)?;
        }
        let why = match &selected {
            Some(Selected { reuse: Reuse::Validate(why), .. }) => *why,
            Some(served) => {
                let served = self.answer(&key, served, (since, vary), request, is_first, now)?;
                return Ok(served.refreshing_under(policy));
            }
            None if vary.is_some() => Forwarded::VaryMiss,
            None => Forwarded::UriMiss,
        };
        let without_cookies = policy.ignores_cookies();
        let (lead, background) = (None, false);
        let run = HandlerRun {
            why,
            since,
            began_at: now,
            lead,
            selected,
            is_head,
            is_get,
            background,
            without_cookies,
        };
        let served = if asked.only_if_cached {
            WrapLookup::Unavailable
        } else if is_head
            || asked.no_store
            || attempt == Attempt::Alone
            || (run.selected.is_none() && is_about_part(fields)?)
            || self.passes_for_cookies(&key, policy, fields, now)?
        {
            WrapLookup::Run(Box::new(run))
        } else {
            let (may_lead, is_new) = (!is_for_one()?, asked.wants_new());
            let terms = JoinTerms { may_lead, is_new, timeout: wrapping.timeout, attempt, now };
            self.join(&key, run, vary.as_ref(), request, terms)?
        };
        if is_first {
            counters.count(Counter::Misses);
        }
        Ok(served)
    }

    /// Answers from the store. The holder of the refresh lease also gets the background run.
    fn answer(
        &self,
        key: &Key,
        selected: &Selected,
        (since, vary): (u64, Option<Selecting>),
        request: Request<'_>,
        is_first: bool,
        now: UnixMillis,
    ) -> Result<WrapLookup, MissingInput> {
        let Instance { store, counters, in_flight_requests, .. } = self.instance();
        let Selected { held, times, holds_lease, .. } = selected;
        let decided = answer_to(request, &held.stored, *times, now)
            .and_then(|answer| Ok((answer, expected(key, vary.as_ref(), request.fields)?)));
        let (answer, expected) = decided.inspect_err(|_| {
            // The request comes again with more input, and acquires the lease then.
            if *holds_lease {
                store.release_lease(held);
            }
        })?;
        let state = times.state(now);
        if is_first {
            counters.count(Counter::Hits);
            counters.add(Counter::StaleHits, u64::from(state != State::Fresh));
        }
        if !holds_lease {
            return Ok(WrapLookup::Answer(answer, state, None));
        }
        counters.count(Counter::Elections);
        let lead = Some(in_flight_requests.lead(key.digest(), since, now, expected));
        let (why, selected) = (Forwarded::Stale, Some(selected.clone()));
        // A HEAD refreshes the whole response.
        let is_get = as_get(request).method.eq_ignore_ascii_case("GET");
        let (background, without_cookies) = (true, false);
        let is_head = false;
        let run = HandlerRun {
            why,
            since,
            began_at: now,
            lead,
            selected,
            is_head,
            is_get,
            background,
            without_cookies,
        };
        Ok(WrapLookup::Answer(answer, state, Some(Box::new(run))))
    }

    /// Joins a run or becomes the leader. `vary` is that of the latest stored variant of the key.
    fn join(
        &self,
        key: &Key,
        run: HandlerRun,
        vary: Option<&Selecting>,
        request: Request<'_>,
        terms: JoinTerms,
    ) -> Result<WrapLookup, MissingInput> {
        let join_request = JoinRequest {
            since: run.since,
            may_lead: terms.may_lead,
            may_fail: terms.may_fail(),
            after_failure: terms.after_failure(),
            has_stale: run
                .selected
                .as_ref()
                .is_some_and(|known| known.times.outlives_errors(terms.now)),
            fingerprint: request.fingerprint,
            now: terms.now,
        };
        let joins = |in_flight: &InFlight, stage: &Phase| {
            self.joins(in_flight, stage, key, request.fields, &join_request, terms)
        };
        let expects = |shared: Option<&SharedResponse>| {
            expected(key, shared.map(|shared| &shared.vary).or(vary), request.fields)
        };
        let joined =
            self.instance().in_flight_requests.join(key.digest(), &join_request, joins, expects)?;
        let HandlerRun { why, selected, .. } = &run;
        match joined {
            Joined::Lead(lead) => {
                Ok(WrapLookup::Run(Box::new(HandlerRun { lead: Some(lead), ..run })))
            }
            Joined::Uncoalesced => Ok(WrapLookup::Run(Box::new(run))),
            Joined::Wait(wait) => {
                let (why, selected) = (*why, selected.clone());
                let when_failed = terms.when_failed();
                Ok(WrapLookup::Wait(Box::new(Waiting {
                    wait,
                    since: join_request.since,
                    why,
                    selected,
                    when_failed,
                })))
            }
            Joined::NeedsFingerprint => Err(MissingInput::Fingerprint),
            Joined::Fail(failure) => {
                Ok(match self.stale_if_error(selected.as_ref(), request, terms.now)? {
                    Some(answer) => WrapLookup::Instead(answer),
                    None => WrapLookup::Failed(failure),
                })
            }
        }
    }

    /// Whether a request may wait for a run or, after its head, for its body.
    fn joins(
        &self,
        in_flight: &InFlight,
        stage: &Phase,
        key: &Key,
        fields: Fields<'_>,
        join_request: &JoinRequest,
        JoinTerms { is_new, timeout, now, .. }: JoinTerms,
    ) -> Result<bool, MissingFields> {
        match stage {
            Phase::Running => {
                let in_time = (now - in_flight.began_at).abs() < timeout;
                Ok(in_time
                    && self.is_current(in_flight, join_request.since, key, &[])
                    && is_expected_for(in_flight, key, fields)?)
            }
            Phase::Shared(_) if is_new => Ok(false),
            Phase::Shared(shared) => {
                let is_fresh = shared.times.state(now) == State::Fresh;
                Ok(is_fresh
                    && !shared.body.is_stalled(timeout, now)
                    && self.is_for(key, in_flight, shared, join_request.since, fields)?)
            }
            Phase::Failed(_) | Phase::Uncacheable | Phase::Abandoned => Ok(false),
        }
    }
}

/// The variant that a run for a request with `fields` is expected to bring, if its response has the
/// `vary` of an earlier one. A wrong expectation only keeps requests from sharing a run.
fn expected(
    key: &Key,
    vary: Option<&Selecting>,
    fields: Fields<'_>,
) -> Result<Option<Expected>, MissingFields> {
    let Some(vary) = vary.filter(|vary| !vary.is_empty()) else { return Ok(None) };
    Ok(Some(Expected { variant: key.variant(vary, fields)?, vary: vary.clone() }))
}

/// Whether a run is expected to bring the variant that a request with `fields` selects.
fn is_expected_for(
    in_flight: &InFlight,
    key: &Key,
    fields: Fields<'_>,
) -> Result<bool, MissingFields> {
    let Some(Expected { vary, variant }) = &in_flight.expected else { return Ok(true) };
    Ok(key.variant(vary, fields)? == *variant)
}

/// Whether a request has conditions or a range that the handler evaluates, so that its response is
/// for its own client only.
fn is_about_part(fields: Fields<'_>) -> Result<bool, MissingFields> {
    for name in ["range", "if-match", "if-unmodified-since"] {
        if fields.known(name)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a method is safe (RFC 9110, section 9.2.1, and the IANA registry of methods).
pub(crate) fn is_safe(method: &str) -> bool {
    const SAFE: [&str; 8] =
        ["GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "QUERY", "REPORT", "SEARCH"];
    SAFE.iter().any(|safe| safe.eq_ignore_ascii_case(method))
}

/// The GET whose stored response answers a HEAD.
pub(crate) fn as_get(request: Request<'_>) -> Request<'_> {
    if request.method.eq_ignore_ascii_case("HEAD") {
        Request { method: "GET", ..request }
    } else {
        request
    }
}

/// The answer that a stored response gives to a request.
pub(crate) fn answer_to(
    request: Request<'_>,
    stored: &Stored,
    times: Freshness,
    now: UnixMillis,
) -> Result<Answer, MissingFields> {
    let answer = Answer::new(stored.clone(), times, request.method, request.fields, now)?;
    Ok(if request.method.eq_ignore_ascii_case("HEAD") { answer.without_body() } else { answer })
}
