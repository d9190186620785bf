//! The story of a request to a wrapped handler: what of the store answers it, or who runs the
//! handler and who waits for that (RFC 9111, section 4).

use crate::cache::proxy::wait::Attempt;
use crate::cache::proxy::wrapping::Wrapping;
use std::sync::Arc;

use crate::cache::instance::Instance;
use crate::cache::proxy::wait::{Ticket, WhenFailed};
use crate::cache::{Cache, Keyed, Request, Wanted};
use crate::coalescing::{
    Boarder, Boarding, Expected, Failure, Flight, Landing, Lead, Stage, Waiter,
};
use crate::http::lines::{Fields, Untold};
use crate::key::{Key, Selecting};
use crate::memory::{Selected, Selection};
use crate::policy::{Forwarded, Freshness, RequestPolicy, Reuse, State, reuse};
use crate::response::{Answer, Stored};
use crate::stats::{add, count};

/// What a request comes to.
#[derive(Debug)]
pub enum Served {
    /// It is answered from the store. The caller may be the one to run the handler anew for that,
    /// once the answer is out.
    Answer(Answer, State, Option<Box<Run>>),
    /// It is answered with what is stale, because the handler has just failed.
    Instead(Answer),
    /// The handler is run.
    Run(Box<Run>),
    /// Somebody is running it.
    Wait(Box<Ticket>),
    /// It has just failed.
    Failed(Arc<Failure>),
    /// The request takes nothing but what is stored, and nothing is (section 5.2.1.7).
    Unavailable,
}

/// A run of the handler, from the moment on which it is decided.
#[derive(Debug)]
// Independent facts of one request.
#[allow(clippy::struct_excessive_bools)]
pub struct Run {
    pub(crate) why: Forwarded,
    /// Where the sequence of purges stood then.
    pub(crate) since: u64,
    pub(crate) began_at: i64,
    /// Where others may wait for it.
    pub(crate) lead: Option<Lead>,
    /// The entry that it validates.
    pub(crate) selected: Option<Selected>,
    /// Whether it is for a HEAD, which is about what is stored for a GET and yet brings none of it.
    pub(crate) is_head: bool,
    /// Whether it is for a GET, which alone may be answered that nothing has changed.
    pub(crate) is_get: bool,
    /// Whether nobody waits for its response, because the stale one has been served.
    pub(crate) background: bool,
    /// Whether the handler gets the request without its cookies.
    pub(crate) without_cookies: bool,
}

/// On what terms a request takes part in the run of another.
#[derive(Clone, Copy)]
struct Passage {
    /// Whether its own run may be one that others wait for.
    may_lead: bool,
    /// Whether it wants nothing that has been answered before.
    is_new: bool,
    /// How long a run is waited for, in milliseconds.
    patience: i64,
    attempt: Attempt,
    now: i64,
}

impl Passage {
    /// Whether the failure of another's run may be its own.
    fn may_fail(&self) -> bool {
        self.may_lead && !self.is_new
    }

    /// What a failure of the run that it waits for means to it.
    fn when_failed(&self) -> WhenFailed {
        match self.attempt {
            _ if !self.may_fail() => WhenFailed::RunAlone,
            Attempt::AfterFailure(_) => WhenFailed::Fail,
            Attempt::First | Attempt::Again | Attempt::Alone => WhenFailed::LeadOnce,
        }
    }

    fn after_failure(&self) -> Option<u32> {
        match self.attempt {
            Attempt::AfterFailure(number) => Some(number),
            Attempt::First | Attempt::Again | Attempt::Alone => None,
        }
    }
}

impl Run {
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

    /// Why it is made, in the words of RFC 9211, section 2.2.
    pub fn why(&self) -> &'static str {
        self.why.word()
    }

    /// Where the sequence of purges stood when the run was decided on.
    pub fn since(&self) -> u64 {
        self.since
    }

    /// Whether others may wait for it, so that it is not to end with its client.
    pub fn leads(&self) -> bool {
        self.lead.is_some()
    }

    /// Ends the run, whose client has gone, where no other request waits for it. Returns whether
    /// that is so. Otherwise `leader` is told when the last one has stopped waiting.
    pub fn abandon(&self, leader: Waiter) -> bool {
        self.lead.as_ref().is_none_or(|lead| lead.abandon(leader))
    }

    /// What that word leaves out, if anything.
    pub fn detail(&self) -> Option<&'static str> {
        self.why.detail()
    }

    /// Whether the handler gets the request without its cookies.
    pub fn is_without_cookies(&self) -> bool {
        self.without_cookies
    }

    /// Whether nothing of it can be stored.
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
    /// Whether a rule covers `request`, or would cover a GET of its URL where its method is one
    /// that changes something.
    ///
    /// # Errors
    /// [`Wanted`] where the request does not tell enough.
    pub fn covers(&self, request: Request<'_>) -> Result<bool, Wanted> {
        let rule =
            |method| Ok::<_, Wanted>(self.keyed(Request { method, ..request }, None)?.applied.rule);
        let by_method = rule(request.method)?.is_some();
        Ok(by_method || !is_safe(request.method) && rule("GET")?.is_some())
    }

    /// Decides what becomes of `request` at `now`, and counts it at its first `attempt`.
    ///
    /// # Errors
    /// [`Wanted`] where the request does not tell enough.
    pub fn serve(
        &self,
        request: Request<'_>,
        wrapping: &Wrapping,
        attempt: Attempt,
        now: i64,
    ) -> Result<Served, Wanted> {
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
            count(&counters.bypasses);
            return Ok(Served::Run(Box::new(Run::uncached(Forwarded::Bypass))));
        }
        if !applied.admitted {
            return Ok(Served::Run(Box::new(Run::uncached(Forwarded::Method))));
        }
        if !applied.covered && !wrapping.request.has_ttl {
            count(&counters.bypasses);
            return Ok(Served::Run(Box::new(Run::uncached(Forwarded::Uncovered))));
        }
        let policy = RequestPolicy::new(wrapping.request, applied.terms, vary);
        let asked = policy.control(fields)?;
        let is_for_one = || policy.is_authorized(fields);
        // Nobody is elected whose run can bring nothing that is stored.
        let judge = |times: &_| match reuse(times, asked, now) {
            Reuse::ServeAndRefresh if asked.no_store || is_for_one()? => Ok(Reuse::Serve),
            reuse => Ok(reuse),
        };
        store.catch_up();
        let Selection { since, selected, vary } =
            store.select(&key, fields, now, wrapping.patience, judge)?;
        if selected.is_none() {
            self.ask_disk(&key, request, now)?;
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
        let run = Run {
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
            Served::Unavailable
        } else if is_head
            || asked.no_store
            || attempt == Attempt::Alone
            || (run.selected.is_none() && is_about_part(fields)?)
            || self.passes_for_cookies(&key, policy, fields, now)?
        {
            Served::Run(Box::new(run))
        } else {
            let (may_lead, is_new) = (!is_for_one()?, asked.wants_new());
            let passage = Passage { may_lead, is_new, patience: wrapping.patience, attempt, now };
            self.board(&key, run, vary.as_ref(), request, passage)?
        };
        if is_first {
            count(&counters.misses);
        }
        Ok(served)
    }

    /// Answers from the store. Whoever is elected gets the run that refreshes the entry as well.
    fn answer(
        &self,
        key: &Key,
        selected: &Selected,
        (since, vary): (u64, Option<Selecting>),
        request: Request<'_>,
        is_first: bool,
        now: i64,
    ) -> Result<Served, Wanted> {
        let Instance { store, counters, flights, .. } = self.instance();
        let Selected { held, times, elected, .. } = selected;
        let decided = answer_to(request, &held.stored, *times, now)
            .and_then(|answer| Ok((answer, expected(key, vary.as_ref(), request.fields)?)));
        let (answer, expected) = decided.inspect_err(|_| {
            // Who has to tell more first comes again, and is elected then.
            if *elected {
                store.call_off(held);
            }
        })?;
        let state = times.state(now);
        if is_first {
            count(&counters.hits);
            add(&counters.stale_hits, u64::from(state != State::Fresh));
        }
        if !elected {
            return Ok(Served::Answer(answer, state, None));
        }
        count(&counters.elections);
        let lead = Some(flights.lead(key.digest(), since, now, expected));
        let (why, selected) = (Forwarded::Stale, Some(selected.clone()));
        // A HEAD refreshes the whole.
        let is_get = as_get(request).method.eq_ignore_ascii_case("GET");
        let (background, without_cookies) = (true, false);
        let is_head = false;
        let run = Run {
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
        Ok(Served::Answer(answer, state, Some(Box::new(run))))
    }

    /// `vary` is that of the variant of the key that was stored last.
    fn board(
        &self,
        key: &Key,
        run: Run,
        vary: Option<&Selecting>,
        request: Request<'_>,
        passage: Passage,
    ) -> Result<Served, Wanted> {
        let boarder = Boarder {
            since: run.since,
            may_lead: passage.may_lead,
            may_fail: passage.may_fail(),
            after_failure: passage.after_failure(),
            has_stale: run
                .selected
                .as_ref()
                .is_some_and(|known| known.times.outlives_errors(passage.now)),
            fingerprint: request.fingerprint,
            now: passage.now,
        };
        let joins = |flight: &Flight, stage: &Stage| {
            self.joins(flight, stage, key, request.fields, &boarder, passage)
        };
        let expects = |landing: Option<&Landing>| {
            expected(key, landing.map(|landing| &landing.vary).or(vary), request.fields)
        };
        let boarding = self.instance().flights.board(key.digest(), &boarder, joins, expects)?;
        let Run { why, selected, .. } = &run;
        match boarding {
            Boarding::Lead(lead) => Ok(Served::Run(Box::new(Run { lead: Some(lead), ..run }))),
            Boarding::Alone => Ok(Served::Run(Box::new(run))),
            Boarding::Wait(wait) => {
                let (why, selected) = (*why, selected.clone());
                let when_failed = passage.when_failed();
                Ok(Served::Wait(Box::new(Ticket {
                    wait,
                    since: boarder.since,
                    why,
                    selected,
                    when_failed,
                })))
            }
            Boarding::NeedsFingerprint => Err(Wanted::Fingerprint),
            Boarding::Fail(failure) => {
                Ok(match self.despite_failure(selected.as_ref(), request, passage.now)? {
                    Some(answer) => Served::Instead(answer),
                    None => Served::Failed(failure),
                })
            }
        }
    }

    /// Whether a request may wait for a run or, once that has answered, for its body.
    fn joins(
        &self,
        flight: &Flight,
        stage: &Stage,
        key: &Key,
        fields: Fields<'_>,
        boarder: &Boarder,
        Passage { is_new, patience, now, .. }: Passage,
    ) -> Result<bool, Untold> {
        match stage {
            Stage::Running => {
                let in_time = (now - flight.began_at).abs() < patience;
                Ok(in_time
                    && self.is_current(flight, boarder.since, key, &[])
                    && is_expected_for(flight, key, fields)?)
            }
            Stage::Landed(_) if is_new => Ok(false),
            Stage::Landed(landing) => {
                let is_fresh = landing.times.state(now) == State::Fresh;
                Ok(is_fresh
                    && !landing.body.is_stalled(patience, now)
                    && self.is_for(key, flight, landing, boarder.since, fields)?)
            }
            Stage::Failed(_) | Stage::Alone | Stage::Over => Ok(false),
        }
    }
}

/// The variant that a run for a request with `fields` is expected to bring, if its response has the
/// `vary` of an earlier one. Where the response varies by something else, the expectation has only
/// kept requests from sharing a run.
fn expected(
    key: &Key,
    vary: Option<&Selecting>,
    fields: Fields<'_>,
) -> Result<Option<Expected>, Untold> {
    let Some(vary) = vary.filter(|vary| !vary.is_empty()) else { return Ok(None) };
    Ok(Some(Expected { variant: key.variant(vary, fields)?, vary: vary.clone() }))
}

/// Whether a run is expected to bring the variant that a request with `fields` selects.
fn is_expected_for(flight: &Flight, key: &Key, fields: Fields<'_>) -> Result<bool, Untold> {
    let Some(Expected { vary, variant }) = &flight.expected else { return Ok(true) };
    Ok(key.variant(vary, fields)? == *variant)
}

/// Whether a request has conditions or a range that the handler has to evaluate, so that its
/// response is for none but its client.
fn is_about_part(fields: Fields<'_>) -> Result<bool, Untold> {
    for name in ["range", "if-match", "if-unmodified-since"] {
        if fields.known(name)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Methods that change nothing (RFC 9110, section 9.2.1, and the registry of methods).
pub(crate) fn is_safe(method: &str) -> bool {
    const SAFE: [&str; 8] =
        ["GET", "HEAD", "OPTIONS", "TRACE", "PROPFIND", "QUERY", "REPORT", "SEARCH"];
    SAFE.iter().any(|safe| safe.eq_ignore_ascii_case(method))
}

/// A HEAD is answered with what is stored for a GET.
pub(crate) fn as_get(request: Request<'_>) -> Request<'_> {
    if request.method.eq_ignore_ascii_case("HEAD") {
        Request { method: "GET", ..request }
    } else {
        request
    }
}

/// What a stored response answers.
pub(crate) fn answer_to(
    request: Request<'_>,
    stored: &Stored,
    times: Freshness,
    now: i64,
) -> Result<Answer, Untold> {
    let answer = Answer::new(stored.clone(), times, request.method, request.fields, now)?;
    Ok(if request.method.eq_ignore_ascii_case("HEAD") { answer.without_body() } else { answer })
}
