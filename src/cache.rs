//! The class by which JavaScript calls the core. One object per declaration and thread.

// napi-derive passes owned values.
#![allow(clippy::needless_pass_by_value)]

use layeron_cache::{
    BadPattern, BodyError, Cache, Deletion, Draft, Drafted, Durable, Overrides, PutError,
    PutOptions, Since, StorageConflict,
};
use std::cell::OnceCell;
use std::rc::Rc;
use std::time::Duration;

use napi::Env;
use napi::bindgen_prelude::{Either, PromiseRaw, Uint8Array, Unknown};
use napi_derive::napi;
use slab::Slab;

use crate::answer::BindingAnswer;
use crate::convert::{self, time};
use crate::core::{Core, SharedCore, open};
use crate::error::Thrown;
use crate::explanation::BindingExplanation;
use crate::inspection::{BindingInspection, BindingStats, BindingWarning, number};
use crate::lookup;
use crate::options::{BindingOptions, BindingSelector, in_words};
use crate::outcome::{self, ABSENT, BYPASSED, GO, PENDING, REMOVED, STORED, wanted};
use crate::promises::Promises;
use crate::scratch::Numbers;
use crate::text::Text;

/// A declaration of an instance.
#[napi]
pub struct BindingCache {
    core: SharedCore,
    /// Created with the first promise: a threadsafe function is not free.
    promises: OnceCell<Promises>,
    drafts: Slab<Box<Draft>>,
}

#[napi]
impl BindingCache {
    /// Opens an instance. Throws with code `storage-conflict` if it is open with another storage.
    #[napi(constructor)]
    pub fn new(options: BindingOptions, scratch: Uint8Array) -> Result<Self, Thrown> {
        let storage = options.storage();
        let BindingOptions { namespace, name, terms, rules, .. } = options;
        let policy = BindingOptions::policy(terms, rules)
            .map_err(|BadPattern(why)| Thrown::new("bad-pattern", why))?;
        let cache = Cache::open(&namespace, &name, storage, policy).map_err(
            |StorageConflict { open_with }| Thrown::new("storage-conflict", in_words(&open_with)),
        )?;
        let promises = OnceCell::new();
        Ok(Self { core: Core::shared(cache, scratch), promises, drafts: Slab::new() })
    }

    /// The key of a request, or the input that is missing.
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
            Err(missing) => Either::B(wanted(&missing, &mut core.scratch, &mut core.completion)),
        })
    }

    /// The lookup as a function: see [`lookup`](crate::lookup).
    #[napi(ts_return_type = "(request: string, vary?: string) => string | number")]
    #[allow(clippy::trivially_copy_pass_by_ref)]
    pub fn look_up_function(&self, env: &Env) -> napi::Result<Unknown<'_>> {
        lookup::function(env, self.core())
    }

    pub(crate) fn core(&self) -> SharedCore {
        Rc::clone(&self.core)
    }

    /// Takes the answer that was too large for the buffer, if there is one.
    #[napi]
    pub fn take_answer(&mut self) -> Option<BindingAnswer> {
        let core = &mut *self.core.borrow_mut();
        core.waiting.take().map(|answer| BindingAnswer::new(answer, core.scratch.head().to_owned()))
    }

    /// Decides on a put by the head of the response; the numbers are in the scratch buffer. Returns
    /// the number of the draft, with the largest body that it can store in the scratch buffer, or
    /// why there is none.
    #[napi]
    pub fn draft(
        &mut self,
        request: Text,
        head: Text,
        vary: Option<String>,
        tags: Option<String>,
    ) -> Result<i32, Thrown> {
        let core = &mut *self.core.borrow_mut();
        let Numbers { status, ttl_seconds, stale_seconds, since, content_length, now } =
            core.scratch.read_numbers();
        let cache = open(core.cache.as_ref())?;
        let overrides = Overrides {
            ttl: ttl_seconds,
            stale_while_revalidate: stale_seconds,
            ..Overrides::default()
        };
        let vary = vary.as_deref().map(convert::names);
        let tags = tags.as_deref().map(convert::tags).unwrap_or_default();
        let options = PutOptions { overrides, vary, tags, content_length };
        let since = since.map_or(Since::ByKey, Since::Sequence);
        let head = convert::response_head(status, &head);
        Ok(match cache.draft(convert::request(&request), head, &options, since, time(now)) {
            Ok(Drafted::Draft(draft)) => {
                core.scratch.write_number(draft.room());
                self.drafts.insert(draft) as i32
            }
            Ok(Drafted::Uncacheable(reason)) => outcome::refused(reason),
            Ok(Drafted::Bypassed) => BYPASSED,
            Err(PutError::InvalidPut(reason)) => outcome::rejected(reason),
            Err(PutError::MissingInput(missing)) => {
                wanted(&missing, &mut core.scratch, &mut core.completion)
            }
        })
    }

    /// Appends bytes to the body of a draft, which are copied. Returns [`GO`], or why the draft is
    /// dropped.
    #[napi]
    pub fn append(&mut self, draft: u32, bytes: &[u8]) -> i32 {
        let core = &*self.core.borrow();
        let drafted = core.cache.as_ref().zip(self.drafts.get_mut(draft as usize));
        let Some((cache, open)) = drafted else { return GO };
        let Err(why) = cache.append(open, bytes) else { return GO };
        let dropped = self.drafts.remove(draft as usize);
        if why == BodyError::WrongLength {
            cache.abandon(&dropped);
        }
        outcome::not_put(why)
    }

    /// Stores a draft. `last` are bytes after those appended, which are copied; a response without
    /// either has no body. Returns that it is stored, or why not.
    #[napi]
    pub fn put(&mut self, draft: u32, last: Option<&[u8]>) -> Result<i32, Thrown> {
        let core = &mut *self.core.borrow_mut();
        let Some(draft) = self.drafts.try_remove(draft as usize) else {
            return Err(Thrown::new("no-draft", "there is no draft of this number"));
        };
        let stored = open(core.cache.as_ref())?.put(*draft, last);
        Ok(stored.map_or_else(outcome::not_put, |()| STORED))
    }

    /// Drops a draft whose body failed.
    #[napi]
    pub fn abandon(&mut self, draft: u32) {
        let core = &mut *self.core.borrow_mut();
        if let (Some(cache), Some(draft)) = (&core.cache, self.drafts.try_remove(draft as usize)) {
            cache.abandon(&draft);
        }
    }

    /// Deletes the entry that a lookup would find, in memory;
    /// [`completed`](Self::completed) is about the tier.
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
                Ok((deletion, completion)) => {
                    core.completion = completion;
                    match deletion {
                        Deletion::Removed => REMOVED,
                        Deletion::Absent => ABSENT,
                        Deletion::Bypassed => BYPASSED,
                    }
                }
                Err(missing) => wanted(&missing, &mut core.scratch, &mut core.completion),
            },
        )
    }

    /// Purges, and returns the number of entries purged, or [`PENDING`] if
    /// [`completed`](Self::completed) has it.
    #[napi]
    pub fn purge(&self, selector: BindingSelector, now: f64) -> Result<f64, Thrown> {
        let core = &mut *self.core.borrow_mut();
        Ok(match open(core.cache.as_ref())?.purge(&selector.into(), time(now)) {
            Durable::Done(purged) => number(purged),
            Durable::Pending(completion) => {
                core.completion = Some(completion);
                PENDING.into()
            }
        })
    }

    /// A promise of the number of entries that the last call affects, if it has not ended in memory
    /// or in the tier. It is rejected with the code of a [`TierError`](layeron_cache::TierError) if
    /// the call fails. `null` if the last call has ended.
    #[napi(ts_return_type = "Promise<number> | null")]
    pub fn completed(&self, env: Env) -> napi::Result<Option<PromiseRaw<'static, f64>>> {
        let Some(completion) = self.core.borrow_mut().completion.take() else { return Ok(None) };
        if self.promises.get().is_none() {
            // Set here only, so it is empty.
            let _ = self.promises.set(Promises::new(env)?);
        }
        self.promises.get().map(|promises| promises.result(completion)).transpose()
    }

    /// The next warning about the disk, given to the first caller only.
    #[napi]
    pub fn take_warning(&self) -> Option<BindingWarning> {
        self.core.borrow_mut().cache.as_ref().and_then(Cache::take_warning).map(Into::into)
    }

    /// Whether a rule covers a request or, if its method is unsafe, a GET of its URL; or the input
    /// that is missing.
    #[napi]
    pub fn covers(&mut self, request: String) -> Result<i32, Thrown> {
        let core = &mut *self.core.borrow_mut();
        Ok(match open(core.cache.as_ref())?.covers(convert::request(&request)) {
            Ok(covers) => i32::from(covers),
            Err(missing) => wanted(&missing, &mut core.scratch, &mut core.completion),
        })
    }

    /// Removes the stored responses for the URL of a request, or returns the input that is missing.
    #[napi]
    pub fn invalidate(&mut self, request: String, now: f64) -> Result<i32, Thrown> {
        let core = &mut *self.core.borrow_mut();
        Ok(match open(core.cache.as_ref())?.invalidate(convert::request(&request), time(now)) {
            Ok(()) => REMOVED,
            Err(missing) => wanted(&missing, &mut core.scratch, &mut core.completion),
        })
    }

    /// Explains a lookup, or returns the input that is missing.
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
            Err(missing) => Either::B(wanted(&missing, &mut core.scratch, &mut core.completion)),
        })
    }

    /// The documented counters.
    #[napi]
    pub fn stats(&self) -> Result<BindingStats, Thrown> {
        let core = &mut *self.core.borrow_mut();
        Ok(open(core.cache.as_ref())?.totals().into())
    }

    /// Counters and sizes of the instance.
    #[napi]
    pub fn inspect(&self, now: f64) -> Result<BindingInspection, Thrown> {
        let core = &mut *self.core.borrow_mut();
        Ok(open(core.cache.as_ref())?.inspect(time(now)).into())
    }

    /// Closes the declaration: later calls throw. [`completed`](Self::completed) resolves when what
    /// was queued is written.
    #[napi]
    pub fn close(&mut self) {
        let core = &mut *self.core.borrow_mut();
        core.waiting = None;
        self.drafts.clear();
        core.completion = core.cache.take().and_then(Cache::close);
    }
}

/// Writes what is queued for disks, for at most `timeout` milliseconds. Called when the process
/// exits.
#[napi]
pub fn flush_all(timeout: u32) {
    layeron_cache::flush_all(Duration::from_millis(timeout.into()));
}
