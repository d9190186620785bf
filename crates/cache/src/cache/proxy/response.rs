//! The story of what a wrapped handler answers: whether it is stored, and who else gets it (RFC
//! 9111, section 3).

use crate::cache::instance::Instance;
use crate::cache::proxy::body::Fill;
use crate::cache::proxy::cookies::cookieless;
use crate::cache::proxy::lookup::{Run, as_get, is_safe};
use crate::cache::proxy::outcome::Passed;
use crate::cache::proxy::outcome::Responded;
use crate::cache::proxy::reply::Reply;
use crate::cache::proxy::reply::forwarded;
use crate::cache::proxy::stale_if_error::is_failure;
use crate::cache::put::{entry, written};
use crate::cache::{Cache, Keyed, Request, Wanted};
use crate::http::lines::Fields;
use crate::http::{canonical, http_date};
use crate::key::Key;
use crate::memory::Selected;
use crate::policy::{
    Forwarded, Refused, RequestOptions, RequestPolicy, ResponseHead, decide, may_update,
};
use crate::response::Answer;
use crate::response::{CacheStatus, Handled};
use crate::stats::add;

impl Cache {
    /// Decides what becomes of the response that `run` has brought.
    ///
    /// # Errors
    /// [`Wanted`] where the request does not tell enough. Nothing has happened then.
    pub fn respond(&self, run: &mut Run, reply: &Reply<'_>) -> Result<Responded, Wanted> {
        if run.without_cookies && reply.request.fields.value("cookie").is_some() {
            let block = cookieless(reply.request.fields);
            let request = Request { fields: Fields::new(&block), ..reply.request };
            return self.respond_to(run, &Reply { request, ..reply.clone() });
        }
        self.respond_to(run, reply)
    }

    fn respond_to(&self, run: &mut Run, reply: &Reply<'_>) -> Result<Responded, Wanted> {
        let status = reply.head.status;
        if run.is_uncached() {
            let changed = self.heed_unsafe(run, reply, status)?;
            let passed = if changed { Passed::Changed } else { Passed::Only };
            return Ok(self.pass(run.why, reply, passed));
        }
        if is_failure(status)
            && let Some(instead) = self.heed_failure(run, reply)?
        {
            return Ok(instead);
        }
        if run.is_head {
            self.heed_head(run, reply)?;
            return Ok(self.pass(run.why, reply, Passed::Only));
        }
        if status == 304 && run.validators() != (None, None) {
            return self.not_modified(run, reply);
        }
        self.fill(run, reply)
    }

    /// What the run is to its client: the response as it came.
    fn pass(&self, why: Forwarded, reply: &Reply<'_>, passed: Passed) -> Responded {
        let refused = match passed {
            Passed::Refused(reason) => Some(reason),
            Passed::Only | Passed::Failed | Passed::Changed => None,
        };
        let handled = forwarded(why, reply.head.status, false);
        let status = self.cache_status(handled, None, refused.map(Refused::name).or(why.detail()));
        Responded::Pass(outgoing(reply.head, None, &status), passed)
    }

    fn cache_status(
        &self,
        handled: Handled,
        ttl: Option<i64>,
        detail: Option<&'static str>,
    ) -> String {
        CacheStatus { cache: self.identity(), handled, ttl, detail }.to_string()
    }

    fn fill(&self, run: &mut Run, reply: &Reply<'_>) -> Result<Responded, Wanted> {
        let &Reply { request, wrapping, at: now, .. } = reply;
        let Keyed { key, vary, applied, .. } =
            self.keyed(as_get(request), wrapping.vary.as_ref())?;
        if !reply.may_store {
            return Ok(self.turn_away(run, &key, reply, Refused::ShouldStore));
        }
        // A wrapped handler inside of the run may have set a lifetime.
        let has_ttl = wrapping.request.has_ttl || reply.overrides.ttl.is_some();
        let options = RequestOptions { has_ttl, ..wrapping.request };
        let policy = RequestPolicy::new(options, applied.terms, vary);
        let exchange = policy.exchange(request.fields, run.began_at, now)?;
        let decision = match decide(reply.head, reply.overrides, applied.terms, exchange) {
            Ok(decision) => decision,
            Err(reason) => {
                let ResponseHead { status, fields, .. } = reply.head;
                if !may_update(fields, (status, fields), reply.overrides, applied.terms, exchange) {
                    // What one client gets says nothing of what is stored for everybody.
                    run.selected = None;
                }
                return Ok(self.turn_away(run, &key, reply, reason));
            }
        };
        let date = reply.head.fields.value("date").is_none().then(|| http_date(now));
        let lines =
            [("cache-control", decision.cache_control.as_deref()), ("date", date.as_deref())];
        let (response, tags) =
            ((reply.head, &decision.storable, true), [reply.tags.as_slice(), &applied.terms.tags]);
        let entry = entry(&key, vary, request.fields, response, decision.times, &lines, tags)?;
        let room = self.instance().store.room(&entry);
        if reply.length.is_some_and(|length| length > room) {
            return Ok(self.turn_away(run, &key, reply, Refused::TooLarge));
        }
        let head_alone = entry.head.clone();
        let known = Answer::under_way(head_alone.clone(), entry.times, request.fields, now)?;
        let ttl = (decision.times.lifetime - decision.times.age(now)).div_euclid(1000);
        let handled = forwarded(run.why, reply.head.status, true);
        let status = self.cache_status(handled, Some(ttl), None);
        let head = outgoing(reply.head, decision.cache_control.as_deref(), &status);
        let budget = &self.instance().in_flight;
        let fill = Box::new(Fill::begin(run, reply, entry, head_alone, room, budget));
        Ok(if known.status() == 304 {
            Responded::Known(known.told(handled, None), fill)
        } else {
            Responded::Fill(head, fill)
        })
    }

    /// What is not stored goes to its own client, and whoever waits for it runs the handler. An
    /// error of the server says nothing of the next response, so later requests wait for one
    /// another as ever; after any other response they do not for a while.
    fn turn_away(&self, run: &mut Run, key: &Key, reply: &Reply<'_>, reason: Refused) -> Responded {
        self.refuse(reason);
        let status = reply.head.status;
        if let Some(Selected { held, .. }) = run.selected.take_if(|_| supersedes(status, reason)) {
            self.instance().store.retire(&held);
        }
        match run.lead.take() {
            Some(lead) if reason == Refused::Cookie => self.leave_for_cookies(lead, key, reply.at),
            Some(lead) if status >= 500 => lead.release(),
            Some(lead) => lead.alone(reply.at),
            None => {}
        }
        let is_failure = is_failure(status) && reason == Refused::NoFreshness;
        let passed = if is_failure { Passed::Only } else { Passed::Refused(reason) };
        self.pass(run.why, reply, passed)
    }

    /// A request that changes something and succeeds invalidates what is stored for its URL
    /// (section 4.4). Tells whether it is one.
    fn heed_unsafe(
        &self,
        run: &Run,
        &Reply { request, at: now, .. }: &Reply<'_>,
        status: u16,
    ) -> Result<bool, Wanted> {
        let changed = run.why == Forwarded::Method
            && !is_safe(request.method)
            && (200..400).contains(&status);
        if changed {
            self.invalidate(request, now)?;
        }
        Ok(changed)
    }

    /// Removes what is stored for the URL of `request`, in all variants and for all methods.
    ///
    /// # Errors
    /// [`Wanted`] where the URL is not in serialised form.
    pub fn invalidate(&self, request: Request<'_>, now: i64) -> Result<(), Wanted> {
        let url = canonical(request.url, request.serialised)?;
        let Instance { store, counters, .. } = self.instance();
        add(&counters.invalidations, store.invalidate(&url, now));
        Ok(())
    }

    /// The handler has stored its response itself, which is the more specific word. What goes to
    /// its client says so.
    pub fn stored_by_handler(&self, run: &mut Run, head: ResponseHead<'_>) -> String {
        drop(run.lead.take());
        outgoing(head, None, &self.cache_status(forwarded(run.why, head.status, true), None, None))
    }

    /// The `Cache-Status` of a response that no run has led to, because nothing is stored (section
    /// 5.2.1.7).
    pub fn unavailable(&self) -> String {
        self.cache_status(Handled::Generated, None, Some("only-if-cached"))
    }
}

/// Whether a response that is not stored tells all the same that what is stored is no longer right:
/// it is about the resource, and not about who asks or about the moment.
fn supersedes(status: u16, reason: Refused) -> bool {
    let is_lasting = matches!(status, 200..=399 | 404 | 410) && status != 304;
    let is_about_client = matches!(
        reason,
        Refused::RequestNoStore
            | Refused::Authorization
            | Refused::Cookie
            | Refused::PartialContent
            | Refused::ShouldStore
    );
    is_lasting && !is_about_client
}

/// The head of a response on its way to the client that it was made for.
fn outgoing(head: ResponseHead<'_>, cache_control: Option<&str>, status: &str) -> String {
    let mut text = written(head, is_for_clients, &[("cache-control", cache_control)]);
    text.extend(["cache-status:", status, "\n"]);
    text
}

/// Tags are between the handler and the cache.
fn is_for_clients(name: &str) -> bool {
    name != "cache-tag"
}
