//! Explains why a request is a hit, a miss or a bypass, without changing or counting anything.

use crate::cache::{Cache, Keyed, MissingInput, Request};
use crate::http::Names;
use crate::key::shown;
use crate::policy::rules::BypassCause;
use crate::policy::{Freshness, State};
use crate::time::UnixMillis;

/// What decides about a request.
#[derive(Clone, Debug)]
pub struct Explanation<'a> {
    /// The key.
    pub key: String,
    /// The URL part of the key.
    pub url: String,
    /// The method part of the key.
    pub method: String,
    /// Whether responses to the method are stored.
    pub admitted: bool,
    /// The position of the rule that applies, if one does.
    pub rule: Option<usize>,
    /// Why the request skips the cache, if it does.
    pub bypass: Option<BypassCause<'a>>,
    /// The selecting header fields and the request's values, as in the key: secrets as hashes.
    pub vary: Vec<(String, Option<String>)>,
    /// The entry that answers the request, if there is one.
    pub entry: Option<ExplainedEntry>,
}

/// The state of an entry.
#[derive(Clone, Debug)]
pub struct ExplainedEntry {
    /// Fresh or stale.
    pub state: State,
    /// When it was stored, and its lifetime and stale windows.
    pub times: Freshness,
    /// Its tags.
    pub tags: Vec<String>,
    /// Bytes that the entry takes in memory.
    pub bytes: u64,
}

impl Cache {
    /// Explains the outcome of a lookup of `request` at `now`.
    ///
    /// # Errors
    /// [`MissingInput`] if the caller has to send more of the request first.
    pub fn explain<'a>(
        &'a self,
        request: Request<'_>,
        vary: Option<&'a Names>,
        now: UnixMillis,
    ) -> Result<Explanation<'a>, MissingInput> {
        let Keyed { url, key, vary, applied } = self.keyed(request, vary)?;
        let store = &self.instance().store;
        store.catch_up();
        let seen = if applied.admitted { store.peek(&key, request.fields, now)? } else { None };
        if seen.is_none() && applied.admitted {
            self.load_from_tier(&key, request, now)?;
        }
        let value =
            |name: &str| request.fields.value(name).map(|value| shown(name, value).into_owned());
        Ok(Explanation {
            url: url.into_owned(),
            method: request.method.to_ascii_uppercase(),
            admitted: applied.admitted,
            rule: applied.rule,
            bypass: applied.bypass,
            vary: vary.iter().map(|name| (name.to_owned(), value(name))).collect(),
            entry: seen.map(|seen| ExplainedEntry {
                state: seen.times.state(now),
                times: seen.times,
                tags: seen.tags,
                bytes: seen.bytes,
            }),
            key: key.into_text(),
        })
    }
}
