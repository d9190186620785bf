//! Cache operations: lookup, delete and purge. `put` is in `put.rs`; wrapped handlers are in
//! `proxy`.

pub(crate) mod explain;
pub(crate) mod inspect;
pub(crate) mod instance;
pub(crate) mod proxy;
pub(crate) mod put;
pub(crate) mod sweep;

use std::borrow::Cow;
use std::sync::Weak;

use crate::cache::instance::{Instance, Lease, StorageConflict};
use crate::coalescing::Fingerprint;
use crate::http::lines::{Fields, Untold};
use crate::http::{Names, Uncanonical, canonical};
use crate::invalidation::Selector;
use crate::key::Key;
use crate::memory::Found;
use crate::policy::State;
use crate::policy::rules::{Applied, Policy};
use crate::response::Answer;
use crate::stats::{add, count};
use crate::tier::sqlite::Ticket;
use crate::tier::{Lasting, Storage};

/// One declaration of an instance: its own policy over the entries that all declarations of the
/// identity share.
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
    /// Whether the disk has been asked for what it has.
    pub asked: bool,
    /// Which request it is, for a wrapped handler that has failed; see [`Wanted::Fingerprint`].
    pub fingerprint: Option<Fingerprint>,
}

/// What a call needs to be told before it can be answered. Nothing has happened then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The URL in serialised form.
    Url,
    /// These header fields of the request.
    Fields(Names),
    /// What the disk has. The request is to come again once the ticket is done, and to say so.
    Disk(Ticket),
    /// A hash of all header fields: the handler has just failed, perhaps for the same request.
    Fingerprint,
}

/// Who remembers since when a miss has had its content computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotedBy {
    /// The caller, who gives [`Since::Told`] to the put.
    Caller,
    /// The instance, by the key and the thread.
    Key,
}

/// The outcome of a lookup.
#[derive(Debug)]
pub enum Lookup {
    /// An entry answers the request.
    Hit(Answer, State),
    /// The caller has to compute the response.
    Miss {
        /// Where the sequence of purges stands.
        since: u64,
        /// Whether there is a stale entry, which others are served while the caller computes.
        elected: bool,
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

/// A request's key and what applies to the request.
pub(crate) struct Keyed<'r, 'a> {
    pub(crate) url: Cow<'r, str>,
    pub(crate) key: Key,
    pub(crate) vary: &'a Names,
    pub(crate) applied: Applied<'a>,
}

impl Cache {
    /// Declares the instance `namespace/name`.
    ///
    /// # Errors
    /// [`StorageConflict`] where the identity is open with other bounds.
    pub fn open(
        namespace: &str,
        name: &str,
        storage: impl Into<Storage>,
        policy: Policy,
    ) -> Result<Self, StorageConflict> {
        let instance = Lease::take(&format!("{namespace}/{name}"), &storage.into())?;
        Ok(Self { instance, namespace: namespace.to_owned(), policy })
    }

    /// Gives the declaration up and, if it was the only open one, entries and counters with it.
    /// What is to be on the disk is there when the ticket is done.
    pub fn close(self) -> Option<Ticket> {
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
    /// [`Wanted`] where the request does not tell enough.
    pub fn key(&self, request: Request<'_>, vary: Option<&Names>) -> Result<String, Wanted> {
        Ok(self.keyed(request, vary)?.key.into_text())
    }

    /// Finds the entry that answers `request` at `now`, and counts what comes of it. Where the
    /// entry is stale, one caller gets a miss to refresh it, and everyone else the entry.
    ///
    /// # Errors
    /// [`Wanted`] where the request does not tell enough.
    pub fn look_up(
        &self,
        request: Request<'_>,
        vary: Option<&Names>,
        noted_by: NotedBy,
        now: i64,
    ) -> Result<Lookup, Wanted> {
        let Keyed { key, applied, .. } = self.keyed(request, vary)?;
        let Instance { store, counters, .. } = &*self.instance;
        if applied.bypass.is_some() {
            count(&counters.bypasses);
            return Ok(Lookup::Bypassed);
        }
        store.catch_up();
        let found = if applied.admitted {
            store.get(&key, request.fields, now)?
        } else {
            Found::Nothing { since: store.sequence() }
        };
        if matches!(found, Found::Nothing { .. }) && applied.admitted {
            self.ask_disk(&key, request, now)?;
        }
        match found {
            Found::Entry(stored, times, state) => {
                let answer = Answer::new(stored, times, request.method, request.fields, now)?;
                count(&counters.hits);
                if state == State::Stale {
                    count(&counters.stale_hits);
                }
                Ok(Lookup::Hit(answer, state))
            }
            Found::Elected { since, .. } => {
                count(&counters.elections);
                Ok(self.miss(&key, noted_by, since, true, now))
            }
            Found::Nothing { since } => Ok(self.miss(&key, noted_by, since, false, now)),
        }
    }

    /// Asks the disk for a key that is not in memory, if it has not been asked.
    pub(crate) fn ask_disk(&self, key: &Key, request: Request<'_>, now: i64) -> Result<(), Wanted> {
        let asked = if request.asked { None } else { self.instance.store.load(key, now) };
        asked.map_or(Ok(()), |ticket| Err(Wanted::Disk(ticket)))
    }

    fn miss(&self, key: &Key, noted_by: NotedBy, since: u64, elected: bool, now: i64) -> Lookup {
        count(&self.instance.counters.misses);
        if noted_by == NotedBy::Key {
            self.instance.notes.lock().begin(key.digest(), since, now);
        }
        Lookup::Miss { since, elected }
    }

    /// Removes the entry that [`look_up`](Self::look_up) would find. Tells whether there was one in
    /// memory. Where there is a disk, a ticket tells how many there were there, and when they are
    /// gone for good.
    ///
    /// # Errors
    /// [`Wanted`] where the request does not tell enough.
    pub fn delete(
        &self,
        request: Request<'_>,
        vary: Option<&Names>,
        now: i64,
    ) -> Result<(Deletion, Option<Ticket>), Wanted> {
        let Keyed { key, applied, .. } = self.keyed(request, vary)?;
        let Instance { store, counters, .. } = &*self.instance;
        let deletion = if applied.bypass.is_some() {
            count(&counters.bypasses);
            (Deletion::Bypassed, None)
        } else if applied.admitted {
            store.catch_up();
            let (is_removed, ticket) = store.delete(&key, request.fields, now)?;
            (if is_removed { Deletion::Removed } else { Deletion::Absent }, ticket)
        } else {
            (Deletion::Absent, None)
        };
        count(&counters.deletes);
        Ok(deletion)
    }

    /// Removes everything that `selector` selects, or makes it stale. Tells how many live entries
    /// were among it.
    pub fn purge(&self, selector: &Selector, now: i64) -> Lasting {
        let purged = self.instance.store.purge(selector, now);
        if let Lasting::Now(purged) = purged {
            add(&self.instance.counters.purges, purged);
        }
        purged
    }

    pub(crate) fn downgrade(&self) -> Weak<Instance> {
        self.instance.downgrade()
    }

    /// Panics where an index of the store disagrees with its entries. For tests.
    ///
    /// # Panics
    /// As said.
    pub fn validate(&self) {
        self.instance.store.validate();
    }

    pub(crate) fn keyed<'r, 'a>(
        &'a self,
        request: Request<'r>,
        vary: Option<&'a Names>,
    ) -> Result<Keyed<'r, 'a>, Wanted> {
        let url = canonical(request.url, request.serialised)?;
        let applied = self.policy.apply(request.method, &url, request.fields);
        let vary = vary.unwrap_or(&applied.terms.vary);
        let key = Key::new(&url, &self.namespace, request.method, vary, request.fields)?;
        Ok(Keyed { url, key, vary, applied })
    }
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
