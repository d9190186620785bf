//! Canonical URLs, as in keys: serialised as the URL standard says, without fragment, query sorted.
//!
//! The platform parses URLs, because a key must equal its output exactly. Most URLs are in
//! serialised form already, which one pass recognises; any other is [`Uncanonical`], and comes
//! again once the platform has serialised it.

use std::borrow::Cow;

use form_urlencoded::byte_serialize;
use percent_encoding::percent_decode_str;
use thiserror::Error;

/// The URL may not be in serialised form: the platform has to parse and serialise it first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the URL is not in serialised form")]
pub struct Uncanonical;

/// `url` without fragment and with its query parameters sorted by name, as `u.hash = "";
/// u.searchParams.sort(); u.href` prints it, except for parameters that are not UTF-8: the platform
/// would replace their bytes by U+FFFD, so that different queries became equal. Such a parameter
/// keeps its text and sorts by it. `serialised` says that a URL parser printed `url`.
///
/// # Errors
/// [`Uncanonical`] if `serialised` is false and the platform may print `url` differently.
pub fn canonical(url: &str, serialised: bool) -> Result<Cow<'_, str>, Uncanonical> {
    let url = url.split_once('#').map_or(url, |(before, _)| before);
    let (before, query) = match url.split_once('?') {
        Some((before, query)) => (before, Some(query)),
        None => (url, None),
    };
    let as_printed = || is_serialised(before) && query.is_none_or(|query| are_all(query, IN_QUERY));
    if !(serialised || as_printed()) {
        return Err(Uncanonical);
    }
    Ok(match query {
        None => Cow::Borrowed(url),
        Some(query) if is_sorted(query) => Cow::Borrowed(url),
        Some(query) => Cow::Owned(with_sorted_query(before, query)),
    })
}

/// The path of a canonical URL.
pub fn path(url: &str) -> &str {
    let url = url.split_once('?').map_or(url, |(before, _)| before);
    &url[origin(url).len()..]
}

/// Scheme, host and port of a canonical URL, up to the path.
pub fn origin(url: &str) -> &str {
    let host = url.find("//").map_or(0, |at| at + 2);
    url[host..].find('/').map_or(url, |at| &url[..host + at])
}

/// Names of the query parameters of a canonical URL, as `searchParams` returns them: bytes that are
/// not UTF-8 decode to U+FFFD.
pub fn query_names(url: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name)
}

/// Whether everything before the query is certainly what a URL parser prints: a lower-case DNS name
/// or a dotted IPv4 address, no default port, a path of plain characters without dot segments.
fn is_serialised(before_query: &str) -> bool {
    let Some((rest, default_port)) = before_query
        .strip_prefix("https://")
        .map(|rest| (rest, "443"))
        .or_else(|| before_query.strip_prefix("http://").map(|rest| (rest, "80")))
    else {
        return false;
    };
    let Some(slash) = rest.find('/') else {
        return false;
    };
    let (authority, path) = rest.split_at(slash);
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    is_serialised_host(host)
        && port.is_none_or(|port| port != default_port && is_serialised_port(port))
        && are_all(path, IN_PATH)
        && !has_dot_segment(path)
}

fn is_serialised_host(host: &str) -> bool {
    let last_label = host.rsplit('.').next().unwrap_or(host);
    // A last label that begins with a letter is not read as a number.
    let name = last_label.starts_with(|first: char| first.is_ascii_lowercase())
        && host.len() < 254
        && are_all(host, IN_HOST)
        && host.split('.').all(|label| !label.is_empty() && !label.starts_with("xn--"));
    name || host.parse::<std::net::Ipv4Addr>().is_ok()
}

fn is_serialised_port(port: &str) -> bool {
    !port.starts_with('0')
        && port.bytes().all(|byte| byte.is_ascii_digit())
        && port.parse::<u16>().is_ok()
}

/// Bytes that a lower-case host name may have.
const IN_HOST: u8 = 1;
/// Bytes that no URL parser changes in a path.
const IN_PATH: u8 = 2;
/// Bytes that no URL parser changes in a query, except by sorting.
const IN_QUERY: u8 = 4;

/// Where each byte stays as it is. A table, because every lookup checks every byte of its URL.
static STAYS: [u8; 256] = {
    let mut stays = [0; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        let character = byte as u8;
        if character.is_ascii_lowercase()
            || character.is_ascii_digit()
            || matches!(character, b'-' | b'.')
        {
            stays[byte] |= IN_HOST;
        }
        let plain = !matches!(character, b'"' | b'#' | b'<' | b'>' | b'\\' | b'`');
        if plain && !matches!(character, b'?' | b'^' | b'{' | b'|' | b'}') {
            stays[byte] |= IN_PATH;
        }
        if plain && character != b'\'' {
            stays[byte] |= IN_QUERY;
        }
        byte += 1;
    }
    stays
};

fn are_all(text: &str, place: u8) -> bool {
    text.bytes().all(|byte| STAYS[usize::from(byte)] & place != 0)
}

fn has_dot_segment(path: &str) -> bool {
    path.contains(['.', '%']) && path.split('/').any(is_dot_segment)
}

fn is_dot_segment(segment: &str) -> bool {
    segment.starts_with(['.', '%']) && {
        let dots = segment.to_ascii_lowercase().replace("%2e", ".");
        dots == "." || dots == ".."
    }
}

/// Whether sorting and serialising would not change `query`. May return false for a query that
/// would not change.
fn is_sorted(query: &str) -> bool {
    let mut last = "";
    !query.is_empty()
        && query.split('&').all(|pair| {
            let Some((name, value)) = pair.split_once('=') else {
                return false;
            };
            let ordered = last <= name;
            last = name;
            ordered && name.bytes().all(is_unreserved) && is_form_encoded(value)
        })
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'*' | b'-' | b'.' | b'_')
}

/// Whether `value` is form-encoded as a serialiser writes it, ASCII only.
fn is_form_encoded(value: &str) -> bool {
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        let written = match byte {
            b'+' => true,
            b'%' => encodes_reserved_ascii(bytes.next(), bytes.next()),
            _ => is_unreserved(byte),
        };
        if !written {
            return false;
        }
    }
    true
}

fn encodes_reserved_ascii(high: Option<u8>, low: Option<u8>) -> bool {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    };
    match (high.and_then(digit), low.and_then(digit)) {
        (Some(high @ 0..=7), Some(low)) => {
            let byte = high << 4 | low;
            byte != b' ' && !is_unreserved(byte)
        }
        _ => false,
    }
}

fn with_sorted_query(before: &str, query: &str) -> String {
    let mut parameters: Vec<_> =
        query.split('&').filter(|pair| !pair.is_empty()).map(Parameter::of).collect();
    if parameters.is_empty() {
        return before.to_owned();
    }
    // By UTF-16 code unit; parameters with the same name keep their order (URL standard, section
    // 6.2).
    parameters.sort_by(|a, b| a.name().encode_utf16().cmp(b.name().encode_utf16()));
    let mut url = String::with_capacity(before.len() + 1 + query.len());
    url.push_str(before);
    let mut separator = '?';
    for parameter in &parameters {
        url.push(separator);
        separator = '&';
        parameter.write(&mut url);
    }
    url
}

/// A query parameter.
enum Parameter<'a> {
    /// A parameter that decodes as UTF-8.
    Decoded { name: Cow<'a, str>, value: Cow<'a, str> },
    /// A parameter that does not, as it is written: its name, and all of it.
    Raw { name: &'a str, pair: &'a str },
}

impl<'a> Parameter<'a> {
    /// Parses the text between two `&`.
    fn of(pair: &'a str) -> Self {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (form_decoded(name), form_decoded(value)) {
            (Some(name), Some(value)) => Self::Decoded { name, value },
            _ => Self::Raw { name, pair },
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Decoded { name, .. } => name,
            Self::Raw { name, .. } => name,
        }
    }

    fn write(&self, url: &mut String) {
        match self {
            Self::Decoded { name, value } => {
                url.extend(byte_serialize(name.as_bytes()));
                url.push('=');
                url.extend(byte_serialize(value.as_bytes()));
            }
            Self::Raw { pair, .. } => url.push_str(pair),
        }
    }
}

/// `text` form-decoded; `None` if it is not UTF-8.
fn form_decoded(text: &str) -> Option<Cow<'_, str>> {
    if !text.contains(['+', '%']) {
        return Some(text.into());
    }
    let decoded = percent_decode_str(&text.replace('+', " ")).decode_utf8().ok()?.into_owned();
    Some(decoded.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canonical_url_is_passed_through_without_a_copy() {
        for url in [
            "https://api.example.com/api/products/1",
            "http://localhost:8787/a-b_c.d~/%20/x",
            "http://127.0.0.1:3000/?a=1&b=&b=0&c=%2F+",
        ] {
            assert!(
                matches!(canonical(url, false), Ok(Cow::Borrowed(same)) if same == url),
                "{url}"
            );
        }
    }

    #[test]
    fn queries_are_sorted_by_name_and_serialised() {
        let sorted = |url| canonical(url, false).unwrap().into_owned();
        assert_eq!(sorted("https://x.y/?b=1&a=2&b=0#f"), "https://x.y/?a=2&b=1&b=0");
        assert_eq!(sorted("https://x.y/?a&&b=%2f%7E"), "https://x.y/?a=&b=%2F%7E");
        assert_eq!(sorted("https://x.y/?"), "https://x.y/");
        assert_eq!(sorted("https://x.y/?&"), "https://x.y/");
        // U+FFFD sorts after a surrogate pair in UTF-16, before it in UTF-8.
        assert_eq!(
            sorted("https://x.y/?%EF%BF%BD=1&%F0%90%80%80=2"),
            "https://x.y/?%F0%90%80%80=2&%EF%BF%BD=1"
        );
    }

    #[test]
    fn a_parameter_that_is_no_utf_8_keeps_its_escapes_and_sorts_by_them() {
        for (query, expected) in [
            ("q=%E9", "q=%E9"),
            ("q=%e9", "q=%e9"),
            ("q=%E8", "q=%E8"),
            ("%E9", "%E9"),
            ("b=%7E&a=%7e%ff&%61=%7e", "a=%7e%ff&a=%7E&b=%7E"),
            ("b&%E9=1&a=%C3%A9", "%E9=1&a=%C3%A9&b="),
            ("x=%EF%BF%BD", "x=%EF%BF%BD"),
            ("x=%ED%A0%80", "x=%ED%A0%80"),
            ("x=%C3", "x=%C3"),
            ("x=a+%FF+~", "x=a+%FF+~"),
            ("x=%zz", "x=%25zz"),
            ("&&x=%FF&", "x=%FF"),
        ] {
            let url = format!("https://x.y/?{query}");
            assert_eq!(canonical(&url, false).as_deref(), Ok(&*format!("https://x.y/?{expected}")));
        }
    }

    /// Name and value of each parameter of `url` in bytes, sorted.
    fn decoded_bytes(url: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        let query = url.split_once('?').map_or("", |(_, query)| query);
        let bytes = |text: &str| percent_decode_str(&text.replace('+', " ")).collect::<Vec<u8>>();
        let mut pairs: Vec<_> = query
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (bytes(name), bytes(value)))
            .collect();
        pairs.sort();
        pairs
    }

    #[test]
    fn queries_with_one_canonical_form_decode_to_the_same_bytes() {
        const PIECES: [&str; 22] = [
            "a",
            "b",
            "=",
            "=",
            "&",
            "&",
            "+",
            "~",
            "'",
            "%",
            "%4",
            "%41",
            "%e9",
            "%E9",
            "%E8",
            "%FF",
            "%C3",
            "%A9",
            "%c3%a9",
            "%EF%BF%BD",
            "%26",
            "%3D",
        ];
        let mut random = fastrand::Rng::with_seed(15);
        let mut forms = std::collections::HashMap::new();
        let mut shared = 0;
        for _ in 0..200_000 {
            let query: String =
                (0..random.usize(1..6)).map(|_| PIECES[random.usize(..PIECES.len())]).collect();
            let url = format!("https://x.y/?{query}");
            let form = canonical(&url, true).unwrap().into_owned();
            let decoded = decoded_bytes(&url);
            assert_eq!(decoded_bytes(&form), decoded, "{url} and its form {form}");
            assert_eq!(
                canonical(&form, true).as_deref(),
                Ok(&*form),
                "the form of {url} is its own"
            );
            let known = forms.entry(form).or_insert_with(|| decoded.clone());
            assert_eq!(*known, decoded, "{url}");
            shared += usize::from(*known == decoded);
        }
        assert!(shared > forms.len(), "some queries share a form");
    }

    #[test]
    fn a_url_that_a_parser_would_change_is_not_canonical() {
        for url in [
            "/api",
            "ftp://x.y/",
            "HTTPS://x.y/",
            "https://x.y",
            "https://X.y/",
            "https://x.y:443/",
            "http://x.y:080/",
            "http://x.y:/",
            "http://1.2.3/",
            "http://0x7f.1/",
            "http://1.2.3.04/",
            "https://u@x.y/",
            "https://x.y/a/../b",
            "https://x.y/a/%2E%2e/b",
            "https://x.y/.",
            "https://x.y/a b",
            "https://x.y/a\\b",
            "https://x.y/é",
            "https://x.y/^",
            "https://x.y/?a b",
            "https://x.y/?\n",
            "https://xn--a.b/",
            "https://x..y/",
            " https://x.y/",
            "https://[::1]/",
        ] {
            assert_eq!(canonical(url, false), Err(Uncanonical), "{url}");
        }
    }

    #[test]
    fn origin_and_path_share_the_url_between_them() {
        assert_eq!(origin("https://x.y:1/a/b"), "https://x.y:1");
        assert_eq!(path("https://x.y:1/a//b?c=/"), "/a//b");
    }
}
