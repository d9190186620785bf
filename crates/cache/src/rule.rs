//! Route rules: path patterns, methods and bypass conditions, and the policy that applies to a request.

use std::fmt::Write as _;

use percent_encoding::percent_decode_str;
use regex::Regex;

use crate::field::lines::Fields;
use crate::field::{Names, cookie_names, path, query_names};

/// What is configured for a request: by a rule, or by the instance where no rule applies.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// Freshness lifetime in seconds.
    pub ttl: Option<u32>,
    /// Stale window in seconds.
    pub stale_while_revalidate: Option<u32>,
    /// Selecting header fields.
    pub vary: Names,
    /// Tags of every response stored under these terms.
    pub tags: Vec<String>,
}

/// Names whose presence in a request makes it skip the cache.
#[derive(Clone, Debug, Default)]
pub struct Bypass {
    /// Header fields.
    pub headers: Names,
    /// Cookies; their names know upper and lower case.
    pub cookies: Vec<String>,
    /// Query parameters; their names know upper and lower case.
    pub query: Vec<String>,
}

/// A route rule with what it inherits already filled in.
#[derive(Clone, Debug)]
pub struct Rule {
    pattern: Option<Pattern>,
    methods: Vec<String>,
    terms: Terms,
    bypass: Bypass,
}

/// A path pattern that cannot be compiled, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPattern(pub String);

impl Rule {
    /// A rule for requests whose path matches `pattern` (any path without one) by one of `methods`.
    ///
    /// # Errors
    /// [`BadPattern`] where `pattern` holds a regular expression that does not compile.
    pub fn new(
        pattern: Option<&str>,
        methods: Vec<String>,
        terms: Terms,
        bypass: Bypass,
    ) -> Result<Self, BadPattern> {
        let pattern = pattern.map(Pattern::new).transpose()?;
        Ok(Self { pattern, methods, terms, bypass })
    }

    fn covers(&self, method: &str, path: &str) -> bool {
        self.methods.iter().any(|known| known.eq_ignore_ascii_case(method))
            && self.pattern.as_ref().is_none_or(|pattern| pattern.matches(path))
    }
}

/// The policy of one declaration: its own terms and its rules, in order.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    terms: Terms,
    rules: Vec<Rule>,
}

/// What a policy says of one request.
#[derive(Clone, Copy, Debug)]
pub struct Applied<'a> {
    /// The terms of the first rule that covers the request, else the instance's.
    pub terms: &'a Terms,
    /// Whether the rule that applies lists the request's method.
    pub by_rule: bool,
    /// Whether the request skips the cache.
    pub bypassed: bool,
}

impl Policy {
    /// A policy of `terms` and, before them, `rules`.
    pub fn new(terms: Terms, rules: Vec<Rule>) -> Self {
        Self { terms, rules }
    }

    /// Finds what applies to a request for the canonical `url`.
    pub fn apply(&self, method: &str, url: &str, fields: Fields<'_>) -> Applied<'_> {
        let covering = if self.rules.is_empty() {
            None
        } else {
            let path = decoded_path(path(url));
            self.rules.iter().find(|rule| rule.covers(method, &path))
        };
        match covering {
            Some(rule) => {
                Applied { terms: &rule.terms, by_rule: true, bypassed: rule.bypass.applies(url, fields) }
            }
            None => Applied { terms: &self.terms, by_rule: false, bypassed: false },
        }
    }
}

impl Bypass {
    fn applies(&self, url: &str, fields: Fields<'_>) -> bool {
        self.headers.iter().any(|name| fields.value(name).is_some())
            || (!self.cookies.is_empty()
                && fields.value("cookie").is_some_and(|cookies| {
                    cookie_names(cookies).any(|name| self.cookies.iter().any(|known| known == name))
                }))
            || (!self.query.is_empty()
                && query_names(url).any(|name| self.query.iter().any(|known| *known == name)))
    }
}

/// A Hono path pattern, compiled.
#[derive(Clone, Debug)]
struct Pattern(Regex);

impl Pattern {
    fn new(pattern: &str) -> Result<Self, BadPattern> {
        let mut expression = String::from("^");
        let segments: Vec<_> = segments(pattern);
        for (at, segment) in segments.iter().enumerate() {
            segment_expression(segment, at + 1 == segments.len(), &mut expression);
        }
        expression.push('$');
        Regex::new(&expression).map(Self).map_err(|error| BadPattern(error.to_string()))
    }

    fn matches(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
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
/// segment, `:name` one segment, `:name{regex}` what the expression says, `?` behind a parameter none or one.
fn segment_expression(segment: &str, last: bool, out: &mut String) {
    let written = match segment {
        "*" if last => out.write_str("(?:/.*)?"),
        "*" => out.write_str("/[^/]+"),
        _ => match segment.strip_prefix(':') {
            None => write!(out, "/{}", regex::escape(segment)),
            Some(parameter) => {
                let (parameter, optional) = match parameter.strip_suffix('?') {
                    Some(parameter) => (parameter, last),
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
fn decoded_path(path: &str) -> std::borrow::Cow<'_, str> {
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

    #[test]
    fn the_first_rule_that_covers_method_and_path_applies() {
        let rule = |pattern, methods: &[&str], ttl| {
            let terms = Terms { ttl: Some(ttl), ..Terms::default() };
            let methods = methods.iter().map(|&method| method.to_owned()).collect();
            Rule::new(Some(pattern), methods, terms, Bypass::default()).unwrap()
        };
        let policy = Policy::new(
            Terms { ttl: Some(9), ..Terms::default() },
            vec![rule("/a", &["POST"], 1), rule("/*", &["GET"], 2), rule("/a", &["GET"], 3)],
        );
        let ttl = |method: &str, url: &str| policy.apply(method, url, Fields::new("")).terms.ttl;
        assert_eq!(ttl("GET", "https://x.y/a"), Some(2));
        assert_eq!(ttl("post", "https://x.y/a"), Some(1));
        assert_eq!(ttl("PUT", "https://x.y/a"), Some(9));
    }

    #[test]
    fn bypass_looks_for_names_and_not_for_values() {
        let bypass = Bypass {
            headers: Names::new(["X-Preview"]),
            cookies: vec!["session".into()],
            query: vec!["draft mode".into()],
        };
        let applies = |url: &str, fields: &str| bypass.applies(url, Fields::new(fields));
        assert!(applies("https://x.y/", "x-preview:\n"));
        assert!(applies("https://x.y/", "cookie:a=1; session=\n"));
        assert!(applies("https://x.y/?draft+mode=", ""));
        assert!(!applies("https://x.y/session?a=draft+mode", "x-preview\ncookie:a=session\n"));
    }
}
