//! The path of a request as Hono's routers see it.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::str;

/// A path decoded as Hono's `getPath` does: each run of escapes that is UTF-8, except reserved
/// characters and the percent sign, which stay escaped.
#[derive(Debug)]
pub(crate) struct RoutePath<'a> {
    text: Cow<'a, str>,
    /// The path on platforms whose URL parser keeps `^`, if it differs.
    otherwise: Option<String>,
}

impl<'a> RoutePath<'a> {
    /// Decodes the path of a serialised URL.
    pub(crate) fn of(path: &'a str) -> Self {
        if !path.contains('%') {
            return Self { text: path.into(), otherwise: None };
        }
        let decoded = decoded(path);
        if !has_bare_percent(path) {
            return Self { text: decoded.into(), otherwise: None };
        }
        let [text, otherwise] = [true, false].map(|escapes_caret| {
            // Hono checks that the decoded path does not read as another one.
            let same = read_again(&decoded, escapes_caret).as_deref() == Some(&*decoded);
            if same { decoded.clone() } else { self::decoded(&with_escaped_percents(path)) }
        });
        let otherwise = (otherwise != text).then_some(otherwise);
        Self { text: text.into(), otherwise }
    }

    /// The path on platforms that escape `^`, and on those that do not.
    pub(super) fn readings(&self) -> [&str; 2] {
        [&self.text, self.otherwise.as_deref().unwrap_or(&self.text)]
    }
}

/// Decodes each run of escapes that is UTF-8, and keeps every other run.
fn decoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(at) = rest.find('%') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let run = &rest[..run_length(rest)];
        if run.is_empty() {
            text.push('%');
            rest = &rest[1..];
        } else {
            push_decoded(run, &mut text);
            rest = &rest[run.len()..];
        }
    }
    text.push_str(rest);
    text
}

/// Bytes of the run of escapes at the start of `text`.
fn run_length(text: &str) -> usize {
    let escapes = text.as_bytes().chunks(3).take_while(|chunk| is_escape(chunk));
    escapes.count() * 3
}

fn is_escape(chunk: &[u8]) -> bool {
    matches!(chunk, [b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

fn push_decoded(run: &str, text: &mut String) {
    let digits = |escape: usize| &run[escape * 3 + 1..escape * 3 + 3];
    let bytes: Vec<u8> = (0..run.len() / 3)
        .filter_map(|escape| u8::from_str_radix(digits(escape), 16).ok())
        .collect();
    let Ok(characters) = str::from_utf8(&bytes) else {
        text.push_str(run);
        return;
    };
    for (at, character) in characters.char_indices() {
        if is_kept_escaped(character) {
            text.extend(["%", digits(at)]);
        } else {
            text.push(character);
        }
    }
}

/// What `decodeURI` does not decode, and the percent sign, which Hono handles separately.
fn is_kept_escaped(character: char) -> bool {
    matches!(character, ';' | '/' | '?' | ':' | '@' | '&' | '=' | '+' | '$' | ',' | '#' | '%')
}

/// Whether a percent sign is not followed by two hexadecimal digits.
fn has_bare_percent(path: &str) -> bool {
    path.split('%').skip(1).any(|behind| !begins_with_digits(behind))
}

fn begins_with_digits(text: &str) -> bool {
    matches!(text.as_bytes(), [high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
}

fn with_escaped_percents(path: &str) -> String {
    let mut escaped = String::with_capacity(path.len() + 8);
    for (at, piece) in path.split('%').enumerate() {
        escaped.push_str(match at {
            0 => "",
            _ if begins_with_digits(piece) => "%",
            _ => "%25",
        });
        escaped.push_str(piece);
    }
    escaped
}

/// A decoded path after it is parsed as a URL's path and decoded again; `None` if a parser would
/// remove dot segments.
fn read_again(path: &str, escapes_caret: bool) -> Option<String> {
    let is_dots = |segment: &str| {
        let dots = segment.to_ascii_lowercase().replace("%2e", ".");
        dots == "." || dots == ".."
    };
    if path.split('/').skip(1).any(is_dots) {
        return None;
    }
    let mut written = String::with_capacity(path.len());
    for character in path.chars() {
        let escapes = match character {
            '^' => escapes_caret,
            '"' | '#' | '<' | '>' | '?' | '\\' | '`' | '{' | '}' => true,
            _ => !matches!(character, '!'..='~'),
        };
        if escapes {
            for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                let _ = write!(written, "%{byte:02X}");
            }
        } else {
            written.push(character);
        }
    }
    Some(decoded(&written))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_decode_as_the_router_decodes_them() {
        for (path, expected) in [
            ("/a", "/a"),
            ("/%61%2F%2f%20", "/a%2F%2f "),
            ("/caf%C3%A9", "/caf\u{e9}"),
            ("/acc%6Funt/%FF", "/account/%FF"),
            ("/%C3%A9%FF/%61", "/%C3%A9%FF/a"),
            ("/%61%FF", "/%61%FF"),
            ("/%25%32%35", "/%2525"),
            ("/x%0Ay%5C", "/x\ny\\"),
            ("/%ED%A0%80", "/%ED%A0%80"),
            ("/%", "/%"),
            ("/%61%", "/a%"),
            ("/%zz%C3%A9", "/%zz\u{e9}"),
            ("/%%341", "/%2541"),
            ("/%%32e/a", "/%252e/a"),
            ("/%4%61", "/%254a"),
        ] {
            assert_eq!(RoutePath::of(path).readings(), [expected; 2], "{path}");
        }
    }

    #[test]
    fn a_path_that_platforms_read_differently_has_both_readings() {
        let path = RoutePath::of("/%C3%A9^%%46F");
        assert_eq!(path.readings(), ["/\u{e9}^%25FF", "/\u{e9}^%FF"]);
    }
}
