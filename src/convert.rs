//! Text from the face, taken apart.

use layeron_cache::{Fields, Names, NotedBy, Request, ResponseHead};

/// Reads `METHOD`, the field lines and, behind an empty line, the URL. `=` before the method says that a URL parser
/// printed the URL; it can be no part of a method.
pub(crate) fn request(text: &str) -> Request<'_> {
    let (method, rest) = text.split_once('\n').unwrap_or((text, "\n"));
    let (fields, url) = match rest.strip_prefix('\n') {
        Some(url) => ("", url),
        None => rest.split_once("\n\n").unwrap_or((rest, "")),
    };
    let (method, serialised) = match method.strip_prefix('=') {
        Some(method) => (method, true),
        None => (method, false),
    };
    Request { method, url, serialised, fields: Fields::new(fields) }
}

/// Reads the same, where `:` before all of it says that a miss is to be noted by the key; it can be no part of a method
/// either.
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
