//! The story of a stored response that the handler says is still right (RFC 9111, sections 3.2, 4.3.4 and 4.3.5).

use std::sync::Arc;

use crate::cache::{Cache, Keyed, Request, Wanted};
use crate::field::lines::Fields;
use crate::field::{EntityTag, Handled, RequestControl, date_seconds, http_date};
use crate::instance::Instance;
use crate::key::Key;
use crate::policy::{
    Answer, Decision, Exchange, Freshness, Overrides, Refused, ResponseHead, Stored, decide,
};
use crate::put::written;
use crate::respond::{Reply, Responded};
use crate::rule::Terms;
use crate::serve::{Run, Wrapping, as_get};
use crate::stats::count;
use crate::store::{Entry, Selected};

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

/// What updates a stored response.
struct Update<'a> {
    head: ResponseHead<'a>,
    overrides: Overrides,
    terms: &'a Terms,
    tags: &'a [String],
    exchange: Exchange,
}

impl Cache {
    /// The handler says that what is stored is right: it is freshened, in every variant that the answer speaks of, and answers.
    pub(crate) fn not_modified(
        &self,
        run: &mut Run,
        request: Request<'_>,
        wrapping: &Wrapping,
        reply: &Reply<'_>,
        now: i64,
    ) -> Result<Responded, Wanted> {
        let Some(Selected { stored, .. }) = run.selected.clone() else {
            return Ok(Responded::Again);
        };
        if !is_about(reply.head.fields, stored.fields()) {
            run.selected = None;
            return Ok(Responded::Again);
        }
        let Keyed { key, applied, .. } = self.keyed(as_get(request), wrapping.vary.as_ref())?;
        // Asked for here, so that nothing has happened where something has to be told.
        Answer::new(Arc::clone(&stored), Freshness::default(), request.method, request.fields, now)?;
        let exchange = Exchange { requested_at: run.began_at, responded_at: now, ..Exchange::default() };
        let (overrides, tags) = (reply.overrides, reply.tags.as_slice());
        let update = Update { head: reply.head, overrides, terms: applied.terms, tags, exchange };
        let keeps = !RequestControl::of(request.fields)?.no_store;
        let freshened = if keeps { self.freshen(&key, &stored, run.since, &update, now) } else { None };
        count(&self.instance().counters.revalidations);
        let (stored, times) = freshened.unwrap_or_else(|| {
            let times = run.selected.as_ref().map(|selected| selected.times).unwrap_or_default();
            (stored, times)
        });
        if let Some(lead) = run.lead.take() {
            if times.state(now).is_served() { lead.complete() } else { lead.alone(now) }
        }
        let answer = Answer::new(stored, times, request.method, request.fields, now)?;
        let (why, status) = (run.why.word(), Some(304));
        let handled = Handled::Forwarded { why, status, stored: false, collapsed: false };
        Ok(Responded::Answer(answer.told(handled, None)))
    }

    /// What the answer to a HEAD says of the response stored for a GET: that it is still right, or that it is not.
    pub(crate) fn heed_head(
        &self,
        run: &mut Run,
        request: Request<'_>,
        wrapping: &Wrapping,
        reply: &Reply<'_>,
        now: i64,
    ) -> Result<(), Wanted> {
        let Some(Selected { stored, variant, .. }) = run.selected.take() else {
            return Ok(());
        };
        // Nothing is stored of what answers a request with `no-store` (section 5.2.1.5).
        if reply.head.status != stored.status
            || reply.head.status != 200
            || RequestControl::of(request.fields)?.no_store
        {
            return Ok(());
        }
        let (new, old) = (reply.head.fields, stored.fields());
        let says = |name: &str| new.value(name).is_some() && old.value(name).is_some();
        if !is_about(new, old) || differs(new, old, "content-length") {
            self.instance().store.retire(&variant, &stored);
        } else if says("etag") || says("last-modified") {
            let Keyed { key, applied, .. } = self.keyed(as_get(request), wrapping.vary.as_ref())?;
            let exchange = Exchange { requested_at: run.began_at, responded_at: now, ..Exchange::default() };
            let (overrides, tags) = (reply.overrides, reply.tags.as_slice());
            let update = Update { head: reply.head, overrides, terms: applied.terms, tags, exchange };
            self.freshen(&key, &stored, run.since, &update, now);
        }
        Ok(())
    }

    /// Freshens `selected` and every other response of the key with the same strong entity tag (section 4.3.4). Returns what
    /// `selected` has become, if it is still to be stored.
    fn freshen(
        &self,
        key: &Key,
        selected: &Arc<Stored>,
        since: u64,
        update: &Update<'_>,
        now: i64,
    ) -> Option<(Arc<Stored>, Freshness)> {
        let Instance { store, .. } = self.instance();
        let mut freshened = None;
        for (stored, entry) in store.standing(key) {
            let is_selected = Arc::ptr_eq(&stored, selected);
            if !is_selected && !has_same_strong_tag(update.head.fields, stored.fields()) {
                continue;
            }
            let variant = entry.variant;
            match updated(&stored, entry, update) {
                Ok(entry) => {
                    if is_selected {
                        freshened = Some((Arc::new(entry.stored.clone()), entry.times));
                    }
                    let _ = store.replace(&stored, entry, since, now);
                }
                Err(_) => store.retire(&variant, &stored),
            }
        }
        freshened
    }
}

/// The entry with the fields of the update in the place of its own, and the times that come of both.
fn updated(stored: &Stored, entry: Entry, update: &Update<'_>) -> Result<Entry, Refused> {
    let reason = stored.head().split_once('\n').map_or("", |(reason, _)| reason);
    let new: Vec<&str> = update.head.fields.iter().map(|(name, _)| name).collect();
    let kept = |name: &str| KEPT.contains(&name) || name != "date" && !new.contains(&name);
    let old = ResponseHead { status: stored.status, reason, fields: stored.fields() };
    let mut merged = written(old, kept, &[]);
    for (name, value) in update.head.fields.iter().filter(|(name, _)| !KEPT.contains(name)) {
        merged.extend([name, ":", value, "\n"]);
    }
    if !new.contains(&"date") {
        // An answer without a date is of the moment at which it comes (RFC 9110, section 6.6.1).
        merged.extend(["date:", &http_date(update.exchange.responded_at), "\n"]);
    }
    let head =
        ResponseHead { fields: Fields::new(merged.split_once('\n').map_or("", |(_, fields)| fields)), ..old };
    let Decision { storable, mut times, cache_control } =
        decide(head, update.overrides, update.terms, update.exchange)?;
    if cache_control.is_some() && entry.times.strict {
        // The response's own word has made way for the configured one when it was stored.
        times.strict = true;
        times.error_window = times.error_window.min(entry.times.error_window);
    }
    let text = written(head, |name| storable.keeps(name), &[("cache-control", cache_control.as_deref())]);
    let mut tags = [entry.tags.as_slice(), &storable.tags, update.tags].concat();
    tags.sort_unstable();
    tags.dedup();
    Ok(Entry { times, tags, stored: stored.with_head(text), ..entry })
}

/// Whether an answer without a body speaks of the stored response: no validator that both have differs.
fn is_about(new: Fields<'_>, old: Fields<'_>) -> bool {
    let tags = |fields: Fields<'_>| fields.value("etag").map(ToOwned::to_owned);
    match (tags(new), tags(old)) {
        (Some(new), Some(old)) => match (EntityTag::parse(&new), EntityTag::parse(&old)) {
            (Some(new), Some(old)) => new.weakly_equals(&old),
            _ => new == old,
        },
        _ => !differs(new, old, "last-modified"),
    }
}

fn differs(new: Fields<'_>, old: Fields<'_>, name: &str) -> bool {
    match (new.value(name), old.value(name)) {
        (Some(new), Some(old)) => {
            new != old && (date_seconds(new).is_none() || date_seconds(new) != date_seconds(old))
        }
        _ => false,
    }
}

fn has_same_strong_tag(new: Fields<'_>, old: Fields<'_>) -> bool {
    let tag = |fields: Fields<'_>| fields.value("etag").map(ToOwned::to_owned);
    match (tag(new), tag(old)) {
        (Some(new), Some(old)) => match (EntityTag::parse(&new), EntityTag::parse(&old)) {
            (Some(new), Some(old)) => new.strongly_equals(&old),
            _ => false,
        },
        _ => false,
    }
}
