//! The story of a put, in two parts: the head decides on storing, and the body is read only if it
//! will be stored.

use std::slice;

use crate::cache::instance::Instance;
use crate::cache::{Cache, Keyed, NotedBy, Request, Wanted};
use crate::coalescing::Reservation;
use crate::http::Names;
use crate::http::lines::{Fields, Untold};
use crate::key::{Key, Selecting};
use crate::memory::{Entry, NotStored};
use crate::policy::{
    Freshness, Overrides, Refused, Rejected, ResponseHead, State, Storable, storable,
};
use crate::response::Stored;
use crate::stats::count;

/// Since when the content of a put has been computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// Since the miss that saw the sequence of purges here.
    Told(u64),
    /// Since the miss that was noted by the key; if there is none, since the put itself.
    ByKey,
}

impl Since {
    fn noted_by(self) -> NotedBy {
        match self {
            Self::Told(_) => NotedBy::Caller,
            Self::ByKey => NotedBy::Key,
        }
    }
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
    since: u64,
    noted_by: NotedBy,
    now: i64,
    received: Reservation,
}

/// Why a put has no outcome.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutError {
    /// Something has to be told first.
    Wanted(Wanted),
    /// The put is an error of its caller.
    Rejected(Rejected),
}

impl Cache {
    /// Decides from its head whether a response is stored and on what terms, before its body is
    /// read.
    ///
    /// # Errors
    /// [`PutError`] where the request does not tell enough or the put is an error of its caller.
    pub fn draft(
        &self,
        request: Request<'_>,
        head: ResponseHead<'_>,
        options: &PutOptions,
        since: Since,
        now: i64,
    ) -> Result<Drafted, PutError> {
        let Keyed { key, vary, applied, .. } = self.keyed(request, options.vary.as_ref())?;
        let verdict = storable(applied.admitted, head).map_err(PutError::Rejected)?;
        if applied.bypass.is_some() {
            count(&self.instance().counters.bypasses);
            return Ok(Drafted::Bypassed);
        }
        let storable = match verdict {
            Ok(storable) => storable,
            Err(reason) => {
                let _ = self.end_build(&key, since, now);
                return Ok(Drafted::Refused(self.refuse(reason)));
            }
        };
        let (times, cache_control) = Freshness::decide(
            options.overrides,
            applied.terms,
            &storable.directives,
            head.fields,
            now,
        );
        let lines = [("cache-control", cache_control.as_deref())];
        let configured = [options.tags.as_slice(), &applied.terms.tags];
        let entry =
            entry(&key, vary, request.fields, (head, &storable, false), times, &lines, configured)?;
        let began = self.end_build(&key, since, now);
        if times.state(now) == State::Expired {
            return Ok(Drafted::Refused(self.refuse(Refused::Expired)));
        }
        let received = Reservation::new(&self.instance().in_flight);
        let noted_by = since.noted_by();
        Ok(Drafted::Draft(Box::new(Draft { entry, since: began, noted_by, now, received })))
    }

    /// Ends the build that the put brings to its end, and tells where the sequence of purges stood
    /// when it began: with a miss, or else with the put itself.
    fn end_build(&self, key: &Key, since: Since, now: i64) -> u64 {
        let Instance { notes, store, .. } = self.instance();
        store.catch_up();
        match since {
            Since::Told(sequence) => sequence,
            Since::ByKey => notes.lock().end(key.digest(), now).unwrap_or_else(|| store.sequence()),
        }
    }

    /// How many bytes of body `draft` has room for.
    pub fn room(&self, draft: &Draft) -> u64 {
        self.instance().store.room(&draft.entry)
    }

    /// Stores what `draft` decided on, with its body; `None` for a response without one.
    ///
    /// # Errors
    /// [`NotStored`] where it is not stored after all; the reason has been counted.
    pub fn put(&self, draft: Draft, body: Option<&[u8]>) -> Result<(), NotStored> {
        let Draft { entry, since, now, .. } = draft;
        let Instance { store, counters, .. } = self.instance();
        let outcome = store.put(entry, body.as_ref().map(slice::from_ref), since, now);
        match outcome {
            Ok(_) => count(&counters.puts),
            Err(why) => self.count_not_stored(why),
        }
        outcome.map(drop)
    }

    /// Counts bytes of the body of `draft`, received and not stored yet, as in flight. Returns
    /// whether there is room for them.
    pub fn receive(&self, draft: &mut Draft, bytes: u64) -> bool {
        draft.received.try_grow(bytes)
    }

    pub(crate) fn count_not_stored(&self, why: NotStored) {
        let Instance { counters, .. } = self.instance();
        match why {
            NotStored::Fenced => count(&counters.fenced),
            NotStored::Refused(reason) => counters.refuse(reason),
        }
    }

    /// Gives `draft` up because its body failed. The build goes on: what is put for it next began
    /// no later.
    pub fn abandon(&self, draft: &Draft) {
        if draft.noted_by == NotedBy::Key {
            self.instance().notes.lock().begin(draft.entry.digest, draft.since, draft.now);
        }
    }

    /// Counts that a response is not stored, for a reason seen outside.
    pub fn refuse(&self, reason: Refused) -> Refused {
        self.instance().counters.refuse(reason);
        reason
    }
}

/// The entry that a response is stored as, without its body, selected `loosely` or to the letter.
/// `lines` are put in the place of the response's own.
///
/// # Errors
/// [`Untold`] where `fields` does not speak of a field that selects the response.
pub(crate) fn entry(
    key: &Key,
    in_key: &Names,
    fields: Fields<'_>,
    (head, storable, loosely): (ResponseHead<'_>, &Storable, bool),
    times: Freshness,
    lines: &[(&str, Option<&str>)],
    [given, configured]: [&[String]; 2],
) -> Result<Entry, Untold> {
    let vary = Selecting::beside(in_key, fields, &storable.vary, loosely);
    Ok(Entry {
        digest: key.digest(),
        variant: key.variant(&vary, fields)?,
        key: key.text().to_owned(),
        vary,
        tags: union(&[given, configured, &storable.tags]),
        times,
        head: Stored::new(head.status, &written(head, |name| storable.keeps(name), lines)),
    })
}

/// Reason phrase and those field lines that are kept, with `lines` in the place of the response's
/// own.
pub(crate) fn written(
    head: ResponseHead<'_>,
    keeps: impl Fn(&str) -> bool,
    lines: &[(&str, Option<&str>)],
) -> String {
    let mut text = String::with_capacity(256);
    text.extend([head.reason, "\n"]);
    let replaced =
        |name: &str| lines.iter().any(|(known, value)| *known == name && value.is_some());
    for (name, value) in head.fields.iter().filter(|(name, _)| keeps(name) && !replaced(name)) {
        text.extend([name, ":", value, "\n"]);
    }
    for (name, value) in lines {
        if let Some(value) = value {
            text.extend([name, ":", value, "\n"]);
        }
    }
    text
}

fn union(lists: &[&[String]]) -> Vec<String> {
    let mut tags = lists.concat();
    tags.sort_unstable();
    tags.dedup();
    tags
}

impl<T: Into<Wanted>> From<T> for PutError {
    fn from(wanted: T) -> Self {
        Self::Wanted(wanted.into())
    }
}
