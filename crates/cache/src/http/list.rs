//! Comma-separated lists (RFC 9110, section 5.6.1) and lists of field names.

/// Members of a comma-separated list without empty ones. Commas inside quoted strings do not
/// separate. A quote that is never closed opens nothing, and neither does any quote after it. Reads
/// each byte at most twice.
pub fn members(value: &str) -> impl Iterator<Item = &str> {
    let mut commas = unquoted(value, b',');
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let comma = commas.next();
        next = comma.map(|at| at + 1);
        Some(value[start..comma.unwrap_or(value.len())].trim_matches([' ', '\t']))
    })
    .filter(|member| !member.is_empty())
}

/// Positions of `separator` (ASCII, no quote, no backslash) outside quoted strings.
pub(super) fn unquoted(value: &str, separator: u8) -> impl Iterator<Item = usize> {
    let unclosed = unclosed_quote(value.bytes());
    separators(value.bytes(), separator, unclosed)
}

/// Position of the quote that opens a string which is never closed.
fn unclosed_quote(bytes: impl Iterator<Item = u8>) -> Option<usize> {
    let (mut open, mut escaped) = (None, false);
    for (at, byte) in bytes.enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if open.is_some() => escaped = true,
            b'"' => open = if open.is_some() { None } else { Some(at) },
            _ => {}
        }
    }
    open
}

/// Positions of `separator` outside quoted strings; quotes from `unclosed` on do not count.
fn separators(
    bytes: impl Iterator<Item = u8>,
    separator: u8,
    unclosed: Option<usize>,
) -> impl Iterator<Item = usize> {
    let (mut quoted, mut escaped) = (false, false);
    bytes.enumerate().filter_map(move |(at, byte)| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' if unclosed.is_none_or(|open| at < open) => quoted = !quoted,
            _ if byte == separator && !quoted => return Some(at),
            _ => {}
        }
        None
    })
}

/// A set of field names: lower case, sorted, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Names(Box<[Box<str>]>);

impl Names {
    /// Builds the set from names in any case and order.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names: Vec<Box<str>> =
            names.into_iter().map(|name| name.to_ascii_lowercase().into()).collect();
        names.sort_unstable();
        names.dedup();
        Self(names.into())
    }

    /// The names, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(AsRef::as_ref)
    }

    /// Whether each can be a field name (RFC 9110, section 5.1).
    pub fn are_tokens(&self) -> bool {
        self.0.iter().all(|name| !name.is_empty() && name.bytes().all(is_token_byte))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `name` (lower case) is one of them.
    pub fn contains(&self, name: &str) -> bool {
        self.0.binary_search_by(|known| known.as_ref().cmp(name)).is_ok()
    }

    /// The names that `keep` accepts.
    #[must_use]
    pub fn those(&self, keep: impl Fn(&str) -> bool) -> Self {
        Self(self.0.iter().filter(|name| keep(name)).cloned().collect())
    }

    /// These names without those of `other`.
    #[must_use]
    pub fn without(&self, other: &Self) -> Self {
        self.those(|name| !other.contains(name))
    }

    /// Bytes of heap that the set holds.
    pub fn heap_bytes(&self) -> usize {
        self.0.iter().map(|name| size_of::<Box<str>>() + name.len()).sum()
    }
}

/// Whether `byte` may be part of a token (RFC 9110, section 5.6.2).
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// The set of field names in a list-valued field such as `Vary` (RFC 9110, section 12.5.5).
pub fn field_names(value: &str) -> Names {
    Names::new(members(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_quoted_strings_do_not_separate() {
        let list: Vec<_> = members(r#"a="x,\",y" , ,b,"#).collect();
        assert_eq!(list, [r#"a="x,\",y""#, "b"]);
        let unclosed: Vec<_> = members(r#"private="x, no-store"#).collect();
        assert_eq!(unclosed, [r#"private="x"#, "no-store"]);
    }

    #[test]
    fn an_unclosed_quote_does_not_open_the_closed_strings_before_it() {
        let list: Vec<_> = members(r#"a="x,y", b="z, no-store, c=\"d,e\""#).collect();
        assert_eq!(list, [r#"a="x,y""#, r#"b="z"#, "no-store", r#"c=\"d"#, r#"e\""#]);
    }

    #[test]
    fn a_list_is_read_twice_however_many_quotes_are_unclosed_or_escaped() {
        for piece in ["\"", "\\\"", "\\\",", "a=\"b,", "\"\",", ",", "\\\\\",\""] {
            let value = format!("\"{}", piece.repeat(5_000));
            let mut steps = 0;
            let unclosed = unclosed_quote(value.bytes().inspect(|_| steps += 1));
            let found = separators(value.bytes().inspect(|_| steps += 1), b',', unclosed).count();
            assert_eq!(steps, 2 * value.len(), "{piece}");
            assert!(members(&value).count() <= found + 1, "{piece}");
        }
    }

    #[test]
    fn names_are_lower_case_sorted_and_unique() {
        let names = field_names("Accept-Language, accept,ACCEPT");
        assert_eq!(names.iter().collect::<Vec<_>>(), ["accept", "accept-language"]);
        assert!(names.contains("accept") && !names.contains("Accept"));
    }
}
