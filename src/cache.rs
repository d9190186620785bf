//! The class through which the face calls the core. One object a declaration and thread.

// What napi-derive hands over is owned.
#![allow(clippy::needless_pass_by_value)]

use layeron_cache::{
    BadPattern, Cache, Deletion, Draft, Drafted, Lasting, Overrides, PutError, PutOptions, Refused,
    Since, StorageConflict,
};
use std::rc::Rc;
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{Either, Function, Uint8Array, Unknown};
use napi_derive::napi;
use slab::Slab;

use crate::answer::BindingAnswer;
use crate::convert;
use crate::core::{Core, SharedCore, open};
use crate::explanation::BindingExplanation;
use crate::inspection::{BindingInspection, BindingStats, number};
use crate::lookup;
use crate::options::{BindingOptions, BindingSelector, in_words};
use crate::outcome::{self, ABSENT, BYPASSED, NO_TICKET, PENDING, REMOVED, STORED, wanted};
use crate::scratch::Numbers;
use crate::text::Text;
use crate::tickets::Tickets;
use crate::wake::Bell;

pub(crate) type Thrown = napi::Error<&'static str>;

/// A declaration of an instance.
#[napi]
pub struct BindingCache {
    core: SharedCore,
    drafts: Slab<Box<Draft>>,
}

#[napi]
impl BindingCache {
    /// Declares an instance. Throws with code `storage-conflict` where its identity is open with
    /// another storage. `ring` is told the number of a ticket that is settled.
    #[napi(constructor)]
    pub fn new(
        options: BindingOptions,
        scratch: Uint8Array,
        ring: Function<'_, u32, ()>,
    ) -> Result<Self, Thrown> {
        let storage = options.storage();
        // A function that other threads may call is not for nothing.
        let bell = storage.disk.as_ref().map(|_| Bell::new(&ring)).transpose();
        let bell = bell.map_err(|error| Thrown::new("no-bell", error.to_string()))?;
        let BindingOptions { namespace, name, terms, rules, .. } = options;
        let policy = BindingOptions::policy(terms, rules)
            .map_err(|BadPattern(why)| Thrown::new("bad-pattern", why))?;
        let cache = Cache::open(&namespace, &name, storage, policy).map_err(
            |StorageConflict { open_with }| Thrown::new("storage-conflict", in_words(&open_with)),
        )?;
        Ok(Self { core: Core::shared(cache, scratch, Tickets::new(bell)), drafts: Slab::new() })
    }

    /// The key of a request, or what is wanted to tell it.
    #[napi]
    pub fn key(
        &mut self,
        request: String,
        vary: Option<String>,
    ) -> Result<Either<String, i32>, Thrown> {
        let core = &mut *self.core.borrow_mut();
        let vary = vary.as_deref().map(convert::names);
        Ok(match open(core.cache.as_ref())?.key(convert::request(&request), vary.as_ref()) {
            Ok(key) => Either::A(key),
            Err(missing) => Either::B(wanted(&missing, &mut core.scratch, &mut core.tickets)),
        })
    }

    /// The lookup, a function of its own: see [`lookup`](crate::lookup).
    #[napi(ts_return_type = "(request: string, vary?: string) => string | number")]
    #[allow(clippy::trivially_copy_pass_by_ref)]
    pub fn look_up_function(&self, env: &Env) -> napi::Result<Unknown<'_>> {
        lookup::function(env, self.core())
    }

    pub(crate) fn core(&self) -> SharedCore {
        Rc::clone(&self.core)
    }

    /// The answer that waits, if one does.
    #[napi]
    pub fn take_answer(&mut self) -> Option<BindingAnswer> {
        let core = &mut *self.core.borrow_mut();
        core.waiting.take().map(|answer| BindingAnswer::new(answer, core.scratch.head().to_owned()))
    }

    /// Decides on a put from the response's head, with the numbers in the scratch buffer. Returns
    /// the draft's number, with the bytes of body it has room for in the scratch buffer, or why
    /// there is none.
    #[napi]
    pub fn draft(
        &mut self,
        request: Text,
        head: Text,
        vary: Option<String>,
        tags: Option<String>,
    ) -> Result<i32, Thrown> {
        let core = &mut *self.core.borrow_mut();
        let Numbers { status, ttl_seconds, stale_seconds, since, now } =
            core.scratch.read_numbers();
        let cache = open(core.cache.as_ref())?;
        let overrides = Overrides {
            ttl: ttl_seconds,
            stale_while_revalidate: stale_seconds,
            ..Overrides::default()
        };
        let vary = vary.as_deref().map(convert::names);
        let tags = tags.as_deref().map(convert::tags).unwrap_or_default();
        let options = PutOptions { overrides, vary, tags };
        let since = since.map_or(Since::ByKey, Since::Told);
        let head = convert::response_head(status, &head);
        Ok(match cache.draft(convert::request(&request), head, &options, since, time(now)) {
            Ok(Drafted::Draft(draft)) => {
                core.scratch.write_number(cache.room(&draft));
                self.drafts.insert(draft) as i32
            }
            Ok(Drafted::Refused(reason)) => outcome::refused(reason),
            Ok(Drafted::Bypassed) => BYPASSED,
            Err(PutError::Rejected(reason)) => outcome::rejected(reason),
            Err(PutError::Wanted(missing)) => {
                wanted(&missing, &mut core.scratch, &mut core.tickets)
            }
        })
    }

    /// Counts bytes of the body of a draft as in flight, and tells whether there is room for them.
    #[napi]
    pub fn receive(&mut self, draft: u32, bytes: u32) -> bool {
        let core = &mut *self.core.borrow_mut();
        let drafted = core.cache.as_ref().zip(self.drafts.get_mut(draft as usize));
        drafted.is_none_or(|(cache, draft)| cache.receive(draft, bytes.into()))
    }

    /// Forgets a draft, because the bodies in flight leave no room for the rest of it, and returns
    /// that as the reason.
    #[napi]
    pub fn refuse_in_flight(&mut self, draft: u32) -> Result<i32, Thrown> {
        let core = &mut *self.core.borrow_mut();
        self.drafts.try_remove(draft as usize);
        Ok(outcome::refused(open(core.cache.as_ref())?.refuse(Refused::InFlight)))
    }

    /// Stores a draft with its body, which is copied. Returns that it is stored, or why not.
    #[napi]
    pub fn put(&mut self, draft: u32, body: Option<&[u8]>) -> Result<i32, Thrown> {
        let core = &mut *self.core.borrow_mut();
        let Some(draft) = self.drafts.try_remove(draft as usize) else {
            return Err(Thrown::new("no-draft", "there is no draft of this number"));
        };
        let stored = open(core.cache.as_ref())?.put(*draft, body);
        Ok(stored.map_or_else(outcome::not_stored, |()| STORED))
    }

    /// Forgets a draft, because its body failed.
    #[napi]
    pub fn abandon(&mut self, draft: u32) {
        let core = &mut *self.core.borrow_mut();
        if let (Some(cache), Some(draft)) = (&core.cache, self.drafts.try_remove(draft as usize)) {
            cache.abandon(&draft);
        }
    }

    /// Forgets a draft, because its body does not fit, and returns that as the reason.
    #[napi]
    pub fn refuse_too_large(&mut self, draft: u32) -> Result<i32, Thrown> {
        let core = &mut *self.core.borrow_mut();
        self.drafts.try_remove(draft as usize);
        Ok(outcome::refused(open(core.cache.as_ref())?.refuse(Refused::TooLarge)))
    }

    /// Deletes the entry that a lookup would find. The number of the ticket to wait for is in the
    /// scratch buffer, or [`NO_TICKET`].
    #[napi]
    pub fn delete(
        &mut self,
        request: String,
        vary: Option<String>,
        now: f64,
    ) -> Result<i32, Thrown> {
        let core = &mut *self.core.borrow_mut();
        let vary = vary.as_deref().map(convert::names);
        Ok(
            match open(core.cache.as_ref())?.delete(
                convert::request(&request),
                vary.as_ref(),
                time(now),
            ) {
                Ok((deletion, ticket)) => {
                    let ticket = ticket.map_or(NO_TICKET, |ticket| core.tickets.insert(ticket));
                    core.scratch.write_number(ticket.into());
                    match deletion {
                        Deletion::Removed => REMOVED,
                        Deletion::Absent => ABSENT,
                        Deletion::Bypassed => BYPASSED,
                    }
                }
                Err(missing) => wanted(&missing, &mut core.scratch, &mut core.tickets),
            },
        )
    }

    /// Purges what is selected and returns how many entries that was. Where that is not known yet,
    /// it is [`PENDING`] and the number of the ticket that tells it is in the scratch buffer.
    #[napi]
    pub fn purge(&self, selector: BindingSelector, now: f64) -> Result<f64, Thrown> {
        let core = &mut *self.core.borrow_mut();
        Ok(match open(core.cache.as_ref())?.purge(&selector.into(), time(now)) {
            Lasting::Now(purged) => number(purged),
            Lasting::Soon(ticket) => {
                core.scratch.write_number(core.tickets.insert(ticket).into());
                PENDING.into()
            }
        })
    }

    /// What has come of a ticket: a number of entries, or [`PENDING`]. Throws with code
    /// `disk-fault` where it is that it could not be done.
    #[napi]
    pub fn settled(&self, ticket: u32) -> Result<f64, Thrown> {
        match self.core.borrow_mut().tickets.outcome(ticket) {
            None => Ok(PENDING.into()),
            Some(Ok(entries)) => Ok(number(entries)),
            Some(Err(fault)) => Err(Thrown::new("disk-fault", fault.to_string())),
        }
    }

    /// Waits no longer for what comes of a ticket.
    #[napi]
    pub fn drop_ticket(&self, ticket: u32) {
        self.core.borrow_mut().tickets.forget(ticket);
    }

    /// What there is to warn of about the disk, each to the first who asks.
    #[napi]
    pub fn take_warning(&self) -> Option<String> {
        self.core.borrow_mut().cache.as_ref().and_then(Cache::take_warning)
    }

    /// Whether a rule covers a request, or would cover a GET of its URL where it changes something;
    /// or what is wanted to tell.
    #[napi]
    pub fn covers(&mut self, request: String) -> Result<i32, Thrown> {
        let core = &mut *self.core.borrow_mut();
        Ok(match open(core.cache.as_ref())?.covers(convert::request(&request)) {
            Ok(covers) => i32::from(covers),
            Err(missing) => wanted(&missing, &mut core.scratch, &mut core.tickets),
        })
    }

    /// Removes what is stored for the URL of a request, or tells what is wanted for that.
    #[napi]
    pub fn invalidate(&mut self, request: String, now: f64) -> Result<i32, Thrown> {
        let core = &mut *self.core.borrow_mut();
        Ok(match open(core.cache.as_ref())?.invalidate(convert::request(&request), time(now)) {
            Ok(()) => REMOVED,
            Err(missing) => wanted(&missing, &mut core.scratch, &mut core.tickets),
        })
    }

    /// Explains what a lookup would come to, or tells what is wanted for that.
    #[napi]
    pub fn explain(
        &mut self,
        request: String,
        vary: Option<String>,
        now: f64,
    ) -> Result<Either<BindingExplanation, i32>, Thrown> {
        let core = &mut *self.core.borrow_mut();
        let vary = vary.as_deref().map(convert::names);
        let request = convert::request(&request);
        Ok(match open(core.cache.as_ref())?.explain(request, vary.as_ref(), time(now)) {
            Ok(explanation) => Either::A(BindingExplanation::new(explanation, time(now))),
            Err(missing) => Either::B(wanted(&missing, &mut core.scratch, &mut core.tickets)),
        })
    }

    /// The documented counters.
    #[napi]
    pub fn stats(&self) -> Result<BindingStats, Thrown> {
        let core = &mut *self.core.borrow_mut();
        Ok(open(core.cache.as_ref())?.stats().into())
    }

    /// What can be seen of the instance.
    #[napi]
    pub fn inspect(&self, now: f64) -> Result<BindingInspection, Thrown> {
        let core = &mut *self.core.borrow_mut();
        Ok(open(core.cache.as_ref())?.inspect(time(now)).into())
    }

    /// Gives the declaration up. Every later call throws. Returns the number of the ticket to wait
    /// for, or [`NO_TICKET`].
    #[napi]
    pub fn close(&mut self) -> u32 {
        let core = &mut *self.core.borrow_mut();
        core.waiting = None;
        self.drafts.clear();
        let ticket = core.cache.take().and_then(Cache::close);
        ticket.map_or(NO_TICKET, |ticket| core.tickets.insert(ticket))
    }
}

/// Writes what waits to be written to disks, for no longer than so many milliseconds. For a process
/// that ends.
#[napi]
pub fn flush_all(patience: u32) {
    layeron_cache::flush_all(Duration::from_millis(patience.into()));
}

/// Milliseconds since 1970, within the range of a `Date`.
pub(crate) fn time(now: f64) -> i64 {
    const FURTHEST: i64 = 8_640_000_000_000_000;
    (now as i64).clamp(-FURTHEST, FURTHEST)
}
