//! Hono path patterns: which paths a route pattern matches.
//!
//! Hono uses its second router for applications with routes that the first does not support. A
//! pattern is accepted only if both match the same paths. A path on which they differ is
//! [`Match::Ambiguous`].

mod expression;
mod parse;
mod path;

use std::sync::Arc;

use expression::Expression;
use thiserror::Error;

pub(crate) use path::RoutePath;

/// Why a path pattern cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct BadPattern(pub String);

/// Checks a path pattern. `budget` bounds the cost of the expressions of several patterns:
/// characters, classes and ranges, counted as often as they are repeated. One pattern may cost
/// 1,000.
///
/// # Errors
/// [`BadPattern`] if the pattern cannot be matched as Hono's routers match it, or costs too much.
pub fn check_pattern(text: &str, budget: &mut usize) -> Result<(), BadPattern> {
    Pattern::within(text, budget).map(|_| ())
}

/// A parsed Hono path pattern.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    text: Arc<str>,
    /// One for each combination of optional parameters.
    variants: Arc<[Variant]>,
    /// Whether only Hono's second router supports the pattern.
    second_router: bool,
}

/// Whether a pattern matches a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Match {
    /// No router of Hono matches it.
    No,
    /// It depends on the other routes of the application.
    Ambiguous,
    /// Every router of Hono matches it.
    Yes,
}

/// A pattern without optional parameters.
#[derive(Debug, Default, PartialEq, Eq)]
struct Variant {
    segments: Vec<Segment>,
    end: End,
}

/// What a segment of a path has to be.
#[derive(Debug, PartialEq, Eq)]
enum Segment {
    Literal(Box<str>),
    /// `:name`: anything but an empty segment.
    Parameter,
    /// `*`: anything but an empty segment, which only Hono's second router accepts.
    Wildcard,
    /// `:name{expression}`.
    Expression(Labelled),
}

/// What has to follow the segments.
#[derive(Debug, Default, PartialEq, Eq)]
enum End {
    /// Nothing.
    #[default]
    Here,
    /// `/*`: nothing, or a slash and anything.
    Anything,
    /// `/text*`: a slash, the text and anything.
    Prefix(Box<str>),
    /// `/:name{expression}`: a slash and what the expression matches, including slashes.
    Expression(Labelled),
}

/// An expression and the parameter as it is written. Hono's second router also matches a segment
/// with the text of the parameter.
#[derive(Debug, PartialEq, Eq)]
struct Labelled {
    expression: Expression,
    /// `None` if no segment can have this text.
    label: Option<Box<str>>,
}

impl Pattern {
    /// Parses a pattern. The work is bounded by its length and a constant.
    ///
    /// # Errors
    /// [`BadPattern`] if Hono refuses the pattern, if its routers differ about it, or if an
    /// expression is outside the supported subset.
    pub(crate) fn new(text: &str) -> Result<Self, BadPattern> {
        Self::within(text, &mut { usize::MAX })
    }

    /// Parses one of several patterns, whose expressions share a `budget`.
    fn within(text: &str, budget: &mut usize) -> Result<Self, BadPattern> {
        let parsed = parse::pattern(text, budget)?;
        Ok(Self {
            text: text.into(),
            variants: parsed.variants.into(),
            second_router: parsed.second_router,
        })
    }

    /// The pattern as it is written.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn matches(&self, path: &RoutePath<'_>) -> Match {
        let [matched, otherwise] = path.readings().map(|path| self.matches_text(path));
        if matched == otherwise { matched } else { Match::Ambiguous }
    }

    fn matches_text(&self, path: &str) -> Match {
        let matched =
            self.variants.iter().map(|variant| variant.matches(path)).max().unwrap_or(Match::No);
        if matched == Match::Ambiguous && self.second_router { Match::Yes } else { matched }
    }
}

impl Variant {
    /// Whether the variant matches a path, which begins with a slash; ambiguous if only Hono's
    /// second router matches it.
    fn matches(&self, path: &str) -> Match {
        let mut rest = path.strip_prefix('/');
        let mut matched = Match::Yes;
        for segment in &self.segments {
            let Some(text) = rest else { return Match::No };
            let (text, behind) =
                text.split_once('/').map_or((text, None), |(text, behind)| (text, Some(behind)));
            rest = behind;
            matched = matched.min(segment.matches(text));
            if matched == Match::No {
                return matched;
            }
        }
        matched.min(self.end.matches(rest))
    }
}

impl Segment {
    fn matches(&self, text: &str) -> Match {
        match self {
            Self::Literal(literal) => Match::only_if(**literal == *text),
            Self::Parameter => Match::only_if(!text.is_empty()),
            Self::Wildcard if text.is_empty() => Match::Ambiguous,
            Self::Wildcard => Match::Yes,
            Self::Expression(labelled) => labelled.matches(text),
        }
    }
}

impl End {
    /// `rest` follows the next slash.
    fn matches(&self, rest: Option<&str>) -> Match {
        match (self, rest) {
            (Self::Here, rest) => Match::only_if(rest.is_none()),
            (Self::Anything, _) => Match::Yes,
            (Self::Prefix(prefix), Some(rest)) => Match::only_if(rest.starts_with(&**prefix)),
            (Self::Expression(labelled), Some(rest)) => labelled.matches(rest),
            (Self::Prefix(_) | Self::Expression(_), None) => Match::No,
        }
    }
}

impl Labelled {
    fn matches(&self, text: &str) -> Match {
        if self.expression.matches(text) {
            Match::Yes
        } else if self.label.as_deref() == Some(text) {
            Match::Ambiguous
        } else {
            Match::No
        }
    }
}

impl Match {
    fn only_if(matches: bool) -> Self {
        if matches { Self::Yes } else { Self::No }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> Match {
        Pattern::new(pattern)
            .unwrap_or_else(|why| panic!("{pattern}: {why:?}"))
            .matches(&RoutePath::of(path))
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
            ("/p/:n{[0-9]{2,3}}/x", "/p/123/x", true),
            ("/p/:n{[0-9]{2,3}}/x", "/p/1234/x", false),
            ("/p/:n?", "/p", true),
            ("/p/:n?", "/p/1", true),
            ("/p/:n?", "/p/", false),
            ("/p/:v?/q", "/p/q", false),
            ("/p/:v?/q", "/p/1/q", true),
            ("/p/:v?/:w?", "/p/1/q", true),
            ("/:lang?", "/", true),
            ("/:lang?", "/de", true),
            ("/:lang{(de|en)}?", "/", true),
            ("/:lang{(de|en)}?", "/den", false),
            ("/a.b", "/axb", false),
            ("/caf\u{e9}", "/caf%C3%A9", true),
            ("/a/b", "/a%2Fb", false),
            ("/admin*", "/admin", true),
            ("/admin*", "/administrator/x", true),
            ("/admin*", "/admi", false),
            ("/account/*", "/account/x%0Ay", true),
            ("/account/*", "/acc%6Funt/%FF", true),
            ("/konto-f\u{fc}r/*", "/konto-f%C3%BCr/%FF", true),
            ("/:name", "/x%0Ay", true),
            ("/:name{.+}", "/x%0Ay", false),
            ("/files/:path{.+}", "/files/a/b", true),
            ("/files/:path{.*}", "/files/", true),
            ("/files/:path{.*}", "/files", false),
            ("/:s{.{2}}", "/%F0%9F%91%8D", true),
            ("/:s{.}", "/%F0%9F%91%8D", false),
        ] {
            assert_eq!(matches(pattern, path), Match::only_if(expected), "{pattern} on {path}");
        }
    }

    #[test]
    fn a_path_about_which_the_routers_differ_is_ambiguous() {
        assert_eq!(matches("/a/*/c", "/a//c"), Match::Ambiguous);
        assert_eq!(matches("/a/*/c", "/a//d"), Match::No);
        assert_eq!(matches("/:id{[0-9]+}", "/:id%7B[0-9]+%7D"), Match::Ambiguous);
        assert_eq!(
            matches("/:id{[0-9]*}", "/:id%7B[0-9]*%7D"),
            Match::Yes,
            "only the second router has it"
        );
        assert_eq!(matches("/:id{[0-9]+}/x", "/:id%7B[0-9]+%7D/x"), Match::No);
        assert_eq!(matches("/:id{[0-9]+}/*", "/:id%7B[0-9]+%7D/x"), Match::Ambiguous);
    }
}
