//! What of a request to a wrapped handler decides about storing and reusing responses: credentials,
//! cookies and directives.

use super::Exchange;
use crate::http::lines::{Fields, MissingFields};
use crate::http::{Names, RequestControl, field_names};
use crate::policy::rules::Terms;
use crate::time::UnixMillis;

/// Options of `wrap`, which take precedence over the rule or the instance.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestOptions {
    /// Whether a lifetime is configured, so that requests without a rule are cached too.
    pub has_ttl: bool,
    /// Whether handlers receive no cookies.
    pub ignores_cookies: Option<bool>,
    /// Whether directives of requests are ignored, except `only-if-cached`.
    pub ignores_directives: Option<bool>,
}

/// How requests are treated under one set of terms.
#[derive(Clone, Copy, Debug)]
pub struct RequestPolicy<'a> {
    /// Selecting header fields of the key.
    in_key: &'a Names,
    /// Whether a lifetime is configured.
    has_ttl: bool,
    ignores_cookies: bool,
    ignores_directives: bool,
}

impl<'a> RequestPolicy<'a> {
    /// The policy of `options` over `terms`, for keys with the header fields `in_key`.
    pub fn new(options: RequestOptions, terms: &Terms, in_key: &'a Names) -> Self {
        Self {
            in_key,
            has_ttl: options.has_ttl || terms.ttl.is_some(),
            ignores_cookies: options.ignores_cookies.unwrap_or(terms.ignores_cookies),
            ignores_directives: options.ignores_directives.unwrap_or(terms.ignores_directives),
        }
    }

    /// Whether handlers receive no cookies.
    pub fn ignores_cookies(self) -> bool {
        self.ignores_cookies
    }

    /// The request directives that count.
    ///
    /// # Errors
    /// [`MissingFields`] if `Cache-Control` or, without it, `Pragma` was not sent.
    pub fn control(self, fields: Fields<'_>) -> Result<RequestControl, MissingFields> {
        let asked = RequestControl::of(fields)?;
        let only_if_cached = asked.only_if_cached;
        let ignored = RequestControl { only_if_cached, ..RequestControl::default() };
        Ok(if self.ignores_directives { ignored } else { asked })
    }

    /// Whether the request has credentials that are not in the key (RFC 9111, section 3.5).
    ///
    /// # Errors
    /// [`MissingFields`] if `Authorization` was not sent.
    pub fn is_authorized(self, fields: Fields<'_>) -> Result<bool, MissingFields> {
        Ok(!self.in_key.contains("authorization") && fields.known("authorization")?.is_some())
    }

    /// Whether cookies of a request can make its response uncacheable: a configured lifetime says
    /// nothing about them.
    pub fn minds_cookies(self) -> bool {
        self.has_ttl && !self.ignores_cookies && !self.in_key.contains("cookie")
    }

    /// Whether the request has cookies that can make its response uncacheable.
    ///
    /// # Errors
    /// [`MissingFields`] if they matter and `Cookie` was not sent.
    pub fn has_cookies(self, fields: Fields<'_>) -> Result<bool, MissingFields> {
        Ok(self.minds_cookies() && fields.known("cookie")?.is_some_and(|value| !value.is_empty()))
    }

    /// Whether a refresh of the response with the fields `stored` omits the cookies of its request.
    /// The stored response was made without cookies, or does not depend on them, unless it varies
    /// by them.
    pub fn refreshes_without_cookies(self, stored: Fields<'_>) -> bool {
        let varies = || field_names(stored.value("vary").unwrap_or_default()).contains("cookie");
        self.ignores_cookies || self.minds_cookies() && !varies()
    }

    /// What the request and the times of the exchange say about storing the response.
    ///
    /// # Errors
    /// [`MissingFields`] if a field that decides was not sent.
    pub fn exchange(
        self,
        fields: Fields<'_>,
        requested_at: UnixMillis,
        responded_at: UnixMillis,
    ) -> Result<Exchange, MissingFields> {
        Ok(Exchange {
            no_store: self.control(fields)?.no_store,
            authorized: self.is_authorized(fields)?,
            cookies: self.has_cookies(fields)?,
            requested_at,
            responded_at,
        })
    }
}
