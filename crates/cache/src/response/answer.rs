//! Answers from the store: status, head with `Age` and `Cache-Status`, and body.

use super::Stored;
use super::condition::{Condition, is_not_modified};
use super::head_writer::HeadWriter;
use crate::http::ByteRange;
use crate::http::lines::{Fields, MissingFields};
use crate::policy::Freshness;
use crate::response::{CacheStatus, Handling};
use crate::time::{Millis, UnixMillis};

/// Fields that describe a body, which an answer without one omits (RFC 9110, sections 8 and 14.4).
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

/// Fields about the stored response that an error answer omits, such as its lifetime.
const DESCRIBES_RESPONSE: [&str; 6] =
    ["accept-ranges", "cache-control", "cdn-cache-control", "etag", "expires", "last-modified"];

/// An answer from the store.
#[derive(Clone, Debug)]
pub struct Answer {
    stored: Stored,
    condition: Condition,
    age_ms: Millis,
    lifetime_ms: Millis,
    handled: Handling,
    detail: Option<&'static str>,
    /// Whether it answers a HEAD from the response to a GET.
    bodiless: bool,
}

impl Answer {
    /// The answer of `stored` to a request at `now`.
    ///
    /// # Errors
    /// As for [`Condition::of`].
    pub fn new(
        stored: Stored,
        times: Freshness,
        method: &str,
        fields: Fields<'_>,
        now: UnixMillis,
    ) -> Result<Self, MissingFields> {
        let condition = Condition::of(method, fields, &stored)?;
        Ok(Self::with_condition(stored, condition, times, now))
    }

    fn with_condition(
        stored: Stored,
        condition: Condition,
        times: Freshness,
        now: UnixMillis,
    ) -> Self {
        let (age_ms, lifetime_ms) = (times.age(now), times.lifetime);
        let detail = (age_ms >= lifetime_ms).then_some("stale");
        Self {
            stored,
            condition,
            age_ms,
            lifetime_ms,
            handled: Handling::Hit,
            detail,
            bodiless: false,
        }
    }

    /// The answer of a stored head whose body is in flight: the whole response, or a 304 if the
    /// client has it.
    ///
    /// # Errors
    /// As for [`Condition::of`].
    pub fn under_way(
        stored: Stored,
        times: Freshness,
        fields: Fields<'_>,
        now: UnixMillis,
    ) -> Result<Self, MissingFields> {
        let not_modified = stored.status() == 200 && is_not_modified(fields, stored.fields())?;
        let condition = if not_modified { Condition::NotModified } else { Condition::Whole };
        Ok(Self::with_condition(stored, condition, times, now))
    }

    /// The answer with another `Cache-Status`.
    #[must_use]
    pub fn handled_as(self, handled: Handling, detail: Option<&'static str>) -> Self {
        Self { handled, detail: detail.or(self.detail), ..self }
    }

    /// The answer without its body, for a HEAD (RFC 9110, section 9.3.2).
    #[must_use]
    pub fn without_body(self) -> Self {
        Self { bodiless: true, ..self }
    }

    /// Status code.
    pub fn status(&self) -> u16 {
        match self.condition {
            Condition::Whole => self.stored.status(),
            Condition::NotModified => 304,
            Condition::Part(_) => 206,
            Condition::Unsatisfiable => 416,
        }
    }

    /// The body, if there is one.
    pub fn body(&self) -> Option<&[u8]> {
        match self.condition {
            _ if self.bodiless => None,
            Condition::Whole => self.stored.body(),
            Condition::Part(ByteRange { first, last }) => {
                self.stored.body().map(|body| &body[first..=last])
            }
            Condition::NotModified | Condition::Unsatisfiable => None,
        }
    }

    /// Whether the stored body is ASCII.
    pub fn is_ascii(&self) -> bool {
        self.stored.is_ascii()
    }

    /// Writes reason phrase and field lines, each ended by a line feed, with `Age` (RFC 9111,
    /// section 5.1) and the `Cache-Status` of `cache`.
    pub fn write_head(&self, cache: &str, out: &mut String) {
        let mut writer = match self.condition {
            Condition::Whole => self.write_whole(out),
            Condition::NotModified => self.write_not_modified(out),
            Condition::Part(range) => self.write_part(range, out),
            Condition::Unsatisfiable => self.write_unsatisfiable(out),
        };
        let ttl = Some((self.lifetime_ms - self.age_ms).div_euclid(1000));
        let status = CacheStatus { cache, handled: self.handled, ttl, detail: self.detail };
        writer.field("age", self.age_ms / 1000).field("cache-status", status);
    }

    /// Writes the head of a whole response. A HEAD has the length of the body that it omits.
    fn write_whole<'o>(&self, out: &'o mut String) -> HeadWriter<'o> {
        let mut writer = HeadWriter::from_head(out, self.stored.head());
        if self.bodiless && self.stored.fields().value("content-length").is_none() {
            writer.field("content-length", self.length());
        }
        writer
    }

    fn write_not_modified<'o>(&self, out: &'o mut String) -> HeadWriter<'o> {
        let fields = self.stored.fields();
        let is_tagged = fields.value("etag").is_some();
        let keeps =
            |name: &str| !DESCRIBES_BODY.contains(&name) && (name != "last-modified" || !is_tagged);
        let mut writer = HeadWriter::begin(out, "Not Modified");
        writer.fields(fields, keeps);
        writer
    }

    fn write_part<'o>(
        &self,
        ByteRange { first, last }: ByteRange,
        out: &'o mut String,
    ) -> HeadWriter<'o> {
        let keeps = |name: &str| name != "content-length" && name != "content-range";
        let mut writer = HeadWriter::begin(out, "Partial Content");
        writer
            .fields(self.stored.fields(), keeps)
            .field("content-length", last - first + 1)
            .field("content-range", format_args!("bytes {first}-{last}/{}", self.length()));
        writer
    }

    fn write_unsatisfiable<'o>(&self, out: &'o mut String) -> HeadWriter<'o> {
        let keeps =
            |name: &str| !DESCRIBES_BODY.contains(&name) && !DESCRIBES_RESPONSE.contains(&name);
        let mut writer = HeadWriter::begin(out, "Range Not Satisfiable");
        writer
            .fields(self.stored.fields(), keeps)
            .field("content-length", 0)
            .field("content-range", format_args!("bytes */{}", self.length()));
        writer
    }

    fn length(&self) -> usize {
        self.stored.body().map_or(0, <[u8]>::len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ABSENT: &str = "if-none-match\nif-modified-since\nrange\nif-range\n";
    const LAST_MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    fn stored() -> Stored {
        let head = format!(
            "OK\netag:W/\"v1\"\nlast-modified:{LAST_MODIFIED}\ncontent-type:text/plain\nx-a:1\n"
        );
        Stored::new(200, &head).with_body(Some(&[b"0123456789"]))
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
        assert_eq!(
            head("if-none-match:\"v1\"\n"),
            format!("Not Modified\netag:W/\"v1\"\nx-a:1\n{trailer}")
        );
        assert!(
            head("range:bytes=2-4\n")
                .ends_with(&format!("content-length:3\ncontent-range:bytes 2-4/10\n{trailer}"))
        );
        assert_eq!(
            head("range:bytes=10-\n"),
            format!(
                "Range Not Satisfiable\nx-a:1\ncontent-length:0\ncontent-range:bytes */10\n{trailer}"
            )
        );
        assert!(head("").starts_with("OK\netag:") && head("").ends_with(trailer));
    }
}
