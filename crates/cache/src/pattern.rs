//! Hono path patterns.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock, Weak};

use hashbrown::HashMap;
use parking_lot::Mutex;
use percent_encoding::percent_decode_str;
use regex::{Regex, RegexBuilder};

/// A path pattern that cannot be compiled, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPattern(pub String);

/// A Hono path pattern, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Pattern(Arc<Regex>);

impl Pattern {
    pub(crate) fn new(pattern: &str) -> Result<Self, BadPattern> {
        let mut expression = String::from("^");
        let segments: Vec<_> = segments(pattern);
        for (at, segment) in segments.iter().enumerate() {
            let last = at + 1 == segments.len();
            segment_expression(segment, last, pattern.ends_with('?'), &mut expression);
        }
        expression.push('$');
        compiled(expression).map(Self)
    }

    pub(crate) fn matches(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

/// The expression compiled, once for all declarations that have it. Expressions are bounded in what they take.
fn compiled(expression: String) -> Result<Arc<Regex>, BadPattern> {
    const MOST_BYTES: usize = 1 << 20;
    static COMPILED: LazyLock<Mutex<HashMap<String, Weak<Regex>>>> = LazyLock::new(Mutex::default);
    let mut known = COMPILED.lock();
    if let Some(regex) = known.get(&expression).and_then(Weak::upgrade) {
        return Ok(regex);
    }
    let built = RegexBuilder::new(&expression).size_limit(MOST_BYTES).dfa_size_limit(MOST_BYTES).build();
    let regex = Arc::new(built.map_err(|error| BadPattern(error.to_string()))?);
    known.retain(|_, regex| regex.strong_count() > 0);
    known.insert(expression, Arc::downgrade(&regex));
    Ok(regex)
}

/// The segments between slashes; a slash inside a parameter's `{…}` does not divide.
fn segments(pattern: &str) -> Vec<&str> {
    let pattern = pattern.strip_prefix('/').unwrap_or(pattern);
    let mut depth = 0_usize;
    pattern
        .split(|letter| {
            match letter {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            letter == '/' && depth == 0
        })
        .collect()
}

/// Appends what one segment matches, with the slash before it: `*` at the end anything from here on, `*` one
/// segment, `:name` one segment, `:name{regex}` what the expression says, `?` behind a parameter none or one if the
/// pattern ends so.
fn segment_expression(segment: &str, last: bool, optional: bool, out: &mut String) {
    let written = match segment {
        "*" if last => out.write_str("(?:/.*)?"),
        "*" => out.write_str("/[^/]+"),
        _ => match segment.strip_prefix(':') {
            None => write!(out, "/{}", regex::escape(segment)),
            Some(parameter) => {
                let (parameter, optional) = match parameter.strip_suffix('?') {
                    Some(parameter) => (parameter, optional),
                    None => (parameter, false),
                };
                let inner = match parameter.split_once('{') {
                    Some((_, expression)) => expression.strip_suffix('}').unwrap_or(expression),
                    None => "[^/]+",
                };
                write!(out, "(?:/(?:{inner})){}", if optional { "?" } else { "" })
            }
        },
    };
    debug_assert!(written.is_ok(), "a String takes all that is written to it");
}

/// The path as routes see it: percent-decoded where it is valid UTF-8, an encoded slash, question mark and the
/// other reserved characters kept apart from bare ones as `decodeURI` keeps them.
pub(crate) fn decoded_path(path: &str) -> Cow<'_, str> {
    if !path.contains('%') {
        return path.into();
    }
    let mut kept = String::with_capacity(path.len());
    for (at, piece) in path.split('%').enumerate() {
        let reserved = at > 0 && piece.get(..2).is_some_and(is_reserved_escape);
        kept.push_str(match (at, reserved) {
            (0, _) => "",
            (_, true) => "%25",
            (_, false) => "%",
        });
        kept.push_str(piece);
    }
    match percent_decode_str(&kept).decode_utf8() {
        Ok(decoded) => decoded.into_owned().into(),
        Err(_) => path.into(),
    }
}

fn is_reserved_escape(digits: &str) -> bool {
    u8::from_str_radix(digits, 16).is_ok_and(|byte| b";/?:@&=+$,#".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Pattern::new(pattern).unwrap().matches(&decoded_path(path))
    }

    #[test]
    fn patterns_match_as_hono_routes_do() {
        for (pattern, path, expected) in [
            ("/", "/", true),
            ("/api/posts/:id", "/api/posts/1", true),
            ("/api/posts/:id", "/api/posts/", false),
            ("/api/posts/:id", "/api/posts/1/x", false),
            ("/api/posts/:id", "/api/posts/1/", false),
            ("/api/docs/*", "/api/docs", true),
            ("/api/docs/*", "/api/docs/", true),
            ("/api/docs/*", "/api/docs/a/b", true),
            ("/api/docs/*", "/api/docsx", false),
            ("/a/*/c", "/a/b/c", true),
            ("/a/*/c", "/a/b/b/c", false),
            ("*", "/anything/at/all", true),
            ("/p/:n{[0-9]+}", "/p/12", true),
            ("/p/:n{[0-9]+}", "/p/x", false),
            ("/p/:n?", "/p", true),
            ("/p/:n?", "/p/1", true),
            ("/p/:v?/q", "/p/q", false),
            ("/p/:v?/q", "/p/1/q", true),
            ("/p/:v?/:w?", "/p/1/q", true),
            ("/a.b", "/axb", false),
            ("/caf\u{e9}", "/caf%C3%A9", true),
            ("/a/b", "/a%2Fb", false),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} on {path}");
        }
    }

    #[test]
    fn a_broken_expression_is_refused() {
        assert!(Pattern::new("/p/:n{[0-9}").is_err());
    }
}
