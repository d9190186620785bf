//! Conditional and range requests: the whole response, a 304, a part, or a 416.

use super::Stored;
use crate::http::lines::{Fields, MissingFields};
use crate::http::{ByteRange, EntityTag, Requested, date_seconds, entity_tags, requested_range};

/// Form of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The whole stored response.
    Whole,
    /// 304: the client has it (RFC 9110, section 15.4.5).
    NotModified,
    /// 206: a part of the body (section 15.3.7).
    Part(ByteRange),
    /// 416: the body has no such part (section 15.5.17).
    Unsatisfiable,
}

impl Condition {
    /// Evaluates preconditions and range of a request against `stored`, in the order of RFC 9110,
    /// section 13.2.2. Only for a stored 200, and only for GET and HEAD; ranges only for GET
    /// (section 14.2).
    ///
    /// # Errors
    /// [`MissingFields`] if `fields` lacks a field that decides.
    pub fn of(method: &str, fields: Fields<'_>, stored: &Stored) -> Result<Self, MissingFields> {
        let is_get = method.eq_ignore_ascii_case("GET");
        if stored.status() != 200 || !(is_get || method.eq_ignore_ascii_case("HEAD")) {
            Ok(Self::Whole)
        } else if is_not_modified(fields, stored.fields())? {
            Ok(Self::NotModified)
        } else if is_get {
            Self::by_range(fields, stored)
        } else {
            Ok(Self::Whole)
        }
    }

    fn by_range(fields: Fields<'_>, stored: &Stored) -> Result<Self, MissingFields> {
        let Some(body) = stored.body() else {
            return Ok(Self::Whole);
        };
        let Some(range) = fields.known("range")? else {
            return Ok(Self::Whole);
        };
        if !fields.known("if-range")?.is_none_or(|validator| is_current(validator, stored.fields()))
        {
            return Ok(Self::Whole);
        }
        Ok(match requested_range(range, body.len()) {
            Requested::Whole => Self::Whole,
            Requested::Part(range) => Self::Part(range),
            Requested::Unsatisfiable => Self::Unsatisfiable,
        })
    }
}

/// Evaluates `If-None-Match`, or else `If-Modified-Since` (RFC 9111, section 4.3.2). A response
/// without `Last-Modified` is as old as its `Date`.
pub(super) fn is_not_modified(
    request: Fields<'_>,
    stored: Fields<'_>,
) -> Result<bool, MissingFields> {
    if let Some(list) = request.known("if-none-match")? {
        let current = stored.value("etag");
        let is_current = |tag: EntityTag<'_>| {
            current.and_then(EntityTag::parse).is_some_and(|current| tag.weakly_equals(&current))
        };
        // A value that is no entity tag is compared as text with what was sent as one.
        return Ok(list == "*" || current == Some(list) || entity_tags(list).any(is_current));
    }
    let Some(modified) = stored.value("last-modified").or_else(|| stored.value("date")) else {
        return Ok(false);
    };
    let since = request.known("if-modified-since")?.and_then(date_seconds);
    Ok(since.is_some_and(|since| date_seconds(modified).is_some_and(|modified| modified <= since)))
}

/// Evaluates `If-Range`: a strong entity tag or the exact modification date (RFC 9110, section
/// 13.1.5).
fn is_current(validator: &str, stored: Fields<'_>) -> bool {
    match EntityTag::parse(validator) {
        Some(tag) => stored
            .value("etag")
            .and_then(EntityTag::parse)
            .is_some_and(|current| tag.strongly_equals(&current)),
        None => stored.value("last-modified") == Some(validator) && is_strong_date(stored),
    }
}

/// Whether a modification date is a strong validator: the response did not change within its second
/// (RFC 9110, section 8.8.2.2).
fn is_strong_date(stored: Fields<'_>) -> bool {
    let seconds = |name| stored.value(name).and_then(date_seconds);
    seconds("date").zip(seconds("last-modified")).is_none_or(|(date, modified)| date > modified)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Names;

    const ABSENT: &str = "if-none-match\nif-modified-since\nrange\nif-range\n";
    const LAST_MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn stored() -> Stored {
        let head = format!("OK\netag:W/\"v1\"\nlast-modified:{LAST_MODIFIED}\n");
        Stored::new(200, &head).with_body(Some(&[b"0123456789"]))
    }

    /// The condition by `fields`; all other fields that decide are absent.
    fn condition(method: &str, fields: &str) -> Condition {
        let fields = format!("{fields}{ABSENT}");
        Condition::of(method, Fields::new(&fields), &stored()).unwrap()
    }

    #[test]
    fn fields_are_asked_for_where_they_decide() {
        let asked =
            |fields: &str| Condition::of("GET", Fields::new(fields), &stored()).unwrap_err();
        assert_eq!(asked(""), MissingFields(Names::new(["if-none-match"])));
        assert_eq!(asked("if-none-match\n"), MissingFields(Names::new(["if-modified-since"])));
        assert_eq!(asked("if-none-match:\"x\"\n"), MissingFields(Names::new(["range"])));
        assert_eq!(
            asked("if-none-match:\"x\"\nrange:bytes=0-1\n"),
            MissingFields(Names::new(["if-range"]))
        );
        let plain = Stored::new(200, "OK\n");
        assert_eq!(
            Condition::of("GET", Fields::new("if-none-match\n"), &plain),
            Ok(Condition::Whole)
        );
    }

    #[test]
    fn an_entity_tag_decides_before_a_date() {
        let later = "if-modified-since:Mon, 07 Nov 1994 08:49:37 GMT\n";
        assert_eq!(condition("GET", "if-none-match:\"v0\", \"v1\"\n"), Condition::NotModified);
        assert_eq!(condition("HEAD", "if-none-match:*\n"), Condition::NotModified);
        assert_eq!(condition("GET", &format!("if-none-match:\"v2\"\n{later}")), Condition::Whole);
        assert_eq!(condition("GET", later), Condition::NotModified);
        assert_eq!(
            condition("GET", "if-modified-since:Sun, 06 Nov 1994 08:49:36 GMT\n"),
            Condition::Whole
        );
        assert_eq!(condition("GET", "if-modified-since:yesterday\n"), Condition::Whole);
    }

    #[test]
    fn a_range_needs_get_and_a_strong_validator() {
        let part = Condition::Part(ByteRange { first: 2, last: 4 });
        assert_eq!(condition("GET", "range:bytes=2-4\n"), part);
        assert_eq!(condition("HEAD", "range:bytes=2-4\n"), Condition::Whole);
        assert_eq!(condition("GET", "range:bytes=2-4\nif-range:W/\"v1\"\n"), Condition::Whole);
        assert_eq!(condition("GET", &format!("range:bytes=2-4\nif-range:{LAST_MODIFIED}\n")), part);
        assert_eq!(condition("GET", "range:bytes=10-\n"), Condition::Unsatisfiable);
    }
}
