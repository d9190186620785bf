//! Options, runs and responses of wrapped handlers as objects.

use layeron_cache::{HandlerRun, Overrides, RequestOptions, ResponseHead, WrapOptions};
use napi_derive::napi;

use crate::convert;
use crate::inspection::number;

/// Options of a wrapped handler.
#[napi(object)]
pub struct BindingWrapOptions {
    pub ttl_seconds: Option<u32>,
    pub stale_while_revalidate_seconds: Option<u32>,
    pub stale_if_error_seconds: Option<u32>,
    /// Names, one per line.
    pub vary: Option<String>,
    /// Time after which a run counts as hung, in milliseconds.
    pub timeout: f64,
    /// Whether handlers receive no cookies. If absent, the rule or the instance decides.
    pub ignores_cookies: Option<bool>,
    /// Whether directives of requests are ignored, except `only-if-cached`. If absent, the rule or
    /// the instance decides.
    pub ignores_directives: Option<bool>,
}

/// What JavaScript needs to know of a run.
#[napi(object)]
pub struct BindingRun {
    /// Whether other requests may wait for it.
    pub leads: bool,
    /// Whether it bypasses the cache.
    pub uncached: bool,
    /// Why the handler is run, as in `Cache-Status`, or its `detail`.
    pub why: String,
    /// Whether the handler receives the request without its cookies.
    pub without_cookies: bool,
    pub since: f64,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
}

/// What decides about storing the response of a run.
#[napi(object)]
pub struct BindingHandlerResponse {
    pub status: u32,
    /// Reason phrase and field lines, each ended by a line feed.
    pub head: String,
    /// Length of the body, if it is known.
    pub length: Option<f64>,
    /// Tags, one per line.
    pub tags: String,
    /// Whether `shouldStore` lets it be stored.
    pub may_store: bool,
    /// Lifetime and stale windows, if the wrapper itself sets none.
    pub ttl_seconds: Option<u32>,
    pub stale_while_revalidate_seconds: Option<u32>,
    pub stale_if_error_seconds: Option<u32>,
}

impl BindingHandlerResponse {
    pub(crate) fn head(&self) -> ResponseHead<'_> {
        convert::response_head(u16::try_from(self.status).unwrap_or(0), &self.head)
    }

    pub(crate) fn overrides(&self, first: Overrides) -> Overrides {
        Overrides {
            ttl: first.ttl.or(self.ttl_seconds),
            stale_while_revalidate: first
                .stale_while_revalidate
                .or(self.stale_while_revalidate_seconds),
            stale_if_error: first.stale_if_error.or(self.stale_if_error_seconds),
        }
    }
}

impl BindingWrapOptions {
    pub(crate) fn into_parts(self) -> (WrapOptions, Overrides) {
        let vary = self.vary.as_deref().map(convert::names);
        let overrides = Overrides {
            ttl: self.ttl_seconds,
            stale_while_revalidate: self.stale_while_revalidate_seconds,
            stale_if_error: self.stale_if_error_seconds,
        };
        let request = RequestOptions {
            has_ttl: self.ttl_seconds.is_some(),
            ignores_cookies: self.ignores_cookies,
            ignores_directives: self.ignores_directives,
        };
        (WrapOptions { vary, timeout: self.timeout as i64, request }, overrides)
    }
}

impl From<&HandlerRun> for BindingRun {
    fn from(run: &HandlerRun) -> Self {
        let (etag, last_modified) = run.validators();
        Self {
            leads: run.leads(),
            uncached: run.is_uncached(),
            why: run.detail().unwrap_or(run.why()).to_owned(),
            without_cookies: run.is_without_cookies(),
            since: number(run.since()),
            etag: etag.map(ToOwned::to_owned),
            last_modified: last_modified.map(ToOwned::to_owned),
        }
    }
}
