//! Storing of responses in a shared cache between client and handler (RFC 9111, sections 3 and
//! 4.2): whether, and for how long.

use super::exchange::Exchange;
use super::lifetime::{Mode, Times, declared_lifetime, is_configurable, times};
use super::storable::keepable;
use super::{Directives, Freshness, Overrides, ResponseHead, State, Storable, Uncacheable};
use crate::http::lines::Fields;
use crate::http::{CacheControl, Scope, field_names};
use crate::policy::rules::Terms;

/// A response to be stored, with its times.
#[derive(Debug)]
pub struct Decision {
    /// What is stored of it.
    pub storable: Storable,
    /// Its times.
    pub times: Freshness,
    /// The `Cache-Control` to store in place of the response's, where the configuration decides.
    pub cache_control: Option<String>,
}

/// Decides about a response: by the configured lifetime, if it applies to the status, else by the
/// response's own.
///
/// # Errors
/// Why it is uncacheable.
pub fn decide(
    head: ResponseHead<'_>,
    overrides: Overrides,
    terms: &Terms,
    exchange: Exchange,
) -> Result<Decision, Uncacheable> {
    let configured = overrides.ttl.or(terms.ttl).filter(|_| is_configurable(head.status));
    let directives = Directives::of(head.fields);
    let (governing, targeted) = directives.governing();
    let permitted = permits(governing, head, configured, exchange)
        .and_then(|()| permits_cookies(governing, targeted, head.fields, configured, exchange));
    let storable = keepable(head, directives, permitted)?;
    let directives = &storable.directives;
    let Times { freshness, cache_control } =
        times(Mode::Shared(exchange), head, directives, overrides, terms)?;
    if freshness.state(exchange.responded_at) == State::Expired {
        let validates = directives.governing().0.no_cache == Scope::Whole;
        return Err(if validates { Uncacheable::NoCache } else { Uncacheable::Expired });
    }
    Ok(Decision { storable, times: freshness, cache_control })
}

/// Whether a response accepted by [`decide`] may answer other requests than its own.
pub fn is_shareable(times: &Freshness) -> bool {
    times.state(times.stored_at).is_served()
}

fn permits(
    governing: &CacheControl,
    head: ResponseHead<'_>,
    configured: Option<u32>,
    exchange: Exchange,
) -> Result<(), Uncacheable> {
    if exchange.no_store {
        Err(Uncacheable::RequestNoStore)
    } else if is_about_request(head.status)
        || governing.must_understand && !is_understood(head.status)
    {
        Err(Uncacheable::Status)
    } else if governing.no_store && !governing.must_understand {
        Err(Uncacheable::NoStore)
    } else if governing.private == Scope::Whole {
        Err(Uncacheable::Private)
    } else if governing.no_cache == Scope::Whole && configured.is_some() {
        Err(Uncacheable::NoCache)
    } else if exchange.authorized && !allows_authorized(governing) {
        Err(Uncacheable::Authorization)
    } else {
        Ok(())
    }
}

/// Whether the response to a request with cookies may be stored under a configured lifetime: if it
/// declares that it may be shared, or varies by cookies (section 4.1).
fn permits_cookies(
    governing: &CacheControl,
    targeted: bool,
    fields: Fields<'_>,
    configured: Option<u32>,
    exchange: Exchange,
) -> Result<(), Uncacheable> {
    let varies = || field_names(fields.value("vary").unwrap_or_default()).contains("cookie");
    if exchange.cookies
        && configured.is_some()
        && !declares_sharing(governing, targeted, fields, exchange)
        && !varies()
    {
        return Err(Uncacheable::Cookie);
    }
    Ok(())
}

/// Whether a response declares that it may be shared: by `public`, or by a lifetime of its own that
/// is neither heuristic nor 0 s.
fn declares_sharing(
    governing: &CacheControl,
    targeted: bool,
    fields: Fields<'_>,
    exchange: Exchange,
) -> bool {
    let declared = declared_lifetime(governing, targeted, fields, exchange.responded_at);
    governing.public || declared.is_some_and(|seconds| seconds > 0)
}

/// Whether a response that is not stored itself (a 304, the response to a HEAD, or an uncacheable
/// one) may update or remove a stored response (section 4.3.4). One to a request with credentials
/// or cookies must declare that it may be shared. One without `Cache-Control` has that of the
/// stored response, unless the configuration wrote it.
pub fn may_update(
    new: Fields<'_>,
    (status, stored): (u16, Fields<'_>),
    overrides: Overrides,
    terms: &Terms,
    exchange: Exchange,
) -> bool {
    let configured = overrides.ttl.or(terms.ttl).filter(|_| is_configurable(status));
    let is_silent =
        ["cache-control", "cdn-cache-control"].iter().all(|name| new.value(name).is_none());
    let fields = if is_silent && configured.is_none() { stored } else { new };
    let directives = Directives::of(fields);
    let (governing, targeted) = directives.governing();
    let is_for_client = governing.no_store || governing.private == Scope::Whole;
    if is_for_client && (exchange.authorized || exchange.cookies) {
        return false;
    }
    (!exchange.authorized || allows_authorized(governing))
        && permits_cookies(governing, targeted, fields, configured, exchange).is_ok()
}

/// Whether a status answers the conditions or the range of one request (RFC 9110, sections 15.5.13
/// and 15.5.17).
fn is_about_request(status: u16) -> bool {
    matches!(status, 412 | 416)
}

/// Section 3.5.
fn allows_authorized(governing: &CacheControl) -> bool {
    governing.public || governing.must_revalidate || governing.s_maxage.is_some()
}

/// Statuses whose caching requirements are implemented, for `must-understand` (section 5.2.2.3).
fn is_understood(status: u16) -> bool {
    matches!(
        status,
        200..=205 | 300..=303 | 307 | 308 | 400..=418 | 421 | 422 | 426 | 428 | 429 | 431 | 451 | 500..=505 | 511
    )
}
