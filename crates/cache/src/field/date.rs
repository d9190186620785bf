//! HTTP-date (RFC 9110, section 5.6.7).

use std::time::UNIX_EPOCH;

/// Seconds since 1970 of an HTTP-date in any of its three forms; `None` for anything else and for earlier dates.
pub fn seconds(value: &str) -> Option<i64> {
    let at = httpdate::parse_http_date(value.trim()).ok()?;
    Some(at.duration_since(UNIX_EPOCH).ok()?.as_secs() as i64)
}
