//! Handles the response of a wrapped handler: whether it is stored, and which clients receive it
//! (RFC 9111, section 3).

use crate::cache::proxy::body::BodyWriter;
use crate::cache::proxy::cookies::cookieless;
use crate::cache::proxy::handler_response::HandlerResponse;
use crate::cache::proxy::handler_response::forwarded;
use crate::cache::proxy::lookup::{HandlerRun, as_get, is_safe};
use crate::cache::proxy::outcome::ResponseOutcome;
use crate::cache::proxy::outcome::Unshared;
use crate::cache::proxy::stale_if_error::is_failure;
use crate::cache::put::entry;
use crate::cache::{Cache, Keyed, MissingInput, Request};
use crate::http::lines::Fields;
use crate::http::{canonical, http_date};
use crate::invalidation::{Invalidation, Target};
use crate::key::Key;
use crate::memory::Selected;
use crate::policy::{
    Forwarded, RequestOptions, RequestPolicy, ResponseHead, Uncacheable, decide, may_update,
};
use crate::response::{Answer, CacheStatus, Handling, HeadWriter, head_of};
use crate::time::UnixMillis;

impl Cache {
    /// Decides what happens to the response of `run`.
    ///
    /// # Errors
    /// [`MissingInput`] if the caller has to send more of the request first. The call has had no
    /// effect.
    pub fn respond(
        &self,
        run: &mut HandlerRun,
        handler_response: &HandlerResponse<'_>,
    ) -> Result<ResponseOutcome, MissingInput> {
        if run.without_cookies && handler_response.request.fields.value("cookie").is_some() {
            let block = cookieless(handler_response.request.fields);
            let request = Request { fields: Fields::new(&block), ..handler_response.request };
            return self.respond_to(run, &HandlerResponse { request, ..handler_response.clone() });
        }
        self.respond_to(run, handler_response)
    }

    fn respond_to(
        &self,
        run: &mut HandlerRun,
        handler_response: &HandlerResponse<'_>,
    ) -> Result<ResponseOutcome, MissingInput> {
        let status = handler_response.head.status;
        if run.is_uncached() {
            let changed = self.invalidate_after_unsafe(run, handler_response, status)?;
            let passed = if changed { Unshared::Changed } else { Unshared::Only };
            return Ok(self.pass(run.why, handler_response, passed));
        }
        if is_failure(status)
            && let Some(instead) = self.handle_server_error(run, handler_response)?
        {
            return Ok(instead);
        }
        if run.is_head {
            self.handle_head_response(run, handler_response)?;
            return Ok(self.pass(run.why, handler_response, Unshared::Only));
        }
        if status == 304 && run.validators() != (None, None) {
            return self.not_modified(run, handler_response);
        }
        self.stream(run, handler_response)
    }

    /// The response for the client of the run only.
    fn pass(
        &self,
        why: Forwarded,
        handler_response: &HandlerResponse<'_>,
        passed: Unshared,
    ) -> ResponseOutcome {
        let refused = match passed {
            Unshared::Uncacheable(reason) => Some(reason),
            Unshared::Only | Unshared::Failed | Unshared::Changed => None,
        };
        let handled = forwarded(why, handler_response.head.status, false);
        let status = self.cache_status(handled, None, refused.map(<&str>::from).or(why.detail()));
        ResponseOutcome::Unshared(outgoing(handler_response.head, None, &status), passed)
    }

    fn cache_status(
        &self,
        handled: Handling,
        ttl: Option<i64>,
        detail: Option<&'static str>,
    ) -> String {
        CacheStatus { cache: self.identity(), handled, ttl, detail }.to_string()
    }

    fn stream(
        &self,
        run: &mut HandlerRun,
        handler_response: &HandlerResponse<'_>,
    ) -> Result<ResponseOutcome, MissingInput> {
        let &HandlerResponse { request, wrapping, at: now, .. } = handler_response;
        let Keyed { key, vary, applied, .. } =
            self.keyed(as_get(request), wrapping.vary.as_ref())?;
        if !handler_response.may_store {
            return Ok(self.refuse_response(run, &key, handler_response, Uncacheable::ShouldStore));
        }
        // A wrapped handler inside the run may have set a lifetime.
        let has_ttl = wrapping.request.has_ttl || handler_response.overrides.ttl.is_some();
        let options = RequestOptions { has_ttl, ..wrapping.request };
        let policy = RequestPolicy::new(options, applied.terms, vary);
        let exchange = policy.exchange(request.fields, run.began_at, now)?;
        let decision = match decide(
            handler_response.head,
            handler_response.overrides,
            applied.terms,
            exchange,
        ) {
            Ok(decision) => decision,
            Err(reason) => {
                let ResponseHead { status, fields, .. } = handler_response.head;
                if !may_update(
                    fields,
                    (status, fields),
                    handler_response.overrides,
                    applied.terms,
                    exchange,
                ) {
                    // A response for one client does not say that the stored one is outdated.
                    run.selected = None;
                }
                return Ok(self.refuse_response(run, &key, handler_response, reason));
            }
        };
        let date = handler_response.head.fields.value("date").is_none().then(|| http_date(now));
        let lines =
            [("cache-control", decision.cache_control.as_deref()), ("date", date.as_deref())];
        let (response, tags) = (
            (handler_response.head, &decision.storable, true),
            [handler_response.tags.as_slice(), &applied.terms.tags],
        );
        let entry = entry(&key, vary, request.fields, response, decision.times, &lines, tags)?;
        let room = self.instance().store.room(&entry);
        if handler_response.length.is_some_and(|length| length > room) {
            return Ok(self.refuse_response(run, &key, handler_response, Uncacheable::TooLarge));
        }
        let head_alone = entry.head.clone();
        let known = Answer::under_way(head_alone.clone(), entry.times, request.fields, now)?;
        let ttl = (decision.times.lifetime - decision.times.age(now)).div_euclid(1000);
        let handled = forwarded(run.why, handler_response.head.status, true);
        let status = self.cache_status(handled, Some(ttl), None);
        let head = outgoing(handler_response.head, decision.cache_control.as_deref(), &status);
        let budget = &self.instance().in_flight;
        let writer =
            Box::new(BodyWriter::begin(run, handler_response, entry, head_alone, room, budget));
        Ok(if known.status() == 304 {
            ResponseOutcome::Answered(known.handled_as(handled, None), writer)
        } else {
            ResponseOutcome::Stream(head, writer)
        })
    }

    /// Ends the run with an uncacheable response: it goes to its own client, and waiters run the
    /// handler. Except after a server error, the key is marked as hit-for-miss.
    fn refuse_response(
        &self,
        run: &mut HandlerRun,
        key: &Key,
        handler_response: &HandlerResponse<'_>,
        reason: Uncacheable,
    ) -> ResponseOutcome {
        self.refuse(reason);
        let status = handler_response.head.status;
        if let Some(Selected { held, .. }) = run.selected.take_if(|_| supersedes(status, reason)) {
            self.instance().store.outdate(&held);
        }
        match run.lead.take() {
            Some(lead) if reason == Uncacheable::Cookie => {
                self.leave_for_cookies(lead, key, handler_response.at);
            }
            Some(lead) if status >= 500 => lead.release(),
            Some(lead) => lead.uncacheable(handler_response.at),
            None => {}
        }
        let is_failure = is_failure(status) && reason == Uncacheable::NoFreshness;
        let passed = if is_failure { Unshared::Only } else { Unshared::Uncacheable(reason) };
        self.pass(run.why, handler_response, passed)
    }

    /// Invalidates the stored responses of a URL after a successful request with an unsafe method
    /// (section 4.4). Returns whether it was one.
    fn invalidate_after_unsafe(
        &self,
        run: &HandlerRun,
        &HandlerResponse { request, at: now, .. }: &HandlerResponse<'_>,
        status: u16,
    ) -> Result<bool, MissingInput> {
        let changed = run.why == Forwarded::Method
            && !is_safe(request.method)
            && (200..400).contains(&status);
        if changed {
            self.invalidate(request, now)?;
        }
        Ok(changed)
    }

    /// Removes the stored responses for the URL of `request`, in all variants and for all methods.
    ///
    /// # Errors
    /// [`MissingInput`] if the URL is not in serialised form.
    pub fn invalidate(&self, request: Request<'_>, now: UnixMillis) -> Result<(), MissingInput> {
        let url = canonical(request.url, request.serialised)?;
        let invalidation = Invalidation::remove([Target::Url(url.into_owned())]);
        self.instance().store.invalidate(&invalidation, now);
        Ok(())
    }

    /// Ends the run of a handler that has stored its response by `put` itself. Returns the head for
    /// the client.
    pub fn stored_by_handler(&self, run: &mut HandlerRun, head: ResponseHead<'_>) -> String {
        drop(run.lead.take());
        outgoing(head, None, &self.cache_status(forwarded(run.why, head.status, true), None, None))
    }

    /// The `Cache-Status` of a 504 to `only-if-cached` (section 5.2.1.7).
    pub fn unavailable(&self) -> String {
        self.cache_status(Handling::Generated, None, Some("only-if-cached"))
    }
}

/// Whether an uncacheable response outdates the stored one: it is about the resource, not about the
/// client or the moment.
fn supersedes(status: u16, reason: Uncacheable) -> bool {
    let is_lasting = matches!(status, 200..=399 | 404 | 410) && status != 304;
    let is_about_client = matches!(
        reason,
        Uncacheable::RequestNoStore
            | Uncacheable::Authorization
            | Uncacheable::Cookie
            | Uncacheable::PartialContent
            | Uncacheable::ShouldStore
    );
    is_lasting && !is_about_client
}

/// The head of a response for the client of the run.
fn outgoing(head: ResponseHead<'_>, cache_control: Option<&str>, status: &str) -> String {
    let mut text = head_of(head, is_for_clients, &[("cache-control", cache_control)]);
    HeadWriter::resume(&mut text).field("cache-status", status);
    text
}

/// Whether a field reaches clients: tags stay between the handler and the cache.
fn is_for_clients(name: &str) -> bool {
    name != "cache-tag"
}
