//! Parses texts that JavaScript passes.

use layeron_cache::{Fields, Fingerprint, Names, Request, ResponseHead, TrackedBy};

/// Reads `METHOD`, the field lines and, behind an empty line, the URL. Before the method, `@` says
/// that the entries on disk have been loaded, `=` that a URL parser printed the URL, and `(…)`
/// holds a fingerprint in hexadecimal digits, in this order. None of these characters can be part
/// of a method.
pub(crate) fn request(text: &str) -> Request<'_> {
    let (head, url) = at_empty_line(text);
    let (method, fields) = head.split_once('\n').unwrap_or((head, ""));
    let (method, asked) = without(method, '@');
    let (method, serialised) = without(method, '=');
    let (method, fingerprint) = fingerprint(method);
    Request { method, url, serialised, fields: Fields::new(fields), asked, fingerprint }
}

fn without(text: &str, mark: char) -> (&str, bool) {
    text.strip_prefix(mark).map_or((text, false), |rest| (rest, true))
}

fn fingerprint(text: &str) -> (&str, Option<Fingerprint>) {
    let body = text.strip_prefix('(').and_then(|rest| rest.split_once(')'));
    let read = |digits| u64::from_str_radix(digits, 16).ok().map(Fingerprint);
    body.map_or((text, None), |(digits, method)| (method, read(digits)))
}

/// Splits at the first empty line. A search for two line feeds would cost more than the rest of
/// this module.
fn at_empty_line(text: &str) -> (&str, &str) {
    let at = text.as_bytes().windows(2).position(|pair| pair == b"\n\n");
    at.map_or((text, ""), |at| (&text[..at], &text[at + 2..]))
}

/// [`request`], where a leading `:` says that the build tracker records a miss by key.
pub(crate) fn tracked_request(text: &str) -> (Request<'_>, TrackedBy) {
    match text.strip_prefix(':') {
        Some(text) => (request(text), TrackedBy::Key),
        None => (request(text), TrackedBy::Caller),
    }
}

/// Reads the reason phrase and the field lines.
pub(crate) fn response_head(status: u16, text: &str) -> ResponseHead<'_> {
    let (reason, fields) = text.split_once('\n').unwrap_or((text, ""));
    ResponseHead { status, reason, fields: Fields::new(fields) }
}

/// Reads field names, one per line.
pub(crate) fn names(text: &str) -> Names {
    Names::new(text.lines())
}

/// Reads tags, one per line.
pub(crate) fn tags(text: &str) -> Vec<String> {
    text.lines().map(ToOwned::to_owned).collect()
}

/// Milliseconds since 1970, within the range of a `Date`.
pub(crate) fn time(now: f64) -> i64 {
    const FURTHEST: i64 = 8_640_000_000_000_000;
    (now as i64).clamp(-FURTHEST, FURTHEST)
}
