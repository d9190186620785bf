//! The story of a stored response that the handler says is still right (RFC 9111, sections 3.2, 4.3.4 and 4.3.5).

use std::slice;

use crate::cache::{Cache, Keyed, Wanted};
use crate::field::lines::Fields;
use crate::field::{EntityTag, Names, RequestControl, date_seconds, http_date};
use crate::instance::Instance;
use crate::policy::{Answer, Decision, Exchange, Freshness, Refused, ResponseHead, Stored, decide};
use crate::put::written;
use crate::respond::{Reply, Responded, forwarded};
use crate::rule::Terms;
use crate::serve::{Run, as_get};
use crate::stats::count;
use crate::store::{Entry, Held, Selected};

/// Fields that a 304 or the answer to a HEAD does not change: they describe the stored body (section 3.2), or are for one client.
const KEPT: [&str; 9] = [
    "content-digest",
    "content-encoding",
    "content-length",
    "content-md5",
    "content-range",
    "etag",
    "set-cookie",
    "transfer-encoding",
    "vary",
];

impl Cache {
    /// The handler says that what is stored is right: it is freshened, in every variant that the answer speaks of, and answers.
    pub(crate) fn not_modified(&self, run: &mut Run, reply: &Reply<'_>) -> Result<Responded, Wanted> {
        let &Reply { request, at: now, .. } = reply;
        let Some(Selected { held: Held { stored, .. }, times, .. }) = run.selected.clone() else {
            return Ok(Responded::Again);
        };
        if !is_about(reply.head.fields, stored.fields()) {
            run.selected = None;
            return Ok(Responded::Again);
        }
        // Asked for here, so that nothing has happened where something has to be told. A date may have come along.
        request.fields.known("if-modified-since")?;
        Answer::new(stored.clone(), times, request.method, request.fields, now)?;
        let freshened = self.freshen(run, &stored, reply)?;
        count(&self.instance().counters.revalidations);
        let (stored, times) = freshened.unwrap_or((stored, times));
        if let Some(lead) = run.lead.take() {
            if times.state(now).is_served() { lead.complete() } else { lead.alone(now) }
        }
        let answer = Answer::new(stored, times, request.method, request.fields, now)?;
        Ok(Responded::Answer(answer.told(forwarded(run.why, 304, false), None)))
    }

    /// What the answer to a HEAD says of the response stored for a GET: that it is still right, or that it is not.
    pub(crate) fn heed_head(&self, run: &mut Run, reply: &Reply<'_>) -> Result<(), Wanted> {
        let Some(Selected { held, .. }) = run.selected.clone() else {
            return Ok(());
        };
        let stored = &held.stored;
        let (new, old) = (reply.head.fields, stored.fields());
        let says = |name: &str| new.value(name).is_some() && old.value(name).is_some();
        if reply.head.status != 200 || stored.status() != 200 {
            return Ok(());
        }
        if !is_about(new, old) || differs(new, old, "content-length") {
            self.instance().store.retire(&held);
        } else if says("etag") || says("last-modified") {
            self.freshen(run, stored, reply)?;
        }
        Ok(())
    }

    /// Freshens `selected` and every other response of the key with the same strong entity tag (section 4.3.4), but for a request
    /// with `no-store`, of whose answer nothing is stored (section 5.2.1.5). Returns what `selected` has become, if it is still to be
    /// stored.
    fn freshen(
        &self,
        run: &Run,
        selected: &Stored,
        reply: &Reply<'_>,
    ) -> Result<Option<(Stored, Freshness)>, Wanted> {
        let &Reply { request, wrapping, at: now, .. } = reply;
        if RequestControl::of(request.fields)?.no_store {
            return Ok(None);
        }
        let Keyed { key, applied, .. } = self.keyed(as_get(request), wrapping.vary.as_ref())?;
        let exchange = Exchange { requested_at: run.began_at, responded_at: now, ..Exchange::default() };
        let Instance { store, .. } = self.instance();
        let mut freshened = None;
        for (held, entry) in store.standing(&key) {
            let is_selected = held.stored.is(selected);
            if !is_selected && !has_same_strong_tag(reply.head.fields, held.stored.fields()) {
                continue;
            }
            match updated(&held.stored, entry, reply, applied.terms, exchange) {
                Ok(entry) => {
                    if is_selected {
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

/// The entry with the fields of the reply in the place of its own, and the times that come of both.
fn updated(
    stored: &Stored,
    entry: Entry,
    reply: &Reply<'_>,
    terms: &Terms,
    exchange: Exchange,
) -> Result<Entry, Refused> {
    let reason = stored.head().split_once('\n').map_or("", |(reason, _)| reason);
    let new = Names::new(reply.head.fields.iter().map(|(name, _)| name));
    let kept = |name: &str| KEPT.contains(&name) || name != "date" && !new.contains(name);
    let old = ResponseHead { status: stored.status(), reason, fields: stored.fields() };
    let mut merged = written(old, kept, &[]);
    for (name, value) in reply.head.fields.iter().filter(|(name, _)| !KEPT.contains(name)) {
        merged.extend([name, ":", value, "\n"]);
    }
    if !new.contains("date") {
        // An answer without a date is of the moment at which it comes (RFC 9110, section 6.6.1).
        merged.extend(["date:", &http_date(exchange.responded_at), "\n"]);
    }
    let head =
        ResponseHead { fields: Fields::new(merged.split_once('\n').map_or("", |(_, fields)| fields)), ..old };
    let Decision { storable, mut times, cache_control } = decide(head, reply.overrides, terms, exchange)?;
    if cache_control.is_some() && entry.times.strict {
        // The response's own word has made way for the configured one when it was stored.
        times.strict = true;
        times.error_window = times.error_window.min(entry.times.error_window);
    }
    let text = written(head, |name| storable.keeps(name), &[("cache-control", cache_control.as_deref())]);
    let mut tags = [entry.tags.as_slice(), &storable.tags, &reply.tags].concat();
    tags.sort_unstable();
    tags.dedup();
    Ok(Entry { times, tags, head: Stored::new(stored.status(), &text), ..entry })
}

/// Whether an answer without a body speaks of the stored response: no validator that both have differs.
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
    let tags = new.value("etag").and_then(EntityTag::parse).zip(old.value("etag").and_then(EntityTag::parse));
    tags.is_some_and(|(new, old)| new.strongly_equals(&old))
}

fn differs(new: Fields<'_>, old: Fields<'_>, name: &str) -> bool {
    new.value(name).zip(old.value(name)).is_some_and(|(new, old)| {
        new != old && (date_seconds(new).is_none() || date_seconds(new) != date_seconds(old))
    })
}
