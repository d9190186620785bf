//! Put, in two steps: the head decides whether the response is stored; only then is the body read.

use thiserror::Error;

use crate::cache::body_length::{BodyLength, Exceeded};
use crate::cache::instance::Instance;
use crate::cache::{Cache, Keyed, MissingInput, Request, TrackedBy};
use crate::coalescing::Reservation;
use crate::http::Names;
use crate::http::lines::{Fields, MissingFields};
use crate::key::{Key, Selecting};
use crate::memory::{NewEntry, StoreError};
use crate::policy::{
    Freshness, InvalidPut, Mode, Overrides, ResponseHead, State, Storable, Times, Uncacheable,
    storable, times,
};
use crate::response::{Stored, head_of};
use crate::stats::Counter;
use crate::time::UnixMillis;

/// Since when the response of a put has been computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// Since a miss at this fence sequence.
    Sequence(u64),
    /// Since the miss that the build tracker has for the key; without one, since the put.
    ByKey,
}

impl Since {
    fn tracked_by(self) -> TrackedBy {
        match self {
            Self::Sequence(_) => TrackedBy::Caller,
            Self::ByKey => TrackedBy::Key,
        }
    }
}

/// Options of one put, which take precedence over the configuration.
#[derive(Clone, Debug, Default)]
pub struct PutOptions {
    /// Lifetime and stale window.
    pub overrides: Overrides,
    /// Selecting header fields, in place of the configured ones.
    pub vary: Option<Names>,
    /// Tags in addition to the configured ones.
    pub tags: Vec<String>,
    /// Length that the body must have, if it is known.
    pub content_length: Option<u64>,
}

/// Decision of a put on the head of the response.
#[derive(Debug)]
pub enum Drafted {
    /// The response is stored once its body is complete.
    Draft(Box<Draft>),
    /// The response is not stored; the reason has been counted.
    Uncacheable(Uncacheable),
    /// A rule makes the request skip the cache.
    Bypassed,
}

/// A response that will be stored once its body is complete.
#[derive(Debug)]
pub struct Draft {
    entry: NewEntry,
    since: u64,
    tracked_by: TrackedBy,
    now: UnixMillis,
    length: BodyLength,
    /// The body so far, unless it crosses with the put.
    chunks: Vec<Box<[u8]>>,
    /// What the chunks hold of the budget of bytes in flight.
    reserved: Reservation,
}

impl Draft {
    /// Bytes by which the body can still grow.
    pub fn room(&self) -> u64 {
        self.length.room()
    }
}

/// Why the body of a put is not read any further, or not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BodyError {
    /// The response is not stored.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The length of the body differs from `Content-Length`.
    #[error("the body is not as long as its Content-Length says")]
    WrongLength,
}

/// Why a put was not decided.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum PutError {
    /// The caller has to send more of the request first.
    #[error(transparent)]
    MissingInput(MissingInput),
    /// The caller must not put this response.
    #[error(transparent)]
    InvalidPut(#[from] InvalidPut),
}

impl Cache {
    /// Decides from its head whether and for how long a response is stored, before its body is
    /// read.
    ///
    /// # Errors
    /// [`PutError`] if the caller has to send more of the request, or must not put the response.
    pub fn draft(
        &self,
        request: Request<'_>,
        head: ResponseHead<'_>,
        options: &PutOptions,
        since: Since,
        now: UnixMillis,
    ) -> Result<Drafted, PutError> {
        let Keyed { key, vary, applied, .. } = self.keyed(request, options.vary.as_ref())?;
        let verdict = storable(applied.admitted, head).map_err(PutError::InvalidPut)?;
        if applied.bypass.is_some() {
            self.instance().counters.count(Counter::Bypasses);
            return Ok(Drafted::Bypassed);
        }
        let storable = match verdict {
            Ok(storable) => storable,
            Err(reason) => {
                let _ = self.end_build(&key, since, now);
                return Ok(Drafted::Uncacheable(self.refuse(reason)));
            }
        };
        let decided =
            times(Mode::Put(now), head, &storable.directives, options.overrides, applied.terms);
        let Times { freshness: times, cache_control } = match decided {
            Ok(times) => times,
            Err(reason) => return Ok(Drafted::Uncacheable(self.refuse(reason))),
        };
        let lines = [("cache-control", cache_control.as_deref())];
        let configured = [options.tags.as_slice(), &applied.terms.tags];
        let entry =
            entry(&key, vary, request.fields, (head, &storable, false), times, &lines, configured)?;
        let began = self.end_build(&key, since, now);
        if times.state(now) == State::Expired {
            return Ok(Drafted::Uncacheable(self.refuse(Uncacheable::Expired)));
        }
        let Instance { store, in_flight, .. } = self.instance();
        let length = BodyLength::new(options.content_length, store.room(&entry));
        if length.will_exceed() {
            return Ok(Drafted::Uncacheable(self.refuse(Uncacheable::TooLarge)));
        }
        Ok(Drafted::Draft(Box::new(Draft {
            entry,
            since: began,
            tracked_by: since.tracked_by(),
            now,
            length,
            chunks: Vec::new(),
            reserved: Reservation::new(in_flight),
        })))
    }

    /// Ends the build of a put. Returns the fence sequence at which it began: that of its miss, or
    /// else that of the put.
    fn end_build(&self, key: &Key, since: Since, now: UnixMillis) -> u64 {
        let Instance { build_tracker, store, .. } = self.instance();
        store.catch_up();
        match since {
            Since::Sequence(sequence) => sequence,
            Since::ByKey => {
                build_tracker.lock().end(key.digest(), now).unwrap_or_else(|| store.sequence())
            }
        }
    }

    /// Appends bytes to the body of `draft`. They count as in flight until it is stored. After an
    /// error the caller drops the draft, or abandons it if the body has the wrong length.
    ///
    /// # Errors
    /// [`BodyError`] if the body is longer than its `Content-Length`, too large to be stored, or
    /// has no room in the budget; the reason has been counted.
    pub fn append(&self, draft: &mut Draft, bytes: &[u8]) -> Result<(), BodyError> {
        let refused = match draft.length.grow(bytes.len()) {
            Err(Exceeded::ContentLength) => return Err(BodyError::WrongLength),
            Err(Exceeded::Storable) => Uncacheable::TooLarge,
            Ok(()) if draft.reserved.try_grow(bytes.len() as u64) => {
                draft.chunks.push(bytes.into());
                return Ok(());
            }
            Ok(()) => Uncacheable::InFlight,
        };
        Err(StoreError::Uncacheable(self.refuse(refused)).into())
    }

    /// Stores `draft`. `last` are bytes after those appended; a response without either has no
    /// body, not even an empty one.
    ///
    /// # Errors
    /// [`BodyError`] if it is not stored after all; the reason has been counted.
    pub fn put(&self, mut draft: Draft, last: Option<&[u8]>) -> Result<(), BodyError> {
        // `store` checks the bound of an entry.
        let _ = draft.length.grow(last.map_or(0, <[u8]>::len));
        if !draft.length.is_complete() {
            self.abandon(&draft);
            return Err(BodyError::WrongLength);
        }
        let Draft { entry, since, now, chunks, .. } = draft;
        let Instance { store, counters, .. } = self.instance();
        let outcome = match (chunks.as_slice(), last) {
            ([], None) => store.put(entry, None, since, now),
            ([], Some(only)) => store.put(entry, Some(&[only]), since, now),
            (chunks, last) => {
                let parts: Vec<&[u8]> = chunks.iter().map(AsRef::as_ref).chain(last).collect();
                store.put(entry, Some(&parts), since, now)
            }
        };
        match outcome {
            Ok(_) => counters.count(Counter::Puts),
            Err(why) => self.count_not_stored(why),
        }
        outcome.map(drop).map_err(BodyError::from)
    }

    pub(crate) fn count_not_stored(&self, why: StoreError) {
        let Instance { counters, .. } = self.instance();
        match why {
            StoreError::Fenced => counters.count(Counter::Fenced),
            StoreError::Uncacheable(reason) => counters.count_uncacheable(reason),
        }
    }

    /// Drops a draft whose body failed. Its build stays open: the next put of the key began no
    /// later.
    pub fn abandon(&self, draft: &Draft) {
        if draft.tracked_by == TrackedBy::Key {
            self.instance().build_tracker.lock().begin(draft.entry.digest, draft.since, draft.now);
        }
    }

    /// Counts an uncacheable response whose reason the caller has found.
    pub fn refuse(&self, reason: Uncacheable) -> Uncacheable {
        self.instance().counters.count_uncacheable(reason);
        reason
    }
}

/// The entry for a response, without its body. `loosely` says how its `Vary` selects; `lines`
/// replace fields of the response.
///
/// # Errors
/// [`MissingFields`] if `fields` lacks a field that selects the response.
pub(crate) fn entry(
    key: &Key,
    in_key: &Names,
    fields: Fields<'_>,
    (head, storable, loosely): (ResponseHead<'_>, &Storable, bool),
    times: Freshness,
    lines: &[(&str, Option<&str>)],
    [given, configured]: [&[String]; 2],
) -> Result<NewEntry, MissingFields> {
    let vary = Selecting::beside(in_key, fields, &storable.vary, loosely);
    Ok(NewEntry {
        digest: key.digest(),
        variant: key.variant(&vary, fields)?,
        key: key.text().to_owned(),
        vary,
        tags: union(&[given, configured, &storable.tags]),
        times,
        head: Stored::new(head.status, &head_of(head, |name| storable.keeps(name), lines)),
    })
}

fn union(lists: &[&[String]]) -> Vec<String> {
    let mut tags = lists.concat();
    tags.sort_unstable();
    tags.dedup();
    tags
}

impl<T: Into<MissingInput>> From<T> for PutError {
    fn from(wanted: T) -> Self {
        Self::MissingInput(wanted.into())
    }
}
