//! Parses patterns, and refuses those that Hono's routers match differently.

use super::expression::Expression;
use super::{BadPattern, End, Labelled, Segment, Variant};

/// Longest pattern.
const MAX_CHARACTERS: usize = 2_048;

/// Optional parameters per pattern: each adds a variant.
const MAX_OPTIONAL: usize = 16;

/// A parsed pattern.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) variants: Vec<Variant>,
    /// Whether only Hono's second router supports it.
    pub(super) second_router: bool,
}

/// Parses a pattern, and subtracts the cost of its expressions from `shared`.
pub(super) fn pattern(text: &str, shared: &mut usize) -> Result<Parsed, BadPattern> {
    if text.chars().count() > MAX_CHARACTERS {
        return refused(format!("it has more than {MAX_CHARACTERS} characters"));
    }
    let text = if text == "*" { "/*" } else { text };
    if !text.starts_with('/') {
        return refused("it does not begin with '/'");
    }
    let mut parsed = Parsed { variants: Vec::new(), second_router: false };
    let most = Expression::MAX_COST.min(*shared);
    let mut budget = most;
    for segments in with_options(segments(text)?)? {
        parsed.add(&segments, &mut budget)?;
    }
    *shared -= most - budget;
    Ok(parsed)
}

fn refused<T>(why: impl Into<String>) -> Result<T, BadPattern> {
    Err(BadPattern(why.into()))
}

/// The text between slashes that are in no expression.
fn segments(pattern: &str) -> Result<Vec<&str>, BadPattern> {
    let mut depth = 0_usize;
    let segments: Vec<_> = pattern[1..]
        .split(|character| {
            match character {
                '{' => depth += 1,
                '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            character == '/' && depth == 0
        })
        .collect();
    if depth > 0 {
        return refused("an expression has no end");
    }
    let breaks =
        |segment: &&&str| segment.split_once('}').is_some_and(|(_, behind)| behind.contains('/'));
    match segments.iter().find(breaks) {
        Some(segment) => refused(format!("'{segment}' has a slash behind a '}}'")),
        None => Ok(segments),
    }
}

/// The segments for each combination of optional parameters that Hono knows: for a pattern that
/// ends with one, everything before each of them, and everything up to it. A `?` elsewhere is part
/// of a name.
fn with_options(segments: Vec<&str>) -> Result<Vec<Vec<&str>>, BadPattern> {
    let is_optional = |segment: &str| segment.starts_with(':') && segment.ends_with('?');
    if !segments.last().is_some_and(|last| is_optional(last)) {
        return Ok(vec![segments]);
    }
    if segments.iter().any(|segment| segment.is_empty() || segment.contains('/')) {
        return refused(
            "with an optional parameter, it has an empty segment or a slash in an expression",
        );
    }
    if segments.iter().filter(|segment| is_optional(segment)).count() > MAX_OPTIONAL {
        return refused(format!("it has more than {MAX_OPTIONAL} optional parameters"));
    }
    let mut base: Vec<&str> = Vec::new();
    let mut variants: Vec<Vec<&str>> = Vec::new();
    for segment in segments {
        if is_optional(segment) {
            variants.push(if base.is_empty() { vec![""] } else { base.clone() });
            base.push(&segment[..segment.len() - 1]);
            variants.push(base.clone());
        } else {
            base.push(segment);
        }
    }
    variants.dedup();
    Ok(variants)
}

impl Parsed {
    fn add(&mut self, segments: &[&str], budget: &mut usize) -> Result<(), BadPattern> {
        let is_dynamic =
            segments.iter().any(|segment| segment.contains('*') || segment.starts_with(':'));
        let mut variant = Variant::default();
        for (at, &segment) in segments.iter().enumerate() {
            let next = segments.get(at + 1).copied();
            match segment.strip_prefix(':') {
                Some(parameter) if !parameter.is_empty() => {
                    self.add_parameter(&mut variant, (segment, parameter), next, budget)?;
                }
                _ => add_literal(&mut variant, segment, is_dynamic, next.is_none())?,
            }
        }
        self.variants.push(variant);
        Ok(())
    }

    fn add_parameter(
        &mut self,
        variant: &mut Variant,
        (segment, parameter): (&str, &str),
        next: Option<&str>,
        budget: &mut usize,
    ) -> Result<(), BadPattern> {
        let (name, expression) = match parameter.split_once('{') {
            Some((name, behind)) => (name, Some(behind)),
            None => (parameter, None),
        };
        if name.is_empty() || name.contains([':', '*', '@', '#', '|', '\\', '}']) {
            return refused(format!(
                "'{segment}' has no name, or one with a character that routers read differently"
            ));
        }
        let Some(expression) = expression else {
            variant.segments.push(Segment::Parameter);
            return Ok(());
        };
        let Some(expression) =
            expression.strip_suffix('}').filter(|expression| !expression.is_empty())
        else {
            return refused(format!("'{segment}' has no expression, or something behind it"));
        };
        let compiled = Expression::new(expression, budget)?;
        self.second_router |= compiled.needs_second_router;
        let is_last = next.is_none();
        if compiled.matches_slash && !is_last {
            return refused(format!(
                "the expression of '{segment}' may match a slash, and is not the last segment"
            ));
        }
        let follows = next.unwrap_or_default();
        let is_literal = !(follows.is_empty() || follows.starts_with([':', '*']));
        if is_literal && follows.contains(['$', '(', ')', '+', '[', ']', '^']) {
            return refused(format!(
                "'{follows}' behind an expression has a character that a router takes for an expression"
            ));
        }
        // The second router also knows a parameter before a literal by its text.
        let label = (!is_literal && !segment.contains('/')).then(|| segment.into());
        let labelled = Labelled { expression: compiled, label };
        if is_last {
            variant.end = End::Expression(labelled);
        } else {
            variant.segments.push(Segment::Expression(labelled));
        }
        Ok(())
    }
}

fn add_literal(
    variant: &mut Variant,
    segment: &str,
    is_dynamic: bool,
    is_last: bool,
) -> Result<(), BadPattern> {
    if let Some(odd) =
        segment.find(['?', '#', '{', '}', '\\']).and_then(|at| segment[at..].chars().next())
    {
        return refused(format!(
            "'{segment}' has a '{odd}', which no path has or routers read differently"
        ));
    }
    if is_dynamic
        && (segment.contains('|')
            || segment.len() > 1 && segment.contains(':')
            || has_mark(segment))
    {
        return refused(format!(
            "'{segment}' has a '|', a ':' or an '@' before a digit, which routers read differently"
        ));
    }
    match segment.strip_suffix('*') {
        Some("") if is_last && matches!(variant.segments.last(), Some(Segment::Wildcard)) => {
            return refused(
                "it ends with '/*/*', of which only one router takes the last part to match nothing",
            );
        }
        Some("") if is_last => variant.end = End::Anything,
        Some("") => variant.segments.push(Segment::Wildcard),
        Some(text) if is_last && !text.contains('*') => variant.end = End::Prefix(text.into()),
        None if !segment.contains('*') => variant.segments.push(Segment::Literal(segment.into())),
        _ => {
            return refused(format!(
                "'{segment}' has a '*' that is neither a segment nor at the end"
            ));
        }
    }
    Ok(())
}

/// Whether there is an `@` before a digit, which the first router uses as a marker.
fn has_mark(segment: &str) -> bool {
    segment
        .split('@')
        .skip(1)
        .any(|behind| behind.starts_with(|first: char| first.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str) -> Result<Parsed, BadPattern> {
        super::pattern(text, &mut { usize::MAX })
    }

    #[test]
    fn patterns_share_what_their_expressions_may_cost() {
        let mut budget = 1_500;
        assert!(super::pattern("/:a{x{600}}/:b{y{300}}", &mut budget).is_ok());
        assert_eq!(budget, 600);
        assert!(super::pattern("/:a{x{601}}", &mut budget).is_err());
        assert!(super::pattern("/a/:b/*", &mut budget).is_ok());
        assert!(super::pattern("/:a{x{600}}", &mut budget).is_ok());
        assert_eq!(budget, 0);
        assert!(super::pattern("/:a{x}", &mut budget).is_err());
    }

    #[test]
    fn a_pattern_that_the_routers_match_differently_is_refused() {
        for text in [
            "",
            "a",
            "/a*b",
            "/a**",
            "/a*/b",
            "/a/*/*",
            "/a:b/*",
            "/a/b:c/:d",
            "/:a*",
            "/:a:b",
            "/:a{x}b",
            "/:{x}",
            "/:a{}",
            "/:a{x",
            "/a{x}",
            "/{a/b}",
            "/a?",
            "/:a/b?",
            "/a#b",
            "/a|b/*",
            "/@1/:a",
            "/a\\b",
            "/:a{x|y}",
            "/:a{.+}/b",
            "/:a{.+}/",
            "/:a{.+}/*",
            "/:a{[^b]+}/:b",
            "/:a{x}/b+c",
            "/:a{x}/(b)/c",
            "/:a{x{2}/y}",
            "/:a{x/y}?",
            "/a//:b?",
            "/:a{x?}?/:b}?",
        ] {
            assert!(pattern(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_pattern_that_the_routers_match_alike_is_accepted() {
        for text in [
            "/",
            "*",
            "/*",
            "//",
            "/a:b",
            "/a|b",
            "/@1",
            "/@a/:b",
            "/a/:",
            "/a+(b)/*",
            "/:a{x}/b.c",
            "/:a.b/c-d",
            "/:a{x/y}",
            "/:a{[^/]+}/b",
            "/a/*/b",
            "/:a?/:b?",
            "/:a?/b",
            "/:a{x{2}}/y",
        ] {
            assert!(pattern(text).is_ok(), "{text}: {:?}", pattern(text));
        }
    }

    #[test]
    fn optional_parameters_and_characters_are_bounded() {
        assert!(pattern(&"/:a?".repeat(MAX_OPTIONAL)).is_ok());
        assert!(pattern(&"/:a?".repeat(MAX_OPTIONAL + 1)).is_err());
        assert!(pattern(&format!("/{}", "\u{e9}".repeat(MAX_CHARACTERS - 1))).is_ok());
        assert!(pattern(&format!("/{}", "\u{e9}".repeat(MAX_CHARACTERS))).is_err());
    }
}
