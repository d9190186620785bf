//! The class through which the face calls the core. One object a declaration and thread.

// What napi-derive hands over is owned.
#![allow(clippy::needless_pass_by_value)]

use layeron_cache::{
    Answer, BadPattern, Cache, Deletion, Draft, Drafted, Lookup, Names, Overrides, PutError, PutOptions,
    Refused, Since, State, StorageConflict,
};
use napi::bindgen_prelude::{Either, Uint8Array};
use napi_derive::napi;
use slab::Slab;

use crate::convert;
use crate::explanation::BindingExplanation;
use crate::inspection::{BindingInspection, BindingStats, number};
use crate::options::{BindingOptions, BindingSelector};
use crate::outcome::{self, ABSENT, ANSWER, BYPASSED, ELECTED, MISS, REMOVED, STORED, wanted};
use crate::scratch::Scratch;
use crate::text::Text;

pub(crate) type Thrown = napi::Error<&'static str>;

/// A declaration of an instance.
#[napi]
pub struct BindingCache {
    pub(crate) cache: Option<Cache>,
    pub(crate) scratch: Scratch,
    /// An answer too big for the scratch buffer, until it is fetched.
    pub(crate) waiting: Option<Answer>,
    drafts: Slab<Box<Draft>>,
}

#[napi]
impl BindingCache {
    /// Declares an instance. Throws with code `storage-conflict` where its identity is open with other bounds.
    #[napi(constructor)]
    pub fn new(options: BindingOptions, scratch: Uint8Array) -> Result<Self, Thrown> {
        let bounds = options.bounds();
        let BindingOptions { namespace, name, terms, rules, .. } = options;
        let policy = BindingOptions::policy(terms, rules)
            .map_err(|BadPattern(why)| Thrown::new("bad-pattern", why))?;
        let cache =
            Cache::open(&namespace, &name, bounds, policy).map_err(|StorageConflict { open_with }| {
                let bounds = format!("maxBytes {}, maxEntryBytes {}", open_with.bytes, open_with.entry_bytes);
                Thrown::new("storage-conflict", bounds)
            })?;
        Ok(Self { cache: Some(cache), scratch: Scratch::new(scratch), waiting: None, drafts: Slab::new() })
    }

    /// The key of a request, or what is wanted to tell it.
    #[napi]
    pub fn key(&mut self, request: String, vary: Option<String>) -> Result<Either<String, i32>, Thrown> {
        let vary = vary.as_deref().map(convert::names);
        Ok(match open(self.cache.as_ref())?.key(convert::request(&request), vary.as_ref()) {
            Ok(key) => Either::A(key),
            Err(missing) => Either::B(wanted(&missing, &mut self.scratch)),
        })
    }

    /// Looks a request up at the time in the scratch buffer. On a miss the number there is to be given to the put that follows,
    /// unless the request's text asks for it to be noted by its key.
    #[napi]
    pub fn look_up(&mut self, request: Text) -> Result<i32, Thrown> {
        self.answer(&request, None)
    }

    /// The same with other selecting fields.
    #[napi]
    pub fn look_up_varying(&mut self, request: Text, vary: String) -> Result<i32, Thrown> {
        self.answer(&request, Some(&convert::names(&vary)))
    }

    fn answer(&mut self, text: &str, vary: Option<&Names>) -> Result<i32, Thrown> {
        let cache = open(self.cache.as_ref())?;
        let now = time(self.scratch.read_time());
        let (request, noted_by) = convert::noted_request(text);
        Ok(match cache.look_up(request, vary, noted_by, now) {
            Ok(Lookup::Hit(answer, state)) => self.write(answer, state == State::Stale),
            Ok(Lookup::Miss { since, elected }) => {
                self.scratch.write_number(since);
                if elected { ELECTED } else { MISS }
            }
            Ok(Lookup::Bypassed) => BYPASSED,
            Err(missing) => wanted(&missing, &mut self.scratch),
        })
    }

    /// Leaves the answer where the face finds it.
    pub(crate) fn write(&mut self, answer: Answer, stale: bool) -> i32 {
        let identity = self.cache.as_ref().map_or("", Cache::identity);
        let inline = self.scratch.write_answer(&answer, stale, identity);
        self.waiting = (!inline).then_some(answer);
        ANSWER
    }

    /// Copies head and body of the answer that waits to where they have just the room.
    #[napi]
    pub fn fetch(&mut self, mut head: Uint8Array, mut body: Uint8Array) -> bool {
        // SAFETY: the face has just made both buffers and shows them to nobody before this call returns.
        #[allow(unsafe_code)]
        let (head, body) = unsafe { (head.as_mut(), body.as_mut()) };
        self.waiting.take().is_some_and(|answer| self.scratch.copy_answer(&answer, head, body))
    }

    /// Decides on a put from the response's head. Returns the draft's number, with the bytes of body it has room for
    /// in the scratch buffer, or why there is none.
    #[napi]
    #[allow(clippy::too_many_arguments)]
    pub fn draft(
        &mut self,
        request: String,
        vary: Option<String>,
        status: u32,
        head: String,
        ttl_seconds: Option<u32>,
        stale_while_revalidate_seconds: Option<u32>,
        tags: String,
        since: Option<f64>,
        now: f64,
    ) -> Result<i32, Thrown> {
        let cache = open(self.cache.as_ref())?;
        let overrides = Overrides {
            ttl: ttl_seconds,
            stale_while_revalidate: stale_while_revalidate_seconds,
            ..Overrides::default()
        };
        let vary = vary.as_deref().map(convert::names);
        let options = PutOptions { overrides, vary, tags: convert::tags(&tags) };
        let since = since.map_or(Since::ByKey, |sequence| Since::Told(sequence as u64));
        let head = convert::response_head(u16::try_from(status).unwrap_or(0), &head);
        Ok(match cache.draft(convert::request(&request), head, &options, since, time(now)) {
            Ok(Drafted::Draft(draft)) => {
                self.scratch.write_number(cache.room(&draft));
                self.drafts.insert(draft) as i32
            }
            Ok(Drafted::Refused(reason)) => outcome::refused(reason),
            Ok(Drafted::Bypassed) => BYPASSED,
            Err(PutError::Rejected(reason)) => outcome::rejected(reason),
            Err(PutError::Wanted(missing)) => wanted(&missing, &mut self.scratch),
        })
    }

    /// Stores a draft with its body, which is copied. Returns that it is stored, or why not.
    #[napi]
    pub fn put(&mut self, draft: u32, body: Option<Uint8Array>) -> Result<i32, Thrown> {
        let Some(draft) = self.drafts.try_remove(draft as usize) else {
            return Err(Thrown::new("no-draft", "there is no draft of this number"));
        };
        let stored = open(self.cache.as_ref())?.put(*draft, body.map(|bytes| bytes.as_ref().into()));
        Ok(stored.map_or_else(outcome::not_stored, |()| STORED))
    }

    /// Forgets a draft, because its body failed.
    #[napi]
    pub fn abandon(&mut self, draft: u32) {
        if let (Some(cache), Some(draft)) = (&self.cache, self.drafts.try_remove(draft as usize)) {
            cache.abandon(&draft);
        }
    }

    /// Forgets a draft, because its body does not fit, and returns that as the reason.
    #[napi]
    pub fn refuse_too_large(&mut self, draft: u32) -> Result<i32, Thrown> {
        self.drafts.try_remove(draft as usize);
        Ok(outcome::refused(open(self.cache.as_ref())?.refuse(Refused::TooLarge)))
    }

    /// Deletes the entry that a lookup would find.
    #[napi]
    pub fn delete(&mut self, request: String, vary: Option<String>, now: f64) -> Result<i32, Thrown> {
        let vary = vary.as_deref().map(convert::names);
        Ok(match open(self.cache.as_ref())?.delete(convert::request(&request), vary.as_ref(), time(now)) {
            Ok(Deletion::Removed) => REMOVED,
            Ok(Deletion::Absent) => ABSENT,
            Ok(Deletion::Bypassed) => BYPASSED,
            Err(missing) => wanted(&missing, &mut self.scratch),
        })
    }

    /// Purges what is selected and returns how many entries that was.
    #[napi]
    pub fn purge(&self, selector: BindingSelector, now: f64) -> Result<f64, Thrown> {
        Ok(number(open(self.cache.as_ref())?.purge(&selector.into(), time(now))))
    }

    /// Removes some expired entries. Tells whether there are more.
    #[napi]
    pub fn sweep(&self, now: f64) -> bool {
        self.cache.as_ref().is_some_and(|cache| cache.sweep(time(now)))
    }

    /// Whether a rule covers a request, or would cover a GET of its URL where it changes something; or what is wanted to tell.
    #[napi]
    pub fn covers(&mut self, request: String) -> Result<i32, Thrown> {
        Ok(match open(self.cache.as_ref())?.covers(convert::request(&request)) {
            Ok(covers) => i32::from(covers),
            Err(missing) => wanted(&missing, &mut self.scratch),
        })
    }

    /// Removes what is stored for the URL of a request, or tells what is wanted for that.
    #[napi]
    pub fn invalidate(&mut self, request: String) -> Result<i32, Thrown> {
        Ok(match open(self.cache.as_ref())?.invalidate(convert::request(&request)) {
            Ok(()) => REMOVED,
            Err(missing) => wanted(&missing, &mut self.scratch),
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
        let vary = vary.as_deref().map(convert::names);
        let request = convert::request(&request);
        Ok(match open(self.cache.as_ref())?.explain(request, vary.as_ref(), time(now)) {
            Ok(explanation) => Either::A(BindingExplanation::new(explanation, time(now))),
            Err(missing) => Either::B(wanted(&missing, &mut self.scratch)),
        })
    }

    /// Whether the declaration has been given up.
    #[napi]
    pub fn is_closed(&self) -> bool {
        self.cache.is_none()
    }

    /// The documented counters.
    #[napi]
    pub fn stats(&self) -> Result<BindingStats, Thrown> {
        Ok(open(self.cache.as_ref())?.stats().into())
    }

    /// What can be seen of the instance.
    #[napi]
    pub fn inspect(&self, now: f64) -> Result<BindingInspection, Thrown> {
        Ok(open(self.cache.as_ref())?.inspect(time(now)).into())
    }

    /// Gives the declaration up. Every later call throws.
    #[napi]
    pub fn close(&mut self) {
        self.waiting = None;
        self.drafts.clear();
        if let Some(cache) = self.cache.take() {
            cache.close();
        }
    }
}

pub(crate) fn open(cache: Option<&Cache>) -> Result<&Cache, Thrown> {
    cache.ok_or_else(|| Thrown::new("closed", "the cache is closed"))
}

/// Milliseconds since 1970, within the range of a `Date`.
pub(crate) fn time(now: f64) -> i64 {
    const FURTHEST: i64 = 8_640_000_000_000_000;
    (now as i64).clamp(-FURTHEST, FURTHEST)
}
