//! Expressions of path parameters: the subset of JavaScript's regular expressions that Hono's
//! routers and the `regex` crate match alike.

use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;
use std::sync::{Arc, LazyLock, Weak};

use hashbrown::HashMap;
use parking_lot::Mutex;
use regex::{Regex, RegexBuilder};

use super::BadPattern;

/// A compiled `:name{…}`.
#[derive(Clone, Debug)]
pub(super) struct Expression {
    regex: Arc<Regex>,
    /// Whether a match may contain a slash.
    pub(super) matches_slash: bool,
    /// Whether only Hono's second router supports it.
    pub(super) needs_second_router: bool,
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.regex.as_str() == other.regex.as_str()
    }
}

impl Eq for Expression {}

impl Expression {
    /// Characters, classes and ranges per pattern, counted as often as they are repeated.
    pub(super) const MAX_COST: usize = 1_000;

    /// Parses and compiles an expression, and subtracts its cost from `budget`.
    pub(super) fn new(text: &str, budget: &mut usize) -> Result<Self, BadPattern> {
        let mut reader = Reader { text, rest: text.chars().peekable(), rust: String::new() };
        let facts = reader.alternatives(0)?;
        if reader.rest.peek().is_some() {
            return Err(reader.refused("an unmatched ')'"));
        }
        *budget = budget.checked_sub(facts.cost).ok_or_else(|| {
            reader.refused(&format!(
                "more than {} characters and ranges, counted as repeated",
                Self::MAX_COST
            ))
        })?;
        Ok(Self {
            regex: compiled(format!("^(?:{})$", reader.rust))?,
            matches_slash: facts.matches_slash,
            needs_second_router: facts.matches_nothing || is_beyond_first_router(text),
        })
    }

    /// Whether the expression matches the whole `text`.
    pub(super) fn matches(&self, text: &str) -> bool {
        // JavaScript counts UTF-16 code units.
        if text.bytes().any(|byte| byte >= 0xf0) {
            self.regex.is_match(&text.encode_utf16().map(code_unit).collect::<String>())
        } else {
            self.regex.is_match(text)
        }
    }
}

/// One character per UTF-16 code unit. Surrogates become characters that no other code unit
/// becomes.
fn code_unit(unit: u16) -> char {
    const SURROGATES_FROM: u32 = 0x10_0000;
    let unit = u32::from(unit);
    char::from_u32(unit)
        .or_else(|| char::from_u32(SURROGATES_FROM + unit))
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Whether Hono's first router refuses the expression because of a group that it does not rewrite,
/// or misreads it.
fn is_beyond_first_router(text: &str) -> bool {
    if text == "." {
        return true;
    }
    let is_one_group = |inner: &str| inner.find(')') == Some(inner.len() - 1) && inner.len() > 1;
    let rewritten =
        text.strip_prefix('(').filter(|inner| !inner.starts_with("?:") && is_one_group(inner));
    rewritten.unwrap_or(text).split('(').skip(1).any(|behind| !behind.starts_with("?:"))
}

/// Compiles an expression, once for all declarations. Its size is bounded.
fn compiled(expression: String) -> Result<Arc<Regex>, BadPattern> {
    const MAX_BYTES: usize = 1 << 20;
    static COMPILED: LazyLock<Mutex<Compiled>> = LazyLock::new(Mutex::default);
    let mut compiled = COMPILED.lock();
    if let Some(regex) = compiled.regexes.get(&expression).and_then(Weak::upgrade) {
        return Ok(regex);
    }
    let built =
        RegexBuilder::new(&expression).size_limit(MAX_BYTES).dfa_size_limit(MAX_BYTES).build();
    let regex = Arc::new(built.map_err(|error| BadPattern(error.to_string()))?);
    compiled.remember(expression, &regex);
    Ok(regex)
}

/// The expressions in use.
#[derive(Default)]
struct Compiled {
    regexes: HashMap<String, Weak<Regex>>,
    /// How many were in use after the last clean-up.
    in_use: usize,
}

impl Compiled {
    fn remember(&mut self, expression: String, regex: &Arc<Regex>) {
        /// This many stay without a clean-up.
        const FEW: usize = 64;
        // Doubling makes each expression pay for a constant number of others.
        if self.regexes.len() > FEW + 2 * self.in_use {
            self.regexes.retain(|_, regex| regex.strong_count() > 0);
            self.in_use = self.regexes.len();
        }
        self.regexes.insert(expression, Arc::downgrade(regex));
    }
}

/// Cost of `.` and classes such as `\d`, which have several ranges.
const NAMED_COST: usize = 2;

/// Properties of a part of an expression.
#[derive(Clone, Copy, Debug, Default)]
struct Facts {
    /// Whether it matches the empty text.
    matches_nothing: bool,
    matches_slash: bool,
    cost: usize,
}

/// Translates JavaScript's syntax to that of the `regex` crate.
struct Reader<'a> {
    text: &'a str,
    rest: Peekable<Chars<'a>>,
    rust: String,
}

impl Reader<'_> {
    fn refused(&self, what: &str) -> BadPattern {
        BadPattern(format!("the expression '{}' has {what}", self.text))
    }

    fn alternatives(&mut self, depth: usize) -> Result<Facts, BadPattern> {
        const MAX_DEPTH: usize = 16;
        if depth > MAX_DEPTH {
            return Err(self.refused(&format!("more than {MAX_DEPTH} groups inside each other")));
        }
        let mut facts = self.sequence(depth)?;
        while self.rest.next_if_eq(&'|').is_some() {
            if depth == 0 {
                return Err(self.refused(
                    "a '|' outside a group, which one of Hono's routers does not anchor",
                ));
            }
            self.rust.push('|');
            let other = self.sequence(depth)?;
            facts.matches_nothing |= other.matches_nothing;
            facts.matches_slash |= other.matches_slash;
            facts.cost += other.cost;
        }
        Ok(facts)
    }

    fn sequence(&mut self, depth: usize) -> Result<Facts, BadPattern> {
        let mut facts = Facts { matches_nothing: true, ..Facts::default() };
        while self.rest.peek().is_some_and(|next| !matches!(next, '|' | ')')) {
            let part = self.part(depth)?;
            let part = self.repeated(part)?;
            facts.matches_nothing &= part.matches_nothing;
            facts.matches_slash |= part.matches_slash;
            facts.cost = facts.cost.saturating_add(part.cost);
        }
        Ok(facts)
    }

    fn part(&mut self, depth: usize) -> Result<Facts, BadPattern> {
        match self.rest.next().unwrap_or_default() {
            '(' => self.group(depth),
            '[' => self.class(),
            '\\' => self.escape(),
            '.' => {
                self.rust.push_str(r"[^\n\r\u2028\u2029]");
                Ok(Facts { matches_slash: true, cost: NAMED_COST, ..Facts::default() })
            }
            odd @ ('^' | '$' | '*' | '+' | '?' | '{' | '}' | ']' | '@' | '#') => {
                Err(self.refused(&format!("a '{odd}' that is not supported")))
            }
            character => self.character(character),
        }
    }

    fn group(&mut self, depth: usize) -> Result<Facts, BadPattern> {
        if self.rest.next_if_eq(&'?').is_some() && self.rest.next_if_eq(&':').is_none() {
            return Err(self.refused("a group that begins with '(?', and not with '(?:'"));
        }
        self.rust.push_str("(?:");
        let facts = self.alternatives(depth + 1)?;
        if self.rest.next_if_eq(&')').is_none() {
            return Err(self.refused("an unmatched '('"));
        }
        self.rust.push(')');
        Ok(facts)
    }

    /// An escape outside a class.
    fn escape(&mut self) -> Result<Facts, BadPattern> {
        let escaped = self.escaped()?;
        match named_class(escaped) {
            Some((class, matches_slash)) => {
                self.rust.push_str(class);
                Ok(Facts { matches_slash, cost: NAMED_COST, ..Facts::default() })
            }
            None => self.character(escaped),
        }
    }

    /// The character after a backslash: the name of a class, or punctuation.
    fn escaped(&mut self) -> Result<char, BadPattern> {
        let escaped = self.rest.next().unwrap_or_default();
        let is_known = named_class(escaped).is_some()
            || escaped.is_ascii_punctuation() && !matches!(escaped, '{' | '}' | '@' | '#' | '_');
        if is_known {
            Ok(escaped)
        } else {
            Err(self.refused(&format!("the escape '\\{escaped}', which is not supported")))
        }
    }

    fn character(&mut self, character: char) -> Result<Facts, BadPattern> {
        self.assert_one_unit(character)?;
        self.push(character);
        Ok(Facts { matches_slash: character == '/', cost: 1, ..Facts::default() })
    }

    fn assert_one_unit(&self, character: char) -> Result<(), BadPattern> {
        if character.len_utf16() == 1 {
            Ok(())
        } else {
            Err(self
                .refused(&format!("the character '{character}', which JavaScript takes for two")))
        }
    }

    fn push(&mut self, character: char) {
        let _ = write!(self.rust, r"\u{{{:x}}}", u32::from(character));
    }

    /// A class, after its `[`.
    fn class(&mut self) -> Result<Facts, BadPattern> {
        self.rust.push('[');
        let is_negated = self.rest.next_if_eq(&'^').is_some();
        if is_negated {
            self.rust.push('^');
        }
        let (mut has_slash, mut cost) = (false, 0);
        while self.rest.next_if_eq(&']').is_none() {
            has_slash |= self.class_member()?;
            cost += 1;
        }
        self.rust.push(']');
        if cost == 0 {
            return Err(self.refused("an empty class"));
        }
        Ok(Facts { matches_slash: has_slash != is_negated, cost, ..Facts::default() })
    }

    /// A character, a range or a named class. Returns whether it contains the slash.
    fn class_member(&mut self) -> Result<bool, BadPattern> {
        let Some(first) = self.class_end()? else {
            return Err(self.refused("an unmatched '['"));
        };
        let first = match first {
            ClassEnd::Named(class, has_slash) => {
                self.rust.push_str(class);
                return if self.is_before_range() {
                    Err(self.misplaced_dash())
                } else {
                    Ok(has_slash)
                };
            }
            ClassEnd::Character(first) => first,
        };
        if !self.is_before_range() {
            self.push(first);
            return Ok(first == '/');
        }
        self.rest.next();
        let last = match self.class_end()? {
            Some(ClassEnd::Character(last)) if first <= last && first != '-' && last != '-' => last,
            _ => return Err(self.misplaced_dash()),
        };
        if first <= '\u{d7ff}' && last >= '\u{e000}' {
            return Err(self.refused("a range with surrogates in it"));
        }
        if self.is_before_range() {
            return Err(self.misplaced_dash());
        }
        self.push(first);
        self.rust.push('-');
        self.push(last);
        Ok((first..=last).contains(&'/'))
    }

    /// One end of a range in a class.
    fn class_end(&mut self) -> Result<Option<ClassEnd>, BadPattern> {
        let Some(next) = self.rest.next() else { return Ok(None) };
        let character = match next {
            '\\' => self.escaped()?,
            '{' | '}' | '@' | '#' => {
                return Err(self.refused(&format!("a '{next}' that is not supported")));
            }
            plain => {
                self.assert_one_unit(plain)?;
                return Ok(Some(ClassEnd::Character(plain)));
            }
        };
        Ok(Some(match named_class(character) {
            Some((class, has_slash)) => ClassEnd::Named(class, has_slash),
            None => ClassEnd::Character(character),
        }))
    }

    /// Whether a dash follows that is not the last character of the class.
    fn is_before_range(&mut self) -> bool {
        let mut ahead = self.rest.clone();
        ahead.next_if_eq(&'-').is_some() && ahead.peek().is_some_and(|next| *next != ']')
    }

    fn misplaced_dash(&self) -> BadPattern {
        self.refused(
            "a '-' in a class that is neither first, last nor between two characters in order",
        )
    }

    /// The part before the reader, with the quantifier that may follow.
    fn repeated(&mut self, part: Facts) -> Result<Facts, BadPattern> {
        let (least, copies) = match self.rest.peek() {
            Some('*' | '?') => (0, 1),
            Some('+') => (1, 1),
            Some('{') => return self.counted(part),
            _ => return Ok(part),
        };
        self.rust.extend(self.rest.next());
        self.lazy();
        Ok(part.repeated(least, copies))
    }

    /// `{n}`, `{n,}` or `{n,m}`.
    fn counted(&mut self, part: Facts) -> Result<Facts, BadPattern> {
        self.rest.next();
        let mut bounds = String::new();
        while let Some(character) = self.rest.next_if(|next| *next != '}') {
            bounds.push(character);
        }
        if self.rest.next().is_none() {
            return Err(self.refused("an unmatched '{'"));
        }
        let (least, most) = match bounds.split_once(',') {
            Some((least, most)) => (least, Some(most)),
            None => (bounds.as_str(), Some(bounds.as_str())),
        };
        let number = |digits: &str| {
            let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            is_number.then(|| digits.parse::<usize>().ok()).flatten()
        };
        let least = number(least);
        let most = most.filter(|most| !most.is_empty()).map(number);
        let copies = match (least, most) {
            (Some(least), None) => least.saturating_add(1),
            (Some(least), Some(Some(most))) if least <= most => most,
            _ => return Err(self.refused(&format!("the quantifier '{{{bounds}}}'"))),
        };
        let part = part.repeated(least.unwrap_or_default(), copies);
        if part.cost > Expression::MAX_COST {
            return Err(self.refused(&format!(
                "a part that counts as more than {} characters",
                Expression::MAX_COST
            )));
        }
        let _ = write!(self.rust, "{{{bounds}}}");
        self.lazy();
        Ok(part)
    }

    /// A `?` after a quantifier changes which match is found, not whether there is one.
    fn lazy(&mut self) {
        self.rest.next_if_eq(&'?');
    }
}

enum ClassEnd {
    Character(char),
    /// A class in the syntax of `regex`, and whether it contains the slash.
    Named(&'static str, bool),
}

impl Facts {
    fn repeated(self, least: usize, copies: usize) -> Self {
        Self {
            matches_nothing: self.matches_nothing || least == 0,
            // A part that is repeated zero times costs its place.
            cost: self.cost.max(1).saturating_mul(copies.max(1)),
            ..self
        }
    }
}

/// The class that a letter after a backslash names in JavaScript, and whether it contains the
/// slash.
fn named_class(letter: char) -> Option<(&'static str, bool)> {
    Some(match letter {
        'd' => ("[0-9]", false),
        'D' => ("[^0-9]", true),
        'w' => ("[0-9A-Za-z_]", false),
        'W' => ("[^0-9A-Za-z_]", true),
        's' => (r"[\t-\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]", false),
        'S' => (r"[^\t-\r \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000\ufeff]", true),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(text: &str) -> Result<Expression, BadPattern> {
        Expression::new(text, &mut { Expression::MAX_COST })
    }

    #[test]
    fn expressions_match_as_those_of_javascript_do() {
        for (text, matched, others) in [
            ("[0-9]+", &["0", "12"][..], &["", "x", "1x", "x1", "\u{661}"][..]),
            (r"\d{2,3}", &["12", "123"], &["1", "1234", "\u{661}\u{662}"]),
            (r"\w+", &["a_1"], &["\u{e9}", "a b"]),
            (r"\s", &[" ", "\u{feff}", "\u{2028}", "\n"], &["a", "\u{85}", "\u{180e}"]),
            (r"\S+", &["a\u{85}"], &["a b"]),
            (".+", &["a/b", "\u{85}"], &["", "a\n", "\r", "\u{2028}x"]),
            ("(a|b)?c", &["ac", "c"], &["abc", "a"]),
            ("(?:ab)+?", &["ab", "abab"], &["aba"]),
            (r"[^\d/]+", &["ab"], &["a1", "a/"]),
            (r"[\w-]+", &["a-b"], &["a b"]),
            ("[-a]+", &["-a"], &["b"]),
            (r"[\]\-^]+", &["]-^"], &["a"]),
            (r"a\.b", &["a.b"], &["axb"]),
            ("x{0}y", &["y"], &["xy"]),
            ("x{2,}", &["xx", "xxx"], &["x"]),
            (".{2}", &["ab", "\u{1f44d}"], &["a\u{1f44d}"]),
            ("[^a]", &["b"], &["\u{1f44d}"]),
            ("\u{e9}", &["\u{e9}"], &["e\u{301}"]),
        ] {
            let expression = expression(text).unwrap_or_else(|why| panic!("{text}: {why:?}"));
            assert!(matched.iter().all(|matched| expression.matches(matched)), "{text}");
            assert!(!others.iter().any(|other| expression.matches(other)), "{text}");
        }
    }

    #[test]
    fn an_expression_outside_the_subset_is_refused() {
        for text in [
            "^a",
            "a$",
            r"\bx",
            r"a\b",
            "(?=a)a",
            "(?!a).",
            "(?<n>a)",
            "(?i)a",
            r"(a)\1",
            r"\x41",
            r"\u0041",
            r"\n",
            r"\p{L}",
            "a**",
            "a{2}{3}",
            "a{2",
            "a{,2}",
            "a{3,2}",
            "a{x}",
            "*a",
            "[]",
            "[^]",
            "[b-a]",
            "[a",
            r"[\d-x]",
            r"[x-\d]",
            "[a-c-e]",
            "(a",
            "a)",
            "a|b",
            "\u{1f44d}",
            "[\u{1f44d}]",
            "[a-\u{ffff}]",
            "a@1",
            "a#1",
            "[#]",
            "]",
            "a\\",
            "a{99999999999999999999}",
        ] {
            assert!(expression(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_expression_that_would_be_large_is_refused_before_it_is_compiled() {
        let class: String =
            (0x4e00..0x4e00 + 2_000).step_by(2).filter_map(char::from_u32).collect();
        for text in [
            "((a?){50}){50}",
            "(((a{11}){10}){10})",
            "a{1001}",
            "a{1000,}",
            "(a{0}){1001}",
            "(){1001}",
            &format!("[{class}x]"),
            &format!("(?:[{}]){{30}}", &class[..3 * 40]),
            &"(".repeat(20),
            &format!("{}a{}", "(".repeat(17), ")".repeat(17)),
            &"a{500}".repeat(3),
        ] {
            assert!(expression(text).is_err(), "{text}");
        }
        assert!(expression("a{1000}").is_ok());
        assert!(expression("[^/]{1,255}").is_ok());
        assert!(expression("[0-9a-f]{64}").is_ok());
    }

    #[test]
    fn the_expressions_of_a_pattern_share_one_budget() {
        let mut budget = Expression::MAX_COST;
        assert!(Expression::new("a{600}", &mut budget).is_ok());
        assert!(Expression::new("a{600}", &mut budget).is_err());
        assert!(Expression::new("a{400}", &mut budget).is_ok());
    }

    #[test]
    fn expressions_that_are_in_use_no_more_are_forgotten_a_constant_number_of_times() {
        let mut compiled = Compiled::default();
        let mut in_use = Vec::new();
        let regex = Regex::new("a").unwrap();
        for number in 0..2_000 {
            let regex = Arc::new(regex.clone());
            compiled.remember(number.to_string(), &regex);
            if number % 4 == 0 {
                in_use.push(regex);
            }
            assert!(compiled.regexes.len() <= 65 + 2 * in_use.len());
        }
    }
}
