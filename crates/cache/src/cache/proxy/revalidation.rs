//! Validation: a stored response that the handler says is current (RFC 9111, sections 3.2, 4.3.4
//! and 4.3.5).

use std::slice;

use crate::cache::instance::Instance;
use crate::cache::proxy::handler_response::{HandlerResponse, forwarded};
use crate::cache::proxy::lookup::{HandlerRun, as_get};
use crate::cache::proxy::outcome::ResponseOutcome;
use crate::cache::{Cache, Keyed, MissingInput};
use crate::http::lines::{Fields, MissingFields};
use crate::http::{EntityTag, Names, date_seconds, http_date};
use crate::key::{Digest, Key, Selecting};
use crate::memory::{EntryRef, NewEntry, Selected};
use crate::policy::rules::Terms;
use crate::policy::{
    Decision, Exchange, Freshness, RequestPolicy, ResponseHead, Uncacheable, decide, is_dated,
    may_update,
};
use crate::response::{Answer, HeadWriter, Stored, head_of};
use crate::stats::Counter;
use crate::time::UnixMillis;

/// Fields that a 304 or the response to a HEAD does not update: they describe the stored body
/// (section 3.2) or are for one client.
const KEPT: [&str; 8] = [
    "content-digest",
    "content-encoding",
    "content-length",
    "content-md5",
    "content-range",
    "etag",
    "set-cookie",
    "transfer-encoding",
];

impl Cache {
    /// Freshens the validated response, and every other one that the request selects and that has
    /// the same strong entity tag. Returns the answer.
    pub(crate) fn not_modified(
        &self,
        run: &mut HandlerRun,
        handler_response: &HandlerResponse<'_>,
    ) -> Result<ResponseOutcome, MissingInput> {
        let &HandlerResponse { request, at: now, .. } = handler_response;
        let Some(Selected { held: EntryRef { stored, .. }, times, .. }) = run.selected.clone()
        else {
            return Ok(ResponseOutcome::Again);
        };
        if !is_about(handler_response.head.fields, stored.fields()) {
            run.selected = None;
            return Ok(ResponseOutcome::Again);
        }
        // Asked for before anything changes, in case the answer needs it.
        request.fields.known("if-modified-since")?;
        Answer::new(stored.clone(), times, request.method, request.fields, now)?;
        let freshened = self.freshen(run, &stored, handler_response)?;
        self.instance().counters.count(Counter::Revalidations);
        let (stored, times) = freshened.unwrap_or((stored, times));
        self.end_validation(run, handler_response, times)?;
        let answer = Answer::new(stored, times, request.method, request.fields, now)?;
        Ok(ResponseOutcome::Answer(answer.handled_as(forwarded(run.why, 304, false), None)))
    }

    /// Ends the run after a 304. Waiters find the response in the store, unless it must be
    /// validated for each of them.
    fn end_validation(
        &self,
        run: &mut HandlerRun,
        handler_response: &HandlerResponse<'_>,
        times: Freshness,
    ) -> Result<(), MissingInput> {
        let &HandlerResponse { request, wrapping, at: now, .. } = handler_response;
        let Some(lead) = run.lead.take() else { return Ok(()) };
        if times.state(now).is_served() {
            lead.complete();
            return Ok(());
        }
        let Keyed { key, vary, applied, .. } =
            self.keyed(as_get(request), wrapping.vary.as_ref())?;
        let policy = RequestPolicy::new(wrapping.request, applied.terms, vary);
        if policy.has_cookies(request.fields)? {
            self.leave_for_cookies(lead, &key, now);
        } else {
            lead.uncacheable(now);
        }
        Ok(())
    }

    /// Updates or removes the response stored for a GET after a response to a HEAD (section 4.3.5).
    pub(crate) fn handle_head_response(
        &self,
        run: &mut HandlerRun,
        handler_response: &HandlerResponse<'_>,
    ) -> Result<(), MissingInput> {
        let Some(Selected { held, .. }) = run.selected.clone() else {
            return Ok(());
        };
        let stored = &held.stored;
        let (new, old) = (handler_response.head.fields, stored.fields());
        let says = |name: &str| new.value(name).is_some() && old.value(name).is_some();
        if handler_response.head.status != 200
            || stored.status() != 200
            || !self.speaks_for_all(run, handler_response, stored)?
        {
            return Ok(());
        }
        if !is_about(new, old) || differs(new, old, "content-length") {
            self.instance().store.outdate(&held);
        } else if says("etag") || says("last-modified") {
            self.freshen(run, stored, handler_response)?;
        }
        Ok(())
    }

    /// Whether the answer may change stored responses: not if its request had credentials or
    /// cookies and it does not declare that it may be shared.
    fn speaks_for_all(
        &self,
        run: &HandlerRun,
        handler_response: &HandlerResponse<'_>,
        stored: &Stored,
    ) -> Result<bool, MissingInput> {
        let &HandlerResponse { request, wrapping, at, .. } = handler_response;
        let Keyed { vary, applied, .. } = self.keyed(as_get(request), wrapping.vary.as_ref())?;
        let policy = RequestPolicy::new(wrapping.request, applied.terms, vary);
        let exchange = policy.exchange(request.fields, run.began_at, at)?;
        let known = (stored.status(), stored.fields());
        Ok(may_update(
            handler_response.head.fields,
            known,
            handler_response.overrides,
            applied.terms,
            exchange,
        ))
    }

    /// Freshens `selected` and every other response that the request selects and that has the same
    /// strong entity tag (section 4.3.4). Changes nothing for a request with `no-store` (section
    /// 5.2.1.5) or for an answer that is for its client only. Returns what `selected` has become,
    /// if it can still be stored.
    fn freshen(
        &self,
        run: &HandlerRun,
        selected: &Stored,
        handler_response: &HandlerResponse<'_>,
    ) -> Result<Option<(Stored, Freshness)>, MissingInput> {
        let &HandlerResponse { request, wrapping, at: now, .. } = handler_response;
        let Keyed { key, vary, applied, .. } =
            self.keyed(as_get(request), wrapping.vary.as_ref())?;
        let policy = RequestPolicy::new(wrapping.request, applied.terms, vary);
        if policy.control(request.fields)?.no_store
            || !self.speaks_for_all(run, handler_response, selected)?
        {
            return Ok(None);
        }
        let renewal = Renewal {
            key: &key,
            in_key: vary,
            handler_response,
            terms: applied.terms,
            began_at: run.began_at,
        };
        let Instance { store, .. } = self.instance();
        let mut changes = Vec::new();
        for (held, entry) in store.selectable(&key, request.fields)? {
            if held.stored.is(selected)
                || has_same_strong_tag(handler_response.head.fields, held.stored.fields())
            {
                let updated = renewal.updated(&held.stored, entry)?;
                changes.push((held, updated));
            }
        }
        let mut freshened = None;
        // Keeps the order in which they were put.
        for (held, updated) in changes.into_iter().rev() {
            match updated {
                Ok(entry) => {
                    if held.stored.is(selected) {
                        let body = held.stored.body();
                        let stored = entry.head.with_body(body.as_ref().map(slice::from_ref));
                        freshened = Some((stored, entry.times));
                    }
                    // An entry that was purged or replaced meanwhile is left alone.
                    let _ = store.replace(&held, entry, run.since, now);
                }
                Err(_) => store.outdate(&held),
            }
        }
        Ok(freshened)
    }
}

/// A response without a body that updates stored responses of its request.
struct Renewal<'a> {
    key: &'a Key,
    /// Selecting header fields of the key.
    in_key: &'a Names,
    handler_response: &'a HandlerResponse<'a>,
    terms: &'a Terms,
    /// When the handler was called, in milliseconds since 1970.
    began_at: UnixMillis,
}

impl Renewal<'_> {
    /// The entry with updated fields and lifetime. The inner error says that it can no longer be
    /// stored.
    fn updated(
        &self,
        stored: &Stored,
        entry: NewEntry,
    ) -> Result<Result<NewEntry, Uncacheable>, MissingFields> {
        let &Self { handler_response, terms, .. } = self;
        let reason = stored.head().split_once('\n').map_or("", |(reason, _)| reason);
        let merged = self.merged(stored);
        let fields = Fields::new(merged.split_once('\n').map_or("", |(_, fields)| fields));
        let head = ResponseHead { status: stored.status(), reason, fields };
        let decision = decide(head, handler_response.overrides, terms, self.exchange());
        let Decision { storable, mut times, cache_control } = match decision {
            Ok(decision) => decision,
            Err(refused) => return Ok(Err(refused)),
        };
        if cache_control.is_some() && entry.times.strict {
            // A configured lifetime replaced the response's own directive when it was stored.
            times.strict = true;
            times.error_window = times.error_window.min(entry.times.error_window);
        }
        let lines = [("cache-control", cache_control.as_deref())];
        let text = head_of(head, |name| storable.keeps(name), &lines);
        let mut tags = [entry.tags.as_slice(), &storable.tags, &handler_response.tags].concat();
        tags.sort_unstable();
        tags.dedup();
        let (vary, variant) = self.selection(&entry, &storable.vary)?;
        Ok(Ok(NewEntry {
            vary,
            variant,
            times,
            tags,
            head: Stored::new(stored.status(), &text),
            ..entry
        }))
    }

    /// The head of the stored response, updated with the fields of the new one.
    fn merged(&self, stored: &Stored) -> String {
        let new = Names::new(self.handler_response.head.fields.iter().map(|(name, _)| name));
        let kept = |name: &str| KEPT.contains(&name) || name != "date" && !new.contains(name);
        let mut merged = String::with_capacity(256);
        let mut writer = HeadWriter::begin(&mut merged, "");
        writer
            .fields(stored.fields(), kept)
            .fields(self.handler_response.head.fields, |name| !KEPT.contains(&name));
        if !new.contains("date") {
            // A response without `Date` is dated by its arrival (RFC 9110, section 6.6.1).
            writer.field("date", http_date(self.handler_response.at));
        }
        merged
    }

    /// Request and response times. Whether the request lets the answer be stored was decided
    /// before.
    fn exchange(&self) -> Exchange {
        let responded_at = self.handler_response.at;
        let requested_at =
            if is_dated(self.handler_response.head.fields) { self.began_at } else { responded_at };
        Exchange { requested_at, responded_at, ..Exchange::default() }
    }

    /// Selecting fields and variant of the updated entry: a `Vary` in the new response replaces the
    /// stored one.
    fn selection(
        &self,
        entry: &NewEntry,
        names: &Names,
    ) -> Result<(Selecting, Digest), MissingFields> {
        let &Self { key, in_key, handler_response, .. } = self;
        let fields = handler_response.request.fields;
        let vary = Selecting::beside(in_key, fields, names, true);
        if handler_response.head.fields.value("vary").is_none() || vary.names == entry.vary.names {
            return Ok((entry.vary.clone(), entry.variant));
        }
        let variant = key.variant(&vary, fields)?;
        Ok((vary, variant))
    }
}

/// Whether a response without a body is about the stored response: no validator that both have
/// differs.
fn is_about(new: Fields<'_>, old: Fields<'_>) -> bool {
    match (new.value("etag"), old.value("etag")) {
        (Some(new), Some(old)) => {
            let tags = EntityTag::parse(new).zip(EntityTag::parse(old));
            tags.map_or(new == old, |(new, old)| new.weakly_equals(&old))
        }
        _ => !differs(new, old, "last-modified"),
    }
}

fn has_same_strong_tag(new: Fields<'_>, old: Fields<'_>) -> bool {
    let tags = new
        .value("etag")
        .and_then(EntityTag::parse)
        .zip(old.value("etag").and_then(EntityTag::parse));
    tags.is_some_and(|(new, old)| new.strongly_equals(&old))
}

fn differs(new: Fields<'_>, old: Fields<'_>, name: &str) -> bool {
    new.value(name).zip(old.value(name)).is_some_and(|(new, old)| {
        new != old && (date_seconds(new).is_none() || date_seconds(new) != date_seconds(old))
    })
}
