//! Response `Cache-Control` and targeted fields (RFC 9111, section 5.2; RFC 9213).

use std::borrow::Cow;

use sfv::{BareItem, Dictionary, Item, ListEntry, Parser};

use super::list::{Names, members, unquoted};

/// Scope of a directive that may name fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// The directive is absent.
    #[default]
    Nothing,
    /// It applies to the whole response.
    Whole,
    /// It applies to the named header fields only.
    Fields(Names),
}

impl Scope {
    /// Whether the directive covers the field `name` (lower case) by name.
    pub fn names(&self, name: &str) -> bool {
        matches!(self, Scope::Fields(names) if names.contains(name))
    }
}

/// A directive that may name fields and may be repeated, while a field value is read.
#[derive(Default)]
struct ScopeReader {
    whole: bool,
    names: Vec<String>,
}

impl ScopeReader {
    fn add(&mut self, argument: Option<&str>) {
        let known = self.names.len();
        self.names.extend(members(argument.unwrap_or_default()).map(ToOwned::to_owned));
        // An argument without names applies to the whole response.
        self.whole |= self.names.len() == known;
    }

    fn finish(self) -> Scope {
        match self {
            Self { whole: true, .. } => Scope::Whole,
            Self { names, .. } if names.is_empty() => Scope::Nothing,
            Self { names, .. } => Scope::Fields(Names::new(names.iter().map(String::as_str))),
        }
    }
}

/// The response directives that the cache acts on. Seconds are whole and saturate at 2^31 - 1, as
/// section 1.2.2 of RFC 9111 allows; a value that is no number reads as 0, which is stale (section
/// 4.2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
// Directives without an argument are flags.
#[allow(clippy::struct_excessive_bools)]
pub struct CacheControl {
    /// Section 5.2.2.5.
    pub no_store: bool,
    /// Section 5.2.2.4.
    pub no_cache: Scope,
    /// Section 5.2.2.7.
    pub private: Scope,
    /// Section 5.2.2.2.
    pub must_revalidate: bool,
    /// Section 5.2.2.8.
    pub proxy_revalidate: bool,
    /// Section 5.2.2.3.
    pub must_understand: bool,
    /// Section 5.2.2.9.
    pub public: bool,
    /// Section 5.2.2.1.
    pub max_age: Option<u32>,
    /// Section 5.2.2.10.
    pub s_maxage: Option<u32>,
    /// RFC 5861, section 3.
    pub stale_while_revalidate: Option<u32>,
    /// RFC 5861, section 4.
    pub stale_if_error: Option<u32>,
}

/// The directives of a `Cache-Control` field value: names in lower case, arguments without their
/// quotes.
pub(super) fn directives(value: &str) -> impl Iterator<Item = (String, Option<Cow<'_, str>>)> {
    members(value).flat_map(at_semicolons).map(|directive| match directive.split_once('=') {
        Some((name, argument)) => {
            (name.trim_end().to_ascii_lowercase(), Some(unquote(argument.trim_start())))
        }
        None => (directive.to_ascii_lowercase(), None),
    })
}

/// The directives in one list member. The grammar allows one, but origins write `no-store;
/// max-age=0`: after a directive that keeps a response out of the cache, a semicolon separates as a
/// comma does.
fn at_semicolons(member: &str) -> impl Iterator<Item = &str> {
    let mut semicolons = unquoted(member, b';');
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let end = semicolons.next().filter(|&at| keeps_out(&member[start..at]));
        next = end.map(|at| at + 1);
        Some(member[start..end.unwrap_or(member.len())].trim_matches([' ', '\t']))
    })
    .filter(|directive| !directive.is_empty())
}

fn keeps_out(directive: &str) -> bool {
    let name =
        directive.split_once('=').map_or(directive, |(name, _)| name).trim_matches([' ', '\t']);
    ["no-cache", "no-store", "private"].iter().any(|known| name.eq_ignore_ascii_case(known))
}

impl CacheControl {
    /// Parses a field value. Ignores unknown directives; of a repeated one the first counts.
    pub fn parse(value: &str) -> Self {
        let mut reader = Reader::default();
        for (name, argument) in directives(value) {
            reader.directive(&name, argument.as_deref());
        }
        reader.finish()
    }

    /// Parses a targeted field, a dictionary of structured fields (RFC 9213, section 2.1); `None`
    /// if it is invalid or empty, and then it is ignored. Ignores values of the wrong type. A
    /// semicolon begins a parameter there, and no parameters are known.
    pub fn parse_targeted(value: &str) -> Option<Self> {
        let members: Dictionary = Parser::new(value).parse().ok()?;
        let mut reader = Reader::default();
        for (name, member) in &members {
            reader.member(name.as_str(), member);
        }
        (!members.is_empty()).then(|| reader.finish())
    }

    /// The lifetime for a shared cache: `s-maxage` before `max-age`.
    pub fn lifetime(&self) -> Option<u32> {
        self.s_maxage.or(self.max_age)
    }

    /// Whether a shared cache must not serve the response stale.
    pub fn revalidates(&self) -> bool {
        self.must_revalidate || self.proxy_revalidate
    }
}

/// Collects the directives of one field value.
#[derive(Default)]
struct Reader {
    read: CacheControl,
    no_cache: ScopeReader,
    private: ScopeReader,
}

impl Reader {
    fn member(&mut self, name: &str, member: &ListEntry) {
        let ListEntry::Item(Item { bare_item, .. }) = member else { return };
        match (name, bare_item) {
            ("no-cache" | "private", BareItem::String(list)) => {
                self.directive(name, Some(list.as_str()));
            }
            ("no-cache" | "private", BareItem::Token(one)) => {
                self.directive(name, Some(one.as_str()));
            }
            (_, BareItem::Boolean(true)) if !takes_seconds(name) => self.directive(name, None),
            (_, BareItem::Integer(number)) if takes_seconds(name) => {
                self.directive(name, Some(&number.to_string()));
            }
            _ => {}
        }
    }

    fn directive(&mut self, name: &str, argument: Option<&str>) {
        let Self { read, no_cache, private } = self;
        match name {
            "no-store" => read.no_store = true,
            "no-cache" => no_cache.add(argument),
            "private" => private.add(argument),
            "must-revalidate" => read.must_revalidate = true,
            "proxy-revalidate" => read.proxy_revalidate = true,
            "must-understand" => read.must_understand = true,
            "public" => read.public = true,
            "max-age" => seconds(&mut read.max_age, argument),
            "s-maxage" => seconds(&mut read.s_maxage, argument),
            "stale-while-revalidate" => seconds(&mut read.stale_while_revalidate, argument),
            "stale-if-error" => seconds(&mut read.stale_if_error, argument),
            _ => {}
        }
    }

    fn finish(self) -> CacheControl {
        let Self { read, no_cache, private } = self;
        CacheControl { no_cache: no_cache.finish(), private: private.finish(), ..read }
    }
}

fn takes_seconds(name: &str) -> bool {
    matches!(name, "max-age" | "s-maxage" | "stale-while-revalidate" | "stale-if-error")
}

pub(super) fn seconds(slot: &mut Option<u32>, argument: Option<&str>) {
    slot.get_or_insert_with(|| argument.and_then(delta_seconds).unwrap_or(0));
}

/// Whole seconds (RFC 9111, section 1.2.2), at most 2^31 - 1; `None` for a value that is no number.
pub fn delta_seconds(text: &str) -> Option<u32> {
    const MAX: u32 = i32::MAX as u32;
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().map_or(MAX, |value: u32| value.min(MAX)))
}

/// Removes the quotes of a quoted string and the backslashes of quoted pairs (RFC 9110, section
/// 5.6.4).
fn unquote(argument: &str) -> Cow<'_, str> {
    let Some(inner) = argument.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) else {
        return argument.into();
    };
    if !inner.contains('\\') {
        return inner.into();
    }
    let mut escaped = false;
    let kept = |&character: &char| {
        escaped = character == '\\' && !escaped;
        !escaped
    };
    inner.chars().filter(kept).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_saturate_and_a_value_that_is_no_number_is_stale() {
        let age = |value: &str| CacheControl::parse(value).max_age;
        assert_eq!(age("max-age=60"), Some(60));
        assert_eq!(age("Max-Age = \"60\""), Some(60));
        assert_eq!(age("max-age=99999999999999999999"), Some(2_147_483_647));
        for bad in ["max-age", "max-age=", "max-age=-1", "max-age=1.5", "max-age=+1"] {
            assert_eq!(age(bad), Some(0), "{bad}");
        }
        assert_eq!(age("max-age=1, max-age=2"), Some(1));
        assert_eq!(age("x-max-age=1"), None);
    }

    #[test]
    fn a_targeted_field_is_a_dictionary_or_does_not_count() {
        let age = |value: &str| CacheControl::parse_targeted(value).map(|read| read.max_age);
        assert_eq!(age("max-age=60, foo"), Some(Some(60)));
        assert_eq!(
            age("max-age=1, max-age=2"),
            Some(Some(2)),
            "of a repeated member the last counts"
        );
        assert_eq!(age("max-age=\"60\", no-store"), Some(None));
        assert_eq!(age("max-age=99999999999"), Some(Some(2_147_483_647)));
        for bad in ["", "Max-Age=60", "max-age=60, &&&", "max-age=60,"] {
            assert_eq!(age(bad), None, "{bad}");
        }
        let scope = |value: &str| CacheControl::parse_targeted(value).unwrap().private;
        assert_eq!(scope("private"), Scope::Whole);
        assert!(scope("private=\"x-a, x-b\"").names("x-b"));
    }

    #[test]
    fn private_differs_from_private_with_field_names() {
        let private = |value: &str| CacheControl::parse(value).private;
        assert_eq!(private("PRIVATE"), Scope::Whole);
        assert!(private("private=Set-Cookie").names("set-cookie"));
        assert!(private("private=\"x-a, Set-Cookie\"").names("set-cookie"));
        assert_eq!(private("private=\"x\", private"), Scope::Whole);
        assert_eq!(private("x=\"private\""), Scope::Nothing);
    }

    #[test]
    fn a_semicolon_separates_after_a_directive_that_keeps_a_response_out() {
        let read = |value: &str| CacheControl::parse(value);
        assert_eq!(read("no-store; max-age=0"), read("no-store, max-age=0"));
        assert_eq!(
            read("private;max-age=60 ; public"),
            CacheControl { private: Scope::Whole, max_age: Some(0), ..CacheControl::default() }
        );
        assert_eq!(read("NO-CACHE ;foo"), read("no-cache"));
        assert_eq!(
            read("no-store;private;no-cache;max-age=1"),
            read("no-store,private,no-cache,max-age=1")
        );
        assert_eq!(read("private=\"x;y\"; no-store"), read("private=\"x;y\", no-store"));
        assert_eq!(read("private=\"x; no-store"), read("private=\"x, no-store"));
        assert_eq!(read("private=x;no-store"), read("private=x, no-store"));
        assert_eq!(read("no-store;"), read("no-store"));
        assert_eq!(read(";no-store"), CacheControl::default());
    }

    #[test]
    fn a_semicolon_separates_after_no_other_directive_and_not_in_a_string() {
        assert_eq!(CacheControl::parse("max-age=60; no-store").max_age, Some(0));
        assert!(!CacheControl::parse("max-age=60; no-store").no_store);
        assert!(!CacheControl::parse("public; no-store").no_store);
        assert!(!CacheControl::parse("x=\"no-store; private\"").no_store);
        assert!(!CacheControl::parse("no-stores; no-store").no_store);
    }

    #[test]
    fn text_after_a_semicolon_in_a_targeted_field_is_a_parameter() {
        let read = |value: &str| CacheControl::parse_targeted(value).unwrap();
        assert_eq!(read("no-store; max-age=0"), read("no-store"));
        assert_eq!(read("private; max-age=60"), read("private"));
        assert_eq!(read("no-cache;foo, max-age=5"), read("no-cache, max-age=5"));
    }

    #[test]
    fn a_directive_that_names_fields_many_times_names_all_of_them() {
        let value: Vec<String> =
            (0..3_000).map(|number| format!("private=\"x-{number}\"")).collect();
        let Scope::Fields(names) = CacheControl::parse(&value.join(", ")).private else {
            panic!("each names a field");
        };
        assert_eq!(names.iter().count(), 3_000);
    }
}
