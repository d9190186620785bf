//! Why a request is a hit, a miss or a bypass, told without changing or counting anything.

use crate::cache::{Cache, Keyed, Request, Wanted};
use crate::http::Names;
use crate::key::shown;
use crate::policy::rules::BypassCause;
use crate::policy::{Freshness, State};

/// Everything that decides on a request.
#[derive(Clone, Debug)]
pub struct Explanation<'a> {
    /// The key.
    pub key: String,
    /// The URL in it.
    pub url: String,
    /// The method in it.
    pub method: String,
    /// Whether responses to the method are stored.
    pub admitted: bool,
    /// The position of the rule that applies, if one does.
    pub rule: Option<usize>,
    /// Why the request skips the cache, if it does.
    pub bypass: Option<BypassCause<'a>>,
    /// The selecting header fields of the key, with the request's values as the key has them:
    /// secrets by their hash.
    pub vary: Vec<(String, Option<String>)>,
    /// The entry that answers, if there is one.
    pub entry: Option<ExplainedEntry>,
}

/// An entry, as it stands.
#[derive(Clone, Debug)]
pub struct ExplainedEntry {
    /// Fresh or stale.
    pub state: State,
    /// Its times.
    pub times: Freshness,
    /// Its tags.
    pub tags: Vec<String>,
    /// Bytes it takes in the store.
    pub bytes: u64,
}

impl Cache {
    /// Explains what a lookup of `request` at `now` would come to.
    ///
    /// # Errors
    /// [`Wanted`] where the request does not tell enough.
    pub fn explain<'a>(
        &'a self,
        request: Request<'_>,
        vary: Option<&'a Names>,
        now: i64,
    ) -> Result<Explanation<'a>, Wanted> {
        let Keyed { url, key, vary, applied } = self.keyed(request, vary)?;
        let store = &self.instance().store;
        store.catch_up();
        let seen = if applied.admitted { store.look(&key, request.fields, now)? } else { None };
        if seen.is_none() && applied.admitted {
            self.ask_disk(&key, request, now)?;
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
