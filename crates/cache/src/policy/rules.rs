//! Route rules: path patterns, methods and bypass conditions, and the policy that applies to a
//! request.

use crate::http::lines::Fields;
use crate::http::pattern::{BadPattern, Match, Pattern, RoutePath};
use crate::http::{FieldIndex, Names, cookie_names, path, query_names};

/// Configuration for a request: that of a rule, or of the instance without one.
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
    /// Whether wrapped handlers receive no cookies.
    pub ignores_cookies: bool,
    /// Whether directives of requests to wrapped handlers are ignored, except `only-if-cached`.
    pub ignores_directives: bool,
}

/// Names whose presence in a request makes it skip the cache.
#[derive(Clone, Debug, Default)]
pub struct Bypass {
    /// Header fields.
    pub headers: Names,
    /// Cookies; names are case-sensitive.
    pub cookies: Vec<String>,
    /// Query parameters; names are case-sensitive.
    pub query: Vec<String>,
}

/// A route rule, with what it inherits.
#[derive(Clone, Debug)]
pub struct Rule {
    pattern: Option<Pattern>,
    methods: Vec<String>,
    terms: Terms,
    bypass: Bypass,
}

impl Rule {
    /// A rule for requests whose path matches `pattern` (any path without one) and whose method is
    /// one of `methods`.
    ///
    /// # Errors
    /// [`BadPattern`] if `pattern` cannot be matched as Hono's routers match it.
    pub fn new(
        pattern: Option<&str>,
        methods: Vec<String>,
        terms: Terms,
        bypass: Bypass,
    ) -> Result<Self, BadPattern> {
        let pattern = pattern.map(Pattern::new).transpose()?;
        Ok(Self { pattern, methods, terms, bypass })
    }

    fn covers(&self, method: &str, path: &RoutePath<'_>) -> Match {
        if !self.methods.iter().any(|known| known.eq_ignore_ascii_case(method)) {
            return Match::No;
        }
        self.pattern.as_ref().map_or(Match::Yes, |pattern| pattern.matches(path))
    }
}

/// The policy of one declaration: its terms, and its rules in order.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    terms: Terms,
    rules: Vec<Rule>,
    may_ignore_cookies: bool,
}

/// What a policy says about one request.
#[derive(Clone, Copy, Debug)]
pub struct Applied<'a> {
    /// Terms of the first rule that covers the request, else those of the instance.
    pub terms: &'a Terms,
    /// The position of the rule that applies, if one does.
    pub rule: Option<usize>,
    /// Whether a rule covers the request, or there are no rules.
    pub covered: bool,
    /// Whether responses to the method are stored at all: GET, HEAD, and the methods of a rule that
    /// applies.
    pub admitted: bool,
    /// Why the request skips the cache, if it does.
    pub bypass: Option<BypassCause<'a>>,
}

/// What makes a request skip the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BypassCause<'a> {
    /// A header field.
    Header(&'a str),
    /// A cookie.
    Cookie(&'a str),
    /// A query parameter.
    Query(&'a str),
    /// The pattern of a rule for whose path Hono's routers differ.
    Path(&'a str),
}

impl Policy {
    /// A policy with these terms and rules.
    pub fn new(terms: Terms, rules: Vec<Rule>) -> Self {
        let may_ignore_cookies =
            terms.ignores_cookies || rules.iter().any(|rule| rule.terms.ignores_cookies);
        Self { terms, rules, may_ignore_cookies }
    }

    /// Whether some of its terms ignore cookies.
    pub fn may_ignore_cookies(&self) -> bool {
        self.may_ignore_cookies
    }

    /// Finds what applies to a request for the canonical `url`.
    pub fn apply(&self, method: &str, url: &str, fields: Fields<'_>) -> Applied<'_> {
        let uncovered = |bypass| Applied {
            terms: &self.terms,
            rule: None,
            covered: self.rules.is_empty(),
            admitted: is_read(method),
            bypass,
        };
        match self.covering(method, url) {
            Covering::Rule(at, rule) => {
                let bypass = rule.bypass.cause(url, fields);
                Applied {
                    terms: &rule.terms,
                    rule: Some(at),
                    covered: true,
                    admitted: true,
                    bypass,
                }
            }
            Covering::Nothing => uncovered(None),
            Covering::Ambiguous(pattern) => uncovered(Some(BypassCause::Path(pattern))),
        }
    }

    fn covering(&self, method: &str, url: &str) -> Covering<'_> {
        if self.rules.is_empty() {
            return Covering::Nothing;
        }
        let path = RoutePath::of(path(url));
        for (at, rule) in self.rules.iter().enumerate() {
            match rule.covers(method, &path) {
                Match::Yes => return Covering::Rule(at, rule),
                Match::No => {}
                Match::Ambiguous => {
                    return Covering::Ambiguous(rule.pattern.as_ref().map_or("", Pattern::text));
                }
            }
        }
        Covering::Nothing
    }
}

/// What the rules of a policy say about a request.
enum Covering<'a> {
    /// The first rule that covers it, with its position.
    Rule(usize, &'a Rule),
    /// No rule covers it.
    Nothing,
    /// Hono's routers differ about the rule with this pattern.
    Ambiguous(&'a str),
}

fn is_read(method: &str) -> bool {
    method.eq_ignore_ascii_case("GET") || method.eq_ignore_ascii_case("HEAD")
}

impl Bypass {
    fn cause(&self, url: &str, fields: Fields<'_>) -> Option<BypassCause<'_>> {
        let index = FieldIndex::new(fields);
        let header = || index.each(&self.headers).find(|(_, state)| state.value().is_some());
        header()
            .map(|(name, _)| BypassCause::Header(name))
            .or_else(|| self.cookie(fields))
            .or_else(|| self.parameter(url))
    }

    fn cookie(&self, fields: Fields<'_>) -> Option<BypassCause<'_>> {
        let sent = if self.cookies.is_empty() { None } else { fields.value("cookie") }?;
        let cookie =
            self.cookies.iter().find(|known| cookie_names(sent).any(|name| name == *known));
        cookie.map(|name| BypassCause::Cookie(name))
    }

    fn parameter(&self, url: &str) -> Option<BypassCause<'_>> {
        let parameter =
            self.query.iter().find(|known| query_names(url).any(|name| name == **known));
        parameter.map(|name| BypassCause::Query(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_path_that_routers_route_differently_skips_the_cache() {
        let rule = |pattern| {
            let terms = Terms { ttl: Some(1), ..Terms::default() };
            Rule::new(Some(pattern), vec!["GET".into()], terms, Bypass::default()).unwrap()
        };
        let policy = Policy::new(Terms::default(), vec![rule("/a/*/c"), rule("/*")]);
        let applied = |url: &str| {
            let Applied { rule, bypass, .. } = policy.apply("GET", url, Fields::new(""));
            (rule, bypass)
        };
        assert_eq!(applied("https://x.y/a/b/c"), (Some(0), None));
        assert_eq!(applied("https://x.y/a//c"), (None, Some(BypassCause::Path("/a/*/c"))));
        assert_eq!(applied("https://x.y/a//d"), (Some(1), None));
    }

    #[test]
    fn bypass_looks_for_names_and_not_for_values() {
        let bypass = Bypass {
            headers: Names::new(["X-Preview"]),
            cookies: vec!["session".into()],
            query: vec!["draft mode".into()],
        };
        let cause = |url: &str, fields: &str| bypass.cause(url, Fields::new(fields));
        assert_eq!(cause("https://x.y/", "x-preview:\n"), Some(BypassCause::Header("x-preview")));
        assert_eq!(
            cause("https://x.y/", "cookie:a=1; session=\n"),
            Some(BypassCause::Cookie("session"))
        );
        assert_eq!(cause("https://x.y/?draft+mode=", ""), Some(BypassCause::Query("draft mode")));
        assert_eq!(
            cause("https://x.y/session?a=draft+mode", "x-preview\ncookie:a=session\n"),
            None
        );
    }
}
