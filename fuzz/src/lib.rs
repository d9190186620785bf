//! Shared by the targets: messages from arbitrary text, and header fields in the form in which they
//! are parsed.

use std::fmt::Write as _;

use layeron_cache::fuzzing::{CacheControl, Scope};

/// The largest time that a JavaScript `Date` has, in milliseconds.
pub const LAST_MS: i64 = 8_640_000_000_000_000;

/// The most seconds that a directive has (RFC 9111, section 1.2.2).
pub const MAX_SECONDS: u32 = i32::MAX as u32;

/// The lines of `text` that can be field lines of the platform's `Headers`: names in lower case, no
/// control characters in values.
pub fn block(text: &str) -> String {
    let mut block = String::new();
    for (name, value) in text.lines().filter_map(|line| line.split_once(':')) {
        let is_token =
            |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if !name.is_empty()
            && name.bytes().all(is_token)
            && !value.contains(|c: char| c.is_control() && c != '\t')
        {
            block.extend([&name.to_ascii_lowercase(), ":", value, "\n"]);
        }
    }
    block
}

/// The next number of a text of numbers and white space; 0 if there is none.
pub fn number<'a>(words: &mut impl Iterator<Item = &'a str>) -> i64 {
    let number = words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
    i64::clamp(number, -LAST_MS, LAST_MS)
}

/// The directives as a field with the same meaning, if there is one.
pub fn written(read: &CacheControl) -> Option<String> {
    let mut written = String::new();
    let flags = [
        ("no-store", read.no_store),
        ("must-revalidate", read.must_revalidate),
        ("proxy-revalidate", read.proxy_revalidate),
        ("must-understand", read.must_understand),
        ("public", read.public),
    ];
    for (name, _) in flags.iter().filter(|(_, is_there)| *is_there) {
        write!(written, ", {name}").ok()?;
    }
    let seconds = [
        ("max-age", read.max_age),
        ("s-maxage", read.s_maxage),
        ("stale-while-revalidate", read.stale_while_revalidate),
        ("stale-if-error", read.stale_if_error),
    ];
    for (name, seconds) in seconds.iter().filter_map(|(name, seconds)| Some((name, (*seconds)?))) {
        write!(written, ", {name}={seconds}").ok()?;
    }
    for (name, scope) in [("private", &read.private), ("no-cache", &read.no_cache)] {
        match scope {
            Scope::Nothing => {}
            Scope::Whole => write!(written, ", {name}").ok()?,
            Scope::Fields(names) if names.are_tokens() => {
                let names: Vec<_> = names.iter().collect();
                write!(written, ", {name}=\"{}\"", names.join(", ")).ok()?;
            }
            Scope::Fields(_) => return None,
        }
    }
    Some(written.trim_start_matches(", ").to_owned())
}
