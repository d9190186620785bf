//! Cache operations: lookup, delete and purge. `put` is in `put.rs`, wrapped handlers are in
//! `proxy`.

pub(crate) mod body_length;
pub(crate) mod explain;
pub(crate) mod inspect;
pub(crate) mod instance;
pub(crate) mod proxy;
pub(crate) mod put;
pub(crate) mod sweep;

use std::borrow::Cow;
use std::sync::Weak;

use thiserror::Error;

use crate::cache::instance::{Instance, InstanceHandle, StorageConflict};
use crate::coalescing::Fingerprint;
use crate::http::lines::{Fields, MissingFields};
use crate::http::{Names, Uncanonical, canonical};
use crate::invalidation::Invalidation;
use crate::key::Key;
use crate::memory::Found;
use crate::policy::State;
use crate::policy::rules::{Applied, Policy};
use crate::response::Answer;
use crate::stats::Counter;
use crate::tier::completion::Completion;
use crate::tier::{Durable, Storage};
use crate::time::UnixMillis;

/// A declaration of an instance: its own policy over entries that all declarations share.
#[derive(Debug)]
pub struct Cache {
    instance: InstanceHandle,
    namespace: String,
    policy: Policy,
}

/// The parts of a request that a call needs.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Method, in any case.
    pub method: &'a str,
    /// Absolute URL.
    pub url: &'a str,
    /// Whether `url` is in the serialised form that a URL parser prints.
    pub serialised: bool,
    /// The header fields that the caller has sent.
    pub fields: Fields<'a>,
    /// Whether the entries of the key have been loaded from disk.
    pub asked: bool,
    /// Hash of the request's header fields; see [`MissingInput::Fingerprint`].
    pub fingerprint: Option<Fingerprint>,
}

/// Input that a call needs before it can be answered. The call has had no effect.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the call needs more of the request")]
pub enum MissingInput {
    /// The URL in serialised form.
    Url,
    /// These header fields of the request.
    Fields(Names),
    /// The entries that the disk has for the key. Call again with `asked` once the completion is
    /// done.
    TierEntry(Completion),
    /// A hash of all header fields: the handler has just failed, maybe for the same request.
    Fingerprint,
}

/// What identifies the build that a miss begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrackedBy {
    /// The caller, which passes [`Since::Sequence`] to the put.
    Caller,
    /// The build tracker, by key and thread.
    Key,
}

/// The outcome of a lookup.
#[derive(Debug)]
pub enum Lookup {
    /// An entry answers the request.
    Hit(Answer, State),
    /// The caller has to compute the response.
    Miss {
        /// Fence sequence at the time of the miss.
        since: u64,
        /// Whether there is a stale entry, which is served to all other callers.
        holds_lease: bool,
    },
    /// A rule makes the request skip the cache.
    Bypassed,
}

/// The outcome of a delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// There was an entry.
    Removed,
    /// There was none.
    Absent,
    /// A rule makes the request skip the cache.
    Bypassed,
}

/// The key of a request and the rule that applies to it.
pub(crate) struct Keyed<'r, 'a> {
    pub(crate) url: Cow<'r, str>,
    pub(crate) key: Key,
    pub(crate) vary: &'a Names,
    pub(crate) applied: Applied<'a>,
}

impl Cache {
    /// Opens the instance `namespace/name`.
    ///
    /// # Errors
    /// [`StorageConflict`] if the identity is open with another storage.
    pub fn open(
        namespace: &str,
        name: &str,
        storage: impl Into<Storage>,
        policy: Policy,
    ) -> Result<Self, StorageConflict> {
        let instance = InstanceHandle::take(&format!("{namespace}/{name}"), &storage.into())?;
        Ok(Self { instance, namespace: namespace.to_owned(), policy })
    }

    /// Closes the declaration and, if it was the last one, the instance. The completion is done
    /// once all pending writes are on disk.
    pub fn close(self) -> Option<Completion> {
        self.instance.release()
    }

    /// `namespace/name`.
    pub fn identity(&self) -> &str {
        &self.instance.identity
    }

    pub(crate) fn instance(&self) -> &Instance {
        &self.instance
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The key of `request`, with `vary` in place of the configured selecting fields.
    ///
    /// # Errors
    /// [`MissingInput`] if the caller has to send more of the request first.
    pub fn key(&self, request: Request<'_>, vary: Option<&Names>) -> Result<String, MissingInput> {
        Ok(self.keyed(request, vary)?.key.into_text())
    }

    /// Finds the entry that answers `request` at `now` and counts the outcome. If the entry is
    /// stale, one caller gets a miss and refreshes it; all others get the entry.
    ///
    /// # Errors
    /// [`MissingInput`] if the caller has to send more of the request first.
    pub fn look_up(
        &self,
        request: Request<'_>,
        vary: Option<&Names>,
        tracked_by: TrackedBy,
        now: UnixMillis,
    ) -> Result<Lookup, MissingInput> {
        let Keyed { key, applied, .. } = self.keyed(request, vary)?;
        let Instance { store, counters, .. } = &*self.instance;
        if applied.bypass.is_some() {
            counters.count(Counter::Bypasses);
            return Ok(Lookup::Bypassed);
        }
        store.catch_up();
        let found = if applied.admitted {
            store.get(&key, request.fields, now)?
        } else {
            Found::Miss { since: store.sequence() }
        };
        if matches!(found, Found::Miss { .. }) && applied.admitted {
            self.load_from_tier(&key, request, now)?;
        }
        match found {
            Found::Entry(stored, times, state) => {
                let answer = Answer::new(stored, times, request.method, request.fields, now)?;
                counters.count(Counter::Hits);
                if state == State::Stale {
                    counters.count(Counter::StaleHits);
                }
                Ok(Lookup::Hit(answer, state))
            }
            Found::Refresh { since, .. } => {
                counters.count(Counter::Elections);
                Ok(self.miss(&key, tracked_by, since, true, now))
            }
            Found::Miss { since } => Ok(self.miss(&key, tracked_by, since, false, now)),
        }
    }

    /// Asks the disk for the entries of a key that is not in memory, once per request.
    pub(crate) fn load_from_tier(
        &self,
        key: &Key,
        request: Request<'_>,
        now: UnixMillis,
    ) -> Result<(), MissingInput> {
        let asked =
            if request.asked { None } else { self.instance.store.load(key, request.fields, now) };
        asked.map_or(Ok(()), |completion| Err(MissingInput::TierEntry(completion)))
    }

    fn miss(
        &self,
        key: &Key,
        tracked_by: TrackedBy,
        since: u64,
        holds_lease: bool,
        now: UnixMillis,
    ) -> Lookup {
        self.instance.counters.count(Counter::Misses);
        if tracked_by == TrackedBy::Key {
            self.instance.build_tracker.lock().begin(key.digest(), since, now);
        }
        Lookup::Miss { since, holds_lease }
    }

    /// Removes the entry that [`look_up`](Self::look_up) would find, and returns whether memory had
    /// one. With a disk, the completion returns how many entries the disk had, once they are
    /// removed for good.
    ///
    /// # Errors
    /// [`MissingInput`] if the caller has to send more of the request first.
    pub fn delete(
        &self,
        request: Request<'_>,
        vary: Option<&Names>,
        now: UnixMillis,
    ) -> Result<(Deletion, Option<Completion>), MissingInput> {
        let Keyed { key, applied, .. } = self.keyed(request, vary)?;
        let Instance { store, counters, .. } = &*self.instance;
        let deletion = if applied.bypass.is_some() {
            counters.count(Counter::Bypasses);
            (Deletion::Bypassed, None)
        } else if applied.admitted {
            store.catch_up();
            let (is_removed, completion) = store.delete(&key, request.fields, now)?;
            (if is_removed { Deletion::Removed } else { Deletion::Absent }, completion)
        } else {
            (Deletion::Absent, None)
        };
        counters.count(Counter::Deletes);
        Ok(deletion)
    }

    /// Removes the selected entries, or makes them stale: from the call on, none of them is served.
    /// Returns the number of live entries among them once all of them are removed, which takes a
    /// while if they are many.
    pub fn purge(&self, invalidation: &Invalidation, now: UnixMillis) -> Durable {
        self.instance.store.purge(invalidation, now)
    }

    pub(crate) fn downgrade(&self) -> Weak<Instance> {
        self.instance.downgrade()
    }

    /// Checks that the indexes of the store agree with its entries. For tests.
    ///
    /// # Panics
    /// If they do not.
    pub fn validate(&self) {
        self.instance.store.validate();
    }

    pub(crate) fn keyed<'r, 'a>(
        &'a self,
        request: Request<'r>,
        vary: Option<&'a Names>,
    ) -> Result<Keyed<'r, 'a>, MissingInput> {
        let url = canonical(request.url, request.serialised)?;
        let applied = self.policy.apply(request.method, &url, request.fields);
        let vary = vary.unwrap_or(&applied.terms.vary);
        let key = Key::new(&url, &self.namespace, request.method, vary, request.fields)?;
        Ok(Keyed { url, key, vary, applied })
    }
}

impl From<Uncanonical> for MissingInput {
    fn from(_: Uncanonical) -> Self {
        Self::Url
    }
}

impl From<MissingFields> for MissingInput {
    fn from(MissingFields(names): MissingFields) -> Self {
        Self::Fields(names)
    }
}
