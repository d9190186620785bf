//! Cookies of requests to wrapped handlers: removed before the handler runs, or a reason not to
//! share its response.

use crate::cache::proxy::lookup::WrapLookup;
use crate::cache::proxy::options::WrapOptions;
use crate::cache::{Cache, Request};
use crate::coalescing::Leader;
use crate::http::canonical;
use crate::http::lines::{Fields, MissingFields};
use crate::key::{Digest, Key};
use crate::policy::{RequestOptions, RequestPolicy};
use crate::time::UnixMillis;

impl Cache {
    /// The request's fields without `Cookie`, if cookies are ignored. `None` if nothing changes:
    /// there are no cookies, they count, or a rule makes the request skip the cache.
    pub(crate) fn without_cookies(
        &self,
        request: Request<'_>,
        wrapping: &WrapOptions,
    ) -> Option<String> {
        let RequestOptions { ignores_cookies, .. } = wrapping.request;
        if !ignores_cookies.unwrap_or(self.policy().may_ignore_cookies()) {
            return None;
        }
        request.fields.value("cookie")?;
        let url = canonical(request.url, request.serialised).ok()?;
        let applied = self.policy().apply(request.method, &url, request.fields);
        let is_ignored = ignores_cookies.unwrap_or(applied.terms.ignores_cookies);
        (is_ignored && applied.bypass.is_none()).then(|| cookieless(request.fields))
    }

    /// Whether a request with cookies runs the handler for itself, because the last response to
    /// cookies was uncacheable (hit-for-miss). Requests without cookies are not affected.
    pub(crate) fn passes_for_cookies(
        &self,
        key: &Key,
        policy: RequestPolicy<'_>,
        fields: Fields<'_>,
        now: UnixMillis,
    ) -> Result<bool, MissingFields> {
        let is_marked = policy.minds_cookies()
            && self.instance().in_flight_requests.is_hit_for_miss(mark_of(key), now);
        Ok(is_marked && policy.has_cookies(fields)?)
    }

    /// Marks the key as hit-for-miss for requests with cookies, for a minute. The waiters of the
    /// run decide again.
    pub(crate) fn leave_for_cookies(&self, lead: Leader, key: &Key, now: UnixMillis) {
        self.instance().in_flight_requests.mark_hit_for_miss(mark_of(key), now);
        drop(lead);
    }
}

impl WrapLookup {
    /// Lets a background refresh run without the client's cookies if `policy` ignores them.
    pub(crate) fn refreshing_under(mut self, policy: RequestPolicy<'_>) -> Self {
        if let Self::Answer(_, _, Some(run)) = &mut self
            && let Some(selected) = &run.selected
        {
            run.without_cookies = policy.refreshes_without_cookies(selected.held.stored.fields());
        }
        self
    }
}

/// Digest under which requests with cookies for the key are remembered.
fn mark_of(key: &Key) -> Digest {
    Digest::of(&format!("{}\ncookie", key.text()))
}

/// The fields with `Cookie` marked as absent.
pub(crate) fn cookieless(fields: Fields<'_>) -> String {
    let text = fields.text();
    let mut block = String::with_capacity(text.len());
    for line in text.lines() {
        block.extend([if line.starts_with("cookie:") { "cookie" } else { line }, "\n"]);
    }
    block
}
