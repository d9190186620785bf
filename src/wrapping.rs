//! What crosses about a wrapped handler and its runs, as objects.

use layeron_cache::{Overrides, RequestOptions, ResponseHead, Run, Wrapping};
use napi_derive::napi;

use crate::convert;
use crate::inspection::number;

/// What a handler is wrapped with.
#[napi(object)]
pub struct BindingWrapping {
    pub ttl_seconds: Option<u32>,
    pub stale_while_revalidate_seconds: Option<u32>,
    pub stale_if_error_seconds: Option<u32>,
    /// Names, one a line.
    pub vary: Option<String>,
    /// How long a run is waited for, in milliseconds.
    pub patience: f64,
    /// Whether handlers get no cookies; left out, the rule or the instance decides, as on the
    /// following.
    pub ignores_cookies: Option<bool>,
    /// Whether directives of requests do not count, but for `only-if-cached`.
    pub ignores_directives: Option<bool>,
}

/// What the face has to know of a run.
#[napi(object)]
pub struct BindingRun {
    /// Others may wait for it.
    pub leads: bool,
    /// Nothing of it can be stored.
    pub uncached: bool,
    /// Why it is made, as `Cache-Status` says it, or its `detail` where there is one.
    pub why: String,
    /// The handler gets the request without its cookies.
    pub without_cookies: bool,
    pub since: f64,
    pub etag: Option<String>,
    pub last_modified: Option<String>,
}

/// What decides on storing the response of a run.
#[napi(object)]
pub struct BindingReply {
    pub status: u32,
    /// Reason phrase and field lines, a line feed behind each.
    pub head: String,
    /// Length of the body, where that is known.
    pub length: Option<f64>,
    /// Tags, one a line.
    pub tags: String,
    /// Whether it may be stored at all.
    pub may_store: bool,
    /// Lifetime and windows that count where the wrapper itself sets none.
    pub ttl_seconds: Option<u32>,
    pub stale_while_revalidate_seconds: Option<u32>,
    pub stale_if_error_seconds: Option<u32>,
}

impl BindingReply {
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

impl BindingWrapping {
    pub(crate) fn into_parts(self) -> (Wrapping, Overrides) {
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
        (Wrapping { vary, patience: self.patience as i64, request }, overrides)
    }
}

impl From<&Run> for BindingRun {
    fn from(run: &Run) -> Self {
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
