//! What a stored response answers to one request: the whole of it, a 304, a part, or that there is no such part.

use std::fmt::Write as _;
use std::sync::Arc;

use super::{Freshness, Stored};
use crate::field::lines::{Fields, Untold};
use crate::field::{
    ByteRange, CacheStatus, EntityTag, Handled, Requested, date_seconds, entity_tags, requested_range,
};

/// The form that the answer takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The stored response as it is.
    Whole,
    /// 304: the requester has it already (RFC 9110, section 15.4.5).
    NotModified,
    /// 206: one part of the body (section 15.3.7).
    Part(ByteRange),
    /// 416: the body has no such part (section 15.5.17).
    Unsatisfiable,
}

impl Condition {
    /// Evaluates the request's preconditions and range against `stored`, in the order of RFC 9110, section 13.2.2.
    /// Only a stored 200 is subject to them, and only for GET and HEAD; a range only for GET (section 14.2).
    ///
    /// # Errors
    /// [`Untold`] where `fields` does not speak of a field that decides.
    pub fn of(method: &str, fields: Fields<'_>, stored: &Stored) -> Result<Self, Untold> {
        let is_get = method.eq_ignore_ascii_case("GET");
        if stored.status != 200 || !(is_get || method.eq_ignore_ascii_case("HEAD")) {
            Ok(Self::Whole)
        } else if is_not_modified(fields, stored.fields())? {
            Ok(Self::NotModified)
        } else if is_get {
            Self::by_range(fields, stored)
        } else {
            Ok(Self::Whole)
        }
    }

    fn by_range(fields: Fields<'_>, stored: &Stored) -> Result<Self, Untold> {
        let Some(body) = stored.body() else {
            return Ok(Self::Whole);
        };
        let Some(range) = fields.known("range")? else {
            return Ok(Self::Whole);
        };
        if !fields.known("if-range")?.is_none_or(|validator| is_current(validator, stored.fields())) {
            return Ok(Self::Whole);
        }
        Ok(match requested_range(range, body.len()) {
            Requested::Whole => Self::Whole,
            Requested::Part(range) => Self::Part(range),
            Requested::Unsatisfiable => Self::Unsatisfiable,
        })
    }
}

/// `If-None-Match`, else `If-Modified-Since` (RFC 9111, section 4.3.2). A response that does not tell when it was modified
/// is as old as its date.
fn is_not_modified(request: Fields<'_>, stored: Fields<'_>) -> Result<bool, Untold> {
    if let Some(list) = request.known("if-none-match")? {
        let current = stored.value("etag");
        let is_current = |tag: EntityTag<'_>| {
            current.and_then(EntityTag::parse).is_some_and(|current| tag.weakly_equals(&current))
        };
        // What is no entity tag at all may still be, letter by letter, what was sent as one.
        return Ok(list == "*" || current == Some(list) || entity_tags(list).any(is_current));
    }
    let Some(modified) = stored.value("last-modified").or_else(|| stored.value("date")) else {
        return Ok(false);
    };
    let since = request.known("if-modified-since")?.and_then(date_seconds);
    Ok(since.is_some_and(|since| date_seconds(modified).is_some_and(|modified| modified <= since)))
}

/// `If-Range`: a strong entity tag or the exact modification date (RFC 9110, section 13.1.5).
fn is_current(validator: &str, stored: Fields<'_>) -> bool {
    match EntityTag::parse(validator) {
        Some(tag) => stored
            .value("etag")
            .and_then(EntityTag::parse)
            .is_some_and(|current| tag.strongly_equals(&current)),
        None => stored.value("last-modified") == Some(validator) && is_strong_date(stored),
    }
}

/// A date of modification tells representations apart unless they may have changed within its second (RFC 9110, section 8.8.2.2).
fn is_strong_date(stored: Fields<'_>) -> bool {
    let seconds = |name| stored.value(name).and_then(date_seconds);
    seconds("date").zip(seconds("last-modified")).is_none_or(|(date, modified)| date > modified)
}

/// Fields about the body, for an answer without it (RFC 9110, sections 8 and 14.4).
const DESCRIBES_BODY: [&str; 8] = [
    "content-digest",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-length",
    "content-range",
    "content-type",
    "repr-digest",
];

/// Fields about the stored response that would be false of an answer that is none, such as how long it may be kept.
const DESCRIBES_RESPONSE: [&str; 6] =
    ["accept-ranges", "cache-control", "cdn-cache-control", "etag", "expires", "last-modified"];

/// An answer from the store.
#[derive(Clone, Debug)]
pub struct Answer {
    stored: Arc<Stored>,
    condition: Condition,
    age_ms: i64,
    lifetime_ms: i64,
    handled: Handled,
    detail: Option<&'static str>,
    /// Whether its age and what is left of its lifetime mean anything.
    timed: bool,
    /// Whether the answer is to a HEAD, by what is stored for a GET.
    bodiless: bool,
}

impl Answer {
    /// The answer that `stored`, of `times`, is to a request of `method` and `fields` at `now`.
    ///
    /// # Errors
    /// As for [`Condition::of`].
    pub fn new(
        stored: Arc<Stored>,
        times: Freshness,
        method: &str,
        fields: Fields<'_>,
        now: i64,
    ) -> Result<Self, Untold> {
        let condition = Condition::of(method, fields, &stored)?;
        Ok(Self::with_condition(stored, condition, times, now))
    }

    fn with_condition(stored: Arc<Stored>, condition: Condition, times: Freshness, now: i64) -> Self {
        let (age_ms, lifetime_ms) = (times.age(now), times.lifetime);
        let detail = (age_ms >= lifetime_ms).then_some("stale");
        Self {
            stored,
            condition,
            age_ms,
            lifetime_ms,
            handled: Handled::Hit,
            detail,
            timed: true,
            bodiless: false,
        }
    }

    /// The answer that the head of `stored` is, whose body is still under way: the whole of it or, where `fields` says that the
    /// requester has it, a 304.
    ///
    /// # Errors
    /// As for [`Condition::of`].
    pub fn under_way(
        stored: Arc<Stored>,
        times: Freshness,
        fields: Fields<'_>,
        now: i64,
    ) -> Result<Self, Untold> {
        let not_modified = stored.status == 200 && is_not_modified(fields, stored.fields())?;
        let condition = if not_modified { Condition::NotModified } else { Condition::Whole };
        Ok(Self::with_condition(stored, condition, times, now))
    }

    /// The same answer, which says of itself that it came about otherwise than from the store alone.
    #[must_use]
    pub fn told(self, handled: Handled, detail: Option<&'static str>) -> Self {
        Self { handled, detail: detail.or(self.detail), ..self }
    }

    /// The same answer, which was never to be stored and has neither age nor lifetime.
    #[must_use]
    pub fn untimed(self) -> Self {
        Self { timed: false, detail: None, ..self }
    }

    /// The same answer without its body, as one to HEAD (RFC 9110, section 9.3.2).
    #[must_use]
    pub fn without_body(self) -> Self {
        Self { bodiless: true, ..self }
    }

    /// Status code.
    pub fn status(&self) -> u16 {
        match self.condition {
            Condition::Whole => self.stored.status,
            Condition::NotModified => 304,
            Condition::Part(_) => 206,
            Condition::Unsatisfiable => 416,
        }
    }

    /// The body, where the answer has one.
    pub fn body(&self) -> Option<&[u8]> {
        match self.condition {
            _ if self.bodiless => None,
            Condition::Whole => self.stored.body(),
            Condition::Part(ByteRange { first, last }) => self.stored.body().map(|body| &body[first..=last]),
            Condition::NotModified | Condition::Unsatisfiable => None,
        }
    }

    /// Whether the stored body is ASCII.
    pub fn is_ascii(&self) -> bool {
        self.stored.is_ascii()
    }

    /// Writes reason phrase and field lines, each ended by a line feed, with `Age` (RFC 9111, section 5.1) and
    /// `Cache-Status` in the name of `cache`.
    pub fn write_head(&self, cache: &str, out: &mut String) {
        match self.condition {
            Condition::Whole => self.write_whole(out),
            Condition::NotModified => self.write_not_modified(out),
            Condition::Part(range) => self.write_part(range, out),
            Condition::Unsatisfiable => self.write_unsatisfiable(out),
        }
        let ttl = self.timed.then(|| (self.lifetime_ms - self.age_ms).div_euclid(1000));
        let status = CacheStatus { cache, handled: self.handled, ttl, detail: self.detail };
        if self.timed {
            let written = writeln!(out, "age:{}", self.age_ms / 1000);
            debug_assert!(written.is_ok(), "a String takes all that is written to it");
        }
        let written = writeln!(out, "cache-status:{status}");
        debug_assert!(written.is_ok(), "a String takes all that is written to it");
    }

    /// A HEAD tells the length of the body that it does not have.
    fn write_whole(&self, out: &mut String) {
        out.push_str(self.stored.head());
        if self.bodiless && self.stored.fields().value("content-length").is_none() {
            let written = writeln!(out, "content-length:{}", self.length());
            debug_assert!(written.is_ok(), "a String takes all that is written to it");
        }
    }

    fn write_not_modified(&self, out: &mut String) {
        let fields = self.stored.fields();
        let tagged = fields.value("etag").is_some();
        let keep = |name: &str| !DESCRIBES_BODY.contains(&name) && (name != "last-modified" || !tagged);
        out.push_str("Not Modified\n");
        push_lines(fields, keep, out);
    }

    fn write_part(&self, ByteRange { first, last }: ByteRange, out: &mut String) {
        out.push_str("Partial Content\n");
        push_lines(self.stored.fields(), |name| name != "content-length" && name != "content-range", out);
        let written = write!(
            out,
            "content-length:{}\ncontent-range:bytes {first}-{last}/{}\n",
            last - first + 1,
            self.length()
        );
        debug_assert!(written.is_ok(), "a String takes all that is written to it");
    }

    fn write_unsatisfiable(&self, out: &mut String) {
        out.push_str("Range Not Satisfiable\n");
        let keep = |name: &str| !DESCRIBES_BODY.contains(&name) && !DESCRIBES_RESPONSE.contains(&name);
        push_lines(self.stored.fields(), keep, out);
        let written = writeln!(out, "content-length:0\ncontent-range:bytes */{}", self.length());
        debug_assert!(written.is_ok(), "a String takes all that is written to it");
    }

    fn length(&self) -> usize {
        self.stored.body().map_or(0, <[u8]>::len)
    }
}

fn push_lines(fields: Fields<'_>, keep: impl Fn(&str) -> bool, out: &mut String) {
    for (name, value) in fields.iter().filter(|(name, _)| keep(name)) {
        out.extend([name, ":", value, "\n"]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::Names;

    const ABSENT: &str = "if-none-match\nif-modified-since\nrange\nif-range\n";
    const LAST_MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn stored() -> Arc<Stored> {
        let head =
            format!("OK\netag:W/\"v1\"\nlast-modified:{LAST_MODIFIED}\ncontent-type:text/plain\nx-a:1\n");
        let mut stored = Stored::new(200, head);
        stored.set_body(Some([b"0123456789".as_slice()]));
        Arc::new(stored)
    }

    /// The condition by `fields`, and by the absence of every other field that decides.
    fn condition(method: &str, fields: &str) -> Condition {
        let fields = format!("{fields}{ABSENT}");
        Condition::of(method, Fields::new(&fields), &stored()).unwrap()
    }

    #[test]
    fn fields_are_asked_for_where_they_decide() {
        let asked = |fields: &str| Condition::of("GET", Fields::new(fields), &stored()).unwrap_err();
        assert_eq!(asked(""), Untold(Names::new(["if-none-match"])));
        assert_eq!(asked("if-none-match\n"), Untold(Names::new(["if-modified-since"])));
        assert_eq!(asked("if-none-match:\"x\"\n"), Untold(Names::new(["range"])));
        assert_eq!(asked("if-none-match:\"x\"\nrange:bytes=0-1\n"), Untold(Names::new(["if-range"])));
        let plain = Stored::new(200, "OK\n".into());
        assert_eq!(Condition::of("GET", Fields::new("if-none-match\n"), &plain), Ok(Condition::Whole));
    }

    #[test]
    fn an_entity_tag_decides_before_a_date() {
        let later = "if-modified-since:Mon, 07 Nov 1994 08:49:37 GMT\n";
        assert_eq!(condition("GET", "if-none-match:\"v0\", \"v1\"\n"), Condition::NotModified);
        assert_eq!(condition("HEAD", "if-none-match:*\n"), Condition::NotModified);
        assert_eq!(condition("GET", &format!("if-none-match:\"v2\"\n{later}")), Condition::Whole);
        assert_eq!(condition("GET", later), Condition::NotModified);
        assert_eq!(condition("GET", "if-modified-since:Sun, 06 Nov 1994 08:49:36 GMT\n"), Condition::Whole);
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

    #[test]
    fn a_head_says_age_and_status_and_what_the_answer_carries() {
        let times = Freshness { lifetime: 60_000, ..Freshness::default() };
        let head = |fields: &str| {
            let mut out = String::new();
            let fields = format!("{fields}{ABSENT}");
            let answer = Answer::new(stored(), times, "GET", Fields::new(&fields), 7_999).unwrap();
            answer.write_head("ns/name", &mut out);
            out
        };
        let trailer = "age:7\ncache-status:ns/name; hit; ttl=52\n";
        assert_eq!(head("if-none-match:\"v1\"\n"), format!("Not Modified\netag:W/\"v1\"\nx-a:1\n{trailer}"));
        assert!(
            head("range:bytes=2-4\n")
                .ends_with(&format!("content-length:3\ncontent-range:bytes 2-4/10\n{trailer}"))
        );
        assert_eq!(
            head("range:bytes=10-\n"),
            format!("Range Not Satisfiable\nx-a:1\ncontent-length:0\ncontent-range:bytes */10\n{trailer}")
        );
        assert!(head("").starts_with("OK\netag:") && head("").ends_with(trailer));
    }
}
