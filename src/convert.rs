//! Text from the face, taken apart.

use layeron_cache::{Fields, Fingerprint, Names, NotedBy, Request, ResponseHead};

/// Reads `METHOD`, the field lines and, behind an empty line, the URL. `@` before the method says
/// that the disk has been asked, `=` that a URL parser printed the URL, and `(…)` holds a
/// fingerprint in hexadecimal digits; they can be no part of a method, and come in this order.
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
    let given = text.strip_prefix('(').and_then(|rest| rest.split_once(')'));
    let read = |digits| u64::from_str_radix(digits, 16).ok().map(Fingerprint);
    given.map_or((text, None), |(digits, method)| (method, read(digits)))
}

/// What stands before the first empty line and what behind it. A search for two line feeds would
/// cost more than all the rest here.
fn at_empty_line(text: &str) -> (&str, &str) {
    let at = text.as_bytes().windows(2).position(|pair| pair == b"\n\n");
    at.map_or((text, ""), |at| (&text[..at], &text[at + 2..]))
}

/// Reads the same, where `:` before all of it says that a miss is to be noted by the key; it can be
/// no part of a method either.
pub(crate) fn noted_request(text: &str) -> (Request<'_>, NotedBy) {
    match text.strip_prefix(':') {
        Some(text) => (request(text), NotedBy::Key),
        None => (request(text), NotedBy::Caller),
    }
}

/// Reads the reason phrase and the field lines.
pub(crate) fn response_head(status: u16, text: &str) -> ResponseHead<'_> {
    let (reason, fields) = text.split_once('\n').unwrap_or((text, ""));
    ResponseHead { status, reason, fields: Fields::new(fields) }
}

/// Reads a list of field names, one a line.
pub(crate) fn names(text: &str) -> Names {
    Names::new(text.lines())
}

/// Reads a list of tags, one a line.
pub(crate) fn tags(text: &str) -> Vec<String> {
    text.lines().map(ToOwned::to_owned).collect()
}
