//! Whether a response is stored, and which header fields of it.

use super::{Directives, InvalidPut, ResponseHead, Uncacheable};
use crate::http::lines::Fields;
use crate::http::{CacheControl, Names, Scope, field_names, members};

/// What the head of a response says about storing it.
#[derive(Debug)]
pub struct Storable {
    /// Names in the response's own `Vary`.
    pub vary: Names,
    /// Tags of its `Cache-Tag`.
    pub tags: Vec<String>,
    /// Its directives.
    pub directives: Directives,
    /// Fields that are not stored because a directive or `Connection` names them.
    dropped: Names,
}

impl Storable {
    /// Whether the field `name` is stored.
    pub fn keeps(&self, name: &str) -> bool {
        !NEVER_STORED.contains(&name) && !self.dropped.contains(name)
    }
}

/// Fields that are in no stored response: hop-by-hop fields (RFC 9111, section 3.1), and those that
/// this cache consumes, tags and the age. Add a field here to keep it out of stored responses.
const NEVER_STORED: [&str; 12] = [
    "age",
    "cache-tag",
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authentication-info",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Bytes of a `Vary`: its names are asked for at once, in a buffer of limited size.
const MAX_VARY_BYTES: usize = 4096;

/// Names in one `Vary`. Each lookup of the key reads all of them.
const MAX_VARY_NAMES: usize = 128;

/// Decides whether a response that is put is stored. `admitted` says that responses to the method
/// are.
///
/// # Errors
/// The outer error is the caller's, the inner one the response's.
pub fn storable(
    admitted: bool,
    head: ResponseHead<'_>,
) -> Result<Result<Storable, Uncacheable>, InvalidPut> {
    if !admitted {
        return Err(InvalidPut::Method);
    }
    if head.status == 206 {
        return Err(InvalidPut::PartialContent);
    }
    if is_vary_any(head.fields) {
        return Err(InvalidPut::VaryAny);
    }
    let directives = Directives::of(head.fields);
    let permitted = directives.all().try_for_each(permits);
    Ok(keepable(head, directives, permitted))
}

/// Decides whether a response in a shared cache is stored (RFC 9111, section 3). `permitted` is
/// what its directives say.
///
/// # Errors
/// Why it is uncacheable.
pub fn keepable(
    head: ResponseHead<'_>,
    directives: Directives,
    permitted: Result<(), Uncacheable>,
) -> Result<Storable, Uncacheable> {
    let vary = vary(head.fields)?;
    match head.status {
        206 => return Err(Uncacheable::PartialContent),
        304 | ..200 => return Err(Uncacheable::Status),
        _ => permitted?,
    }
    if is_event_stream(head.fields) {
        return Err(Uncacheable::EventStream);
    }
    if head.fields.value("set-cookie").is_some() && !takes_cookies_out(&directives) {
        return Err(Uncacheable::SetCookie);
    }
    let dropped = dropped_fields(head.fields, &directives);
    let tags = cache_tags(head.fields)?;
    Ok(Storable { vary, tags, directives, dropped })
}

fn is_vary_any(fields: Fields<'_>) -> bool {
    members(fields.value("vary").unwrap_or_default()).any(|name| name == "*")
}

fn vary(fields: Fields<'_>) -> Result<Names, Uncacheable> {
    let vary = fields.value("vary").unwrap_or_default();
    let names = field_names(vary);
    let is_short = vary.len() <= MAX_VARY_BYTES && names.iter().count() <= MAX_VARY_NAMES;
    let honoured = names.are_tokens() && !names.contains("*") && is_short;
    if honoured { Ok(names) } else { Err(Uncacheable::Vary) }
}

fn takes_cookies_out(directives: &Directives) -> bool {
    directives.all().any(|directives| directives.private.names("set-cookie"))
}

fn permits(directives: &CacheControl) -> Result<(), Uncacheable> {
    if directives.no_store {
        Err(Uncacheable::NoStore)
    } else if directives.private == Scope::Whole {
        Err(Uncacheable::Private)
    } else if directives.no_cache == Scope::Whole {
        Err(Uncacheable::NoCache)
    } else {
        Ok(())
    }
}

fn is_event_stream(fields: Fields<'_>) -> bool {
    fields.value("content-type").is_some_and(|value| {
        let media_type = value.split(';').next().unwrap_or_default().trim();
        media_type.eq_ignore_ascii_case("text/event-stream")
    })
}

/// Fields named by `private`, `no-cache` and `Connection`.
fn dropped_fields(fields: Fields<'_>, directives: &Directives) -> Names {
    let scopes =
        directives.all().flat_map(|directives| [&directives.private, &directives.no_cache]);
    let named = scopes.flat_map(|scope| match scope {
        Scope::Fields(names) => names.iter().collect(),
        Scope::Nothing | Scope::Whole => Vec::new(),
    });
    let by_connection = members(fields.value("connection").unwrap_or_default());
    Names::new(named.chain(by_connection))
}

/// Tags in `Cache-Tag`. A tag that cannot be stored refuses the whole response: without it, a purge
/// would miss the entry.
fn cache_tags(fields: Fields<'_>) -> Result<Vec<String>, Uncacheable> {
    let value = fields.value("cache-tag").unwrap_or_default();
    value
        .split(',')
        .map(|tag| tag.trim_matches([' ', '\t']))
        .filter(|tag| !tag.is_empty())
        .map(|tag| Some(decoded(tag)).filter(|tag| is_tag(tag)).ok_or(Uncacheable::CacheTag))
        .collect()
}

/// A tag, decoded. The platform's `Headers` has one character per byte: bytes that are UTF-8 are
/// decoded, all others are Latin-1 already.
fn decoded(tag: &str) -> String {
    let bytes: Option<Vec<u8>> =
        tag.chars().map(|character| u8::try_from(character).ok()).collect();
    bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_else(|| tag.to_owned())
}

fn is_tag(tag: &str) -> bool {
    tag.chars().count() <= 1024 && !tag.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16, fields: &str) -> Result<Option<Uncacheable>, InvalidPut> {
        let head = ResponseHead { status, reason: "", fields: Fields::new(fields) };
        storable(true, head).map(Result::err)
    }

    #[test]
    fn privacy_beats_everything_and_has_its_own_reason() {
        for (fields, expected) in [
            ("cache-control:no-store, max-age=60\n", Some(Uncacheable::NoStore)),
            ("cache-control:No-Cache\n", Some(Uncacheable::NoCache)),
            ("cache-control:private\n", Some(Uncacheable::Private)),
            ("cache-control:max-age=1\ncdn-cache-control:private\n", Some(Uncacheable::Private)),
            ("cache-control:no-cache=\"x-a\"\n", None),
            ("set-cookie:a=b\n", Some(Uncacheable::SetCookie)),
            ("set-cookie:a=b\ncache-control:private=Set-Cookie\n", None),
            ("set-cookie:a=b\ncache-control:private=\"x, set-cookie\"\n", None),
            ("content-type:Text/Event-Stream; charset=utf-8\n", Some(Uncacheable::EventStream)),
            ("set-cookie:a=b\ncache-control:no-cache=set-cookie\n", Some(Uncacheable::SetCookie)),
            ("cache-control:private=\"\"\n", Some(Uncacheable::Private)),
            ("cache-tag:a,\u{7f}\n", Some(Uncacheable::CacheTag)),
            ("vary:accept language\n", Some(Uncacheable::Vary)),
            ("vary:\u{c0}\n", Some(Uncacheable::Vary)),
        ] {
            assert_eq!(verdict(200, fields), Ok(expected), "{fields}");
        }
        assert_eq!(verdict(304, ""), Ok(Some(Uncacheable::Status)));
        assert_eq!(verdict(103, ""), Ok(Some(Uncacheable::Status)));
        assert_eq!(verdict(500, ""), Ok(None));
    }

    #[test]
    fn an_invalid_put_is_rejected_before_its_response_is_judged() {
        assert_eq!(verdict(206, "cache-control:no-store\n"), Err(InvalidPut::PartialContent));
        assert_eq!(verdict(200, "vary:accept, *\n"), Err(InvalidPut::VaryAny));
        let head = ResponseHead { status: 200, reason: "", fields: Fields::new("") };
        assert_eq!(storable(false, head).unwrap_err(), InvalidPut::Method);
    }

    #[test]
    fn fields_of_one_connection_and_named_ones_are_not_kept() {
        let fields = Fields::new(
            "connection:close, x-hop\ncache-control:private=\"x-user\"\ncache-tag:a, b\n",
        );
        let head = ResponseHead { status: 200, reason: "", fields };
        let storable = storable(true, head).unwrap().unwrap();
        for name in ["connection", "x-hop", "x-user", "cache-tag", "age", "transfer-encoding"] {
            assert!(!storable.keeps(name), "{name}");
        }
        assert!(storable.keeps("cache-control") && storable.keeps("content-type"));
        assert_eq!(storable.tags, ["a", "b"]);
    }

    #[test]
    fn tags_decode_as_utf_8_and_as_latin_1_where_they_are_none() {
        let tags = |value: &str| {
            let fields = format!("cache-tag:{value}\n");
            storable(true, ResponseHead { status: 200, reason: "", fields: Fields::new(&fields) })
                .unwrap()
                .map(|storable| storable.tags)
        };
        let on_the_wire = |text: &str| text.bytes().map(char::from).collect::<String>();
        assert_eq!(
            tags(&on_the_wire("caf\u{e9}, \u{1f44d}")),
            Ok(vec!["caf\u{e9}".into(), "\u{1f44d}".into()])
        );
        assert_eq!(tags("caf\u{e9}"), Ok(vec!["caf\u{e9}".into()]));
        assert_eq!(
            tags("\u{e9}, \u{c3}\u{a9}"),
            Ok(vec!["\u{e9}".into(), "\u{e9}".into()]),
            "each by itself"
        );
        assert_eq!(tags("\u{c3}\u{a9}\u{e9}"), Ok(vec!["\u{c3}\u{a9}\u{e9}".into()]));
        assert_eq!(tags("\u{20ac}\u{e9}"), Ok(vec!["\u{20ac}\u{e9}".into()]));
        assert_eq!(tags(&on_the_wire("\u{80}")), Err(Uncacheable::CacheTag), "a control character");
        assert_eq!(tags("\u{80}"), Err(Uncacheable::CacheTag), "a control character of Latin-1");
        let long = "\u{e9}".repeat(1_024);
        assert_eq!(
            tags(&on_the_wire(&long)),
            Ok(vec![long.clone()]),
            "characters count, not bytes"
        );
        assert_eq!(tags(&on_the_wire(&format!("{long}x"))), Err(Uncacheable::CacheTag));
    }
}
