//! The story of a stored response that the handler says is still right (RFC 9111, sections 3.2,
//! 4.3.4 and 4.3.5).

use std::slice;

use crate::cache::instance::Instance;
use crate::cache::proxy::lookup::{Run, as_get};
use crate::cache::proxy::outcome::Responded;
use crate::cache::proxy::reply::{Reply, forwarded};
use crate::cache::put::written;
use crate::cache::{Cache, Keyed, Wanted};
use crate::http::lines::{Fields, Untold};
use crate::http::{EntityTag, Names, date_seconds, http_date};
use crate::key::{Digest, Key, Selecting};
use crate::memory::{Entry, Held, Selected};
use crate::policy::rules::Terms;
use crate::policy::{
    Decision, Exchange, Freshness, Refused, RequestPolicy, ResponseHead, decide, is_dated,
    may_update,
};
use crate::response::{Answer, Stored};
use crate::stats::count;

/// Fields that a 304 or the answer to a HEAD does not change: they describe the stored body
/// (section 3.2), or are for one client.
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
    /// The handler says that what is stored is right: it is freshened, with every other response
    /// that the request selects and the answer speaks of, and answers.
    pub(crate) fn not_modified(
        &self,
        run: &mut Run,
        reply: &Reply<'_>,
    ) -> Result<Responded, Wanted> {
        let &Reply { request, at: now, .. } = reply;
        let Some(Selected { held: Held { stored, .. }, times, .. }) = run.selected.clone() else {
            return Ok(Responded::Again);
        };
        if !is_about(reply.head.fields, stored.fields()) {
            run.selected = None;
            return Ok(Responded::Again);
        }
        // Asked for here, so that nothing has happened where something has to be told. A date may
        // have come along.
        request.fields.known("if-modified-since")?;
        Answer::new(stored.clone(), times, request.method, request.fields, now)?;
        let freshened = self.freshen(run, &stored, reply)?;
        count(&self.instance().counters.revalidations);
        let (stored, times) = freshened.unwrap_or((stored, times));
        self.end_validation(run, reply, times)?;
        let answer = Answer::new(stored, times, request.method, request.fields, now)?;
        Ok(Responded::Answer(answer.told(forwarded(run.why, 304, false), None)))
    }

    /// Ends the lead of a run that a 304 has answered. Those who wait find the response in the
    /// store, unless it may not be served without being validated for each of them.
    fn end_validation(
        &self,
        run: &mut Run,
        reply: &Reply<'_>,
        times: Freshness,
    ) -> Result<(), Wanted> {
        let &Reply { request, wrapping, at: now, .. } = reply;
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
            lead.alone(now);
        }
        Ok(())
    }

    /// What the answer to a HEAD says of the response stored for a GET: that it is still right, or
    /// that it is not.
    pub(crate) fn heed_head(&self, run: &mut Run, reply: &Reply<'_>) -> Result<(), Wanted> {
        let Some(Selected { held, .. }) = run.selected.clone() else {
            return Ok(());
        };
        let stored = &held.stored;
        let (new, old) = (reply.head.fields, stored.fields());
        let says = |name: &str| new.value(name).is_some() && old.value(name).is_some();
        if reply.head.status != 200
            || stored.status() != 200
            || !self.speaks_for_all(run, reply, stored)?
        {
            return Ok(());
        }
        if !is_about(new, old) || differs(new, old, "content-length") {
            self.instance().store.retire(&held);
        } else if says("etag") || says("last-modified") {
            self.freshen(run, stored, reply)?;
        }
        Ok(())
    }

    /// Whether the answer may change what is stored for everybody: not one to credentials or
    /// cookies that does not say so.
    fn speaks_for_all(
        &self,
        run: &Run,
        reply: &Reply<'_>,
        stored: &Stored,
    ) -> Result<bool, Wanted> {
        let &Reply { request, wrapping, at, .. } = reply;
        let Keyed { vary, applied, .. } = self.keyed(as_get(request), wrapping.vary.as_ref())?;
        let policy = RequestPolicy::new(wrapping.request, applied.terms, vary);
        let exchange = policy.exchange(request.fields, run.began_at, at)?;
        let known = (stored.status(), stored.fields());
        Ok(may_update(reply.head.fields, known, reply.overrides, applied.terms, exchange))
    }

    /// Freshens `selected` and every other response that the request selects and that has the same
    /// strong entity tag (section 4.3.4), but for a request with `no-store`, of whose answer
    /// nothing is stored (section 5.2.1.5), and for an answer that is not for everybody. Returns
    /// what `selected` has become, if it is still to be stored.
    fn freshen(
        &self,
        run: &Run,
        selected: &Stored,
        reply: &Reply<'_>,
    ) -> Result<Option<(Stored, Freshness)>, Wanted> {
        let &Reply { request, wrapping, at: now, .. } = reply;
        let Keyed { key, vary, applied, .. } =
            self.keyed(as_get(request), wrapping.vary.as_ref())?;
        let policy = RequestPolicy::new(wrapping.request, applied.terms, vary);
        if policy.control(request.fields)?.no_store || !self.speaks_for_all(run, reply, selected)? {
            return Ok(None);
        }
        let renewal = Renewal {
            key: &key,
            in_key: vary,
            reply,
            terms: applied.terms,
            began_at: run.began_at,
        };
        let Instance { store, .. } = self.instance();
        let mut changes = Vec::new();
        for (held, entry) in store.selectable(&key, request.fields)? {
            if held.stored.is(selected)
                || has_same_strong_tag(reply.head.fields, held.stored.fields())
            {
                let updated = renewal.updated(&held.stored, entry)?;
                changes.push((held, updated));
            }
        }
        let mut freshened = None;
        // The one put last stays the one put last.
        for (held, updated) in changes.into_iter().rev() {
            match updated {
                Ok(entry) => {
                    if held.stored.is(selected) {
                        let body = held.stored.body();
                        let stored = entry.head.with_body(body.as_ref().map(slice::from_ref));
                        freshened = Some((stored, entry.times));
                    }
                    // One that was purged or replaced meanwhile stays as it is.
                    let _ = store.replace(&held, entry, run.since, now);
                }
                Err(_) => store.retire(&held),
            }
        }
        Ok(freshened)
    }
}

/// An answer without a body that renews what is stored for its request.
struct Renewal<'a> {
    key: &'a Key,
    /// Selecting header fields that are in the key.
    in_key: &'a Names,
    reply: &'a Reply<'a>,
    terms: &'a Terms,
    /// When the handler was asked.
    began_at: i64,
}

impl Renewal<'_> {
    /// The entry with the fields of the reply in the place of its own, and the times that come of
    /// both. The inner error tells that it may no longer be stored.
    fn updated(&self, stored: &Stored, entry: Entry) -> Result<Result<Entry, Refused>, Untold> {
        let &Self { reply, terms, .. } = self;
        let reason = stored.head().split_once('\n').map_or("", |(reason, _)| reason);
        let merged = self.merged(stored);
        let fields = Fields::new(merged.split_once('\n').map_or("", |(_, fields)| fields));
        let head = ResponseHead { status: stored.status(), reason, fields };
        let decision = decide(head, reply.overrides, terms, self.exchange());
        let Decision { storable, mut times, cache_control } = match decision {
            Ok(decision) => decision,
            Err(refused) => return Ok(Err(refused)),
        };
        if cache_control.is_some() && entry.times.strict {
            // The response's own word has made way for the configured one when it was stored.
            times.strict = true;
            times.error_window = times.error_window.min(entry.times.error_window);
        }
        let lines = [("cache-control", cache_control.as_deref())];
        let text = written(head, |name| storable.keeps(name), &lines);
        let mut tags = [entry.tags.as_slice(), &storable.tags, &reply.tags].concat();
        tags.sort_unstable();
        tags.dedup();
        let (vary, variant) = self.selection(&entry, &storable.vary)?;
        Ok(Ok(Entry {
            vary,
            variant,
            times,
            tags,
            head: Stored::new(stored.status(), &text),
            ..entry
        }))
    }

    /// The head of the stored response with the fields of the reply in the place of its own.
    fn merged(&self, stored: &Stored) -> String {
        let new = Names::new(self.reply.head.fields.iter().map(|(name, _)| name));
        let kept = |name: &str| KEPT.contains(&name) || name != "date" && !new.contains(name);
        let old = ResponseHead { status: stored.status(), reason: "", fields: stored.fields() };
        let mut merged = written(old, kept, &[]);
        for (name, value) in self.reply.head.fields.iter().filter(|(name, _)| !KEPT.contains(name))
        {
            merged.extend([name, ":", value, "\n"]);
        }
        if !new.contains("date") {
            // An answer without a date is of the moment at which it comes (RFC 9110, section
            // 6.6.1).
            merged.extend(["date:", &http_date(self.reply.at), "\n"]);
        }
        merged
    }

    /// The course of the exchange. Whether the request allows to store the answer is decided
    /// before.
    fn exchange(&self) -> Exchange {
        let responded_at = self.reply.at;
        let requested_at =
            if is_dated(self.reply.head.fields) { self.began_at } else { responded_at };
        Exchange { requested_at, responded_at, ..Exchange::default() }
    }

    /// What selects the entry from now on: a `Vary` of the reply takes the place of the stored one.
    fn selection(&self, entry: &Entry, names: &Names) -> Result<(Selecting, Digest), Untold> {
        let &Self { key, in_key, reply, .. } = self;
        let fields = reply.request.fields;
        let vary = Selecting::beside(in_key, fields, names, true);
        if reply.head.fields.value("vary").is_none() || vary.names == entry.vary.names {
            return Ok((entry.vary.clone(), entry.variant));
        }
        let variant = key.variant(&vary, fields)?;
        Ok((vary, variant))
    }
}

/// Whether an answer without a body speaks of the stored response: no validator that both have
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
