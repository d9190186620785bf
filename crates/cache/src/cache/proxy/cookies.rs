//! Requests with cookies to a wrapped handler: whose cookies the handler does not get, and who is
//! not waited for because of them.

use crate::cache::proxy::lookup::Served;
use crate::cache::proxy::wrapping::Wrapping;
use crate::cache::{Cache, Request};
use crate::coalescing::Lead;
use crate::http::canonical;
use crate::http::lines::{Fields, Untold};
use crate::key::{Digest, Key};
use crate::policy::{RequestOptions, RequestPolicy};

impl Cache {
    /// The fields of a request whose cookies are ignored, without them. `None` where nothing is to
    /// be changed: there are no cookies, they count, or a rule makes the request skip the cache.
    pub(crate) fn without_cookies(
        &self,
        request: Request<'_>,
        wrapping: &Wrapping,
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

    /// Whether a request runs the handler for itself because requests with cookies have lately been
    /// answered with what may not be stored (hit-for-miss). Requests without cookies lead and wait
    /// as ever.
    pub(crate) fn passes_for_cookies(
        &self,
        key: &Key,
        policy: RequestPolicy<'_>,
        fields: Fields<'_>,
        now: i64,
    ) -> Result<bool, Untold> {
        let is_marked =
            policy.minds_cookies() && self.instance().flights.is_alone(mark_of(key), now);
        Ok(is_marked && policy.has_cookies(fields)?)
    }

    /// The response to a request with cookies is for that request alone. Those who wait for it are
    /// served anew, and for a minute requests with cookies neither lead nor wait.
    pub(crate) fn leave_for_cookies(&self, lead: Lead, key: &Key, now: i64) {
        self.instance().flights.remember_alone(mark_of(key), now);
        drop(lead);
    }
}

impl Served {
    /// The same, where a refresh in the background is made without the client's cookies if `policy`
    /// has it so.
    pub(crate) fn refreshing_under(mut self, policy: RequestPolicy<'_>) -> Self {
        if let Self::Answer(_, _, Some(run)) = &mut self
            && let Some(selected) = &run.selected
        {
            run.without_cookies = policy.refreshes_without_cookies(selected.held.stored.fields());
        }
        self
    }
}

/// What the requests with cookies for a key are remembered by, beside all others for it.
fn mark_of(key: &Key) -> Digest {
    Digest::of(&format!("{}\ncookie", key.text()))
}

/// The block of fields with `Cookie` told to be absent.
pub(crate) fn cookieless(fields: Fields<'_>) -> String {
    let text = fields.text();
    let mut block = String::with_capacity(text.len());
    for line in text.lines() {
        block.extend([if line.starts_with("cookie:") { "cookie" } else { line }, "\n"]);
    }
    block
}
