//! The stories: look up, put, delete, purge.

use crate::field::lines::Fields;
use crate::field::{Names, Uncanonical, canonical};
use crate::instance::{Instance, Lease, StorageConflict};
use crate::key::{Key, Untold};
use crate::policy::{
    Answer, Freshness, Overrides, Refused, Rejected, ResponseHead, State, Storable, storable,
};
use crate::rule::{Applied, Policy};
use crate::stats::{Stats, add, count, read};
use crate::store::{Bounds, Entry, Selector, Stored, Usage};

/// One declaration of an instance: its own policy over the entries that all declarations of the identity share.
#[derive(Debug)]
pub struct Cache {
    instance: Lease,
    namespace: String,
    policy: Policy,
}

/// A request, as far as the cache needs it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Method, in any case.
    pub method: &'a str,
    /// Absolute URL.
    pub url: &'a str,
    /// Whether `url` is what a URL parser printed.
    pub serialised: bool,
    /// The header fields that were looked for.
    pub fields: Fields<'a>,
}

/// What a call needs to be told before it can be answered. Nothing has happened then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The URL in serialised form.
    Url,
    /// These header fields of the request.
    Fields(Names),
}

/// The outcome of a lookup.
#[derive(Debug)]
pub enum Lookup {
    /// An entry answers the request.
    Hit(Answer),
    /// No entry does.
    Miss,
    /// A rule makes the request skip the cache.
    Bypassed,
}

/// What one put sets over what is configured.
#[derive(Clone, Debug, Default)]
pub struct PutOptions {
    /// Freshness lifetime and stale window.
    pub overrides: Overrides,
    /// Selecting header fields, in place of the configured ones.
    pub vary: Option<Names>,
    /// Tags beside the configured ones.
    pub tags: Vec<String>,
}

/// What becomes of a put, as far as its head tells.
#[derive(Debug)]
pub enum Drafted {
    /// The response will be stored once its body is there.
    Draft(Box<Draft>),
    /// The response is not stored; the reason has been counted.
    Refused(Refused),
    /// A rule makes the request skip the cache.
    Bypassed,
}

/// A response decided on and waiting for its body.
#[derive(Debug)]
pub struct Draft {
    entry: Entry,
    now: i64,
}

/// Why a put has no outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutError {
    /// Something has to be told first.
    Wanted(Wanted),
    /// The put is an error of its caller.
    Rejected(Rejected),
}

/// What can be seen of an instance.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// What the store holds and what left it.
    pub usage: Usage,
    /// The store's bounds.
    pub bounds: Bounds,
    /// Hits served past their freshness lifetime.
    pub stale_hits: u64,
    /// Calls that a rule made skip the cache.
    pub bypasses: u64,
    /// Responses not stored, by reason.
    pub refused: Vec<(Refused, u64)>,
}

/// A request's key and what applies to the request.
struct Keyed<'a> {
    key: Key,
    vary: &'a Names,
    applied: Applied<'a>,
}

impl Cache {
    /// Declares the instance `namespace/name`.
    ///
    /// # Errors
    /// [`StorageConflict`] where the identity is open with other bounds.
    pub fn open(namespace: &str, name: &str, bounds: Bounds, policy: Policy) -> Result<Self, StorageConflict> {
        let instance = Lease::take(&format!("{namespace}/{name}"), bounds)?;
        Ok(Self { instance, namespace: namespace.to_owned(), policy })
    }

    /// Gives the declaration up and, if it was the only open one, entries and counters with it.
    pub fn close(self) {
        self.instance.release();
    }

    /// `namespace/name`.
    pub fn identity(&self) -> &str {
        &self.instance.identity
    }

    /// The key of `request`, with `vary` in place of the configured selecting fields.
    ///
    /// # Errors
    /// [`Wanted`] where the request does not tell enough.
    pub fn key(&self, request: Request<'_>, vary: Option<&Names>) -> Result<String, Wanted> {
        Ok(self.keyed(request, vary)?.key.into_text())
    }

    /// Finds the entry that answers `request` at `now`, and counts what comes of it.
    ///
    /// # Errors
    /// [`Wanted`] where the request does not tell enough.
    pub fn look_up(&self, request: Request<'_>, vary: Option<&Names>, now: i64) -> Result<Lookup, Wanted> {
        let Keyed { key, applied, .. } = self.keyed(request, vary)?;
        let counters = &self.instance.counters;
        if applied.bypassed {
            count(&counters.bypasses);
            return Ok(Lookup::Bypassed);
        }
        let Some((stored, state)) = self.instance.store.get(&key, request.fields, now)? else {
            count(&counters.misses);
            return Ok(Lookup::Miss);
        };
        count(&counters.hits);
        if state == State::Stale {
            count(&counters.stale_hits);
        }
        Ok(Lookup::Hit(Answer::new(stored, request.method, request.fields, now)))
    }

    /// Decides from its head whether a response is stored and on what terms, before its body is read.
    ///
    /// # Errors
    /// [`PutError`] where the request does not tell enough or the put is an error of its caller.
    pub fn draft(
        &self,
        request: Request<'_>,
        head: ResponseHead<'_>,
        options: PutOptions,
        now: i64,
    ) -> Result<Drafted, PutError> {
        let Keyed { key, vary, applied } = self.keyed(request, options.vary.as_ref())?;
        let verdict = storable(request.method, applied.by_rule, head).map_err(PutError::Rejected)?;
        if applied.bypassed {
            count(&self.instance.counters.bypasses);
            return Ok(Drafted::Bypassed);
        }
        let storable = match verdict {
            Ok(storable) => storable,
            Err(reason) => return Ok(Drafted::Refused(self.refuse(reason))),
        };
        let (times, cache_control) =
            Freshness::decide(options.overrides, applied.terms, &storable.directives, head.fields, now);
        if times.state(now) == State::Expired {
            return Ok(Drafted::Refused(self.refuse(Refused::Expired)));
        }
        let stored = Stored::new(head.status, stored_head(head, &storable, cache_control.as_deref()), times);
        let vary = storable.vary.without(vary);
        let entry = Entry {
            digest: key.digest(),
            variant: key.variant(&vary, request.fields)?,
            key: key.into_text(),
            vary,
            tags: union([options.tags, applied.terms.tags.clone(), storable.tags]),
            stored,
        };
        Ok(Drafted::Draft(Box::new(Draft { entry, now })))
    }

    /// How many bytes of body `draft` has room for.
    pub fn room(&self, draft: &Draft) -> u64 {
        self.instance.store.room(&draft.entry)
    }

    /// Stores what `draft` decided on, with its body; `None` for a response without one. Returns the reason, which
    /// has been counted, where it is not stored after all.
    pub fn put(&self, draft: Draft, body: Option<Box<[u8]>>) -> Option<Refused> {
        let Draft { mut entry, now } = draft;
        entry.stored.set_body(body);
        match self.instance.store.put(entry, now) {
            Ok(()) => {
                count(&self.instance.counters.puts);
                None
            }
            Err(reason) => Some(self.refuse(reason)),
        }
    }

    /// Counts that a response is not stored, for a reason seen outside.
    pub fn refuse(&self, reason: Refused) -> Refused {
        self.instance.counters.refuse(reason);
        reason
    }

    /// Removes the entry that [`look_up`](Self::look_up) would find. Tells whether there was one.
    ///
    /// # Errors
    /// [`Wanted`] where the request does not tell enough.
    pub fn delete(&self, request: Request<'_>, vary: Option<&Names>, now: i64) -> Result<bool, Wanted> {
        let Keyed { key, applied, .. } = self.keyed(request, vary)?;
        let deleted = if applied.bypassed {
            count(&self.instance.counters.bypasses);
            false
        } else {
            self.instance.store.delete(&key, request.fields, now)?
        };
        count(&self.instance.counters.deletes);
        Ok(deleted)
    }

    /// Removes everything that `selector` selects and returns how many live entries were among it.
    pub fn purge(&self, selector: &Selector, now: i64) -> u64 {
        let purged = self.instance.store.purge(selector, now);
        add(&self.instance.counters.purges, purged);
        purged
    }

    /// Removes some expired entries. Tells whether entries are left that will expire.
    pub fn sweep(&self, now: i64) -> bool {
        /// Few enough for a pause that nobody notices.
        const AT_ONCE: usize = 1_000;
        self.instance.store.sweep(now, AT_ONCE)
    }

    /// The documented counters.
    pub fn stats(&self) -> Stats {
        self.instance.counters.stats()
    }

    /// What can be seen of the instance at `now`.
    pub fn inspect(&self, now: i64) -> Inspection {
        let Instance { store, counters, .. } = &*self.instance;
        Inspection {
            usage: store.usage(now),
            bounds: store.bounds(),
            stale_hits: read(&counters.stale_hits),
            bypasses: read(&counters.bypasses),
            refused: counters.refused(),
        }
    }

    /// Panics where an index of the store disagrees with its entries. For tests.
    ///
    /// # Panics
    /// As said.
    pub fn validate(&self) {
        self.instance.store.validate();
    }

    fn keyed<'a>(&'a self, request: Request<'_>, vary: Option<&'a Names>) -> Result<Keyed<'a>, Wanted> {
        let url = canonical(request.url, request.serialised)?;
        let applied = self.policy.apply(request.method, &url, request.fields);
        let vary = vary.unwrap_or(&applied.terms.vary);
        let key = Key::new(&url, &self.namespace, request.method, vary, request.fields)?;
        Ok(Keyed { key, vary, applied })
    }
}

/// Reason phrase and field lines as they are kept; `cache_control` in place of the response's own.
fn stored_head(head: ResponseHead<'_>, storable: &Storable, cache_control: Option<&str>) -> String {
    let mut kept = String::with_capacity(256);
    kept.extend([head.reason, "\n"]);
    for (name, value) in head.fields.iter() {
        if storable.keeps(name) && (name != "cache-control" || cache_control.is_none()) {
            kept.extend([name, ":", value, "\n"]);
        }
    }
    if let Some(value) = cache_control {
        kept.extend(["cache-control:", value, "\n"]);
    }
    kept
}

fn union(lists: [Vec<String>; 3]) -> Vec<String> {
    let mut tags = lists.concat();
    tags.sort_unstable();
    tags.dedup();
    tags
}

impl From<Uncanonical> for Wanted {
    fn from(_: Uncanonical) -> Self {
        Self::Url
    }
}

impl From<Untold> for Wanted {
    fn from(Untold(names): Untold) -> Self {
        Self::Fields(names)
    }
}

impl<T: Into<Wanted>> From<T> for PutError {
    fn from(wanted: T) -> Self {
        Self::Wanted(wanted.into())
    }
}
